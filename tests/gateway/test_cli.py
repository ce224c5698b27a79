"""The command: what it says and which code it ends with, as a person or a script meets it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from gateway.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
OK, FAILED, BAD_USAGE, NO_CONNECTION = 0, 1, 2, 3
PATIENCE_S = 30.0


@pytest.fixture
def environment(monkeypatch, tmp_path) -> dict[str, str]:
    """Nothing of ours is set, here or in what is started."""
    for name in [*os.environ]:
        if name == "PORT" or name.startswith("UNDERSTUDY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def understudy(environment):
    """Run a command that ends by itself: code, what it said, what it complained of."""

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        ended = CliRunner().invoke(main, arguments, env=more, terminal_width=200, prog_name="understudy")
        assert ended.exception is None or isinstance(ended.exception, SystemExit)
        return ended.exit_code, ended.stdout, ended.stderr

    return run


@pytest.fixture
def program(environment, tmp_path):
    """Run it as a process of its own."""

    def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        ended = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            cwd=tmp_path,
            env={**environment, **more},
            check=False,
        )
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    return run


def test_help_names_the_commands(program) -> None:
    code, said, _ = program("--help")
    assert code == OK
    assert "Usage: understudy " in said
    for (
        command
    ) in "gateway up agent call replay page top tree sessions session agents tail move end drain chaos".split():
        assert f" {command} " in said


@pytest.mark.parametrize("command", ["agent", "call", "replay"])
def test_a_program_that_is_imported_when_it_runs_has_the_help_of_its_own(understudy, command) -> None:
    (listed,) = (line for line in understudy("--help")[1].splitlines() if line.startswith(f"│ {command} "))
    code, said, _ = understudy(command, "--help")
    assert code == OK
    assert f"Usage: understudy {command} [OPTIONS]" in said
    assert listed.strip("│ ").removeprefix(command).strip() in said


def test_looking_at_a_gateway_imports_no_gateway(program, environment) -> None:
    code = "import sys, gateway.cli; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    heavy = {"gateway.app", "aiohttp", "opentelemetry", "pydantic", "websockets", "thespian", "agents.caller"}
    assert heavy & {*ended.stdout.split()} == set()


@pytest.mark.parametrize(
    "arguments", [["nope"], ["gateway", "--nope"], ["gateway", "--port", "x"], ["page", "--port", "x"]]
)
def test_what_does_not_exist_is_bad_usage(understudy, arguments) -> None:
    code, _, complaint = understudy(*arguments)
    assert code == BAD_USAGE
    assert "Error" in complaint


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (["gateway", "--port", "70000"], {}, "understudy: port: "),
        (["gateway"], {"PORT": "x"}, "understudy: port: "),
        (["gateway", "--store", "redis"], {}, "understudy: store: "),
        (["gateway", "--log-format", "xml"], {}, "understudy: log_format: "),
        (["gateway"], {"UNDERSTUDY_DIAL_S": "soon"}, "understudy: dial_s: "),
        (["up", "--log-level", "LOUD"], {}, "understudy: log_level: "),
        (["tree", "--url", "localhost:8080"], {}, "begins with http:// or https://"),
        (["tree", "--url", "http://[::1"], {}, "understudy: http://[::1: "),
    ],
)
def test_a_bad_value_is_one_line_and_bad_usage(understudy, arguments, variables, words) -> None:
    code, said, complaint = understudy(*arguments, **variables)
    assert code == BAD_USAGE
    assert said == ""
    (line,) = complaint.splitlines()
    assert words in line


def test_a_settings_file_that_cannot_be_read_is_named(understudy, tmp_path) -> None:
    (tmp_path / "understudy.toml").write_text("port = ")
    code, _, complaint = understudy("gateway")
    assert code == BAD_USAGE
    assert complaint.startswith("understudy: understudy.toml: ")


def test_a_port_in_use_is_said(program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, complaint = program("gateway", "--host", "127.0.0.1", "--port", str(port), "--log-level", "ERROR")
    assert code == FAILED
    assert complaint == f"understudy: port {port} is in use; stop what listens there or choose another with --port\n"


def test_a_host_that_is_not_ours_is_said(program) -> None:
    code, _, complaint = program("gateway", "--host", "192.0.2.1", "--port", "0", "--log-level", "ERROR")
    assert code == FAILED
    assert complaint.startswith("understudy: the gateway cannot run on 192.0.2.1:0: ")


@pytest.mark.parametrize("blocked", ["data", "data/understudy.sqlite/x"])
def test_a_store_that_cannot_be_opened_is_said(program, tmp_path, blocked) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    more = {"UNDERSTUDY_DATA_DIR": str(tmp_path / "data")}
    code, _, complaint = program("gateway", "--store", "sqlite", "--port", "0", "--log-level", "ERROR", **more)
    assert code == FAILED
    assert complaint.startswith(f"understudy: the store {tmp_path / 'data' / 'understudy.sqlite'} cannot be opened: ")


def test_speech_without_its_extra_is_said(environment, tmp_path) -> None:
    code = "import sys; sys.modules['pocketsphinx'] = None; from gateway.cli import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "agent", "idv", "--mode", "voice", "--port", "0"],
        capture_output=True, text=True, timeout=PATIENCE_S, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
    assert ended.returncode == BAD_USAGE
    assert "pip install 'understudy[voice]'" in ended.stderr
    assert "Traceback" not in ended.stderr


# --- a running gateway ---------------------------------------------------------------------------------------------


def start(environment: dict[str, str], folder: Path, loop: str) -> subprocess.Popen[str]:
    """Start a gateway on a free port, on uvloop or as if that were not installed."""
    hidden = "" if loop == "uvloop" else "sys.modules['uvloop'] = None; "
    code = f"import sys; {hidden}from gateway.cli import main; main()"
    arguments = ["gateway", "--host", "127.0.0.1", "--port", "0", "--log-format", "json"]
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    )


def port_of(gateway: subprocess.Popen[str]) -> int:
    assert gateway.stderr is not None
    for line in gateway.stderr:
        message = json.loads(line)["message"]
        if message.startswith("Gateway listening on"):
            return int(message.rpartition(":")[2])
    raise AssertionError("it ended before it listened")


@pytest.mark.parametrize(("loop", "told"), [("uvloop", signal.SIGINT), ("asyncio", signal.SIGTERM)])
def test_a_gateway_runs_on_either_loop_and_stops_when_told(understudy, environment, tmp_path, loop, told) -> None:
    with start(environment, tmp_path, loop) as gateway:
        try:
            port = port_of(gateway)
            code, said, _ = understudy("tree", "--url", f"http://127.0.0.1:{port}")
            assert code == OK
            assert "registry" in said
            code, said, _ = understudy("tree", "--url", f"http://127.0.0.1:{port}", "--json")
            assert json.loads(said)
            gateway.send_signal(told)
            _, rest = gateway.communicate(timeout=PATIENCE_S)
        finally:
            gateway.kill()
    assert gateway.returncode == OK
    lines = [json.loads(line) for line in rest.splitlines()]
    assert "Stopping" in [line["message"] for line in lines]
    assert [line for line in lines if line["level"] in {"WARNING", "ERROR"}] == []


# --- tree ----------------------------------------------------------------------------------------------------------


def test_no_gateway_is_no_connection(understudy) -> None:
    code, _, complaint = understudy("tree", "--url", "http://127.0.0.1:1")
    assert code == NO_CONNECTION
    assert complaint.startswith("understudy: no gateway at http://127.0.0.1:1: ")


class Odd(BaseHTTPRequestHandler):
    """Answers as no gateway does."""

    def do_GET(self) -> None:
        kind = self.server.kind  # type: ignore[attr-defined] # set below
        if kind == "refused":
            self.answer(401, b'{"error":"a token is needed"}')
        elif kind == "page":
            self.answer(404, b"<html>not here")
        elif kind == "bytes":
            self.answer(200, b"\xff\xfe")
        else:
            self.wfile.write(b"this is not HTTP\r\n\r\n")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - as the library calls it
        """Nothing."""


@pytest.fixture
def odd() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("refused", FAILED, "the gateway answers 401: a token is needed"),
        ("page", FAILED, "the gateway answers 404"),
        ("bytes", NO_CONNECTION, "no gateway at"),
        ("garbage", NO_CONNECTION, "no gateway at"),
    ],
)
def test_what_answers_otherwise_is_said(understudy, odd, kind, code, words) -> None:
    odd.kind = kind
    ended, _, complaint = understudy("tree", "--url", f"http://127.0.0.1:{odd.server_port}")
    assert ended == code
    assert complaint.startswith(f"understudy: {words}")
