"""An author's agent, and the process around it."""

import asyncio
import importlib.util
import signal
import socket
import sys
from pathlib import Path

import pytest
import typer
from loguru import logger
from typer.testing import CliRunner

from agents import cli
from agents.config import AgentConfig
from agents.runtime import Agent
from tests.agents.gateway_end import DEADLINE_S, NO_GATEWAY, running, session

ROOT = Path(__file__).parents[2]


def settings(agent_id):
    return AgentConfig(agent_id, 0, NO_GATEWAY, bind="127.0.0.1")


async def test_the_echo_example():
    spec = importlib.util.spec_from_file_location("echo_agent", ROOT / "examples" / "echo_agent.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    async with running(example.agent.service(settings("echo"))) as port, session(port) as end:
        await end.send("text_input", text="one two")
        await end.until("transcript", text="You said: one two")


async def test_a_turn_that_fails_costs_one_answer_and_five_in_a_row_the_session():
    agent = Agent("broken")

    @agent.on_text
    async def fail(_call, text):
        if text != "fine":
            raise RuntimeError(text)

    async with running(agent.service(settings("broken"))) as port, session(port) as end:
        await end.until("usage")
        for text in ("x", "fine", *"abcde"):
            await end.send("text_input", text=text)
            await end.until("usage" if text == "fine" else "error")
        await end.until("error", fatal=True)
        await asyncio.wait_for(end.socket.wait_closed(), DEADLINE_S)
        assert end.socket.close_code == 1011


async def test_stopping_closes_sessions_as_going_away():
    service = Agent("quiet").service(settings("quiet"))
    async with running(service) as port, session(port) as end:
        service.stop()
        await asyncio.wait_for(end.socket.wait_closed(), DEADLINE_S)
        assert end.socket.close_code == 1001


async def process(*arguments):
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents", *arguments, "--gateway-url", NO_GATEWAY, "--mode", "text",
        cwd=ROOT, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.real
async def test_a_port_in_use_is_one_line_and_exit_code_1():
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104
        agent = await process("triage", "--port", str(taken.getsockname()[1]))
        _, errors = await asyncio.wait_for(agent.communicate(), 20)
    assert agent.returncode == 1
    assert b"is in use" in errors.splitlines()[-1]
    assert b"Traceback" not in errors


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (["nobody"], {}, "there is no agent 'nobody'"),
        (["triage", "--mode", "loud"], {}, "MODE must be one of"),
        (["triage", "--gateway-url", "ftp://x"], {}, "GATEWAY_URL must look like"),
        (["triage"], {"LOG_LEVEL": "chatty"}, "LOG_LEVEL must be a level"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(monkeypatch, arguments, environment, words):
    monkeypatch.setattr(cli, "_serve", None)  # none of these gets as far
    monkeypatch.setattr(logger, "remove", lambda: None)
    monkeypatch.setattr(logger, "configure", lambda **_: None)
    monkeypatch.setenv("MODE", "text")
    program = typer.Typer()
    program.command()(cli.run_agent)
    ended = CliRunner().invoke(program, arguments, env=environment)
    assert ended.exit_code == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.real
async def test_sigterm_ends_the_process_cleanly():
    agent = await process("banking", "--port", "0")
    seen = b""
    async with asyncio.timeout(20):
        while b"Gateway not reached" not in seen:
            line = await agent.stderr.readline()
            assert line, seen
            seen += line
        agent.send_signal(signal.SIGTERM)
        _, rest = await agent.communicate()
    assert agent.returncode == 0, rest
    assert b"Loaded 4 banking tools" in seen
    assert b"stopped" in rest
