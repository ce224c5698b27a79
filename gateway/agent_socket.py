"""WebSockets to agents: dialling, and the wire that keeps what it hears until it is current."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit, urlunsplit

from picows import WSAutoPingStrategy, WSHandshakeError
from picows.picows import WSProtocol  # type: ignore[attr-defined] # has no typed export
from picows.url import WSInvalidURL, WSParsedURL, parse_url

from actors.link_end import FailureKind, LinkEnd, kind_of_close, kind_of_status
from actors.link_end import Phase as LinkPhase
from actors.messages import WireClosed, WireOpened, WireRefused, WireText
from gateway import close_codes
from gateway.close_codes import TO_AGENT
from gateway.introduction import introduce
from gateway.keepalive import Keepalive
from gateway.logs import PeerLog
from gateway.reach import OutOfReach, Reach
from gateway.socket_core import ALL_PAUSES, Cause, Pause, Phase, SocketCore, SocketLimits, bound_reads
from gateway.wire import decode, encode, error_text, sniff_type
from supervisor.reasons import without_traceback

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.messages import WireEvent
    from actors.ports import Json
    from actors.verdict import Verdict

AGENT_LIMITS = SocketLimits(message_bytes=1024 * 1024)
KEPT_BYTES = 256 * 1024  # what an agent may say before the cut-over; beyond it the wire stops reading
FRAME_COST = 64  # of keeping a frame at all, so that empty ones fill the bound, too


class AgentSink(Protocol):
    """What takes the messages of the current wire."""

    def on_agent_binary(self, data: bytes) -> None:
        """One binary message."""

    def on_agent_text(self, data: bytes) -> None:
        """One text message."""

    def on_agent_slow(self, wire: AgentSocket, slow: bool) -> None:  # noqa: FBT001
        """The agent's write buffer passed its high or low mark."""


class Part(Enum):
    """A wire's part in its session; only moves forward."""

    KEEPING = auto()
    SILENT = auto()
    """A standby: what it says before it is current has no effect."""
    CURRENT = auto()
    RETIRED = auto()


_KEEPING, _CURRENT, _CLOSED, _KEPT_FULL = Part.KEEPING, Part.CURRENT, Phase.CLOSED, Pause.KEPT_FULL
_PING_WHEN_IDLE = WSAutoPingStrategy.PING_WHEN_IDLE


