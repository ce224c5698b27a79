"""One session over real sockets, with `websockets` as caller and agent."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import os
import socket
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import ClientSession, web
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actors.ids import AgentId, Generation, Instance, SessionId
from actors.link_end import FailureKind
from actors.messages import (
    CallerChose,
    CallerGone,
    CallerSent,
    CallerSpoke,
    CallerText,
    ToolUsed,
    WireClosed,
    WireOpened,
    WireRefused,
)
from actors.verdict import Verdict
from gateway import agent_socket
from gateway.agent_socket import AgentDialer
from gateway.front_door import Callbacks, FrontDoor, Refusal
from gateway.introduction import introduce
from gateway.relay import MAX_EARLY_EVENTS, CallerRelay
from gateway.socket_core import Phase
from gateway.wire import encode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.client_socket import ClientSocket
    from gateway.front_door import RequestHead


class Place:
    """A door, and what came through it."""

    def __init__(self) -> None:
        self.relays: asyncio.Queue[CallerRelay] = asyncio.Queue()
        self.events: asyncio.Queue[Any] = asyncio.Queue()
        self.bugs: list[BaseException] = []
        self.refusal: Refusal | None = None
        self.door: FrontDoor

    def on_caller(self, client: ClientSocket, _head: RequestHead) -> None:
        relay = CallerRelay(SessionId("s"), client, time.monotonic, time.time)
        relay.greet(taken_up=False)
        relay.attach(self.events.put_nowait)
        self.relays.put_nowait(relay)

    async def event(self) -> Any:
        return await asyncio.wait_for(self.events.get(), 5)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.door.port}/sonic?x=1"


@asynccontextmanager
async def open_place() -> AsyncIterator[Place]:
    place = Place()
    app = web.Application()

    async def health(_request: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    place.door = FrontDoor(
        Callbacks(
            runner.server,
            place.on_caller,
            place.bugs.append,
            accept=lambda _head: place.refusal,
        )
    )
    await place.door.start("127.0.0.1", 0)
    try:
        yield place
    finally:
        await place.door.stop(1)
        await runner.cleanup()
    assert place.bugs == []


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as opened:
        yield opened


async def recv(caller: Any) -> Any:
    frame = await asyncio.wait_for(caller.recv(), 5)
    return json.loads(frame) if isinstance(frame, str) else frame


async def test_a_call_flows_both_ways_after_what_was_stashed(place: Place) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def agent(socket: Any) -> None:
        await socket.send('{"type":"connected"}')
        async for frame in socket:
            heard.put_nowait(frame)
            if isinstance(frame, bytes):
                await socket.send(frame[::-1])
                await socket.send('{"type":"tool_use","toolName":"t","toolUseId":"1","input":{}}')

    async with serve(agent, "127.0.0.1", 0) as server, connect(place.url) as caller:
        assert (await recv(caller))["type"] == "connected"
        await caller.send('{"type":"select_workflow","workflow":"banking"}')
        assert await place.event() == CallerChose("banking")
        await caller.send(b"\x01\x02\x03")
        assert await place.event() == CallerSpoke()
        relay = place.relays.get_nowait()

        wire_events: asyncio.Queue[Any] = asyncio.Queue()
        port = server.sockets[0].getsockname()[1]
        AgentDialer(place.bugs.append).dial(f"http://127.0.0.1:{port}", wire_events.put_nowait)
        opened = await asyncio.wait_for(wire_events.get(), 5)
        assert isinstance(opened, WireOpened)
        assert (await asyncio.wait_for(wire_events.get(), 5)).type == "connected"

        replayed = relay.cut_over(opened.wire, Generation(1), Instance(AgentId("banking"), "x"))
        assert (replayed.audio_frames, replayed.audio_bytes) == (1, 3)
        assert (await recv(caller))["type"] == "session_start"
        assert await recv(caller) == b"\x03\x02\x01"
        assert (await recv(caller))["type"] == "tool_use"
        assert await place.event() == ToolUsed(Generation(1), "t", "1", {})

        opened.wire.close(Verdict.SWAPPED)
        closed = await asyncio.wait_for(wire_events.get(), 5)
        assert isinstance(closed, WireClosed)
        assert closed.end.kind is FailureKind.CLOSED_BY_US
        relay.close(Verdict.NO_AGENT)
        with pytest.raises(ConnectionClosed) as ended:
            await recv(caller)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 4503
        assert isinstance(await place.event(), CallerGone)


async def test_what_is_said_after_the_agent_left_reaches_the_next_one(place: Place) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    wire_events: asyncio.Queue[Any] = asyncio.Queue()

    async def agent(socket: Any) -> None:
        async for frame in socket:
            if frame == b"bye":
                return
            heard.put_nowait(frame)

    async with serve(agent, "127.0.0.1", 0) as server, connect(place.url) as caller:
        relay = await asyncio.wait_for(place.relays.get(), 5)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        dialer = AgentDialer(place.bugs.append)
        dialer.dial(url, wire_events.put_nowait)
        first = await asyncio.wait_for(wire_events.get(), 5)
        relay.cut_over(first.wire, Generation(1), Instance(AgentId("banking"), "x"))
        await caller.send(b"bye")
        assert isinstance(await asyncio.wait_for(wire_events.get(), 5), WireClosed)

        await caller.send(b"\x01\x02\x03")
        assert await place.event() == CallerSpoke()
        relay.send_to_agent({"type": "note"})
        dialer.dial(url, wire_events.put_nowait)
        second = await asyncio.wait_for(wire_events.get(), 5)
        replayed = relay.cut_over(second.wire, Generation(2), Instance(AgentId("banking"), "y"))
        assert (replayed.texts, replayed.audio_frames, replayed.audio_bytes) == (1, 1, 3)
        frames = [await asyncio.wait_for(heard.get(), 5) for _ in range(2)]
        assert b"\x01\x02\x03" in frames


async def test_json_of_any_type_goes_by_itself_but_overtakes_nothing(place: Place) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    wire_events: asyncio.Queue[Any] = asyncio.Queue()

    async def agent(socket: Any) -> None:
        async for frame in socket:
            heard.put_nowait(json.loads(frame))

    async with serve(agent, "127.0.0.1", 0) as server, connect(place.url) as caller:
        relay = await asyncio.wait_for(place.relays.get(), 5)
        await caller.send('{"type":"custom","n":0}')  # nobody is there yet: for the session
        assert await place.event() == CallerSent({"type": "custom", "n": 0})
        relay.heard()
        AgentDialer(place.bugs.append).dial(
            f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", wire_events.put_nowait
        )
        opened = await asyncio.wait_for(wire_events.get(), 5)
        relay.cut_over(opened.wire, Generation(1), Instance(AgentId("banking"), "x"))
        await caller.send('{"type":"custom","n":1}')
        assert await asyncio.wait_for(heard.get(), 5) == {"type": "custom", "n": 1}

        await caller.send('{"type":"text_input","text":"hello"}')
        await caller.send('{"type":"custom","n":2}')
        text = await place.event()
        assert text == CallerText("hello")
        relay.forward_text(text)
        relay.heard()
        assert await place.event() == CallerSent({"type": "custom", "n": 2})  # behind the text
        relay.send_to_agent({"type": "custom", "n": 2})
        await caller.send('{"type":"custom","n":3}')  # still behind: the session has not heard the one before
        assert await place.event() == CallerSent({"type": "custom", "n": 3})
        relay.heard()
        relay.heard()
        await caller.send('{"type":"custom","n":4}')
        said = [await asyncio.wait_for(heard.get(), 5) for _ in range(3)]
        assert said == [{"type": "text_input", "text": "hello"}, *({"type": "custom", "n": n} for n in (2, 4))]
        assert place.events.empty()


class Caller:
    """As much of a caller's socket as a relay needs."""

    phase, write_paused = Phase.OPEN, False

    def __init__(self) -> None:
        self.sink: Any = None
        self.heard: list[dict[str, Any]] = []
        self.dropped = 0

    def send_text(self, data: bytes) -> None:
        self.heard.append(json.loads(data))

    def begin_close(self, code: int, reason: str) -> None:
        self.heard.append({"code": code, "reason": reason})

    def drop(self) -> None:
        self.dropped += 1


