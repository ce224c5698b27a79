"""What hostile peers try, and the answers that docs/hostile-input.md promises, with the files that it names."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger
from picows import WSMsgType

from actors.link_end import FailureKind
from actors.session import MEMORIES
from actors.store_messages import LoadDocument
from actors.topology import STORE_PATH
from gateway import front_door
from gateway import rest as rest_module
from gateway.nesting import MAX_DEPTH, is_too_deep
from gateway.relay import TEXTS_AT_ONCE
from gateway.socket_core import Phase, SocketLimits
from supervisor.messages import SnapshotRequest
from tests.gateway.test_calls import until
from tests.gateway.test_front_door import UPGRADE
from tests.gateway.test_rules import ACCOUNT, SORT_CODE, Stage, tool_result
from tests.gateway.test_sockets import BINARY, CLOSE, CONT, HOPS, PATIENCE_S, PING, PONG, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from tests.gateway.test_sockets import Hop

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
ENOUGH_FRAMES = 1024  # 64 MiB: more than a kernel keeps, and little enough to keep by mistake
IDLE = SocketLimits(idle_frames=20, ping_interval_s=60)


@pytest.fixture(params=HOPS)
def hop_of(request) -> Callable[[SocketLimits], Any]:
    return HOPS[request.param]


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Everything that is logged, by whichever library, at INFO and above."""
    written: list[str] = []
    root, catcher = logging.getLogger(), logging.Handler(logging.INFO)
    catcher.emit = lambda record: written.append(catcher.format(record))  # type: ignore[method-assign]
    sink = logger.add(lambda line: written.append(str(line)), level="INFO")
    root.addHandler(catcher)
    yield written
    root.removeHandler(catcher)
    logger.remove(sink)


# --- floods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PING, PONG, CONT])
async def test_a_flood_of_frames_that_bring_nothing_is_1008(hop_of, kind: int) -> None:
    async with hop_of(IDLE) as hop:
        if kind == CONT:
            hop.peer.send(TEXT, b"begun", fin=False)
        for _ in range(IDLE.idle_frames + 1):
            hop.peer.send(kind, fin=kind != CONT)
        received, payload = await hop.peer.frame()
        answered = 0
        while received == PONG:
            answered += 1
            received, payload = await hop.peer.frame()
        assert (received, int.from_bytes(payload[:2], "big")) == (CLOSE, 1008)
        assert answered <= IDLE.idle_frames
        assert (await hop.end())[0] == 1008
        assert hop.bugs == []


async def test_pings_within_the_bound_are_answered_for_ever(hop_of) -> None:
    limits = SocketLimits(idle_frames=5, ping_interval_s=0.02)  # the next look at it forgives
    async with hop_of(limits) as hop:
        for place in range(20):
            hop.peer.send(PING, b"%d" % place)
            while (frame := await hop.peer.frame()) != (PONG, b"%d" % place):
                assert frame[0] == PING
            if place % 4 == 3:
                seen = hop.socket._idle_frames
                async with asyncio.timeout(PATIENCE_S):
                    while hop.socket._idle_frames >= seen:  # noqa: ASYNC110 - a timer sets no event
                        await asyncio.sleep(0.001)
        assert hop.socket.phase is Phase.OPEN


async def test_pongs_are_not_kept_for_a_peer_that_does_not_read(hop_of) -> None:
    async with hop_of(SocketLimits(idle_frames=10**6, ping_interval_s=60)) as hop:
        fill(hop)
        before = waiting(hop)
        for _ in range(1000):
            hop.peer.send(PING, bytes(125))
        hop.peer.send(TEXT, b"after them")
        assert await hop.message() == "after them"
        assert waiting(hop) <= before


@pytest.mark.parametrize("settings", [{"park_s": 60}], indirect=True)
async def test_a_flood_of_texts_is_1008_and_leaves_no_call_waiting(rest) -> None:
    url = f"ws://127.0.0.1:{rest.gateway.port}/sonic"
    async with websockets.connect(url) as caller:
        with pytest.raises(websockets.ConnectionClosed) as ended:  # noqa: PT012 - either side may see it first
            for _ in range(int(TEXTS_AT_ONCE) + 200):
                await caller.send('{"type":"end_of_speech"}')
            while True:
                await asyncio.wait_for(caller.recv(), PATIENCE_S)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1008
    async with asyncio.timeout(PATIENCE_S):
        while len(rest.gateway.calls):  # noqa: ASYNC110 - actors set no event of the loop
            await asyncio.sleep(0.001)


