"""One TCP port: upgrades of ``/sonic`` go to picows, everything else to the HTTP server."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs

from msgspec import Struct
from picows import WSAutoPingStrategy, WSUpgradeResponse, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined] # the server protocol has no typed export

from actors.verdict import Verdict
from gateway.client_socket import ClientSocket
from gateway.close_codes import TO_CALLER
from gateway.crowd import surplus
from gateway.introduction import introduce
from gateway.keepalive import Keepalive
from gateway.logs import PeerLog
from gateway.socket_core import SocketLimits, bound_reads

if TYPE_CHECKING:
    from collections.abc import Callable

    from picows import WSUpgradeRequest

    from gateway.socket_core import Cause

HEAD_BYTES: Final = 8 * 1024  # a browser's upgrade request is under 1 KiB, cookies included under 8
HEAD_DEADLINE_S: Final = 10.0  # against peers that never finish their head
MAX_HEADS: Final = 1000  # connections whose head has not come: each is there for the time of a round trip
MAX_HTTP: Final = 1000  # connections of the HTTP server; agents beat on few, a proxy keeps some dozens
SUBPROTOCOL: Final = "understudy"
_LISTS: Final = frozenset({"connection", "sec-websocket-protocol"})
"""Headers that may come in parts (RFC 9110 section 5.3); of others the last one counts."""
_PING_WHEN_IDLE: Final = WSAutoPingStrategy.PING_WHEN_IDLE
# Firefox says "keep-alive, Upgrade", and picows knows the one word only.
_CONNECTION: Final = re.compile(rb"\r\nconnection:[^\r]*\bupgrade\b[^\r]*", re.IGNORECASE)
# Picows repeats such words in its refusal, and cannot write them.
_NOT_ASCII: Final = re.compile(rb"\r\n(?:connection|upgrade|sec-websocket-[^:]*):[^\r]*[\x80-\xff]", re.IGNORECASE)


class RequestHead(Struct, frozen=True):
    """What is known before the upgrade; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    remote: str

    def __repr__(self) -> str:
        return f"<RequestHead {self.method} from {self.remote}>"  # the others may hold tokens

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    def query(self, name: str) -> str:
        """The first value of a query parameter; empty where it is absent."""
        query = self.target.partition("?")[2]
        return parse_qs(query).get(name, [""])[0] if query else ""

    @property
    def subprotocols(self) -> list[str]:
        """What the client offers to speak."""
        return [name for word in self.headers.get("sec-websocket-protocol", "").split(",") if (name := word.strip())]

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
    on_caller: Callable[[ClientSocket, RequestHead], None]
    """A caller's socket is open; give it a sink, or begin to close it."""
    on_bug: Callable[[BaseException], None]
    accept: Callable[[RequestHead], Refusal | None] = lambda head: None  # noqa: ARG005
    on_gone: Callable[[str, int], None] = lambda remote, code: None  # noqa: ARG005
    """The socket of a caller from that address has ended, with that close code."""
    http_open: Callable[[], list[asyncio.Transport]] = list
    """The connections that the HTTP server has, the oldest first."""


class FrontDoor:
    """Listens, admits and counts."""

    def __init__(
        self, callbacks: Callbacks, limits: SocketLimits | None = None, head_s: float = HEAD_DEADLINE_S
    ) -> None:
        self.callbacks = callbacks
        self.limits = limits or SocketLimits()
        self.keepalive = Keepalive(self.limits)
        self.head_s = head_s
        self.heads: dict[_Head, None] = {}
        self._clients: set[ClientSocket] = set()
        self._gone = asyncio.Event()
        self._gone.set()
        self._server: asyncio.Server | None = None

    @property
    def open_sockets(self) -> int:
        """Callers' sockets that are open."""
        return len(self._clients)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        if self._server is None:
            raise RuntimeError("not started")
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(partial(_Head, self), host, port, start_serving=False)
        for listening in self._server.sockets:
            bound_reads(listening, self.limits)
        await self._server.start_serving()

    def shut(self) -> None:
        """Accept nobody any more."""
        if self._server is not None:
            self._server.close()

    async def stop(self, deadline_s: float = 5.0) -> None:
        """Accept nobody any more; close every caller with `SHUTDOWN`; drop what remains at the deadline."""
        self.shut()
        for head in list(self.heads):
            head.drop()
        close = TO_CALLER[Verdict.SHUTDOWN]
        for client in list(self._clients):
            client.begin_close(close.code, close.reason)
        try:
            async with asyncio.timeout(deadline_s):
                await self._gone.wait()
        except TimeoutError:
            for client in list(self._clients):
                client.drop()

    def take_in(self, head: _Head) -> None:
        """A connection has come; where too many say nothing, the oldest of whoever has the most make room."""
        self.heads[head] = None
        if len(self.heads) <= MAX_HEADS:
            return
        heads = list(self.heads)
        for place in surplus([waiting.remote for waiting in heads], MAX_HEADS):
            heads[place].drop()
            del self.heads[heads[place]]

    def make_room_for_http(self) -> None:
        """Do the same before another connection is given to the HTTP server."""
        there = [transport for transport in self.callbacks.http_open() if not transport.is_closing()]
        if len(there) >= MAX_HTTP:
            for place in surplus([remote_of(transport) for transport in there], MAX_HTTP - 1):
                there[place].abort()

    def welcome(self, client: ClientSocket, head: RequestHead) -> None:
        """Count a socket from its opening, for an upgrade may still fail."""
        self._clients.add(client)
        self._gone.clear()
        self.callbacks.on_caller(client, head)

    def forget(self, client: ClientSocket, remote: str, code: int) -> None:
        """The caller's socket has ended."""
        self._clients.discard(client)
        self.callbacks.on_gone(remote, code)
        if not self._clients:
            self._gone.set()