@pytest.mark.parametrize("kind", ["text_input", "custom"])
def test_what_is_dropped_before_there_is_a_session_is_neither_under_way_nor_taken(kind: str) -> None:
    caller: Any = Caller()
    relay = CallerRelay(SessionId("s"), caller, lambda: 0.0, lambda: 0.0)
    relay.greet(taken_up=False)
    for number in range(MAX_EARLY_EVENTS + 2):
        relay.on_caller_text(encode({"type": kind, "text": str(number)}))
    assert caller.dropped == 2
    taken = MAX_EARLY_EVENTS if kind == "text_input" else 0
    assert relay.counters().received == taken

    events: list[Any] = []
    relay.attach(events.append)
    for _ in events:
        relay.heard()
    assert (len(events), relay._under_way) == (MAX_EARLY_EVENTS, 0)
    again: Any = Caller()
    relay.rebind(again, claim=0, seen=0)
    assert [said["received"] for said in again.heard if said["type"] == "connected"] == [taken]


async def test_the_caller_is_answered_without_an_agent(place: Place) -> None:
    async with connect(place.url) as caller:
        await recv(caller)
        for sent, kind in [
            ('{"type":"ping"}', "pong"),
            ("[]", "error"),
            ('{"type":"text_input","text":1}', "error"),
            ('{"type":"sessionConfig","config":{}}', "config_applied"),
        ]:
            await caller.send(sent)
            assert (await recv(caller))["type"] == kind


