"""What both hops share over picows' bare frames: messages, limits, closing handshake, keepalive."""

from __future__ import annotations

import asyncio
import codecs
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, Flag, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from gateway import close_codes
from gateway.keepalive import Keepalive
from supervisor.inline_caches import keep_own_caches

if TYPE_CHECKING:
    from collections.abc import Callable

_BINARY, _TEXT, _CONTINUATION = WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION
_PING, _PONG, _CLOSE = WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE


PIECES_BYTES = 8192
"""Above it picows writes head and payload as two pieces, and asyncio's `writelines` may not look at the high mark.

CVE-2024-12254: CPython from 3.12, with its own loop; a caller who does not read would be kept everything for.
"""
FAIL_S = 0.1  # between the close frame for a broken protocol and the end of the connection


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one connection; seconds and bytes."""

    message_bytes: int = 256 * 1024
    """Of one message, all its fragments together."""
    idle_frames: int = 200
    """Pings, pongs and empty fragments between two looks of the keepalive: they bring nothing, and cost time."""
    unread_bytes: int = 4 * 1024 * 1024
    """What is kept for a peer that does not read: the other hop's longest message, and what was read with it."""
    unread_s: float = 20.0
    """How long a peer may leave more than a write buffer's high mark unread."""
    ping_interval_s: float = 20.0
    ping_deadline_s: float = 10.0
    close_s: float = 2.0
    read_buffer_bytes: int = 2048
    """To begin with; picows doubles it with every full read, so a connection that talks soon has what it needs."""
    receive_bytes: int = 64 * 1024
    """What the kernel keeps, so that picows' buffer, which doubles with every full read, stays of that order."""


def bound_reads(connection: socket.socket | None, limits: SocketLimits) -> None:
    """Bound what one read of a connection can bring; what a listening socket accepts has its bound."""
    if connection is not None and connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limits.receive_bytes)


class Phase(Enum):
    """How far a connection has come; only moves forward."""

    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()
    CLOSED = auto()


class Pause(Flag):
    """Why a connection is not read; it is read when no reason is left."""

    PEER_SLOW = auto()
    """The other hop's write buffer is full."""
    KEPT_FULL = auto()
    """What was heard too early fills its bound."""
    ENDING = auto()
    """The session is about to end, and hears only what has been read already."""


NOT_PAUSED, ALL_PAUSES = Pause(0), ~Pause(0)


class Cause(Enum):
    """Who or what ended a connection."""

    PEER = auto()
    US = auto()
    VIOLATION = auto()
    UNREAD = auto()
    HALF_OPEN = auto()
    LOST = auto()


# found sooner than Phase.X, for up to Python 3.11 an enum's class looks for its attributes itself
_CONNECTING, _OPEN, _CLOSING, _CLOSED = Phase.CONNECTING, Phase.OPEN, Phase.CLOSING, Phase.CLOSED
_LOST = Cause.LOST


