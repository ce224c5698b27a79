"""Both hops, frame by frame, against a peer that speaks raw bytes: the caller's socket and the agent's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.link_end import FailureKind
from actors.messages import WireClosed, WireOpened
from gateway.agent_socket import AgentDialer
from gateway.front_door import Callbacks, FrontDoor
from gateway.socket_core import Phase, SocketLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from gateway.client_socket import ClientSocket
    from gateway.front_door import RequestHead
    from gateway.socket_core import SocketCore

pytestmark = pytest.mark.real
PATIENCE_S = 10.0
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LIMITS = SocketLimits(message_bytes=1000, ping_interval_s=60, ping_deadline_s=60, close_s=60)
LIVELY = SocketLimits(
    ping_interval_s=0.03, ping_deadline_s=0.2
)  # an answer within the deadline; the next ping after it
QUICK = SocketLimits(ping_interval_s=0.03, ping_deadline_s=0.05, close_s=0.05)


class Peer:
    """The other end, in bytes. The caller's masks, the agent's does not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, masks: bool) -> None:
        self.reader = reader
        self.writer = writer
        self.masks = masks

    def send(
        self, kind: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masks: bool | None = None
    ) -> None:
        self.writer.write(self.in_bytes(kind, payload, fin=fin, rsv=rsv, masks=masks))

    def in_bytes(
        self, kind: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masks: bool | None = None
    ) -> bytes:
        masks = self.masks if masks is None else masks
        size = len(payload)
        short = size if size < 126 else 126 if size < 65536 else 127
        head = bytes([fin << 7 | rsv << 4 | kind, masks << 7 | short])
        if short > 125:
            head += size.to_bytes(2 if short == 126 else 8, "big")
        return head + (bytes(4) if masks else b"") + payload

    async def frame(self) -> tuple[int, bytes]:
        """The next frame that is sent to it."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self.reader.readexactly(2)
            size = second & 127
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
            mask = await self.reader.readexactly(4) if second & 128 else bytes(4)
            payload = await self.reader.readexactly(size)
        assert first & 0x70 == 0
        return first & 15, bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))

    async def closed_with(self) -> tuple[int, str]:
        kind, payload = await self.frame()
        assert kind == CLOSE
        return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def rest(self) -> bytes:
        try:
            return await asyncio.wait_for(self.reader.read(), PATIENCE_S)
        except ConnectionResetError:
            return b""


class Hop:
    """One connection: the peer, our socket, what our side heard and how it ended."""

    def __init__(self) -> None:
        self.peer: Peer
        self.socket: SocketCore
        self.heard: asyncio.Queue[bytes | str] = asyncio.Queue()
        self.ends: list[tuple[int, str]] = []
        self.kinds: list[FailureKind] = []
        self.ended = asyncio.Event()
        self.bugs: list[BaseException] = []

    async def message(self) -> bytes | str:
        return await asyncio.wait_for(self.heard.get(), PATIENCE_S)

    async def end(self) -> tuple[int, str]:
        await asyncio.wait_for(self.ended.wait(), PATIENCE_S)
        (end,) = self.ends
        return end

    # what the sockets of both hops call
    def on_caller_binary(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    def on_caller_text(self, data: bytes) -> None:
        self.heard.put_nowait(data.decode())

    def on_caller_gone(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))
        self.ended.set()

    def on_caller_slow(self, slow: bool) -> None: ...  # noqa: FBT001 - the port's

    def on_agent_binary(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    def on_agent_text(self, data: bytes) -> None:
        self.heard.put_nowait(data.decode())

    def on_agent_slow(self, _wire: object, slow: bool) -> None: ...  # noqa: FBT001 - the port's


@asynccontextmanager
async def caller_hop(limits: SocketLimits) -> AsyncIterator[Hop]:
    hop, opened = Hop(), asyncio.Event()

    def welcome(client: ClientSocket, _: RequestHead) -> None:
        hop.socket, client.sink = client, hop
        opened.set()

    door = FrontDoor(Callbacks(asyncio.Protocol, welcome, hop.bugs.append), limits)
    await door.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(
        b"GET /sonic HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.wait_for(opened.wait(), PATIENCE_S)
    hop.peer = Peer(reader, writer, masks=True)
    try:
        yield hop
    finally:
        writer.transport.abort()
        await door.stop(PATIENCE_S)


@asynccontextmanager
async def agent_hop(limits: SocketLimits) -> AsyncIterator[Hop]:
    hop, opened = Hop(), asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accepted = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324 - RFC 6455
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(accepted) + b"\r\n\r\n"
        )
        hop.peer = Peer(reader, writer, masks=False)

    def deliver(event: Any) -> None:
        if isinstance(event, WireOpened):
            hop.socket = event.wire
            event.wire.become_current(hop)
            opened.set()
        elif isinstance(event, WireClosed):
            hop.ends.append((event.end.code, event.end.detail))
            hop.kinds.append(event.end.kind)
            hop.ended.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    AgentDialer(hop.bugs.append, limits).dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", deliver)
    await asyncio.wait_for(opened.wait(), PATIENCE_S)
    try:
        yield hop
    finally:
        hop.peer.writer.transport.abort()
        await hop.end()
        server.close()


HOPS = {"caller": caller_hop, "agent": agent_hop}


@pytest.fixture(params=HOPS)
def hop_of(request) -> Callable[[SocketLimits], Any]:
    return HOPS[request.param]


@pytest.fixture
async def hop(hop_of) -> AsyncIterator[Hop]:
    async with hop_of(LIMITS) as opened:
        yield opened
    assert opened.bugs == []
    assert len(opened.ends) == 1  # told once, whatever happened


# --- keepalive -----------------------------------------------------------------------------------------------------


async def test_a_silent_peer_that_answers_pings_stays(hop_of) -> None:
    async with hop_of(LIVELY) as hop:
        for _ in range(3):
            kind, payload = await hop.peer.frame()
            assert kind == PING
            hop.peer.send(PONG, payload)
        assert hop.socket.phase is Phase.OPEN
        assert hop.ends == []


@pytest.mark.parametrize("kind", [BINARY, PING])
async def test_any_frame_answers_a_ping(hop_of, kind: int) -> None:
    async with hop_of(LIVELY) as hop:
        pings = 0
        while pings < 2:
            received, _ = await hop.peer.frame()
            if received == PING:
                pings += 1
                hop.peer.send(kind, b"x")
        assert hop.ends == []


async def test_a_peer_that_answers_no_ping_is_dropped_at_the_deadline(hop_of) -> None:
    async with hop_of(QUICK) as hop:
        assert (await hop.peer.frame())[0] == PING
        assert await hop.end() == (1011, "no answer to ping")
        assert hop.kinds in ([], [FailureKind.HALF_OPEN])


class Deaf:
    """A transport on which nothing can be asked."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def send_ping(self) -> None:
        raise ZeroDivisionError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_bug_in_a_look_ends_that_socket_alone(hop_of) -> None:
    async with hop_of(LIMITS) as hop:
        hop.socket._transport = Deaf(hop.socket._transport)
        hop.socket.keep_alive()
        assert await hop.peer.closed_with() == (1011, "internal error")
        assert [type(bug) for bug in hop.bugs] == [ZeroDivisionError]


