"""`understudy up`: what it starts, what it starts again, and in which order it stops."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from rich.console import Console

from gateway import up
from gateway.up import Program
from supervisor.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.real
PATIENCE_S = 20.0
ROOT = Path(__file__).parents[2]
AT_ONCE = Backoff(initial_s=0.01, factor=1.0, max_s=0.01, jitter=0.0)

TOY = """
import os, signal, sys
name, journal = sys.argv[1:]

def note(word):
    with open(journal, "a") as file:
        file.write(f"{name} {word} {os.getpid()}\\n")

def end(*_):
    note("told")
    print("last words of", name, flush=True)
    note("gone")
    os._exit(0)

signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, lambda *_: note("interrupted"))
print("hello from", name, flush=True)
note("started")
while True:
    signal.pause()
"""


class Toys:
    """Programs that write down what happens to them."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal"
        self.written = io.StringIO()
        self.console = Console(file=self.written, highlight=False, width=200)
        self.told = asyncio.Event()

    def program(self, name: str, code: str = TOY, **environment: str) -> Program:
        return Program(name, ("-E", "-c", code, name, str(self.journal)), 0, environment)

    def lines(self, word: str) -> list[tuple[str, int]]:
        text = self.journal.read_text() if self.journal.exists() else ""
        found = (line.split() for line in text.splitlines())
        return [(name, int(process)) for name, said, process in found if said == word]

    def order(self) -> list[str]:
        """What happened, without process ids."""
        return [line.rpartition(" ")[0] for line in self.journal.read_text().splitlines()]

    async def until(self, word: str, count: int) -> list[tuple[str, int]]:
        async with asyncio.timeout(PATIENCE_S):
            while len(found := self.lines(word)) < count:  # noqa: ASYNC110 - another process tells no event of ours
                await asyncio.sleep(0.01)
        return found

    @asynccontextmanager
    async def running(self, *programs: Program) -> AsyncIterator[asyncio.Task[int]]:
        task = asyncio.create_task(up.supervise(programs, self.told, self.console, AT_ONCE))
        try:
            yield task
        finally:
            self.told.set()
            await asyncio.wait_for(task, PATIENCE_S)


@pytest.fixture
def toys(tmp_path: Path) -> Toys:
    return Toys(tmp_path)


async def test_all_are_started_and_their_lines_carry_their_names(toys: Toys) -> None:
    async with toys.running(toys.program("one"), toys.program("three")) as task:
        started = await toys.until("started", 2)
        assert sorted(name for name, _ in started) == ["one", "three"]
        toys.told.set()
        assert await asyncio.wait_for(task, PATIENCE_S) == 0
    lines = toys.written.getvalue().splitlines()
    assert "one   | hello from one" in lines
    assert "three | hello from three" in lines
    assert "three | last words of three" in lines


async def test_one_that_is_killed_is_started_again_and_the_others_are_left_alone(toys: Toys) -> None:
    async with toys.running(toys.program("one"), toys.program("two")):
        before = dict(await toys.until("started", 2))
        os.kill(before["two"], signal.SIGKILL)
        after = (await toys.until("started", 3))[-1]
        assert after[0] == "two"
        assert after[1] != before["two"]
        os.kill(before["one"], 0)  # raises if it is gone
    assert "two | ended with -9; starting again" in toys.written.getvalue()