# --- peers that do not read ----------------------------------------------------------------------------------------


def waiting(hop: Hop) -> int:
    assert hop.socket._transport is not None
    size: int = hop.socket._transport.underlying_transport.get_write_buffer_size()
    return size


def fill(hop: Hop) -> None:
    """Write until the kernel and the high mark are full; the peer's reader stops at twice its limit."""
    for _ in range(ENOUGH_FRAMES):
        if hop.socket.write_paused:
            return
        hop.socket.write(WSMsgType.BINARY, bytes(64 * 1024))
    pytest.fail("writing is not paused, whatever the peer leaves unread")


@pytest.mark.parametrize("writes", ["send_binary", "send_text", "write"])
async def test_what_is_kept_for_a_peer_that_does_not_read_is_bounded(hop_of, writes: str) -> None:
    limits = SocketLimits(unread_bytes=300_000, close_s=0.05, ping_interval_s=60)
    async with hop_of(limits) as hop:
        fill(hop)
        most = 0
        for _ in range(ENOUGH_FRAMES):
            if hop.socket.phase is not Phase.OPEN:
                break
            kind = (WSMsgType.BINARY,) if writes == "write" else ()
            getattr(hop.socket, writes)(*kind, bytes(50_000))
            most = max(most, waiting(hop))
        assert most <= 300_000 + 50_000 + 100
        assert (await hop.end())[0] == 4508
        assert hop.kinds in ([], [FailureKind.HALF_OPEN])


async def test_a_peer_may_not_read_for_so_long_only(hop_of) -> None:
    async with hop_of(SocketLimits(unread_s=0.05, close_s=0.05, ping_interval_s=60)) as hop:
        fill(hop)
        assert await hop.end() == (4508, "not reading")


async def test_a_peer_that_reads_again_in_time_stays(hop_of) -> None:
    async with hop_of(SocketLimits(unread_s=60, ping_interval_s=60)) as hop:
        fill(hop)
        assert hop.socket._unread is not None
        async with asyncio.timeout(PATIENCE_S):
            while hop.socket.write_paused:
                await hop.peer.frame()
        assert hop.socket._unread is None
        assert hop.socket.phase is Phase.OPEN


@pytest.mark.parametrize("garbage", [b"\x83\x80\0\0\0\0", b"\xc1\x80\0\0\0\0"], ids=["for picows", "for us"])
async def test_who_breaks_the_protocol_and_does_not_read_is_dropped(garbage: bytes) -> None:
    async with HOPS["caller"](SocketLimits(close_s=0.05, ping_interval_s=60)) as hop:
        fill(hop)
        hop.peer.writer.write(garbage)
        assert (await hop.end())[0] == 1002


async def test_what_comes_after_a_fault_that_the_parser_found_is_not_heard(hop_of) -> None:
    async with hop_of(SocketLimits(ping_interval_s=60)) as hop:
        hop.peer.send(TEXT, b"before")
        hop.peer.send(CLOSE, (1005).to_bytes(2, "big"))
        assert await hop.message() == "before"
        for _ in range(5):
            hop.peer.send(TEXT, b"after")
            await asyncio.sleep(0)
        assert (await hop.end())[0] == 1002
        assert hop.heard.empty()


async def test_one_read_brings_no_more_than_the_bound_allows() -> None:
    """Or a peer that sends fast would fill picows' buffer with whatever the kernel holds."""
    async with HOPS["caller"](SocketLimits(ping_interval_s=60)) as hop:
        assert hop.socket._transport is not None
        connection = hop.socket._transport.underlying_transport.get_extra_info("socket")
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * SocketLimits().receive_bytes


# --- crowds --------------------------------------------------------------------------------------------------------


async def open_many(port: int, count: int, sent: bytes, host: str = "127.0.0.1") -> list[Any]:
    opened = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
        writer.write(sent)
        if sent.endswith(b"\r\n\r\n"):
            await reader.readuntil(b"}")
        opened.append((reader, writer))
    return opened


async def is_dropped(connection: Any) -> bool:
    try:
        return await asyncio.wait_for(connection[0].read(1), PATIENCE_S) == b""
    except ConnectionResetError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is nobody's address")
