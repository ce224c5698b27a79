"""The commands on a real gateway with a live call: what they say, their JSON, and the codes they end with."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway import live
from gateway.cli import main
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until

pytestmark = pytest.mark.real
DONE, REFUSED, BAD_USAGE, NO_CONNECTION = 0, 1, 2, 3
ROOT = Path(__file__).parents[3]
WITHIN_S = 30.0


@pytest.fixture
def understudy(rest, monkeypatch):
    """Run a command against the gateway of the test: code, output, complaints."""
    for name in [*os.environ]:
        if name.startswith("UNDERSTUDY_") or name in {"FORCE_COLOR", "NO_COLOR"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("UNDERSTUDY_URL", rest.base)

    def invoke(arguments):
        ended = CliRunner().invoke(main, arguments, prog_name="understudy")
        assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    return lambda *arguments: asyncio.to_thread(invoke, arguments)


@asynccontextmanager
async def live_call(rest):
    """A caller who has said hello to one of two agents."""
    async with running(Agent("triage")) as triage, running(Agent("banking")) as banking, call(rest.gateway) as socket:
        await register(rest.gateway, triage, "triage")
        await register(rest.gateway, banking, "banking")
        session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
        await socket.send(json.dumps({"type": "text_input", "text": "hello, account 12345678"}))
        await until(socket, said)
        yield session_id, socket, triage


async def test_looking_at_a_gateway_with_a_call(rest, understudy):
    async with live_call(rest) as (session_id, _, triage):
        code, shown, complaint = await understudy("sessions")
        assert (code, complaint) == (DONE, "")
        assert "\x1b" not in shown
        assert session_id in shown
        assert triage.url in shown
        code, shown, _ = await understudy("sessions", "--json")
        (row,) = json.loads(shown)
        assert (row["id"], row["agent"], row["state"], row["health"]) == (session_id, "triage", "live", "healthy")
        assert {"url", "swaps", "restarts_left", "began", "lost", "mailbox", "stashed", "added_ms"} < set(row)
        assert json.loads((await understudy("sessions", "--agent", "banking", "--json"))[1]) == []
        assert (await understudy("sessions", "--failing"))[::2] == (DONE, "0 of 1 calls\n")

        code, shown, _ = await understudy("agents", "--json")
        assert {row["id"]: row["links"] for row in json.loads(shown)} == {"triage": 1, "banking": 0}
        code, shown, _ = await understudy("agents", "triage")
        assert (code, triage.url in shown, "banking" in shown) == (DONE, True, False)
        code, shown, _ = await understudy("tree")
        assert f"{session_id} [session] running" in shown
        code, shown, _ = await understudy("tree", "--json")
        assert json.loads(shown)["path"] == "node"


async def test_a_look_at_a_large_gateway_is_whole(rest, understudy, monkeypatch):
    monkeypatch.setattr(live, "CHUNK", 2)
    async with live_call(rest) as (session_id, _, _):
        assert [row["id"] for row in json.loads((await understudy("sessions", "--json"))[1])] == [session_id]


async def test_one_calls_life_by_the_beginning_of_its_id(rest, understudy):
    async with live_call(rest) as (session_id, _, triage):
        code, shown, _ = await understudy("session", session_id[:6])
        assert code == DONE
        assert shown.startswith(f"call {session_id}  ● healthy\n")
        for words in ("started with triage", triage.url, "hello, account ***", "triage heard hello"):
            assert words in shown
        code, shown, _ = await understudy("session", session_id[:6], "--json")
        story = json.loads(shown)
        assert (story["id"], story["live"], story["call"]["agent"]) == (session_id, True, "triage")
        assert "12345678" not in shown
        assert [step["event"] for step in story["steps"]][:3] == ["began", "routed", "dialled"]
    await eventually(lambda: not rest.gateway.chronicle.is_live(session_id))
    code, shown, _ = await understudy("session", session_id[:6], "--json")
    assert (code, json.loads(shown)["live"], json.loads(shown)["call"]) == (DONE, False, None)
    assert await understudy("session", "nobody") == (
        REFUSED, "", "understudy: the gateway answers 404: Session not found\n"
    )  # fmt: skip


async def test_a_beginning_that_several_calls_have_is_bad_usage(rest, understudy):
    async with live_call(rest), call(rest.gateway) as other:
        await until(other, lambda message: message["type"] == "connected")
        code, _, complaint = await understudy("session", "")
        assert code == BAD_USAGE
        assert complaint.startswith("understudy: 2 calls begin with ")


async def test_a_call_is_moved_and_ended(rest, understudy):
    async with live_call(rest) as (session_id, socket, _):
        code, shown, _ = await understudy("move", session_id[:6], "banking", "--yes")
        assert (code, shown) == (DONE, f"the call {session_id} is with banking now\n")
        code, _, complaint = await understudy("move", session_id, "nobody", "--yes")
        assert code == REFUSED
        assert complaint.startswith("understudy: the gateway answers 409: ")
        assert (await understudy("end", session_id))[0] == BAD_USAGE
        code, shown, _ = await understudy("end", session_id, "--yes", "--json")
        assert (code, json.loads(shown)) == (DONE, {"success": True, "sessionId": session_id})
        await asyncio.wait_for(socket.wait_closed(), WITHIN_S)
        assert socket.close_reason == "ended by an operator"
        await eventually(lambda: not rest.gateway.chronicle.is_live(session_id))
    assert (await understudy("end", session_id, "--yes"))[0] == REFUSED


async def test_agents_and_instances_are_drained_and_serve_again(rest, understudy):
    async with live_call(rest) as (_, _, triage):
        code, shown, _ = await understudy("drain", "agent", "triage", "--instance", triage.url, "--yes")
        assert (code, shown) == (DONE, "triage  draining, 1 instance with 1 call\n")
        code, shown, _ = await understudy("drain", "status", "--json")
        status = json.loads(shown)
        assert (status["gateway"]["state"], [row["id"] for row in status["instances"]]) == ("serving", ["triage"])
        code, shown, _ = await understudy("drain", "status")
        assert shown.startswith("gateway  serving, 1 call\n")
        assert triage.url in shown
        code, shown, _ = await understudy("drain", "agent", "triage", "--cancel", "--json")
        assert (code, json.loads(shown)["state"]) == (DONE, "serving")
        assert (await understudy("drain", "agent", "nobody", "--yes"))[0] == REFUSED


async def test_the_gateway_is_drained_to_the_last_call_and_serves_again(rest, understudy):
    async with live_call(rest) as (_, socket, _):
        waiting = asyncio.create_task(understudy("drain", "gateway", "--wait", "--yes", "--json"))
        await eventually(lambda: rest.gateway.drain.state == "draining")
        code, shown, _ = await understudy("drain", "gateway", "--deadline", "0", "--yes")
        assert code == DONE
        code, shown, _ = await waiting
        assert (code, json.loads(shown)["state"]) == (DONE, "drained")
        await asyncio.wait_for(socket.wait_closed(), WITHIN_S)
    assert (await understudy("drain", "gateway", "--cancel"))[:2] == (DONE, "gateway  serving, 0 calls\n")
    assert (await understudy("drain", "gateway"))[::2] == (
        BAD_USAGE,
        f"understudy: Drain the gateway {rest.base.removeprefix('http://')}? Nobody can be asked here: say --yes\n",
    )


@pytest.mark.parametrize("settings", [{"chaos": True}], indirect=True)
async def test_a_link_and_an_actor_are_killed_and_top_and_tail_show_it(rest, understudy):
    async with live_call(rest) as (session_id, _, _):
        code, shown, _ = await understudy("chaos", "kill", "--link-of", session_id[:6], "--yes")
        assert (code, shown) == (DONE, f"killed node/sessions/{session_id}/link-1\n")
        code, shown, _ = await understudy("chaos", "kill", "node/store", "--yes", "--json")
        assert (code, json.loads(shown)) == (DONE, {"success": True, "killed": "node/store"})
        assert (await understudy("chaos", "kill", "node/nobody", "--yes"))[0] == REFUSED
        await eventually(lambda: any(step["event"] == "actor_restarting" for step in rest.gateway.chronicle.recent()))
        await eventually(lambda: rest.gateway.chronicle.story(session_id).lost_ms)
        code, shown, _ = await understudy("top", "-n", "1", "--json")
        (line,) = shown.splitlines()
        told = json.loads(line)
        assert (code, told["totals"]["calls"], told["health"]["recovering"]) == (DONE, 1, 1)
        assert told["calls"][0]["id"] == session_id
        assert set(told) == {"at", "totals", "figures", "health", "agents", "wanted", "calls"}
        code, shown, _ = await understudy("top", "-n", "1")
        assert ("\x1b" in shown, "lost triage" in shown, "node/store restarts" in shown) == (False, True, True)


@pytest.mark.parametrize("arguments", [(), ("node/store", "--link-of", "x")])
async def test_what_is_to_be_killed_is_named_once(understudy, arguments):
    assert (await understudy("chaos", "kill", *arguments, "--yes"))[0] == BAD_USAGE


async def test_chaos_that_is_switched_off_is_refused(understudy):
    code, _, complaint = await understudy("chaos", "kill", "node/store", "--yes")
    assert code == REFUSED
    assert "403: chaos is switched off" in complaint


@pytest.mark.parametrize("settings", [{"admin_token": "secret"}], indirect=True)
async def test_the_token_lets_in(understudy):
    for command in (["top", "-n", "1"], ["tail"], ["sessions"], ["session", "x"], ["tree"], ["drain", "status"]):
        code, shown, complaint = await understudy(*command)
        assert (code, shown, "401" in complaint) == (REFUSED, "", True), command
        assert len(complaint.splitlines()) == 1
    assert (await understudy("sessions", "--token", "secret"))[0] == DONE


@pytest.mark.parametrize(
    "command",
    [
        ("top",), ("tail",), ("tree",), ("sessions",), ("session", "x"), ("agents",), ("move", "x", "y", "-y"),
        ("end", "x", "-y"), ("drain", "status"), ("drain", "gateway", "-y"), ("drain", "agent", "x", "-y"),
        ("chaos", "kill", "node/store", "-y"),
    ],
)  # fmt: skip
async def test_codes_of_a_gateway_that_is_not_there_and_of_a_bad_address(understudy, command):
    code, shown, complaint = await understudy(*command, "--url", "http://127.0.0.1:1")
    assert (code, shown) == (NO_CONNECTION, "")
    assert complaint.startswith("understudy: no gateway at http://127.0.0.1:1: ")
    code, shown, complaint = await understudy(*command, "--url", "nonsense")
    assert (code, shown) == (BAD_USAGE, "")
    assert "begins with http:// or https://" in complaint


async def test_an_unknown_kind_of_event_is_bad_usage(understudy):
    code, _, complaint = await understudy("tail", "--kind", "nonsense")
    assert code == BAD_USAGE
    assert "choose of began, " in complaint


# --- processes of their own ------------------------------------------------------------------------------------------


@asynccontextmanager
async def started(rest, *arguments, **streams):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "UNDERSTUDY_URL": rest.base, "TERM": "xterm"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, env=environment, **streams
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_tail_tells_what_happens_and_goes_on_after_the_stream_was_lost(rest):
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    async with started(rest, "tail", "--json", "--kind", "began", "--kind", "swap", "-n", "0", **pipes) as tail:

        async def line():
            return json.loads(await asyncio.wait_for(tail.stdout.readline(), WITHIN_S))

        await eventually(lambda: len(rest.gateway.live.viewers))
        async with live_call(rest) as (first, _, _):
            told = [await line(), await line()]
            assert [(event["event"], event["session"]) for event in told] == [("began", first), ("swap", first)]
            await rest.gateway.live.stop()
            words = await asyncio.wait_for(tail.stderr.readline(), WITHIN_S)
            assert words == b"understudy: the connection was lost; trying again\n"
        async with live_call(rest) as (second, _, _):
            assert [(await line())["session"] for _ in range(2)] == [second, second]
        assert await asyncio.wait_for(tail.stderr.readline(), WITHIN_S) == b"understudy: connected again\n"
        tail.send_signal(2)
        assert await asyncio.wait_for(tail.wait(), WITHIN_S) == DONE


@pytest.fixture
def terminal():
    """Both ends of a terminal of 80 by 24."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.set_blocking(ours, False)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