class AgentSocket(SocketCore):
    """One open WebSocket to an agent; see `actors.ports.AgentWire`."""

    __slots__ = ("_deliver", "_kept", "_kept_bytes", "_sink", "ignored_frames", "part")

    def __init__(
        self,
        limits: SocketLimits,
        deliver: Callable[[WireEvent], None],
        on_bug: Callable[[BaseException], None],
        keepalive: Keepalive | None = None,
    ) -> None:
        super().__init__(limits, on_bug, keepalive)
        self.part = _KEEPING
        self.ignored_frames = 0
        self._deliver = deliver
        self._sink: AgentSink | None = None
        self._kept: list[tuple[bool, bytes]] | tuple[()] = ()
        self._kept_bytes = 0

    def deliver_to(self, deliver: Callable[[WireEvent], None]) -> None:
        """Tell what happens from now on to somebody else than the attempt that made it, which is over."""
        self._deliver = deliver

    def send(self, message: Json) -> None:
        """Write one JSON text frame."""
        self.send_text(encode(message))

    def close(self, verdict: Verdict) -> None:
        """Begin the closing handshake."""
        close = TO_AGENT[verdict]
        self.begin_close(close.code, close.reason)

    def abort(self) -> None:
        """Drop the connection now."""
        self.drop()

    def stand_by(self) -> None:
        """Forget what was kept, and keep nothing more."""
        self.part = Part.SILENT
        self._kept = ()
        self._kept_bytes = 0
        self.resume_reading(_KEPT_FULL)

    def become_current(self, sink: AgentSink) -> None:
        """Play what was kept into ``sink``, then forward directly; a wire that has ended plays, and knows nobody."""
        self.part, self._sink = _CURRENT, sink
        kept, self._kept, self._kept_bytes = self._kept, (), 0
        for is_text, data in kept:
            (sink.on_agent_text if is_text else sink.on_agent_binary)(data)
        if self.phase is _CLOSED:
            self._sink = None
        else:
            self.take_binary = sink.on_agent_binary
        self.resume_reading(_KEPT_FULL)

    def retire(self) -> None:
        """Never be current again."""
        self.part, self._sink = Part.RETIRED, None
        if self.phase is not _CLOSED:
            self.take_binary = self.on_binary
        self._kept = ()
        self.resume_reading(ALL_PAUSES)

    def on_open(self) -> None:
        """Hand the wire over."""
        self._deliver(WireOpened(self))

    def on_binary(self, data: bytes) -> None:
        """Forward or keep."""
        if self._sink is not None:
            self._sink.on_agent_binary(data)
        else:
            self._keep(data, is_text=False)

    def on_text(self, data: bytes) -> None:
        """Forward or keep; kept texts are announced."""
        if self._sink is not None:
            self._sink.on_agent_text(data)
            return
        self._keep(data, is_text=True)
        if self.part is _KEEPING and (kind := sniff_type(data)) is not None:
            self._deliver(WireText(kind, error_text(decode(data) or {}) if kind == "error" else ""))

    def on_write_paused(self, paused: bool) -> None:  # noqa: FBT001
        """Push back on the caller."""
        if self._sink is not None:
            self._sink.on_agent_slow(self, paused)

    def on_end(self, cause: Cause, code: int, reason: str) -> None:
        """Classify and tell the link; then know nobody any more."""
        end, self._sink = self._end(cause, code, reason), None
        self._deliver(WireClosed(end))

    def _keep(self, data: bytes, *, is_text: bool) -> None:
        if self.part is not _KEEPING:
            self.ignored_frames += 1
            return
        if not isinstance(self._kept, list):
            self._kept = []
        self._kept.append((is_text, data))
        self._kept_bytes += len(data) + FRAME_COST
        if self._kept_bytes > KEPT_BYTES:
            self.pause_reading(_KEPT_FULL)

    def _end(self, cause: Cause, code: int, reason: str) -> LinkEnd:
        phase = LinkPhase.INITIALISING if self.part is _KEEPING else LinkPhase.LIVE
        match cause:
            case Cause.US:
                bug = code == close_codes.INTERNAL_ERROR and reason == "internal error"
                kind = FailureKind.BROKEN if bug else FailureKind.CLOSED_BY_US
                phase = phase if bug else LinkPhase.CLOSING
            case Cause.PEER:
                kind = FailureKind.AGENT_LEFT if code == close_codes.NO_CODE else kind_of_close(code)
            case Cause.VIOLATION:
                kind = FailureKind.BAD_DATA if code in {1007, 1009} else FailureKind.BROKEN
            case Cause.HALF_OPEN | Cause.UNREAD:
                kind = FailureKind.HALF_OPEN
            case Cause.LOST:
                kind = FailureKind.BROKEN
        return LinkEnd(kind, phase, code, reason)


def _no_wire_yet(code: int, reason: str) -> None:
    """A fault of the handshake: it fails the attempt by itself."""