@pytest.mark.parametrize(
    ("bound", "sent"), [("MAX_HEADS", b"GET /hea"), ("MAX_HTTP", b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")]
)
async def test_of_a_crowd_the_oldest_of_one_address_make_room(rest, monkeypatch, bound: str, sent: bytes) -> None:
    monkeypatch.setattr(front_door, bound, 20)
    bystander = (await open_many(rest.gateway.port, 1, sent, "127.0.0.2"))[0]
    crowd = await open_many(rest.gateway.port, 60, sent)
    for connection in crowd[:39]:
        assert await is_dropped(connection)
    rest_of = b"lth HTTP/1.1\r\nHost: x\r\n\r\n" if bound == "MAX_HEADS" else b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    for reader, writer in (bystander, crowd[-1]):
        writer.write(rest_of)
        assert (await asyncio.wait_for(reader.readline(), PATIENCE_S)).startswith(b"HTTP/1.1 200 ")
    for _, writer in (bystander, *crowd):
        writer.close()


# --- JSON ----------------------------------------------------------------------------------------------------------


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + "0" + closing * depth


NESTED = st.recursive(
    st.sampled_from(["0", '"[{"', '"\\"["', '"\\\\"']),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
    max_leaves=60,
)


def depth_of(value: object) -> int:
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(NESTED, st.integers(0, MAX_DEPTH + 5))
def test_depth_is_counted_outside_of_strings(text: str, more: int) -> None:
    text = nested(more).replace("0", text)
    assert is_too_deep(text.encode()) == (depth_of(json.loads(text)) > MAX_DEPTH)


@pytest.mark.parametrize("data", [b'"' * 262_144, b'"\\"' * 87_000, b"[{" * 131_072, b'["' * 131_072, b"\\" * 262_144])
def test_depth_is_found_in_time_that_is_linear(data: bytes) -> None:
    began = time.process_time()
    is_too_deep(b"[" * 33 + b"]" * 33 + data)
    is_too_deep(b"[]" * 33 + data)
    assert time.process_time() - began < 2.0  # quadratic, it takes minutes


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (f'{{"type":"x","data":{nested(900)}}}', f"nested deeper than {MAX_DEPTH}"),
        (f'{{"type":"text_input","text":"hi","x":{nested(MAX_DEPTH)}}}', f"nested deeper than {MAX_DEPTH}"),
        ('{"type":"text_input","text":{"a":1}}', "text: must be a string"),
        ('{"type":5}', "type: must be a string"),
        ('{"type":"text_input","text":"\\ud800"}', "not a JSON object"),
        ("nonsense", "not a JSON object"),
    ],
)
async def test_a_text_that_cannot_be_used_is_told_and_the_call_goes_on(rest, sent: str, problem: str) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic") as caller:
        await caller.send(sent)
        told = await until(caller, lambda message: message["type"] == "error")
        assert told["message"] == problem
        await caller.send('{"type":"a type that nobody knows","data":[1]}')
        await caller.send('{"type":"ping"}')
        await until(caller, lambda message: message["type"] == "pong")


async def test_json_within_the_json_of_an_agent_is_judged_too() -> None:
    """A name that was cut in the middle of a mark, say: the outer text has no surrogate, the inner one does."""
    said = {"auth_status": "VERIFIED", "customer_name": "Sarah \ud83d", "account": ACCOUNT}
    async with Stage() as stage:
        idv = await stage.cast("idv")
        await stage.choose("idv")
        await idv.say(tool_result("perform_idv_check", result={"content": [{"text": json.dumps(said)}]}))
        await stage.send({"type": "text_input", "text": "My sort code is 11-22-33"})
        await idv.until("memory_update")
        await stage.settled()
        store = await stage.gateway.ask(STORE_PATH, SnapshotRequest(), PATIENCE_S)
        memory = await stage.gateway.ask(STORE_PATH, LoadDocument(MEMORIES, stage.shown[0]["sessionId"]), PATIENCE_S)
    assert (store.snapshot.incarnation, store.snapshot.detail["lost"]) == (1, 0)
    assert memory.document["sortCode"] == SORT_CODE
    assert not memory.document["verified"]


async def test_a_body_that_is_nested_too_deep_is_400(rest) -> None:
    data = f'{{"id":"a","url":"ws://h:1","capabilities":{nested(MAX_DEPTH)}}}'
    status, answer = await rest.ask("POST", "/api/agents/register", data=data)
    assert (status, answer["success"]) == (400, False)