async def test_nobody_waits_for_words_of_a_socket_that_has_ended(hop: Hop) -> None:
    keepalive = hop.socket._keepalive
    assert (len(keepalive.quiet), len(keepalive.silent)) == (1, 0)
    hop.socket.drop()
    await hop.end()
    assert (len(keepalive.quiet), len(keepalive.silent)) == (0, 0)


async def test_a_ping_is_answered_with_its_payload(hop: Hop) -> None:
    for payload in (b"", b"x", bytes(range(125))):
        hop.peer.send(PING, payload)
        assert await hop.peer.frame() == (PONG, payload)


async def test_a_pong_that_nobody_asked_for_is_nothing(hop: Hop) -> None:
    hop.peer.send(PONG, b"hello")
    hop.peer.send(PING, b"after")
    assert await hop.peer.frame() == (PONG, b"after")


# --- messages ------------------------------------------------------------------------------------------------------


async def test_messages_pass_whole_and_in_order(hop: Hop) -> None:
    hop.peer.send(TEXT, "h\u00e9".encode())
    hop.peer.send(BINARY, b"\x00\xff")
    hop.peer.send(TEXT)
    hop.peer.send(BINARY)
    assert [await hop.message() for _ in range(4)] == ["h\u00e9", b"\x00\xff", "", b""]


async def test_what_we_send_arrives(hop: Hop) -> None:
    hop.socket.send_text("h\u00e9".encode())
    hop.socket.send_binary(bytes(70_000))
    assert await hop.peer.frame() == (TEXT, "h\u00e9".encode())
    assert await hop.peer.frame() == (BINARY, bytes(70_000))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60) | st.binary(max_size=120), st.lists(st.integers(0, 200), max_size=6), st.booleans())
