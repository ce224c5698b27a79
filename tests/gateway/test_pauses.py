"""Who is not read, and why; and wires that end at the wrong moment."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from actors.ids import AgentId, Generation, Instance
from actors.link_end import FailureKind
from actors.messages import WireClosed, WireRefused
from gateway.agent_socket import AgentDialer
from gateway.reach import Reach
from tests.gateway.test_relay import Place, open_place

if TYPE_CHECKING:
    from gateway.agent_socket import AgentSocket

BANKING = Instance(AgentId("banking"), "x")
FRAME = bytes(64 * 1024)


class Events(asyncio.Queue[Any]):
    async def next(self) -> Any:
        return await asyncio.wait_for(self.get(), 5)


async def dialled(place: Place, server: Any, events: Events) -> AgentSocket:
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    AgentDialer(place.bugs.append).dial(url, events.put_nowait)
    wire: AgentSocket = (await events.next()).wire
    return wire


async def test_a_caller_held_back_by_a_slow_agent_is_read_again_for_the_next_one() -> None:
    done, arrived = asyncio.Event(), asyncio.Event()

    async def deaf(_socket: Any) -> None:
        await done.wait()

    async def eager(socket: Any) -> None:
        async for frame in socket:
            if frame == b"last":
                arrived.set()

    async def talk(caller: Any, wire: AgentSocket) -> None:
        while not wire.write_paused:
            await caller.send(FRAME)
        for _ in range(64):  # more than every buffer on the way holds
            await caller.send(FRAME)
        await caller.send(b"last")

    async with (
        open_place() as place,
        serve(deaf, "127.0.0.1", 0) as slow,
        serve(eager, "127.0.0.1", 0) as quick,
        connect(place.url) as caller,
    ):
        relay = await asyncio.wait_for(place.relays.get(), 5)
        first = await dialled(place, slow, Events())
        second = await dialled(place, quick, Events())
        relay.cut_over(first, Generation(1), BANKING)
        talking = asyncio.create_task(talk(caller, first))
        try:
            async with asyncio.timeout(10):
                while not first.write_paused:  # noqa: ASYNC110 - the kernel gives no event for this
                    await asyncio.sleep(0.001)
                relay.cut_over(second, Generation(2), BANKING)
                await talking
                await arrived.wait()
        finally:
            done.set()
            talking.cancel()
            caller.transport.abort()
            first.abort()


async def test_a_wire_that_has_ended_takes_nothing_from_the_stash() -> None:
    async def leave(socket: Any) -> None:
        await socket.send("parting")

    heard: Events = Events()

    async def stay(socket: Any) -> None:
        async for frame in socket:
            heard.put_nowait(frame)

    async with (
        open_place() as place,
        serve(leave, "127.0.0.1", 0) as gone,
        serve(stay, "127.0.0.1", 0) as here,
        connect(place.url),
    ):
        relay = await asyncio.wait_for(place.relays.get(), 5)
        relay.send_to_agent({"type": "note"})
        events = Events()
        ended = await dialled(place, gone, events)
        assert isinstance(await events.next(), WireClosed)
        assert relay.cut_over(ended, Generation(1), BANKING).texts == 0
        relay.send_to_agent({"type": "second"})
        assert relay.cut_over(await dialled(place, here, Events()), Generation(2), BANKING).texts == 2
        assert [await heard.next(), await heard.next()] == ['{"type":"note"}', '{"type":"second"}']


async def test_a_host_that_may_not_be_dialled_is_refused_unless_the_attempt_was_given_up() -> None:
    events = Events()
    dialer = AgentDialer([].append, reach=Reach(hosts=("good.example",)))
    dialer.dial("ws://evil.example", events.put_nowait)
    refused = await events.next()
    assert isinstance(refused, WireRefused)
    assert refused.end.kind is FailureKind.REJECTED
    attempt = dialer.dial("ws://evil.example", events.put_nowait)
    attempt.cancel()
    await asyncio.gather(attempt.task, return_exceptions=True)
    assert events.empty()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("ftp://here", FailureKind.REJECTED),
        ("ws://here:70000", FailureKind.REJECTED),
        ("ws://127.0.0.1:9", FailureKind.UNREACHABLE),
        ("ws://broken.example", FailureKind.UNREACHABLE),
    ],
)
async def test_only_an_address_that_cannot_be_one_speaks_against_an_instance_for_good(monkeypatch, url, kind) -> None:
    async def reset(_: Reach, host: str, port: int) -> list[str]:
        if host == "broken.example":
            raise ValueError("negative file descriptor")  # what asyncio and uvloop say of a socket that is gone
        return [host]

    monkeypatch.setattr(Reach, "addresses", reset)
    events = Events()
    AgentDialer([].append).dial(url, events.put_nowait)
    refused = await events.next()
    assert isinstance(refused, WireRefused)
    assert refused.end.kind is kind


async def test_an_agent_that_breaks_the_protocol_ends_its_own_wire_and_leaves_no_loose_fault() -> None:
    loose: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: loose.append(context))

    async def broken(socket: Any) -> None:
        socket.transport.write(b"\x83\x00")  # a reserved opcode
        await socket.wait_closed()

    async with open_place() as place, serve(broken, "127.0.0.1", 0) as server:
        events = Events()
        await dialled(place, server, events)
        closed = await events.next()
        assert isinstance(closed, WireClosed)
        assert closed.end.kind is FailureKind.BROKEN
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        assert loose == []