class Attempt(asyncio.BaseProtocol):  # not a `Protocol`: uvloop keeps whose `data_received` it once saw
    """A connection attempt under way: one task, held and named. It is the connection's protocol until picows is."""

    def __init__(
        self, dialer: AgentDialer, url: str, deliver: Callable[[WireEvent], None], traceparent: str = ""
    ) -> None:
        loop = asyncio.get_running_loop()
        self._dialer = dialer
        self._headers = {"traceparent": traceparent} if traceparent else None
        self._deliver: Callable[[WireEvent], None] | None = deliver
        self._connection: asyncio.Transport | None = None  # from then on it ends the task
        self._wire: AgentSocket | None = None
        self._log = PeerLog(_no_wire_yet)
        self._parts: WSParsedURL  # of the URL; known before there is a connection
        self._upgrade: Any = None  # picows' protocol, as soon as there is one
        self._timer = loop.call_later(dialer.dial_s, self._expire)
        self.task = loop.create_task(self._run(url), name=f"dial {url}")

    def cancel(self) -> None:
        """Give up; nothing is delivered afterwards, but the end of a wire that has been handed over already."""
        self._deliver = None
        self._timer.cancel()
        if self._wire is not None:
            self._wire.drop()
        elif self._connection is not None:
            self._connection.abort()  # its end ends the task; cancelled, uvloop would tell nobody of that end
        else:
            self.task.cancel()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a stream
        """Bound what is read, then leave the connection to picows."""
        self._connection = transport
        if self._deliver is None:  # given up, which the task has yet to hear
            transport.abort()
            return
        bound_reads(transport.get_extra_info("socket"), self._dialer.limits)
        self._upgrade = upgrade = self._protocol()
        transport.set_protocol(upgrade)
        introduce(upgrade, transport)

    def _tell(self, event: WireEvent) -> None:
        if self._deliver is not None:
            self._deliver(event)

    def _expire(self) -> None:
        if self._wire is None:
            self._tell(WireRefused(_refusal(TimeoutError())))
            self.cancel()

    def _listener(self, *_: object) -> AgentSocket:
        dialer = self._dialer
        self._wire = AgentSocket(dialer.limits, self._tell, dialer.on_bug, dialer.keepalive)
        self._log.on_fault = self._wire.on_parser_fault
        return self._wire

    async def _run(self, url: str) -> None:
        try:
            self._parts = parts = session_address(url)
        except (ValueError, WSInvalidURL) as error:
            self._timer.cancel()
            self._tell(WireRefused(_refusal(error, FailureKind.REJECTED)))
            return
        try:
            await self._open(parts)
            if self._wire is not None and self._deliver is not None:
                self._wire.deliver_to(self._deliver)
        except Exception as error:  # noqa: BLE001 - whatever the network or the URL does is a refusal
            if self._wire is None:
                self._tell(WireRefused(_refusal(error)))
            without_traceback(error)  # picows' future keeps the error, and the traceback this attempt
        finally:
            self._timer.cancel()
            self._upgrade = None  # which knows this attempt, until it is open

    async def _open(self, parts: WSParsedURL) -> None:
        # Not picows' ws_connect: cancelled during the handshake, that leaves its connection open.
        transport = await self._connect(parts)
        try:
            await self._upgrade.wait_until_handshake_complete()
            if self._wire is None:
                raise ConnectionError("connection ended during the handshake")  # noqa: TRY301 - one clean-up
        except BaseException:
            transport.abort()
            raise

    async def _connect(self, parts: WSParsedURL) -> asyncio.Transport:
        """Connect to the very address that was judged: a name may have another one a moment later."""
        *others, last = await self._dialer.reach.addresses(parts.host, parts.port)
        for address in others:
            with suppress(OSError):
                return await self._connect_to(address, parts)
        return await self._connect_to(last, parts)

    async def _connect_to(self, address: str, parts: WSParsedURL) -> asyncio.Transport:
        transport, _ = await asyncio.get_running_loop().create_connection(
            lambda: self,
            address,
            parts.port,
            ssl=parts.is_secure or None,
            server_hostname=parts.host if parts.is_secure else None,
        )
        return transport

    def _protocol(self) -> Any:
        limits, parts = self._dialer.limits, self._parts
        return WSProtocol(
            parts.netloc,
            parts.resource_name,
            True,  # noqa: FBT003 - positional in picows
            self._listener,
            self._log,
            True,  # noqa: FBT003
            None,  # no deadline beside ours: of two, the later one's exception would be nobody's
            False,  # noqa: FBT003
            limits.ping_interval_s,
            limits.ping_deadline_s,
            _PING_WHEN_IDLE,
            False,  # noqa: FBT003
            limits.message_bytes,
            self._headers,
            limits.read_buffer_bytes,
        )


class AgentDialer:
    """Opens WebSockets to agents; see `actors.ports.Dialer`."""

    def __init__(
        self,
        on_bug: Callable[[BaseException], None],
        limits: SocketLimits = AGENT_LIMITS,
        dial_s: float = 5.0,
        reach: Reach | None = None,
    ) -> None:
        self.on_bug = on_bug
        self.limits = limits
        self.keepalive = Keepalive(limits)
        self.dial_s = dial_s
        self.reach = reach or Reach()
        self._attempts: set[asyncio.Task[None]] = set()

    def dial(self, url: str, deliver: Callable[[WireEvent], None], traceparent: str = "") -> Attempt:
        """Start connecting."""
        attempt = Attempt(self, url, deliver, traceparent)
        self._attempts.add(attempt.task)
        attempt.task.add_done_callback(self._attempts.discard)
        return attempt


@lru_cache(maxsize=1024)
def session_address(url: str) -> WSParsedURL:
    """Where to dial for a session; the same few agents are dialled again and again."""
    return parse_url(session_url(url))


def session_url(url: str) -> str:
    """The WebSocket URL of an agent's session endpoint; ValueError for anything but http, https, ws and wss."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "ws": "ws", "https": "wss", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError("not a WebSocket or HTTP URL")
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + "/session", parts.query, ""))


def _refusal(error: Exception, kind: FailureKind = FailureKind.UNREACHABLE) -> LinkEnd:
    if isinstance(error, WSHandshakeError) and error.response is not None:
        status = int(error.response.status)
        return LinkEnd(kind_of_status(status), LinkPhase.DIALLING, detail=f"HTTP {status}")
    if isinstance(error, OutOfReach):
        kind = FailureKind.REJECTED
    return LinkEnd(kind, LinkPhase.DIALLING, detail=f"{type(error).__name__}: {error}"[:200])