def test_fragments_are_one_message_wherever_they_are_cut(
    hop_of,
    message: str | bytes,
    cuts: list[int],
    pings: bool,  # noqa: FBT001 - drawn
) -> None:
    async def check() -> None:
        data = message.encode() if isinstance(message, str) else message
        edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
        parts = [data[start:end] for start, end in pairwise(edges)]
        async with hop_of(LIMITS) as hop:
            for place, part in enumerate(parts):
                kind = CONT if place else TEXT if isinstance(message, str) else BINARY
                hop.peer.send(kind, part, fin=place == len(parts) - 1)
                if pings:
                    hop.peer.send(PING, b"between")
            assert await hop.message() == message
            if pings:
                assert [await hop.peer.frame() for _ in parts] == [(PONG, b"between")] * len(parts)

    asyncio.run(check())


@pytest.mark.parametrize("kind", [TEXT, BINARY])
async def test_a_message_of_exactly_the_bound_passes(hop: Hop, kind: int) -> None:
    hop.peer.send(kind, b"x" * 1000)
    assert len(await hop.message()) == 1000
    hop.peer.send(kind, b"x" * 600, fin=False)
    hop.peer.send(CONT, b"x" * 400)
    assert len(await hop.message()) == 1000


@pytest.mark.parametrize("kind", [TEXT, BINARY])
@pytest.mark.parametrize("sizes", [[1001], [600, 401], [1000, 1], [400, 400, 400], [100_000]])
async def test_a_larger_message_is_1009_and_is_not_heard(hop: Hop, kind: int, sizes: list[int]) -> None:
    for place, size in enumerate(sizes):
        hop.peer.send(CONT if place else kind, b"x" * size, fin=place == len(sizes) - 1)
    assert (await hop.peer.closed_with())[0] == 1009
    hop.peer.send(CLOSE, (1009).to_bytes(2, "big"))
    hop.peer.writer.close()
    assert (await hop.end())[0] == 1009
    assert hop.heard.empty()


async def test_a_message_without_end_is_not_kept(hop: Hop) -> None:
    hop.peer.send(BINARY, b"", fin=False)
    for _ in range(100):
        hop.peer.send(CONT, b"", fin=False)
    for _ in range(11):
        hop.peer.send(CONT, b"x" * 100, fin=False)
    assert (await hop.peer.closed_with())[0] == 1009


BAD_UTF8 = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"a\xc3", b"\xf0\x9f\x98"]


@pytest.mark.parametrize("data", BAD_UTF8)
async def test_text_that_is_not_utf8_is_1007(hop: Hop, data: bytes) -> None:
    hop.peer.send(TEXT, b"fine " + data)
    assert (await hop.peer.closed_with())[0] == 1007
    assert hop.heard.empty()


async def test_a_fragment_that_is_not_utf8_is_1007_before_the_end(hop: Hop) -> None:
    hop.peer.send(TEXT, "\u00e9".encode()[:1], fin=False)
    hop.peer.send(CONT, b"\xff", fin=False)
    assert (await hop.peer.closed_with())[0] == 1007


# --- what RFC 6455 forbids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TEXT, BINARY, CLOSE, PING, PONG])
@pytest.mark.parametrize("rsv", [1, 2, 4, 7])
async def test_reserved_bits_are_1002(hop: Hop, kind: int, rsv: int) -> None:
    hop.peer.send(kind, rsv=rsv)
    assert (await hop.peer.closed_with())[0] == 1002
    assert hop.heard.empty()


