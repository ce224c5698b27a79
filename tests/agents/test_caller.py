"""The command against a gateway that does what the test says."""

import asyncio
import json
import threading
import wave
from contextlib import contextmanager, suppress

import pytest
import typer
from typer.testing import CliRunner
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from agents.caller import BAD_USAGE, NO_CONNECTION, NOT_SAID, call

FRAME_OUT = b"\1\0" * 1_920  # 80 ms


class FakeGateway:
    """Says hello; answers each typed text or end_of_speech with the next of its answers."""

    def __init__(self, answers, close=None, *, greets=True):
        self.answers = list(answers)
        self.close = close
        self.greets = greets
        self.messages = []
        self.frames = []
        self.port = 0

    async def serve(self, socket):
        if not self.greets:
            await socket.close(4529, "no room")
            return
        await socket.send(json.dumps({"type": "connected", "sessionId": "s", "timestamp": 1}))
        with suppress(ConnectionClosed):
            await self.converse(socket)

    async def converse(self, socket):
        async for frame in socket:
            if isinstance(frame, bytes):
                self.frames.append(len(frame))
                continue
            message = json.loads(frame)
            self.messages.append(message)
            if message["type"] == "select_workflow":
                await self.say(socket, "Welcome")
            elif self.close:
                await socket.close(*self.close)
            elif self.answers:
                await self.answer(socket, self.answers.pop(0))

    async def answer(self, socket, answer):
        if answer.startswith("->"):
            await socket.send(json.dumps({"type": "tool_use", "toolName": f"transfer_to_{answer[2:]}"}))
            await socket.send(json.dumps({"type": "handoff_event", "target": answer[2:]}))
            answer = "Hello from there"
        await self.say(socket, answer)

    async def say(self, socket, text):
        await socket.send(json.dumps({"type": "transcript", "role": "assistant", "text": text, "isFinal": True}))
        await socket.send(FRAME_OUT)


@contextmanager
def running(gateway):
    """Serve in a thread of its own: the command runs a loop itself."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main():
        async with serve(gateway.serve, "127.0.0.1", 0, compression=None) as server:
            gateway.port = server.sockets[0].getsockname()[1]
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    try:
        assert ready.wait(5)
        yield f"ws://127.0.0.1:{gateway.port}/sonic"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()


def run(*arguments):
    app = typer.Typer()
    app.command()(call)
    return CliRunner().invoke(app, [str(it) for it in arguments])


def test_a_call_goes_as_in_a_browser(tmp_path):
    with wave.open(str(tmp_path / "hi.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(6_400))
    gateway = FakeGateway(["->banking", "Your balance is £1,200.00."])
    out = tmp_path / "heard.wav"
    with running(gateway) as url:
        done = run(tmp_path / "hi.wav", "--text", "my balance", "--expect", "1,200", "--url", url, "--out", out)
    assert done.exit_code == 0, done.output
    assert [m["type"] for m in gateway.messages] == ["select_workflow", "end_of_speech", "text_input"]
    assert gateway.messages[0]["workflowId"] == "triage"
    assert gateway.messages[2]["text"] == "my balance"
    assert set(gateway.frames[:4]) == {1_364}
    assert sum(gateway.frames) > 6_400
    assert "-> banking" in done.output
    assert "banking: Your balance is £1,200.00." in done.output
    assert "first answer" in done.output
    with wave.open(str(out)) as file:
        heard = file.readframes(file.getnframes())
    assert heard.count(b"\1\0" * 1_920) == 3


@pytest.mark.parametrize("timeout", [1])
def test_what_is_never_said_ends_in_time(timeout):
    with running(FakeGateway(["Pardon?"])) as url:
        done = run("--text", "hello", "--expect", "1,200", "--url", url, "--timeout", timeout)
    assert done.exit_code == NOT_SAID
    assert "not said: 1,200" in done.output


def test_a_close_is_explained():
    with running(FakeGateway([], close=(4503, "no agent available"))) as url:
        done = run("--text", "hello", "--expect", "1,200", "--url", url)
    assert done.exit_code == NOT_SAID
    assert "no agent is available (code 4503" in done.output


def test_a_gateway_without_room_is_explained():
    with running(FakeGateway([], greets=False)) as url:
        done = run("--url", url)
    assert done.exit_code == NO_CONNECTION
    assert "no room for another call (code 4529" in done.output


def test_nobody_there():
    done = run("--url", "ws://127.0.0.1:9/sonic")
    assert done.exit_code == NO_CONNECTION
    assert "cannot connect" in done.output


@pytest.mark.parametrize("arguments", [["missing.wav"], ["--out", "/nowhere/at/all.wav"], ["--timeout", "0"]])
def test_bad_usage(arguments):
    assert run(*arguments).exit_code == BAD_USAGE
