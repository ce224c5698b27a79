"""One test call over a WebSocket: speaks in real time when it is its turn, listens all the time."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from agents.caller_audio import MIC_RATE, says
from agents.caller_line import CallerLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FRAME_BYTES = 1_364  # what a browser's capture callback gives at 48 kHz: 682 samples at 16 kHz
FRAME_S = FRAME_BYTES / 2 / MIC_RATE
SILENCE_AFTER_S = 0.9  # longer than the agents' hangover, so that their endpointing is what is tested
CONNECT_S = 10.0
LOOK_S = 0.05
MAX_MESSAGE = 4 << 20
WORKFLOW = "triage"

CLOSES = {
    1000: "the call was ended normally",
    1001: "the gateway is going away",
    1005: "the gateway closed without giving a reason",
    1006: "the connection broke: the gateway's process or the network is gone",
    1007: "the gateway received text that is not valid",
    1008: "the gateway refused something that this caller did",
    1009: "a message was too big",
    1011: "the gateway met an error of its own",
    1012: "the gateway is restarting",
    1013: "the gateway is overloaded; try later",
    4413: "too much was typed while no agent was there",
    4503: "no agent is available",
    4504: "the agent was not ready in time",
    4529: "the gateway has no room for another call",
}


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing to say: ``audio`` as PCM16 16 kHz, or, where there is none, ``text`` to type."""

    text: str
    audio: bytes = b""


class CannotConnect(ConnectionError):  # noqa: N818 - its message is for a person
    """There is no call, and why."""


async def hold_call(
    url: str,
    utterances: Sequence[Utterance],
    expect: str,
    patience_s: float,
    show: Callable[[dict[str, Any], CallerLine], None],
) -> tuple[CallerLine, str]:
    """Hold a call; what was said, and why it ended early ('' if it did not). Raises CannotConnect."""
    async with await _connected(url) as socket:
        line = CallerLine(WORKFLOW, _now())
        call = _Call(socket, line, patience_s, show)
        return line, await call.run(utterances, expect)


async def _connected(url: str) -> ClientConnection:
    try:
        return await connect(url, compression=None, proxy=None, open_timeout=CONNECT_S, max_size=MAX_MESSAGE)
    except (OSError, TimeoutError, InvalidHandshake) as refused:
        raise CannotConnect(
            f"cannot connect to {url}: {refused or 'no answer in time'}. Start it with: understudy up"
        ) from refused
    except InvalidURI as wrong:
        raise CannotConnect(f"{url} is not a WebSocket address") from wrong


class _Call:
    """The open connection: one task reads, the caller's own task speaks."""

    def __init__(
        self,
        socket: ClientConnection,
        line: CallerLine,
        patience_s: float,
        show: Callable[[dict[str, Any], CallerLine], None],
    ) -> None:
        self._socket = socket
        self._line = line
        self._patience_s = patience_s
        self._show = show
        self._connected = asyncio.Event()

    async def run(self, utterances: Sequence[Utterance], expect: str) -> str:
        reading = asyncio.create_task(self._read(), name="caller/read")
        speaking = asyncio.create_task(self._speak(utterances, expect), name="caller/speak")
        try:
            await asyncio.wait({reading, speaking}, return_when=asyncio.FIRST_COMPLETED)
            return self._verdict(reading, speaking)
        finally:
            for task in (reading, speaking):
                task.cancel()
            await asyncio.gather(reading, speaking, return_exceptions=True)

    def _verdict(self, reading: asyncio.Task[None], speaking: asyncio.Task[str]) -> str:
        if speaking.done() and not isinstance(speaking.exception(), ConnectionClosed):
            return speaking.result()
        if reading.done() and not reading.cancelled():
            error = reading.exception()
            if error and not isinstance(error, ConnectionClosed):
                raise error
        closed = self._socket.close_code or 1006
        reason = self._socket.close_reason
        words = CLOSES.get(closed, "the gateway closed with a code of its own")
        explained = f"{words} (code {closed}{f', {reason}' if reason else ''})"
        if not self._connected.is_set():
            raise CannotConnect(f"the gateway did not take the call: {explained}")
        return f"the call ended early: {explained}"

    async def _read(self) -> None:
        async for frame in self._socket:
            if isinstance(frame, bytes):
                self._line.on_audio(frame, _now())
                continue
            try:
                message = json.loads(frame)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                continue
            if message.get("type") == "connected":
                self._connected.set()
            self._line.on_message(message, _now())
            self._show(message, self._line)

    async def _speak(self, utterances: Sequence[Utterance], expect: str) -> str:
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._connected.wait()
        except TimeoutError:
            raise CannotConnect("the gateway accepted the connection, but did not say connected") from None
        await self._send("select_workflow", workflowId=WORKFLOW)
        for utterance in utterances:
            if not await self._until(self._line.is_my_turn):
                return f"{self._line.agent} did not finish an answer within {self._patience_s:g} s"
            await self._say(utterance)
        done = await self._until(lambda now: self._has_heard(expect, now))
        if done or expect:
            return ""
        return f"{self._line.agent} did not answer within {self._patience_s:g} s"

    def _has_heard(self, expect: str, now: float) -> bool:
        if not self._line.is_my_turn(now):
            return False
        return not expect or says(self._line.said, expect)

    async def _say(self, utterance: Utterance) -> None:
        if not utterance.audio:
            await self._send("text_input", text=utterance.text)
            self._line.ask(_now())
            return
        silence = bytes(round(SILENCE_AFTER_S * MIC_RATE) * 2)
        await self._stream(utterance.audio)
        self._line.ask(_now())
        await self._stream(silence)
        await self._send("end_of_speech")

    async def _stream(self, pcm: bytes) -> None:
        """Send as a microphone would: each frame once it has been recorded, whatever the timers do."""
        began = _now()
        for count, at in enumerate(range(0, len(pcm), FRAME_BYTES), start=1):
            await asyncio.sleep(began + count * FRAME_S - _now())
            await self._socket.send(pcm[at : at + FRAME_BYTES])

    async def _send(self, kind: str, **fields: object) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def _until(self, is_so: Callable[[float], bool]) -> bool:
        """Wait for something; patience is counted while nobody speaks to us."""
        silent_since = _now()
        while not is_so(now := _now()):
            if not self._line.is_silent(now):
                silent_since = now
            if now - silent_since > self._patience_s:
                return False
            await asyncio.sleep(LOOK_S)
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
