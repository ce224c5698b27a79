"""One WebSocket from the gateway: reads messages, queues utterances, answers them one turn at a time."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, assert_never

from loguru import logger
from websockets.exceptions import ConnectionClosed

from agents.call import Call, Floor
from agents.conversation import Opening
from agents.engine import words
from agents.voice import Player

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.server import ServerConnection

    from agents.conversation import Conversation
    from agents.toolbox import Toolbox
    from agents.voice import Ear, Voice

MAX_TEXT = 4_000
MAX_WAITING = 32
"""Utterances not yet answered; one more is refused with an `error`."""
MAX_FAILED_TURNS = 5  # in a row: this agent cannot help this caller, and the gateway should find another
CLOSE_BROKEN = 1011  # RFC 6455 7.4.1: the server met an unexpected condition
IGNORED = frozenset({"update_config", "session_config", "sessionConfig", "tool_result", "test_config", "ping"})


@dataclass(frozen=True, slots=True)
class HandOffFailed:
    """The gateway could not reach the agent that we named; the caller is still ours."""


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The caller spoke, and the recogniser made nothing of it."""


Event: TypeAlias = str | HandOffFailed | NotUnderstood


class Session:
    """Owns everything that lives as long as its socket. Two sockets never share one, whatever ids they send."""

    def __init__(
        self,
        socket: ServerConnection,
        agent_id: str,
        conversation: Conversation,
        toolbox: Toolbox,
        voice: Voice | None,
        on_finish: Callable[[Session], None] = lambda _session: None,
    ) -> None:
        self._socket = socket
        self._agent_id = agent_id
        self._conversation = conversation
        self._toolbox = toolbox
        self._voice = voice
        self._on_finish = on_finish
        self._call: Call | None = None
        self._ear: Ear | None = None
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(MAX_WAITING)
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_standby = False

    def __repr__(self) -> str:
        return f"<Session {self._call or 'not initialised'}, {self._waiting.qsize()} waiting>"

    async def run(self) -> None:
        """Serve the socket until it ends."""
        try:
            async for frame in self._socket:
                await self._handle_frame(frame)
        except ConnectionClosed:
            pass
        finally:
            await self._finish()

    async def wait_idle(self) -> None:
        """Wait until no turn is running."""
        await self._idle.wait()

    async def close(self, code: int, reason: str) -> None:
        """End the session from this side."""
        await self._socket.close(code, reason)

    async def _finish(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._ear:
            self._ear.close()
        self._on_finish(self)

    # In

    async def _handle_frame(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            if self._ear:
                self._ear.feed(frame[: len(frame) & ~1])
            return
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            await self._send_error("A message must be a JSON object with a type")
            return
        await self._handle_message(message["type"], message)

    async def _handle_message(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "session_init":
            await self._handle_init(message)
        elif self._call is None:
            await self._send_error(f"{kind[:40]} came before session_init")
        elif kind in {"text_input", "user_input"}:
            await self._handle_text(self._call, message)
        elif kind == "memory_update":
            self._call.refresh(Opening.of(message, "").memory)
            if self._is_standby and message.get("promoted") is True:
                self._begin(self._call, replace(Opening.of(message, ""), resume=True))
        elif kind in {"end_audio", "end_of_speech"}:
            if self._ear:
                self._ear.end_of_speech()
        elif kind == "handoff_failed":
            await self._queue(HandOffFailed())
        elif kind not in IGNORED:
            logger.debug("Ignored a message of type {}", kind[:40])

    async def _handle_init(self, message: dict[str, Any]) -> None:
        opening = Opening.of(message, f"session-{time.time_ns() // 1_000_000}")
        if self._call is not None:
            self._call.refresh(opening.memory)
            return
        call = self._call = Call(opening.session_id, self._agent_id, opening.memory, self._send, self._toolbox)
        if self._voice:
            self._start_voice(call, self._voice)
        await call.send("connected", sessionId=call.session_id)
        if self._voice:
            await call.send("session_start", sessionId=call.session_id, data={"sessionId": call.session_id})
        if message.get("standby") is True:
            self._is_standby = True  # another instance serves the caller; we are told when he is ours
        else:
            self._begin(call, opening)

    def _begin(self, call: Call, opening: Opening) -> None:
        self._is_standby = False
        logger.info("Session {} begins with {}{}", call.session_id, self._agent_id, " again" * opening.resume)
        self._spawn(self._turns(call, opening), f"{call.session_id}/turns")

    def _start_voice(self, call: Call, voice: Voice) -> None:
        ear = self._ear = voice.ear()
        call.attach_voice(ear, voice.mouth(), Player(self._socket.send))
        self._spawn(self._listen(call, ear), f"{call.session_id}/ear")

    async def _handle_text(self, call: Call, message: dict[str, Any]) -> None:
        text = message.get("text")
        if not isinstance(text, str) or not text.strip():
            await self._send_error("text must be a non-empty string")
            return
        hidden = message.get("skipTranscript") is True or words.is_trigger(text)
        if hidden and (words.is_trigger(text) or words.is_greeting(text)):
            return  # made up to make us speak; we speak first anyway
        text = text[:MAX_TEXT]
        await call.interrupt(Floor.CALLER_TYPED, "caller_typed")
        if await self._queue(text) and not hidden:
            await call.transcript("user", text, call.next_id("user"))

    async def _queue(self, event: Event) -> bool:
        try:
            self._waiting.put_nowait(event)
        except asyncio.QueueFull:
            await self._send_error("Too many messages are waiting for an answer; this one was dropped")
            return False
        return True

    async def _listen(self, call: Call, ear: Ear) -> None:
        """Hear the caller; an ear that breaks leaves him the keyboard."""
        try:
            await self._take_down(call, ear)
        except ConnectionClosed:
            raise
        except Exception:  # noqa: BLE001 - whatever breaks in a recogniser, the call can go on in text
            logger.exception("The ear of session {} broke", call.session_id)
            await self._send_error("I can't hear you any more. Please type instead.")

    async def _take_down(self, call: Call, ear: Ear) -> None:
        """Queue what the caller says; fall silent when he begins to speak."""
        line = ""
        async for heard in ear.utterances():
            if heard.started:
                await call.interrupt(Floor.CALLER_SPOKE, "caller_spoke")
            if not heard.text:
                if heard.final and self._waiting.empty():  # what is waiting will be answered: no need to ask for more
                    await self._queue(NotUnderstood())
                continue
            line = line or call.next_id("user")
            await call.transcript("user", heard.text, line, final=heard.final)
            if heard.final:
                line = ""
                await self._queue(heard.text)

    # Turns

    async def _turns(self, call: Call, opening: Opening) -> None:
        failed = 0 if await self._turn(call, opening) else 1
        while failed < MAX_FAILED_TURNS:
            event = await self._waiting.get()
            failed = 0 if await self._turn(call, event) else failed + 1
        await self._send_error("This agent cannot go on", fatal=True)
        await self._socket.close(CLOSE_BROKEN, "too many failed turns")

    async def _turn(self, call: Call, event: Opening | Event) -> bool:
        """Answer one event. A failing turn costs the caller one answer, not the call."""
        self._idle.clear()
        try:
            await self._answer(call, event)
        except ConnectionClosed:
            raise
        except Exception:  # noqa: BLE001 - an author's mistake, whatever it is, must not end the call
            logger.exception("A turn of session {} failed", call.session_id)
            await self._send_error("I could not answer that. Please try again.")
            return False
        finally:
            self._idle.set()
        return True

    async def _answer(self, call: Call, event: Opening | Event) -> None:
        call.begin_turn(event if isinstance(event, str) else "")
        match event:
            case Opening():
                await self._conversation.begin(call, event)
            case HandOffFailed():
                await call.say("I'm sorry, I can't put you through just now. Is there anything else I can do?")
            case NotUnderstood():
                await self._conversation.missed(call)
            case str():
                await self._conversation.heard(call, event)
            case _:
                assert_never(event)
        await call.end_turn()

    # Out

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send(json.dumps(message))

    async def _send_error(self, text: str, *, fatal: bool = False) -> None:
        await self._send({"type": "error", "message": text, "fatal": fatal})

    def _spawn(self, work: Any, name: str) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work, name=name)
        task.add_done_callback(self._on_task_done)
        self._tasks.append(task)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        """A turn or an ear that broke ends the session, so that the gateway finds the caller another agent."""
        if task.cancelled() or task.exception() is None:
            return
        if not isinstance(task.exception(), ConnectionClosed):
            logger.opt(exception=task.exception()).error("{} broke", task.get_name())
        self._socket.transport.abort()
