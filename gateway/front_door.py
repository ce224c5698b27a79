"""One TCP port: upgrades of ``/sonic`` go to picows, everything else to the HTTP server."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from uuid import uuid4

from picows import WSAutoPingStrategy
from picows.picows import WSProtocol  # type: ignore[attr-defined] # the server protocol has no typed export

from actors.ids import SessionId
from actors.verdict import Verdict
from gateway.client_socket import ClientSocket
from gateway.relay import CallerRelay
from gateway.socket_core import SocketLimits
from gateway.stash import Stash

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD_BYTES: Final = 8 * 1024  # a browser's upgrade request is under 1 KiB, cookies included under 8
HEAD_DEADLINE_S: Final = 10.0  # against peers that never finish their head
_PICOWS_LOG: Final = logging.getLogger("picows.server")


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known before the upgrade; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    remote: str

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an upgrade is not admitted; answered as JSON."""

    error: str
    status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after_s: int | None = 5


@dataclass(frozen=True, slots=True)
class Callbacks:
    """The application's part."""

    http: Callable[[], asyncio.Protocol]
    on_session: Callable[[CallerRelay, SessionId, str], None]
    on_bug: Callable[[BaseException], None]
    now: Callable[[], float]
    wall: Callable[[], float]
    accept: Callable[[RequestHead], Refusal | None] = lambda head: None  # noqa: ARG005
    stash: Callable[[], Stash] = Stash


class FrontDoor:
    """Listens, admits and counts."""

    def __init__(self, callbacks: Callbacks, limits: SocketLimits | None = None) -> None:
        self.callbacks = callbacks
        self.limits = limits or SocketLimits()
        self.heads: set[_Head] = set()
        self._relays: dict[SessionId, CallerRelay] = {}
        self._gone = asyncio.Event()
        self._gone.set()
        self._server: asyncio.Server | None = None

    @property
    def open_sessions(self) -> int:
        """Callers' sockets that are open."""
        return len(self._relays)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Head(self), host, port)

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Stop accepting; close every caller with `SHUTDOWN`; drop what remains at the deadline."""
        if self._server is not None:
            self._server.close()
        for head in list(self.heads):
            head.drop()
        for relay in list(self._relays.values()):
            relay.close(Verdict.SHUTDOWN)
        try:
            async with asyncio.timeout(deadline_s):
                await self._gone.wait()
        except TimeoutError:
            for relay in list(self._relays.values()):
                relay.abort()

    def open_session(self, remote: str) -> ClientSocket:
        """Make the socket, relay and id of a new session; it counts from its opening, for an upgrade may still fail."""
        session_id = SessionId(str(uuid4()))
        client = _CountedSocket(self, session_id)
        calls = self.callbacks
        relay = CallerRelay(session_id, client, calls.now, calls.wall, calls.stash())

        def opened() -> None:
            self._relays[session_id] = relay
            self._gone.clear()
            calls.on_session(relay, session_id, remote)

        client.opened = opened
        return client

    def forget(self, session_id: SessionId) -> None:
        """The caller's socket has ended."""
        self._relays.pop(session_id, None)
        if not self._relays:
            self._gone.set()


class _CountedSocket(ClientSocket):
    """A caller's socket that the door counts."""

    def __init__(self, door: FrontDoor, session_id: SessionId) -> None:
        super().__init__(door.limits, door.callbacks.on_bug)
        self._door = door
        self._session_id = session_id
        self.opened: Callable[[], None] = lambda: None

    def on_open(self) -> None:
        super().on_open()
        self.opened()

    def on_ws_disconnected(self, transport: object) -> None:
        try:
            super().on_ws_disconnected(transport)  # type: ignore[arg-type] # picows' own transport
        finally:
            self._door.forget(self._session_id)


class _Head(asyncio.Protocol):
    """Reads one request head, then gives the transport away."""

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._timer = asyncio.get_running_loop().call_later(HEAD_DEADLINE_S, self.drop)
        self._door.heads.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._release()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end >= 0 and end <= HEAD_BYTES:
            self._decide(bytes(self._data[:end]))
        elif len(self._data) > HEAD_BYTES:
            self._answer(Refusal("request head too large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, None))

    def drop(self) -> None:
        """Give the peer up."""
        if self._transport is not None:
            self._transport.abort()

    def _decide(self, raw: bytes) -> None:
        head = _parse(raw, self._remote())
        if head is None or not head.upgrades:
            self._give_to(self._door.callbacks.http())
        elif head.path != "/sonic":
            self._answer(Refusal("no WebSocket here", HTTPStatus.BAD_REQUEST, None))
        else:
            try:
                refusal = self._door.callbacks.accept(head)
            except Exception as bug:  # noqa: BLE001 - blast radius: this connection
                self._door.callbacks.on_bug(bug)
                refusal = Refusal("internal error", HTTPStatus.INTERNAL_SERVER_ERROR, None)
            if refusal is not None:
                self._answer(refusal)
            else:
                self._give_to(self._websocket(head.remote))

    def _websocket(self, remote: str) -> asyncio.BaseProtocol:
        limits = self._door.limits
        protocol = WSProtocol(
            None,
            None,
            False,  # noqa: FBT003 - positional in picows
            lambda request: self._door.open_session(remote),  # noqa: ARG005
            _PICOWS_LOG,
            True,  # noqa: FBT003
            HEAD_DEADLINE_S,
            False,  # noqa: FBT003
            limits.ping_interval_s,
            limits.ping_deadline_s,
            WSAutoPingStrategy.PING_WHEN_IDLE,
            False,  # noqa: FBT003
            limits.message_bytes,
            None,
            limits.read_buffer_bytes,
        )
        return cast("asyncio.BaseProtocol", protocol)

    def _give_to(self, protocol: asyncio.BaseProtocol) -> None:
        transport, data = self._transport, bytes(self._data)
        self._release()
        if transport is None:
            return
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if isinstance(protocol, asyncio.BufferedProtocol):
            _feed(protocol, data)
        else:
            cast("asyncio.Protocol", protocol).data_received(data)

    def _answer(self, refusal: Refusal) -> None:
        body = json.dumps({"error": refusal.error}).encode()
        lines = [
            f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if refusal.retry_after_s is not None:
            lines.append(f"Retry-After: {refusal.retry_after_s}")
        transport = self._transport
        self._release()
        if transport is not None:
            transport.write("\r\n".join([*lines, "", ""]).encode() + body)
            transport.close()

    def _remote(self) -> str:
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(peer[0]) if peer else ""

    def _release(self) -> None:
        self._door.heads.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _feed(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    while data:
        room = memoryview(cast("bytearray", protocol.get_buffer(len(data))))
        size = min(len(room), len(data))
        room[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]


def _parse(raw: bytes, remote: str) -> RequestHead | None:
    """Read enough of the head to route it; None is left for the HTTP server to refuse."""
    lines = raw.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:
        return None
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return RequestHead(words[0], words[1], headers, remote)
