"""One port: what becomes of a connection before it is a call or a request, and of all of them at the end."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.front_door import HEAD_BYTES, Callbacks, FrontDoor, Refusal, RequestHead
from gateway.socket_core import SocketLimits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.client_socket import ClientSocket

pytestmark = pytest.mark.real
PATIENCE_S = 10.0
UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SONIC = UPGRADE.format("/sonic").encode()
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


class Caller:
    """Takes what a caller sends."""

    def __init__(self, client: ClientSocket, head: RequestHead) -> None:
        self.client = client
        self.head = head
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.gone = asyncio.Event()
        client.sink = self

    def on_caller_binary(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    def on_caller_text(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    def on_caller_gone(self, code: int, reason: str) -> None:
        self.gone.set()

    def on_caller_slow(self, slow: bool) -> None: ...  # noqa: FBT001 - the port's


class Hall:
    """A door, and who came in."""

    def __init__(self, limits: SocketLimits | None = None, head_s: float = 10.0) -> None:
        self.callers: asyncio.Queue[Caller] = asyncio.Queue()
        self.bugs: list[BaseException] = []
        self.limits = limits
        self.head_s = head_s
        self.door: FrontDoor

    def welcome(self, client: ClientSocket, head: RequestHead) -> None:
        if head.query("broken"):
            raise LookupError("a bug of ours")
        self.callers.put_nowait(Caller(client, head))

    def admit(self, head: RequestHead) -> Refusal | None:
        if head.query("bug"):
            raise LookupError("a bug of ours")
        return Refusal("full", retry_after_s=7) if head.query("full") else None

    async def caller(self) -> Caller:
        return await asyncio.wait_for(self.callers.get(), PATIENCE_S)

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.door.port)

    async def exchange(self, *sent: bytes) -> bytes:
        """Send, piece by piece, and read to the end."""
        reader, writer = await self.dial()
        for piece in sent:
            writer.write(piece)
            await writer.drain()
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        writer.close()
        return answer

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.door.port}"


@asynccontextmanager
async def open_hall(limits: SocketLimits | None = None, head_s: float = 10.0) -> AsyncIterator[Hall]:
    hall = Hall(limits, head_s)

    async def health(_: web.Request) -> web.Response:
        return web.Response(text="well")

    async def echo(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_post("/echo", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    hall.door = FrontDoor(Callbacks(runner.server, hall.welcome, hall.bugs.append, hall.admit), limits, head_s)
    await hall.door.start("127.0.0.1", 0)
    try:
        yield hall
    finally:
        await hall.door.stop(1)
        await runner.cleanup()


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    async with open_hall() as opened:
        yield opened
    assert opened.bugs == []
    assert opened.door.heads == {}


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All until the other side has gone, however it goes."""
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_S)
    except ConnectionResetError:
        return b""


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def body(answer: bytes) -> Any:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


# --- heads ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"GET /hea", b"\x16\x03\x01\x02", GET[:-2], b"\x80\xff" * 32])
async def test_a_head_that_never_ends_is_dropped_at_its_deadline(sent: bytes) -> None:
    async with open_hall(head_s=0.05) as hall:
        reader, writer = await hall.dial()
        writer.write(sent)
        assert await rest(reader) == b""
        writer.close()
        assert hall.door.heads == {}


@pytest.mark.parametrize("drop", [b"x", b"\r\n"])
async def test_the_deadline_is_for_the_whole_head_not_for_a_pause(drop: bytes) -> None:
    async with open_hall(head_s=0.1) as hall:
        reader, writer = await hall.dial()
        read = asyncio.create_task(rest(reader))
        async with asyncio.timeout(PATIENCE_S):
            while not read.done():
                writer.write(drop)
                await asyncio.sleep(0.005)  # the pace of a slow peer
        assert await read == b""
        writer.close()


async def test_a_head_in_single_bytes_is_a_call(hall: Hall) -> None:
    reader, writer = await hall.dial()
    for place in range(len(SONIC)):
        writer.write(SONIC[place : place + 1])
        await writer.drain()
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert status(answer) == 101
    assert (await hall.caller()).head.path == "/sonic"
    writer.close()


async def test_frames_that_come_with_the_head_are_heard(hall: Hall) -> None:
    payload = bytes(range(1, 251)) * 200
    frame = b"\x82\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload
    _, writer = await hall.dial()
    writer.write(SONIC + frame * 3)
    caller = await hall.caller()
    for _ in range(3):
        assert await asyncio.wait_for(caller.heard.get(), PATIENCE_S) == payload
    writer.close()