class _CallerSocket(ClientSocket):
    """A caller's socket that the door counts."""

    __slots__ = ("_door", "_head", "_remote")

    def __init__(self, door: FrontDoor, head: RequestHead) -> None:
        super().__init__(door.limits, door.callbacks.on_bug, door.keepalive)
        self._door = door
        self._head: RequestHead | None = head  # until it is open: heads are large, and calls are long
        self._remote = head.remote

    def answer_upgrade(self, _: WSUpgradeRequest) -> _CallerSocket | WSUpgradeResponseWithListener:
        """Choose our subprotocol where it is offered: a browser that offers any and is answered none hangs up."""
        if self._head is None or SUBPROTOCOL not in self._head.subprotocols:
            return self
        chosen = {"Sec-WebSocket-Protocol": SUBPROTOCOL}
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(chosen), self)

    def on_open(self) -> None:
        head, self._head = self._head, None
        if head is not None:
            self._door.welcome(self, head)

    def on_end(self, cause: Cause, code: int, reason: str) -> None:
        self._door.forget(self, self._remote, code)
        super().on_end(cause, code, reason)


class _Head(asyncio.Protocol):
    """Reads one request head, then gives the transport away, which on uvloop keeps this object to its end."""

    __slots__ = ("_data", "_door", "_timer", "_transport")

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._data = bytearray()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # of a stream
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(self._door.head_s, self.drop)
        self._door.take_in(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._release()

    def data_received(self, data: bytes) -> None:
        self._data += data
        while self._data.startswith(b"\r\n"):  # RFC 9112 section 2.2; they would end the head and its deadline
            del self._data[:2]
        end = self._data.find(b"\r\n\r\n")
        if end >= 0 and end <= HEAD_BYTES:
            self._decide(bytes(self._data[:end]))
        elif len(self._data) > HEAD_BYTES:
            self._answer(Refusal("request head too large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, None))

    @property
    def remote(self) -> str:
        """The peer's address."""
        return remote_of(self._transport)

    def drop(self) -> None:
        """Give the peer up."""
        if self._transport is not None:
            self._transport.abort()

    def _decide(self, raw: bytes) -> None:
        head = _parse(raw, self.remote)
        if head is None or not head.upgrades:
            self._door.make_room_for_http()
            self._give_to(self._door.callbacks.http())
        elif head.path != "/sonic":
            self._answer(Refusal("no WebSocket here", HTTPStatus.BAD_REQUEST, None))
        elif not raw.isascii() and _NOT_ASCII.search(raw):
            self._answer(Refusal("the upgrade is not in ASCII", HTTPStatus.BAD_REQUEST, None))
        else:
            try:
                refusal = self._door.callbacks.accept(head)
            except Exception as bug:  # noqa: BLE001 - blast radius: this connection
                self._door.callbacks.on_bug(bug)
                refusal = Refusal("internal error", HTTPStatus.INTERNAL_SERVER_ERROR, None)
            if refusal is not None:
                self._answer(refusal)
            else:
                if head.headers.get("connection") != "Upgrade":
                    self._data[: len(raw)] = _CONNECTION.sub(b"\r\nConnection: Upgrade", raw)
                self._give_to(self._websocket(head))

    def _websocket(self, head: RequestHead) -> asyncio.BaseProtocol:
        limits, client = self._door.limits, _CallerSocket(self._door, head)
        protocol: asyncio.BaseProtocol = WSProtocol(  # picows gives it no type
            None,
            None,
            False,  # noqa: FBT003 - positional in picows
            client.answer_upgrade,
            PeerLog(client.on_parser_fault),
            True,  # noqa: FBT003
            None,  # no deadline: the head is here, and picows decides at once
            False,  # noqa: FBT003
            limits.ping_interval_s,
            limits.ping_deadline_s,
            _PING_WHEN_IDLE,
            False,  # noqa: FBT003
            limits.message_bytes,
            None,
            limits.read_buffer_bytes,
        )
        return protocol

    def _give_to(self, protocol: asyncio.BaseProtocol) -> None:
        transport, data = self._transport, bytes(self._data)
        self._release()
        if transport is None:
            return
        transport.set_protocol(protocol)
        if isinstance(protocol, asyncio.BufferedProtocol):
            introduce(protocol, transport)
            _feed(protocol, data)
        else:
            protocol.connection_made(transport)
            cast("asyncio.Protocol", protocol).data_received(data)

    def _answer(self, refusal: Refusal) -> None:
        body = json.dumps({"error": refusal.error}).encode()
        lines = [
            f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        if refusal.status is HTTPStatus.UNAUTHORIZED:
            lines.append("WWW-Authenticate: Bearer")  # RFC 9110 section 15.5.2
        if refusal.retry_after_s is not None:
            lines.append(f"Retry-After: {refusal.retry_after_s}")
        transport = self._transport
        self._release()
        if transport is not None:
            transport.write("\r\n".join([*lines, "", ""]).encode() + body)
            transport.close()

    def _release(self) -> None:
        self._door.heads.pop(self, None)
        self._data.clear()
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def remote_of(transport: asyncio.BaseTransport | None) -> str:
    """The address at a connection's other end; empty where there is none."""
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if peer else ""


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
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in _LISTS and name in headers else value
    return RequestHead(words[0], words[1], headers, remote)