@pytest.mark.parametrize("status", [["ready"], {"a": 1}, 7, None])
async def test_a_status_of_any_type_is_judged(rest, status: object) -> None:
    assert (await rest.post("/api/agents/triage/status", {"status": status}))[0] == 400


@pytest.mark.parametrize(
    "more",
    [{"activeSessions": -5}, {"activeSessions": "3"}, {"activeSessions": 10**30}, {"port": True}, {"url": "x" * 3000}],
)
async def test_a_beat_that_cannot_be_used_is_refused(rest, more: dict[str, object]) -> None:
    assert (await rest.post("/api/agents/heartbeat", {"agentId": "triage", **more}))[0] == 400


# --- HTTP ----------------------------------------------------------------------------------------------------------


async def raw(port: int, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
    writer.close()
    return answer


@pytest.mark.parametrize("settings", [{"head_s": 0.05}], indirect=True)
async def test_the_deadline_of_a_head_is_a_setting(rest) -> None:
    assert await raw(rest.gateway.port, b"GET /son") == b""


@pytest.mark.parametrize("settings", [{"message_limit": 2000}], indirect=True)
async def test_the_bound_of_a_message_is_a_setting(rest) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic") as caller:
        await until(caller, lambda message: message["type"] == "connected")
        await caller.send(bytes(2001))
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await asyncio.wait_for(caller.recv(), PATIENCE_S)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


async def test_a_body_that_never_ends_is_408(rest, monkeypatch) -> None:
    monkeypatch.setattr(rest_module, "BODY_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", rest.gateway.port)
    writer.write(b"POST /api/agents/register HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert (await asyncio.wait_for(reader.readline(), PATIENCE_S)).startswith(b"HTTP/1.1 408 ")
    writer.close()


@pytest.mark.parametrize(
    "more",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello",
        b"Origin: https://a.example\r\n https://b.example\r\n\r\n",
        b"Origin : https://a.example\r\n\r\n",
    ],
)
async def test_an_upgrade_that_could_hide_another_request_is_400(rest, more: bytes) -> None:
    hidden = b"GET /admin/tree HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = await raw(rest.gateway.port, UPGRADE.format("/sonic").encode()[:-2] + more + hidden)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


async def test_two_lengths_of_one_body_are_400_and_the_end_of_the_connection(rest) -> None:
    sent = b"POST /api/feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = await raw(rest.gateway.port, sent + b"0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.split(b" ", 2)[1] == b"400"
    assert answer.count(b"HTTP/1.") == 1


async def test_an_upgrade_after_a_request_is_no_call(rest) -> None:
    """The head of a call is judged at the door, and the first request of a connection decides who serves it."""
    upgrade = UPGRADE.format("/sonic").replace("Upgrade\r\n", "Upgrade, close\r\n").encode()
    answer = await raw(rest.gateway.port, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n" + upgrade)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"404"]


async def test_a_packed_body_is_bounded_by_what_is_in_it(rest) -> None:
    packed = gzip.compress(bytes(50_000_000))
    assert len(packed) < 100 * 1024
    assert (await rest.ask("POST", "/api/feedback", data=packed, headers={"Content-Encoding": "gzip"}))[0] == 413


async def test_compression_is_declined(rest) -> None:
    """So no message is longer than what came."""
    async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic", compression="deflate") as caller:
        assert "permessage-deflate" in caller.request.headers["Sec-WebSocket-Extensions"]
        assert "Sec-WebSocket-Extensions" not in caller.response.headers


@pytest.mark.parametrize("settings", [{"caller_origins": ("https://bank.example",)}], indirect=True)
async def test_a_page_of_another_origin_is_403_before_the_upgrade(rest) -> None:
    url = f"ws://127.0.0.1:{rest.gateway.port}/sonic"
    for origin in ("https://evil.example", "https://bank.example.evil.example", "null"):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(url, additional_headers={"Origin": origin})
        assert refused.value.response.status_code == 403
    async with websockets.connect(url, additional_headers={"Origin": "https://bank.example"}):
        pass


@pytest.mark.parametrize("settings", [{"admin_token": "open sesame"}], indirect=True)
@pytest.mark.parametrize("credentials", [b"Bearer \xff\xfe", b"Bearer ", b"Basic b3Blbg==", b"Bearer open sesam"])
async def test_credentials_of_any_bytes_are_judged(rest, credentials: bytes) -> None:
    answer = await raw(
        rest.gateway.port,
        b"GET /admin/tree HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n\r\n" % credentials,
    )
    assert answer.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "target",
    [
        "/../setup.cfg",
        "/api/workflow/../../setup.cfg",
        "/api/workflow/..%2f..%2fsetup.cfg",
        "/api/personas/..%2f..%2f..%2fsetup",
        "/api/personas/%2e%2e%2fx",
        "/api/agents/..%5c..%5cx",
        "/api/history/..%2f..%2fx",
        "/api/sessions/%00/memory",
        "//etc/passwd",
    ],
)
async def test_no_path_leads_out_of_our_folders(rest, target: str) -> None:
    answer = await raw(rest.gateway.port, f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert int(answer.split(b" ", 2)[1]) in {400, 403, 404}
    assert b"understudy" not in answer.partition(b"\r\n\r\n")[2]


# --- what is written about it --------------------------------------------------------------------------------------


async def test_hostile_frames_are_quiet(hop_of, lines: list[str]) -> None:
    for frame in (b"\x83\x80\0\0\0\0", b"\x89\xfe\xff\xff", b"\x88\x81\0\0\0\0\x03", b"\x00\x80\0\0\0\0", b"\xff" * 99):
        async with hop_of(SocketLimits(ping_interval_s=60)) as hop:
            hop.peer.writer.write(frame)
            await hop.end()
            assert hop.bugs == []
    assert lines == []


async def test_who_leaves_in_the_middle_of_a_body_is_quiet(rest, lines: list[str]) -> None:
    head = b"POST /api/feedback HTTP/1.1\r\nHost: x\r\n"
    for body in (b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"):
        _, writer = await asyncio.open_connection("127.0.0.1", rest.gateway.port)
        writer.write(head + body)
        async with asyncio.timeout(PATIENCE_S):
            while not rest.gateway._parts.runner.server.connections:  # noqa: ASYNC110 - the kernel gives no event
                await asyncio.sleep(0)
            writer.transport.abort()
            while rest.gateway._parts.runner.server.connections:  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
    assert lines == []


async def test_hostile_requests_are_quiet(rest, lines: list[str]) -> None:
    upgrade = UPGRADE.format("/sonic?token=geheim")
    for sent in (
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /api/feedback HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n\r\n",
        b"GET /api/agents/%ff%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: a\x00b\r\n\r\n",
        upgrade.replace("dGhlIHNhbXBsZSBub25jZQ==", "!").encode(),
        upgrade.replace("Host: x", "Host: x\r\nbroken header").encode(),
        upgrade.replace("Host: x", "Host: x\r\nX: a\x01b").encode(),
    ):
        answer = await raw(rest.gateway.port, sent)
        assert not answer or 400 <= int(answer.split(b" ", 2)[1]) < 500, sent
    assert not [line for line in lines if "Traceback" in line or "geheim" in line], lines


# --- the table -----------------------------------------------------------------------------------------------------


def test_every_test_that_the_table_names_is_there() -> None:
    rows = [row for row in (ROOT / "docs/hostile-input.md").read_text().splitlines() if row.startswith("| ")][2:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", row.rsplit("|", 2)[1])
        assert named, row
        for file, test in named:
            (path,) = (ROOT / "tests").rglob(file)
            assert f"def {test}(" in path.read_text() if test else True, (file, test)


def test_the_table_names_the_bounds_that_there_are() -> None:
    table = (ROOT / "docs/hostile-input.md").read_text()
    limits = SocketLimits()
    for bound in (MAX_DEPTH, limits.idle_frames, int(TEXTS_AT_ONCE), limits.message_bytes, int(limits.unread_s)):
        assert re.search(rf"\b{bound}\b", table), bound


@pytest.mark.parametrize("kind", [TEXT, BINARY])
async def test_frames_without_content_fill_nothing(rest, kind: int) -> None:
    """Empty audio before there is an agent costs as much as any."""
    async with websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic") as caller:
        session = (await until(caller, lambda message: message["type"] == "connected"))["sessionId"]
        for _ in range(5000 if kind == BINARY else 100):
            await caller.send(b"" if kind == BINARY else "")
        await caller.send('{"type":"ping"}')
        await until(caller, lambda message: message["type"] == "pong")
        stash = rest.gateway.calls.get(session)._stash
        assert len(stash._audio or ()) <= stash.max_frames