@pytest.mark.parametrize("kind", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
async def test_reserved_opcodes_are_1002(hop: Hop, kind: int) -> None:
    hop.peer.send(kind)
    assert (await hop.peer.closed_with())[0] == 1002


@pytest.mark.parametrize("kind", [CLOSE, PING, PONG])
async def test_control_frames_are_whole_and_short(hop_of, kind: int) -> None:
    for options in ({"fin": False}, {"payload": b"\x03\xe8" + bytes(124)}):
        async with hop_of(LIMITS) as hop:
            hop.peer.send(kind, **options)
            assert (await hop.peer.closed_with())[0] == 1002


async def test_masking_the_wrong_way_is_1002(hop: Hop) -> None:
    hop.peer.send(BINARY, b"hello", masks=not hop.peer.masks)
    assert (await hop.peer.closed_with())[0] == 1002
    assert hop.heard.empty()


async def test_fragments_out_of_order_are_1002(hop_of) -> None:
    for kinds in ([CONT], [TEXT, TEXT], [BINARY, TEXT]):
        async with hop_of(LIMITS) as hop:
            for kind in kinds:
                hop.peer.send(kind, b"x", fin=False)
            assert (await hop.peer.closed_with())[0] == 1002


async def test_what_follows_a_violation_is_not_heard(hop: Hop) -> None:
    hop.peer.send(TEXT, rsv=4)
    hop.peer.send(TEXT, b"after")
    assert (await hop.peer.closed_with())[0] == 1002
    hop.peer.send(CLOSE)
    hop.peer.writer.close()
    await hop.end()
    assert hop.heard.empty()


# --- closing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999])
async def test_a_peers_close_is_answered_with_its_code(hop: Hop, code: int) -> None:
    hop.peer.send(CLOSE, code.to_bytes(2, "big") + "b\u00fcy".encode())
    assert (await hop.peer.closed_with())[0] == code
    hop.peer.writer.close()  # who is the server ends TCP first; either may
    assert await hop.end() == (code, "b\u00fcy")


async def test_an_empty_close_is_answered_by_an_empty_one(hop: Hop) -> None:
    hop.peer.send(CLOSE)
    assert await hop.peer.frame() == (CLOSE, b"")
    hop.peer.writer.close()
    assert await hop.end() == (1005, "")


@pytest.mark.parametrize("code", [1000, 4321])
@pytest.mark.parametrize("more", [{"kind": CLOSE, "payload": b"\x03\xe9"}, {"kind": 3}, {"kind": PING, "fin": False}])
async def test_what_comes_in_one_piece_with_a_close_changes_nothing_of_it(hop: Hop, code: int, more: Any) -> None:
    """RFC 6455, section 1.4: what follows a close is discarded. It is read before the close is given to us."""
    frames = {"kind": TEXT, "payload": b"last"}, {"kind": CLOSE, "payload": code.to_bytes(2, "big") + b"bye"}, more
    hop.peer.writer.write(b"".join(hop.peer.in_bytes(**frame) for frame in frames))
    assert await hop.message() == "last"
    assert await hop.peer.frame() == (CLOSE, code.to_bytes(2, "big"))
    hop.peer.writer.close()
    assert await hop.end() == (code, "bye")
    assert await hop.peer.rest() == b""


@pytest.mark.parametrize("code", [0, 1005, 5000])
async def test_a_close_that_may_not_be_sent_is_none_whatever_follows(hop: Hop, code: int) -> None:
    hop.peer.writer.write(hop.peer.in_bytes(CLOSE, code.to_bytes(2, "big")) + hop.peer.in_bytes(CLOSE))
    assert (await hop.peer.closed_with())[0] == 1002
    assert (await hop.end())[0] == 1002


@pytest.mark.parametrize(
    "payload",
    [b"\x03", b"\x00\x00", b"\x03\xe7"]
    + [code.to_bytes(2, "big") for code in (1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)],
)
async def test_codes_that_may_not_be_sent_are_1002(hop: Hop, payload: bytes) -> None:
    hop.peer.send(CLOSE, payload)
    assert (await hop.peer.closed_with())[0] == 1002


async def test_a_reason_that_is_not_utf8_is_1007(hop: Hop) -> None:
    hop.peer.send(CLOSE, b"\x03\xe8\xff")
    assert (await hop.peer.closed_with())[0] == 1007


async def test_our_close_waits_for_its_answer(hop: Hop) -> None:
    hop.socket.begin_close(4503, "no agent available")
    hop.socket.begin_close(1000, "too late")
    assert await hop.peer.closed_with() == (4503, "no agent available")
    hop.peer.send(BINARY, b"on its way")
    hop.peer.send(PING, b"too")
    hop.peer.send(CLOSE, (4503).to_bytes(2, "big"))
    hop.peer.writer.close()
    assert (await hop.end())[0] == 4503
    assert hop.heard.empty()


async def test_nothing_is_sent_after_our_close(hop: Hop) -> None:
    hop.socket.begin_close(1000, "bye")
    hop.socket.send_text(b"late")
    hop.socket.send_binary(b"late")
    assert await hop.peer.closed_with() == (1000, "bye")
    hop.peer.send(CLOSE, (1000).to_bytes(2, "big"))
    hop.peer.writer.write_eof()
    assert await hop.peer.rest() == b""


@pytest.mark.parametrize("answers", [True, False])
async def test_closing_is_bounded_in_time(hop_of, answers: bool) -> None:  # noqa: FBT001 - parametrised
    """Whether the peer ignores the close, or answers and then holds the connection open."""
    async with hop_of(SocketLimits(close_s=0.05)) as hop:
        hop.socket.begin_close(1000, "bye")
        assert (await hop.peer.closed_with())[0] == 1000
        if answers:
            hop.peer.send(CLOSE, (1000).to_bytes(2, "big"))
        assert await hop.end() == (1000, "bye")
        assert await hop.peer.rest() == b""


async def test_a_peer_that_is_gone_without_a_word_is_1006(hop: Hop) -> None:
    hop.peer.writer.transport.abort()
    assert (await hop.end())[0] == 1006


async def test_dropping_is_at_once_and_told_once(hop: Hop) -> None:
    hop.socket.drop()
    hop.socket.drop()
    await hop.end()
    assert hop.socket.phase is Phase.CLOSED