async def test_the_first_is_stopped_before_the_others_are_told(toys: Toys) -> None:
    names = ["gateway", "idv", "page"]
    async with toys.running(*map(toys.program, names)) as task:
        started = await toys.until("started", 3)
        toys.told.set()
        assert await asyncio.wait_for(task, PATIENCE_S) == 0
    happened = toys.order()
    assert happened[3:5] == ["gateway told", "gateway gone"]
    assert sorted(happened[5:]) == ["idv gone", "idv told", "page gone", "page told"]
    for _, process in started:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def test_one_that_will_not_end_is_killed_at_the_deadline(toys: Toys, monkeypatch) -> None:
    monkeypatch.setattr(up, "STOP_S", 0.1)
    deaf = TOY.replace("signal.signal(signal.SIGTERM, end)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    async with toys.running(toys.program("deaf", deaf)) as task:
        ((_, process),) = await toys.until("started", 1)
        toys.told.set()
        assert await asyncio.wait_for(task, PATIENCE_S) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_one_that_cannot_be_kept_ends_everything(toys: Toys) -> None:
    async with toys.running(toys.program("good"), toys.program("bad", "raise SystemExit(7)")) as task:
        assert await asyncio.wait_for(task, PATIENCE_S) == up.FAILED
    written = toys.written.getvalue()
    assert written.count("bad  | ended with 7; starting again") == 5
    assert "bad  | ended with 7 too often; giving up" in written


async def test_a_line_of_any_length_ends_nothing(toys: Toys) -> None:
    loud = TOY.replace('note("started")', 'print("x" * 300_000, flush=True); note("started")')
    async with toys.running(toys.program("loud", loud)):
        await toys.until("started", 1)
    written = toys.written.getvalue()
    assert written.count("x") == 300_000
    assert "ended with" not in written


async def test_what_is_no_text_ends_nothing(toys: Toys) -> None:
    odd = TOY.replace('note("started")', 'os.write(1, bytes(range(128, 256)) + b"\\\\n"); note("started")')
    async with toys.running(toys.program("odd", odd)):
        await toys.until("started", 1)
    assert "ended with" not in toys.written.getvalue()


async def test_a_port_in_use_is_named_and_nothing_is_started(toys: Toys) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        wanted = Program("idv", ("-c", "raise SystemExit"), port)
        assert await up.supervise([toys.program("one"), wanted], toys.told, toys.console) == up.FAILED
        assert not up.is_free(port)
    assert toys.written.getvalue() == f"port {port} is in use; idv needs it\n"
    assert not toys.journal.exists()
    assert up.is_free(port)


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_to_the_command_stops_all_in_order(toys: Toys, told: signal.Signals) -> None:
    code = (
        "import asyncio, sys; from gateway import up\n"
        "toy, journal = sys.argv[1:]\n"
        "up.programs = lambda *_: [up.Program(n, ('-E', '-c', toy, n, journal), 0) for n in ('one', 'two')]\n"
        "sys.exit(asyncio.run(up.run('INFO')))"
    )
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, TOY, str(toys.journal), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    await toys.until("started", 2)
    command.send_signal(told)
    written, _ = await asyncio.wait_for(command.communicate(), PATIENCE_S)
    assert command.returncode == 0
    assert toys.order()[2:] == ["one told", "one gone", "two told", "two gone"]
    assert b"last words of two" in written


def test_what_runs_is_the_gateway_six_agents_and_the_page() -> None:
    chosen = list(up.programs("DEBUG"))
    assert [program.name for program in chosen] == ["gateway", *up.DEFAULT_PORTS, "page"]
    assert len({program.port for program in chosen}) == 8
    for program in chosen:  # whatever the environment says
        assert str(program.port) in program.arguments
    assert [program.environment.get("LOG_LEVEL") for program in chosen[1:7]] == ["DEBUG"] * 6


@pytest.mark.parametrize("early", [(200, []), (503, {"error": "not yet"})])
async def test_it_says_when_all_agents_are_healthy(toys: Toys, monkeypatch, early: tuple[int, object]) -> None:
    monkeypatch.setattr(up, "POLL_S", 0.01)
    good, dead = {"status": "healthy"}, {"status": "dead"}
    answers = [early, (200, [*[good] * 5, dead]), (200, [good] * 6)]

    async def agents(_: web.Request) -> web.Response:
        status, body = answers.pop(0)
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/api/agents", agents)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await asyncio.wait_for(up.announce(toys.console, f"http://127.0.0.1:{runner.addresses[0][1]}"), PATIENCE_S)
    await runner.cleanup()
    assert answers == []
    assert "Ready: 6 agents. Open http://localhost:3000" in toys.written.getvalue()


async def test_it_says_when_they_do_not_become_healthy(toys: Toys, monkeypatch) -> None:
    monkeypatch.setattr(up, "READY_S", 0.05)
    monkeypatch.setattr(up, "POLL_S", 0.01)
    await up.announce(toys.console, "http://127.0.0.1:1")
    assert "not all agents are healthy" in toys.written.getvalue()
