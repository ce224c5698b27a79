"""A gateway as a whole: it starts, says no when it is full, and takes itself apart with callers in it."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import uvloop
import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actors.topology import NODE, REGISTRY, REGISTRY_PATH, SESSIONS_PATH, NodeArgs, node_spec
from gateway import app
from gateway.app import Gateway, StartError
from gateway.config import Settings
from supervisor.messages import SnapshotRequest, WhichChild
from supervisor.spec import ChildSpec, SupervisorPlan
from supervisor.supervised import LATER, StartLater, Supervised
from supervisor.supervisor import Supervisor
from tests.gateway.test_calls import eventually
from tests.gateway.test_chaos_endpoint import many_kills

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.real
PATIENCE_S = 20.0


def make(**settings: Any) -> Gateway:
    return Gateway(Settings(**{"host": "127.0.0.1", "port": 0, "history_calls": 0, "stop_s": 2, **settings}))


@asynccontextmanager
async def serving(**settings: Any) -> AsyncIterator[Gateway]:
    gateway = make(**settings)
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


async def health(gateway: Gateway) -> Any:
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{gateway.port}/health") as answer,
    ):
        return await answer.json()


def call(gateway: Gateway) -> Any:
    return websockets.connect(f"ws://127.0.0.1:{gateway.port}/sonic")


async def greeted(caller: Any) -> Any:
    message = json.loads(await asyncio.wait_for(caller.recv(), PATIENCE_S))
    assert message["type"] == "connected"
    return message


async def to_the_end(caller: Any) -> None:
    while True:
        await asyncio.wait_for(caller.recv(), PATIENCE_S)


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_it_serves_on_either_loop(runner: Any) -> None:
    async def program() -> None:
        async with serving() as gateway, call(gateway) as caller:
            assert (await health(gateway))["status"] == "healthy"
            await greeted(caller)
            await caller.send('{"type":"ping"}')
            assert json.loads(await asyncio.wait_for(caller.recv(), PATIENCE_S))["type"] == "pong"

    runner(program())


@pytest.mark.parametrize("held", [True, False])
async def test_stopping_tells_callers_and_leaves_nothing(held: bool) -> None:  # noqa: FBT001 - parametrised
    """With callers that wait for an agent, and with callers that asked for nothing yet."""
    before = asyncio.all_tasks()
    gateway = make(patience_s=60)
    await gateway.start()
    callers = [await call(gateway) for _ in range(5)]
    for caller in callers:
        await greeted(caller)
        if held:
            await caller.send('{"type":"text_input","text":"hello"}')
    await asyncio.wait_for(gateway.stop(), PATIENCE_S)
    for caller in callers:
        with pytest.raises(ConnectionClosed) as ended:
            await to_the_end(caller)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1012
    assert gateway.base.statistics()["actors"] == 0
    await asyncio.gather(*(caller.wait_closed() for caller in callers))
    async with asyncio.timeout(PATIENCE_S):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - what has ended leaves in the next turns of the loop
            await asyncio.sleep(0)


async def test_stopping_is_bounded_by_a_deaf_caller() -> None:
    gateway = make(stop_s=0.2)
    await gateway.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        b"GET /sonic HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_S)
    await asyncio.wait_for(gateway.stop(), PATIENCE_S)
    assert gateway.base.statistics()["actors"] == 0
    writer.close()


async def test_a_full_gateway_refuses_and_takes_the_next_when_one_has_gone() -> None:
    async with serving(max_sessions=1, park_s=0) as gateway:
        first = await call(gateway)
        await greeted(first)
        with pytest.raises(InvalidStatus) as refused:
            await call(gateway)
        assert refused.value.response.status_code == 503
        await first.close()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    second = await call(gateway)
                except InvalidStatus:
                    continue
                break
        await greeted(second)
        await second.close()


async def test_every_session_has_its_own_id() -> None:
    async with serving() as gateway:
        callers = [await call(gateway) for _ in range(3)]
        assert len({(await greeted(caller))["sessionId"] for caller in callers}) == 3
        for caller in callers:
            await caller.close()


async def test_a_caller_that_leaves_ends_its_session() -> None:
    async with serving(park_s=0) as gateway:
        caller = await call(gateway)
        await greeted(caller)
        await caller.close()
        async with asyncio.timeout(PATIENCE_S):
            while (await gateway.ask(SESSIONS_PATH, SnapshotRequest(1), 5)).snapshot.children:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_a_start_that_failed_can_be_taken_apart() -> None:
    before = asyncio.all_tasks()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = make(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            await gateway.start()
    await asyncio.wait_for(gateway.stop(), PATIENCE_S)
    assert gateway.base.statistics()["actors"] == 0
    assert asyncio.all_tasks() == before


async def test_a_store_that_cannot_be_opened_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "understudy.sqlite").mkdir()
    gateway = make(store="sqlite", data_dir=tmp_path)
    with pytest.raises(StartError, match=r"understudy\.sqlite cannot be opened"):
        await gateway.start()
    await asyncio.wait_for(gateway.stop(), PATIENCE_S)
    assert gateway.base.statistics()["actors"] == 0


async def test_a_tree_that_does_not_start_can_be_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    before = asyncio.all_tasks()
    monkeypatch.setattr(app, "START_S", 0.0)
    gateway = make()
    with pytest.raises(StartError, match="did not start"):
        await gateway.start()
    await asyncio.wait_for(gateway.stop(), PATIENCE_S)
    assert gateway.base.statistics()["actors"] == 0
    assert asyncio.all_tasks() == before


class Broken(Supervised):
    def handle_start(self, args: object) -> StartLater | None:
        raise RuntimeError(args)


class Slow(Supervised):
    def handle_start(self, args: object) -> StartLater | None:
        return LATER


async def test_of_trees_that_did_not_come_up_nothing_is_left_and_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    trials: list[type[Supervised]] = []

    def spec(args: NodeArgs) -> ChildSpec:
        trials.append(Broken if not trials else Slow)  # the first gives up while it starts, the second is too late
        if len(trials) > 2:
            return node_spec(args)
        return ChildSpec(NODE, Supervisor, SupervisorPlan((ChildSpec("child", trials[-1]),), intensity=0))

    async with serving() as gateway:
        actors, node, names = gateway.base.statistics()["actors"], gateway._node, gateway.reception._names
        monkeypatch.setattr(app, "node_spec", spec)
        monkeypatch.setattr(app, "START_S", 0.1)
        monkeypatch.setattr(app, "REVIVE_MAX_S", 0.2)
        await many_kills(gateway)
        await eventually(lambda: gateway._node is not node and gateway.base.statistics()["actors"] == actors)
        assert gateway._node is not node
        there = await gateway.base.ask_async(gateway._node, WhichChild(REGISTRY), PATIENCE_S)
        assert gateway.reception._names.find(REGISTRY_PATH) == there.address
        assert names.find(REGISTRY_PATH) is None


@pytest.mark.parametrize("begun", [b"", b"GET /hea"])
async def test_an_http_connection_that_is_not_used_is_closed(monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(app, "IDLE_HTTP_S", 0.05)
    async with serving() as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + begun)
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        assert answer.startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_two_gateways_share_a_process() -> None:
    async with serving() as one, serving() as two:
        assert one.port != two.port
        for gateway in (one, two):
            async with call(gateway) as caller:
                await greeted(caller)