@pytest.mark.parametrize("size", [HEAD_BYTES + 1, 3 * HEAD_BYTES])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_too_large_a_head_is_answered(hall: Hall, size: int, end: bytes) -> None:
    answer = await hall.exchange(b"GET /health HTTP/1.1\r\nCookie: " + b"x" * size + end)
    assert status(answer) == 431
    assert body(answer) == {"error": "request head too large"}


async def test_a_large_head_within_the_bound_is_read(hall: Hall) -> None:
    room = HEAD_BYTES - len(SONIC) - len(b"Cookie: \r\n")
    reader, writer = await hall.dial()
    writer.write(SONIC[:-2] + b"Cookie: " + b"x" * room + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    assert status(answer) == 101
    assert len((await hall.caller()).head.headers["cookie"]) == room
    writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x00\x01\x02 \xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\nnonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
async def test_garbage_gets_a_client_error_or_nothing(hall: Hall, sent: bytes) -> None:
    answer = await hall.exchange(sent, b"\r\n\r\n")
    assert not answer or 400 <= status(answer) < 500


async def test_a_peer_that_hangs_up_in_its_head_is_forgotten(hall: Hall) -> None:
    _, writer = await hall.dial()
    writer.write(b"GET /hea")
    async with asyncio.timeout(PATIENCE_S):
        while not hall.door.heads:  # noqa: ASYNC110 - the kernel gives no event for this
            await asyncio.sleep(0)
        writer.close()
        while hall.door.heads:  # noqa: ASYNC110
            await asyncio.sleep(0)


# --- HTTP ----------------------------------------------------------------------------------------------------------


async def read_response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return status(head), await asyncio.wait_for(reader.readexactly(length), PATIENCE_S)


async def test_a_connection_serves_many_requests(hall: Hall) -> None:
    reader, writer = await hall.dial()
    for _ in range(3):
        writer.write(GET)
        assert await read_response(reader) == (200, b"well")
    writer.close()


async def test_requests_sent_at_once_are_answered_in_order(hall: Hall) -> None:
    reader, writer = await hall.dial()
    writer.write(GET + b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" + GET)
    assert [await read_response(reader) for _ in range(3)] == [(200, b"well"), (200, b"hi"), (200, b"well")]
    writer.close()


async def test_a_body_larger_than_a_head_passes(hall: Hall) -> None:
    sent = b"y" * (4 * HEAD_BYTES)
    reader, writer = await hall.dial()
    writer.write(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
    assert await read_response(reader) == (200, sent)
    writer.close()


async def test_a_kept_connection_does_not_become_a_call(hall: Hall) -> None:
    reader, writer = await hall.dial()
    writer.write(GET)
    await read_response(reader)
    writer.write(SONIC)
    assert (await read_response(reader))[0] == 404
    assert hall.door.open_sockets == 0
    writer.close()


# --- upgrades ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sonic/", "/Sonic", "//sonic", "/sonic%20", "/session", "*", "http://x/sonic"])
async def test_an_upgrade_elsewhere_is_refused(hall: Hall, path: str) -> None:
    answer = await hall.exchange(UPGRADE.format(path).encode())
    assert status(answer) == 400
    assert body(answer) == {"error": "no WebSocket here"}


@pytest.mark.parametrize("target", ["/sonic", "/sonic?", "/sonic?resume=a%20b&x=1"])
async def test_the_query_does_not_matter_to_the_path(hall: Hall, target: str) -> None:
    async with connect(hall.url + target):
        head = (await hall.caller()).head
        assert (head.path, head.query("resume")) == ("/sonic", "a b" if "resume" in target else "")
        assert head.remote == "127.0.0.1"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("GET", "POST"),
        ("Version: 13", "Version: 12"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
    ],
)
async def test_a_broken_upgrade_is_no_call(hall: Hall, old: str, new: str) -> None:
    answer = await hall.exchange(SONIC.decode().replace(old, new).encode())
    assert status(answer) == 400
    assert hall.door.open_sockets == 0
    assert hall.callers.empty()


@pytest.mark.parametrize("word", ["Version: 1", "Key: dGhl", "Protocol: x"])
async def test_an_upgrade_that_is_not_in_ascii_is_refused(hall: Hall, word: str) -> None:
    sent = SONIC.replace(b"Host: x", b"Host: x\r\nSec-WebSocket-%s\xc9" % word.encode())
    answer = await hall.exchange(sent)
    assert status(answer) == 400
    assert body(answer) == {"error": "the upgrade is not in ASCII"}


async def test_empty_lines_before_a_request_are_ignored(hall: Hall) -> None:
    reader, writer = await hall.dial()
    writer.write(b"\r\n\r\n" + GET)
    assert await read_response(reader) == (200, b"well")
    writer.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("websocket", "WebSocket"),
        ("Upgrade:", "UPGRADE:"),
        (": Upgrade", ": keep-alive, Upgrade"),
        (": Upgrade", ":upgrade , keep-alive"),
        (": Upgrade", ": Upgrade, keep-alive\r\nConnection: Upgrade"),
        ("Upgrade: websocket", "Upgrade: websocket\r\nUpgrade: websocket"),
    ],
)
async def test_names_are_read_in_any_case(hall: Hall, old: str, new: str) -> None:
    reader, writer = await hall.dial()
    writer.write(SONIC.decode().replace(old, new, 1).encode())
    assert status(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)) == 101
    writer.close()