class Violation(Exception):  # noqa: N818 - named for what the peer did
    """The peer broke the protocol; closed with ``code``."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_NO_HEADERS: Final[Any] = MappingProxyType({})


def _forget_heads(transport: WSTransport) -> None:
    """Let go of what was said in the handshake, which picows keeps as long as the connection: two kilobytes."""
    if (request := transport.request) is not None:
        request.method = request.path = request.version = b""
        request.headers = _NO_HEADERS
    if (response := transport.response) is not None:
        response.version = b""
        response.headers = _NO_HEADERS


def _take_nothing(_: bytes) -> None:
    """Nobody is there."""


def _write_nothing(_: WSMsgType, __: bytes) -> None:
    """There is no transport."""


_TAKING: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly


async def _take_fault(transport: WSTransport) -> None:
    with suppress(Exception):
        await transport.wait_disconnected()


class SocketCore(WSListener):
    """One WebSocket; subclasses take whole messages. No task, queue or await per frame."""

    __slots__ = (
        "_cause",
        "_code",
        "_faulty",
        "_forgets",
        "_heard",
        "_idle_frames",
        "_keepalive",
        "_on_bug",
        "_parts",
        "_paused",
        "_pinged",
        "_reason",
        "_timer",
        "_transport",
        "_unread",
        "_utf8",
        "limits",
        "message_bytes",
        "phase",
        "take_binary",
        "write",
        "write_paused",
    )

    def __init__(
        self, limits: SocketLimits, on_bug: Callable[[BaseException], None], keepalive: Keepalive | None = None
    ) -> None:
        """``keepalive`` is shared with other sockets of the same limits."""
        self.limits = limits
        self._keepalive = keepalive or Keepalive(limits)
        self.message_bytes = limits.message_bytes
        self.take_binary: Callable[[bytes], None] = self.on_binary
        """Who gets whole binary messages: `on_binary`, or at once whoever that would only pass them on to."""
        self.phase = _CONNECTING
        self.write_paused = False
        self._on_bug = on_bug
        self._transport: WSTransport | None = None
        self.write: Callable[[WSMsgType, bytes], None] = _write_nothing
        """Write one frame without looking, unless writing is paused: for who has looked at the phase."""
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._idle_frames = 0
        self._heard = False
        self._pinged = False
        self._paused = NOT_PAUSED
        self._parts: bytearray | None = None
        self._utf8: codecs.IncrementalDecoder | None = None
        self._faulty = False
        self._forgets = False
        self._cause = _LOST
        self._code = close_codes.ABNORMAL
        self._reason = ""

    def __init_subclass__(cls) -> None:
        """Let the frames of callers and of agents, which take turns, be taken by code of their own."""
        super().__init_subclass__()
        keep_own_caches(cls, "on_ws_frame")

    # --- for subclasses --------------------------------------------------------------------------------------------

    def on_open(self) -> None:
        """React to the finished handshake."""

    def on_binary(self, data: bytes) -> None:
        """Take one binary message."""

    def on_text(self, data: bytes) -> None:
        """Take one text message; valid UTF-8."""

    def on_end(self, cause: Cause, code: int, reason: str) -> None:
        """React to the end, once."""

    def on_write_paused(self, paused: bool) -> None:  # noqa: FBT001 - asyncio's two callbacks as one
        """React to the write buffer passing its high or low mark."""

    # --- for owners ------------------------------------------------------------------------------------------------

    def send_text(self, data: bytes) -> None:
        """Write one text frame; without effect unless open."""
        self._write(_TEXT, data)

    def send_binary(self, data: bytes) -> None:
        """Write one binary frame; without effect unless open."""
        self._write(_BINARY, data)

    def begin_close(self, code: int, reason: str) -> None:
        """Start the closing handshake (RFC 6455 section 7); the connection is dropped at its deadline."""
        self._begin_close(Cause.US, code, reason)

    def drop(self) -> None:
        """End the TCP connection now."""
        if self.phase is _OPEN:
            self._cause = Cause.US
        if self._transport is not None and self.phase is not _CLOSED:
            self._transport.underlying_transport.abort()

    def cut(self) -> None:
        """End the TCP connection now, and count it as lost."""
        self._abort()

    def pause_reading(self, reason: Pause) -> None:
        """Let TCP push back on the peer until each reason has gone."""
        if self.phase is not _OPEN or self._transport is None:
            return
        if not self._paused:
            self._transport.underlying_transport.pause_reading()
        self._paused |= reason

    def resume_reading(self, reason: Pause) -> None:
        """Take one reason away; without effect where it was none."""
        if self._paused is NOT_PAUSED or not self._paused & reason:  # flags are slow to combine
            return
        self._paused &= ~reason
        if not self._paused and self._transport is not None and self.phase is not _CLOSED:
            self._heard = True  # silence while paused was ours
            self._transport.underlying_transport.resume_reading()

    # --- picows ----------------------------------------------------------------------------------------------------

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        self._transport = transport
        _forget_heads(transport)
        self._forgets = type(transport.underlying_transport).__module__.startswith("asyncio.")
        self._write_freely(transport)
        self.phase = _OPEN
        self._keepalive.quiet.add(self)
        self._guard(self.on_open)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:  # noqa: ARG002 - picows' signature
        """Take one frame; a whole binary message, which is what a call consists of, by the shortest way."""
        self._heard = True
        try:
            kind = frame.msg_type
            if (
                kind is _BINARY
                and frame.fin
                and self._parts is None
                and self.phase is _OPEN
                and frame.payload_size <= self.message_bytes
                and not (frame.rsv1 or frame.rsv2 or frame.rsv3)
            ):
                take = self.take_binary  # an attribute, and no method: up to Python 3.11 one is not found as the other
                take(frame.get_payload_as_bytes())
            else:
                self._take(kind, frame)
        except Violation as fault:
            self._begin_close(Cause.VIOLATION, fault.code, fault.reason)
        except Exception as bug:  # noqa: BLE001 - blast radius: this connection
            self._fail(bug)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End, once."""
        if self.phase is _CLOSED:
            return
        if self._faulty and transport.is_client_side:  # there picows keeps it in a future until somebody takes it
            task = asyncio.get_running_loop().create_task(_take_fault(transport))
            _TAKING.add(task)
            task.add_done_callback(_TAKING.discard)
        self.phase = _CLOSED
        self._disarm()
        self._calm()
        self._parts = self._utf8 = None
        self._guard(lambda: self.on_end(self._cause, self._code, self._reason))
        self.write, self.take_binary = _write_nothing, _take_nothing  # no cycle keeps an ended connection
        self._transport = None

    def pause_writing(self) -> None:
        """Push back, for a while."""
        self.write_paused = True
        self.write = self._write  # which looks how much waits
        self._calm()
        self._unread = asyncio.get_running_loop().call_later(self.limits.unread_s, self._give_up)
        self._guard(lambda: self.on_write_paused(True))  # noqa: FBT003

    def resume_writing(self) -> None:
        """Let go."""
        self.write_paused = False
        if self._transport is not None:
            self._write_freely(self._transport)
        self._calm()
        self._guard(lambda: self.on_write_paused(False))  # noqa: FBT003

    def on_parser_fault(self, code: int, reason: str) -> None:
        """Believe picows' parser, which is about to answer a violation: what is read from now on is not heard.

        It parses one frame ahead. Where the frame before was a close with a code, that is answered: what follows a
        close is nothing (RFC 6455 section 1.4). Picows sends no second one.
        """
        self._faulty = True
        handshake = self._transport.close_handshake if self._transport is not None else None
        close = handshake.recv if handshake is not None else None
        told = int(close.code) if close is not None else 0  # type: ignore[call-overload] # an IntEnum, or any int
        if close is not None and close_codes.is_valid_received(told):  # a close without a code it calls 0
            self._begin_close(Cause.PEER, told, close.reason or "")
        else:  # the frame before it comes yet, hence soon and not now
            asyncio.get_running_loop().call_soon(self._begin_close, Cause.VIOLATION, code, reason)

    # --- frames ----------------------------------------------------------------------------------------------------

    def _take(self, kind: WSMsgType, frame: WSFrame) -> None:
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise Violation(close_codes.PROTOCOL_ERROR, "reserved bits set")
        if self.phase is not _OPEN:
            if kind == _CLOSE:
                self._finish()
        elif kind == _TEXT and frame.fin and self._parts is None:
            self._take_text(frame.get_payload_as_bytes())
        else:
            self._take_other(kind, frame)

    def _take_other(self, kind: WSMsgType, frame: WSFrame) -> None:
        data = frame.get_payload_as_bytes()
        if kind in {_PING, _PONG} or not (frame.fin or data):
            self._idle_frames += 1
            if self._idle_frames > self.limits.idle_frames:
                raise Violation(close_codes.POLICY_VIOLATION, "too many frames that bring nothing")
        if kind == _PING:
            if not self.write_paused and self._transport is not None:  # a peer that does not read gets no pongs
                self._transport.send_pong(data)
        elif kind == _PONG:
            pass
        elif kind == _CLOSE:
            self._closed_by_peer(data)
        elif kind == _CONTINUATION:
            if self._parts is None:
                raise Violation(close_codes.PROTOCOL_ERROR, "continuation of nothing")
            self._add_part(data, fin=frame.fin)
        elif self._parts is not None:
            raise Violation(close_codes.PROTOCOL_ERROR, "message inside a fragmented message")
        else:
            self._parts = bytearray()
            self._utf8 = codecs.getincrementaldecoder("utf-8")() if kind == _TEXT else None
            self._add_part(data, fin=frame.fin)

    def _take_text(self, data: bytes) -> None:
        """Take a text that came in one frame, as nearly all do."""
        if len(data) > self.limits.message_bytes:
            raise Violation(close_codes.TOO_BIG, "message too big")
        try:
            data.decode()
        except UnicodeDecodeError:
            raise Violation(close_codes.INVALID_DATA, "text is not UTF-8") from None
        self.on_text(data)

    def _add_part(self, data: bytes, *, fin: bool) -> None:
        parts, utf8 = self._parts, self._utf8
        if parts is None:
            return
        if len(parts) + len(data) > self.limits.message_bytes:
            raise Violation(close_codes.TOO_BIG, "message too big")
        if utf8 is not None:
            try:
                utf8.decode(data, fin)
            except UnicodeDecodeError:
                raise Violation(close_codes.INVALID_DATA, "text is not UTF-8") from None
        parts += data
        if fin:
            self._parts = self._utf8 = None
            (self.take_binary if utf8 is None else self.on_text)(bytes(parts))

    def _closed_by_peer(self, payload: bytes) -> None:
        code, reason = close_codes.NO_CODE, ""
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) == 1 or not close_codes.is_valid_received(code):
                raise Violation(close_codes.PROTOCOL_ERROR, "invalid close code")
            try:
                reason = payload[2:].decode()
            except UnicodeDecodeError:
                raise Violation(close_codes.INVALID_DATA, "close reason is not UTF-8") from None
        self._begin_close(Cause.PEER, code, reason)
        self._finish()

    # --- ends ------------------------------------------------------------------------------------------------------

    def _begin_close(self, cause: Cause, code: int, reason: str) -> None:
        if self.phase is not _OPEN or self._transport is None:
            return
        self.resume_reading(self._paused)  # or the peer's close would never be seen
        self.phase = _CLOSING
        self._cause, self._code, self._reason = cause, code, reason
        self._parts = self._utf8 = None
        if cause is Cause.VIOLATION:  # RFC 6455 section 7.1.7: fail the connection; the delay lets the close frame out
            self._arm(min(self.limits.close_s, FAIL_S), self._finish)
        else:
            self._arm(self.limits.close_s, self._abort)
        said = b"" if cause is Cause.PEER else reason.encode()[:123]
        if code == close_codes.NO_CODE:
            self._transport.send(_CLOSE, b"")  # picows' send_close always writes a code, here a zero
        else:
            self._transport.send_close(code, said)  # type: ignore[arg-type] # picows takes any int

    def _finish(self) -> None:
        # The server ends TCP first; a client waits for that, until the deadline (RFC 6455 section 7.1.1).
        if self._transport is not None and (not self._transport.is_client_side or self._cause is Cause.VIOLATION):
            self._transport.disconnect()
            self._arm(self.limits.close_s, self._abort)  # what is unread is waited for no longer

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.underlying_transport.abort()

    def _write_freely(self, transport: WSTransport) -> None:
        self.write = self._write if self._forgets else transport.send

    def _write(self, kind: WSMsgType, data: bytes) -> None:
        if self.phase is not _OPEN or self._transport is None or (self.write_paused and self._is_full()):
            return
        self._transport.send(kind, data)
        if self._forgets and len(data) > PIECES_BYTES:
            self._transport.underlying_transport.set_write_buffer_limits()  # looks at the mark, and pauses

    def _is_full(self) -> bool:
        if self._transport is None:
            return False
        full: bool = self._transport.underlying_transport.get_write_buffer_size() > self.limits.unread_bytes
        if full:
            self._give_up()
        return full

    def _give_up(self) -> None:
        self._begin_close(Cause.UNREAD, close_codes.UNREAD, "not reading")

    def _calm(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _fail(self, bug: BaseException) -> None:
        self._begin_close(Cause.US, close_codes.INTERNAL_ERROR, "internal error")
        self._on_bug(bug)

    def _guard(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as bug:  # noqa: BLE001 - blast radius: this connection
            self._fail(bug)

    # --- keepalive -------------------------------------------------------------------------------------------------

    def keep_alive(self) -> None:
        """Ask for a sign of life where there was none since the last look, and end a connection that gives none."""
        self._guard(self._look)

    def _look(self) -> None:
        if self.phase is not _OPEN or self._transport is None:
            return
        self._idle_frames = 0
        if self._heard or self._paused:
            self._heard = self._pinged = False
            self._keepalive.quiet.add(self)
        elif not self._pinged:
            self._pinged = True
            self._transport.send_ping()
            self._keepalive.silent.add(self)
        else:
            self._begin_close(Cause.HALF_OPEN, close_codes.INTERNAL_ERROR, "no answer to ping")
            self._abort()

    def _arm(self, delay: float, step: Callable[[], None]) -> None:
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(delay, step)

    def _disarm(self) -> None:
        self._keepalive.forget(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