async def seen(ours, wanted):
    """Read until something is on the screen."""
    ready, text, loop = asyncio.Event(), "", asyncio.get_running_loop()
    loop.add_reader(ours, ready.set)
    try:
        async with asyncio.timeout(WITHIN_S):
            while wanted not in text:
                await ready.wait()
                ready.clear()
                with suppress(BlockingIOError):
                    text += os.read(ours, 1 << 16).decode(errors="replace")
    finally:
        loop.remove_reader(ours)
    return text


async def test_top_draws_into_a_terminal_until_q_and_leaves_it_as_it_was(rest, terminal, monkeypatch):
    ours, theirs = terminal
    monkeypatch.setenv("NO_COLOR", "1")
    before = termios.tcgetattr(theirs)
    async with live_call(rest) as (session_id, _, _):
        async with started(rest, "top", stdin=theirs, stdout=theirs, stderr=theirs) as top:
            shown = await seen(ours, session_id[:8])
            assert session_id not in shown
            assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)
            os.write(ours, b"o")
            await seen(ours, "order: newest")
            os.write(ours, b"q")
            assert await asyncio.wait_for(top.wait(), WITHIN_S) == DONE
        await eventually(lambda: not len(rest.gateway.live.viewers))
    assert termios.tcgetattr(theirs) == before