async def test_what_a_browser_may_say_in_parts_is_read_as_one(hall: Hall) -> None:
    offered = SONIC.replace(b"Host: x", b"Host: x\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b, c")
    _, writer = await hall.dial()
    writer.write(offered.replace(b"Host: x", b"Host: x\r\nOrigin: https://a\r\nOrigin: https://b"))
    head = (await hall.caller()).head
    assert (head.subprotocols, head.headers["origin"]) == (["a", "b", "c"], "https://b")
    writer.close()


async def test_a_refusal_says_when_to_come_again(hall: Hall) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(hall.url + "/sonic?full=1")
    response = refused.value.response
    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
    assert json.loads(response.body or b"") == {"error": "full"}


async def test_a_bug_in_admitting_costs_this_connection_only() -> None:
    async with open_hall() as hall:
        with pytest.raises(InvalidStatus) as refused:
            await connect(hall.url + "/sonic?bug=1")
        assert refused.value.response.status_code == 500
        assert [type(bug) for bug in hall.bugs] == [LookupError]
        async with connect(hall.url + "/sonic"):
            await hall.caller()


async def test_a_bug_in_welcoming_costs_this_connection_only() -> None:
    async with open_hall() as hall:
        async with connect(hall.url + "/sonic?broken=1") as caller:
            with pytest.raises(ConnectionClosed) as ended:
                await asyncio.wait_for(caller.recv(), PATIENCE_S)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1011
        assert [type(bug) for bug in hall.bugs] == [LookupError]
        async with connect(hall.url + "/sonic"):
            await hall.caller()


# --- the end -------------------------------------------------------------------------------------------------------


async def test_stopping_tells_every_caller_and_drops_every_head(hall: Hall) -> None:
    callers = [await connect(hall.url + "/sonic") for _ in range(3)]
    reader, writer = await hall.dial()
    writer.write(b"GET /hea")
    async with asyncio.timeout(PATIENCE_S):
        while hall.door.open_sockets < 3 or not hall.door.heads:  # noqa: ASYNC110 - the kernel gives no event for this
            await asyncio.sleep(0)
    await asyncio.wait_for(hall.door.stop(PATIENCE_S), PATIENCE_S)
    for caller in callers:
        with pytest.raises(ConnectionClosed) as ended:
            await caller.recv()
        assert ended.value.rcvd is not None
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1012, "gateway restarting")
    assert await rest(reader) == b""
    writer.close()
    assert hall.door.open_sockets == 0
    while not hall.callers.empty():
        assert hall.callers.get_nowait().gone.is_set()


async def test_nobody_comes_in_any_more(hall: Hall) -> None:
    port = hall.door.port
    hall.door.shut()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("close_s", [0.05, 60.0])
async def test_a_caller_that_does_not_answer_is_dropped_at_the_deadline(close_s: float) -> None:
    async with open_hall(SocketLimits(close_s=close_s)) as hall:
        reader, writer = await hall.dial()
        writer.write(SONIC)
        caller = await hall.caller()
        await hall.door.stop(0.2)
        await asyncio.wait_for(caller.gone.wait(), PATIENCE_S)
        assert hall.door.open_sockets == 0
        assert reader is not None
        writer.close()


async def test_stopping_twice_is_fine(hall: Hall) -> None:
    await hall.door.stop(1)
    await hall.door.stop(1)
