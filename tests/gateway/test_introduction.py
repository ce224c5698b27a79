"""What picows is told of a connection, and what it is spared."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import serve

from actors.link_end import FailureKind
from gateway.agent_socket import AgentDialer
from gateway.front_door import Callbacks, FrontDoor
from gateway.introduction import introduce
from gateway.socket_core import Phase

if TYPE_CHECKING:
    from collections.abc import Coroutine

pytestmark = pytest.mark.real


class Asked:
    """A transport of another loop than asyncio's, that counts what its socket is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self if name == "socket" else f"a {name}"

    def fileno(self) -> int:
        return 7

    def setsockopt(self, *_: int) -> None:
        self.asked += 1

    def getsockopt(self, *_: int) -> int:
        self.asked += 1
        return 1

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 5

    def is_closing(self) -> bool:
        return False


class Curious:
    """A protocol that asks as much as picows does."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self.mark = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        self.descriptor = connection.fileno()
        self.told = [transport.get_extra_info(name) for name in ("peername", "sockname", "ssl_object")]


def test_a_socket_is_not_asked_while_it_is_introduced_and_is_itself_afterwards() -> None:
    transport, protocol = Asked(), Curious()
    introduce(protocol, transport)  # type: ignore[arg-type]
    assert (transport.asked, protocol.descriptor) == (0, 7)
    assert protocol.told == [None, None, "a ssl_object"]
    kept = protocol.transport
    assert (kept.get_extra_info("socket"), kept.get_extra_info("peername")) == (transport, "a peername")
    assert (kept.get_write_buffer_size(), kept.is_closing()) == (5, False)


def test_both_hops_write_at_once_though_picows_cannot_ask_for_it() -> None:
    uvloop = pytest.importorskip("uvloop")
    found: list[Any] = []

    def see(core: Any) -> None:
        connection = core._transport.underlying_transport.get_extra_info("socket")
        found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def call() -> None:
        door = FrontDoor(Callbacks(asyncio.Protocol, lambda client, _: see(client), found.append))
        await door.start("127.0.0.1", 0)
        async with connect(f"ws://127.0.0.1:{door.port}/sonic"), serve(Connection.wait_closed, "127.0.0.1", 0) as agent:
            events: asyncio.Queue[Any] = asyncio.Queue()
            port = agent.sockets[0].getsockname()[1]
            AgentDialer(found.append).dial(f"ws://127.0.0.1:{port}", events.put_nowait)
            wire = (await asyncio.wait_for(events.get(), 5)).wire
            see(wire)
            wire.abort()
        await door.stop()

    uvloop.run(call())
    assert found == [1, 1]


def run_without_collector(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop; what refers to itself stays."""
    uvloop = pytest.importorskip("uvloop")
    gc.disable()
    try:
        uvloop.run(main)
    finally:
        gc.enable()


async def gone(kept: weakref.ref[Any]) -> None:
    """Wait until nothing refers to it: the loop lets go of its callbacks one turn later."""
    async with asyncio.timeout(2):
        while kept() is not None:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0)


def test_an_attempt_that_came_to_its_end_is_not_kept_with_its_connection() -> None:
    async def dial() -> None:
        async with serve(Connection.wait_closed, "127.0.0.1", 0) as agent:
            events: asyncio.Queue[Any] = asyncio.Queue()
            port = agent.sockets[0].getsockname()[1]
            attempt = AgentDialer([].append).dial(f"ws://127.0.0.1:{port}", events.put_nowait)
            wire = (await asyncio.wait_for(events.get(), 5)).wire
            await attempt.task
            kept = weakref.ref(attempt)
            del attempt
            await gone(kept)
            assert wire.phase is Phase.OPEN
            wire.abort()

    run_without_collector(dial())


class Unwilling(asyncio.Protocol):
    """An agent that answers an upgrade with some bytes, or with nothing and the end of the connection."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is None:
            self._transport.abort()
        else:
            self._transport.write(self._answer)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 400 no\r\nContent-Length: 0\r\n\r\n", FailureKind.REJECTED),
        (b"what?\r\n\r\n", FailureKind.UNREACHABLE),
        (None, FailureKind.UNREACHABLE),
        (b"", FailureKind.UNREACHABLE),
    ],
    ids=["refused", "no HTTP", "hung up", "silent"],
)
def test_an_attempt_that_failed_leaves_no_knot(answer: bytes | None, kind: FailureKind) -> None:
    async def dial() -> None:
        loop, events = asyncio.get_running_loop(), asyncio.Queue[Any]()
        server = await loop.create_server(lambda: Unwilling(answer), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        attempt = AgentDialer([].append, dial_s=0.05 if answer == b"" else 5).dial(
            f"ws://127.0.0.1:{port}", events.put_nowait
        )
        try:
            assert (await asyncio.wait_for(events.get(), 5)).end.kind is kind
            await attempt.task
            kept = weakref.ref(attempt)
            del attempt
            await gone(kept)
        finally:
            server.close()

    run_without_collector(dial())