async def test_fragments_are_one_message(place: Place) -> None:
    async with connect(place.url) as caller:
        await recv(caller)
        await caller.send(['{"type":', '"pi', 'ng"}'])
        assert (await recv(caller))["type"] == "pong"


async def test_too_big_a_message_is_1009(place: Place) -> None:
    async with connect(place.url) as caller:
        await recv(caller)
        await caller.send([b"x" * 200_000, b"x" * 200_000])
        with pytest.raises(ConnectionClosed) as ended:
            await recv(caller)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\xc1\x80\0\0\0\0", 1002),  # RSV1
        (b"\x83\x80\0\0\0\0", 1002),  # reserved opcode
        (b"\x80\x80\0\0\0\0", 1002),  # continuation of nothing
        (b"\x81\x81\0\0\0\0\xff", 1007),  # not UTF-8
        (b"\x88\x81\0\0\0\0\x03", 1002),  # half a close code
        (b"\x88\x82\0\0\0\0\x03\xed", 1002),  # 1005 on the wire
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),  # reason not UTF-8
        (b"\x81\x00", 1002),  # not masked
        (b"\x89\xfe\0\x7e\0\0\0\0", 1002),  # long control frame
    ],
)
async def test_broken_frames_are_refused_with_their_code(place: Place, frame: bytes, code: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", place.door.port)
    writer.write(
        b"GET /sonic HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + frame
    )
    received = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert b"\x88" in received
    assert code.to_bytes(2, "big") in received[received.rindex(b"\x88") :]


async def test_http_and_refusals_share_the_port(place: Place) -> None:
    base = f"http://127.0.0.1:{place.door.port}"
    async with ClientSession() as http:
        for _ in range(2):
            async with http.get(base + "/health") as answer:
                assert await answer.json() == {"ok": True}
        async with http.get(base + "/sonic") as answer:
            assert answer.status == 404
    with pytest.raises(InvalidStatus) as other:
        await connect(f"ws://127.0.0.1:{place.door.port}/sonic/")
    assert other.value.response.status_code == 400
    place.refusal = Refusal("full")
    with pytest.raises(InvalidStatus) as full:
        await connect(place.url)
    assert full.value.response.status_code == 503
    assert full.value.response.headers["Retry-After"] == "5"


async def test_a_refused_dial_is_told_once() -> None:
    events: asyncio.Queue[Any] = asyncio.Queue()
    AgentDialer([].append).dial("ws://127.0.0.1:1", events.put_nowait)
    refused = await asyncio.wait_for(events.get(), 5)
    assert isinstance(refused, WireRefused)
    assert refused.end.kind is FailureKind.UNREACHABLE


async def test_a_dial_that_takes_too_long_is_told_once_and_leaves_nothing() -> None:
    silent = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    opened = descriptors()
    events: asyncio.Queue[Any] = asyncio.Queue()
    dialer = AgentDialer([].append, dial_s=0.02)
    attempt = dialer.dial(f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}", events.put_nowait)
    refused = await asyncio.wait_for(events.get(), 5)
    assert isinstance(refused, WireRefused)
    assert (refused.end.kind, refused.end.detail) == (FailureKind.UNREACHABLE, "TimeoutError: ")
    await asyncio.gather(attempt.task, return_exceptions=True)
    async with asyncio.timeout(2):
        while descriptors() > opened:  # noqa: ASYNC110 - the kernel gives no event for this
            await asyncio.sleep(0.01)
    assert events.empty()
    silent.close()


async def test_an_agent_that_hangs_up_in_the_handshake_is_a_refusal() -> None:
    class HangUp(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.close()

    server = await asyncio.get_running_loop().create_server(HangUp, "127.0.0.1", 0)
    events: asyncio.Queue[Any] = asyncio.Queue()
    AgentDialer([].append).dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", events.put_nowait)
    refused = await asyncio.wait_for(events.get(), 2)
    assert refused.end.kind is FailureKind.UNREACHABLE
    server.close()


class Silent(asyncio.Protocol):
    """Accepts, says nothing, and hangs up when its peer does."""


def descriptors() -> int:
    """How many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def test_dials_given_up_leave_nothing() -> None:
    silent = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    before, opened = len(asyncio.all_tasks()), descriptors()
    dialer = AgentDialer([].append)
    events: list[Any] = []
    for turn in range(100):
        attempts = [dialer.dial(url, events.append) for _ in range(10)]
        for _ in range(turn % 5):
            await asyncio.sleep(0)
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*(attempt.task for attempt in attempts), return_exceptions=True)
    async with asyncio.timeout(2):
        while descriptors() > opened:  # noqa: ASYNC110 - the kernel gives no event for this
            await asyncio.sleep(0.01)
    assert events == []
    assert len(asyncio.all_tasks()) == before
    silent.close()


def test_a_dial_given_up_leaves_no_fault_for_later() -> None:
    uvloop = pytest.importorskip("uvloop")  # which may connect and yet never tell of the end
    faults: list[Any] = []

    async def give_up() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context))
        silent = await loop.create_server(Silent, "127.0.0.1", 0)
        url = f"ws://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        dialer = AgentDialer(faults.append, dial_s=0.05)
        for turn in range(50):
            attempts = [dialer.dial(url, faults.append) for _ in range(10)]
            for _ in range(turn % 10):
                await asyncio.sleep(0)
            for attempt in attempts:
                attempt.cancel()
            await asyncio.gather(*(attempt.task for attempt in attempts), return_exceptions=True)
        passed = asyncio.Event()
        loop.call_later(2 * dialer.dial_s, passed.set)  # the deadline of every attempt is over then
        await passed.wait()
        gc.collect()
        silent.close()

    uvloop.run(give_up())
    assert faults == []


def answered(listening: socket.socket) -> socket.socket:
    """Accept one connection of a client whose key is sixteen zeros, and answer its handshake."""
    key = base64.b64encode(bytes(16)) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    connection, _ = listening.accept()
    connection.settimeout(0)
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + base64.b64encode(hashlib.sha1(key).digest())  # noqa: S324 - RFC 6455
        + b"\r\n\r\n"
    )
    return connection


@pytest.mark.parametrize("moment", ["before the handshake", "as it begins", "within it"])
@pytest.mark.parametrize("loop_of", ["asyncio", "uvloop"])
def test_an_answer_that_meets_a_dial_given_up_makes_no_socket(
    monkeypatch: pytest.MonkeyPatch, moment: str, loop_of: str
) -> None:
    faults: list[Any] = []
    monkeypatch.setattr(os, "urandom", bytes)

    async def give_up(listening: socket.socket) -> None:
        loop, dialer = asyncio.get_running_loop(), AgentDialer(faults.append)
        loop.set_exception_handler(lambda _, context: faults.append(context))
        ends: asyncio.Queue[socket.socket] = asyncio.Queue()

        def cancel() -> None:
            ends.put_nowait(answered(listening))
            attempt.cancel()

        def begin(upgrade: Any, transport: Any) -> None:
            introduce(upgrade, transport)
            if moment == "as it begins":
                cancel()
            elif moment == "within it":
                loop.call_soon(cancel)

        monkeypatch.setattr(agent_socket, "introduce", begin)
        attempt = dialer.dial(f"ws://127.0.0.1:{listening.getsockname()[1]}", faults.append)
        if moment == "before the handshake":  # the kernel has connected by then, and the loop is about to say so
            loop.call_soon(loop.call_soon, cancel)
        async with asyncio.timeout(5):
            with await ends.get() as end, suppress(ConnectionResetError):
                while await loop.sock_recv(end, 4096):
                    pass
            await asyncio.gather(attempt.task, return_exceptions=True)
        assert len(dialer.keepalive.quiet) == 0

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(2)
        pytest.importorskip(loop_of).run(give_up(listening))
    gc.collect()
    assert faults == []