@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 1), (b"y\n", DONE)])
async def test_somebody_is_asked_before_a_call_is_ended(rest, terminal, answer, code):
    ours, theirs = terminal
    async with live_call(rest) as (session_id, _, _):
        async with started(rest, "end", session_id[:8], stdin=theirs, stdout=theirs, stderr=theirs) as end:
            await seen(ours, "[y/N]")
            os.write(ours, answer)
            assert await asyncio.wait_for(end.wait(), WITHIN_S) == code
        await eventually(lambda: rest.gateway.chronicle.is_live(session_id) == bool(code))


async def completed(rest, words, **more):
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "UNDERSTUDY_URL": rest.base, "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1), "_UNDERSTUDY_COMPLETE": "complete_bash", **more,
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", env=environment, **pipes)
    output, complaint = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert complaint == b""
    return output.decode().split()


async def test_ids_are_completed_from_the_running_gateway(rest):
    async with live_call(rest) as (session_id, _, triage):
        assert await completed(rest, "understudy session ") == [session_id]
        assert await completed(rest, f"understudy move {session_id} b") == ["banking"]
        assert triage.url in await completed(rest, "understudy drain agent triage --instance ws")
        assert await completed(rest, "understudy chaos kill node/st") == ["node/store"]
        assert await completed(rest, "understudy call --exp") == ["--expect"]
        assert await completed(rest, "understudy session ", UNDERSTUDY_URL="http://127.0.0.1:1") == []
