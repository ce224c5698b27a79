"""Whole calls over real sockets: a gateway and its agents in one loop."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections import Counter
from contextlib import asynccontextmanager

import aiohttp
import pytest
import websockets

from actors.agent_link import AgentLink
from actors.session import SessionActor
from gateway.agent_socket import AgentSocket
from gateway.app import Gateway
from gateway.config import Settings
from gateway.relay import CallerRelay

pytestmark = pytest.mark.real
PATIENCE_S = 20.0


class Agent:
    """An agent written with `websockets`: counts what reaches it and answers each text once."""

    def __init__(self, name):
        self.name = name
        self.opened = 0
        self.inits = []
        self.texts = []
        self.sockets = set()
        self.mute = False

    async def serve(self, socket):
        self.opened += 1
        self.sockets.add(socket)
        try:
            async for frame in socket:
                await self.react(socket, frame)
        finally:
            self.sockets.discard(socket)

    async def react(self, socket, frame):
        if isinstance(frame, bytes):
            await socket.send(frame)
            return
        message = json.loads(frame)
        if message["type"] == "session_init":
            self.inits.append(message)
            await socket.send(json.dumps({"type": "connected", "sessionId": message["sessionId"]}))
        elif message["type"] in {"text_input", "user_input"}:
            self.texts.append(message["text"])
            if not self.mute:
                said = {"role": "assistant", "text": f"{self.name} heard {message['text']}", "isFinal": True}
                await socket.send(json.dumps({"type": "transcript", **said}))


@asynccontextmanager
async def running(agent):
    async with websockets.serve(agent.serve, "127.0.0.1", 0) as server:
        agent.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield agent


@pytest.fixture
def patience_s():
    return 0.5


@pytest.fixture
async def gateway(tmp_path, patience_s):
    settings = Settings(host="127.0.0.1", port=0, park_s=0, patience_s=patience_s, dial_s=2, data_dir=tmp_path)
    gateway = Gateway(settings)
    await gateway.start()
    yield gateway
    await gateway.stop()


async def register(gateway, agent, agent_id):
    body = {"id": agent_id, "url": agent.url, "capabilities": {"mode": "text"}}
    async with aiohttp.ClientSession() as client:
        answer = await client.post(f"http://127.0.0.1:{gateway.port}/api/agents/register", json=body)
        assert answer.status == 200


def call(gateway, query=""):
    return websockets.connect(f"ws://127.0.0.1:{gateway.port}/sonic{query}", max_queue=None)


async def until(socket, wanted):
    async with asyncio.timeout(PATIENCE_S):
        async for frame in socket:
            if isinstance(frame, str) and wanted(message := json.loads(frame)):
                return message
    raise AssertionError("the call ended first")


async def eventually(holds):
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - sockets and actors of others tell no event
            await asyncio.sleep(0)  # a turn of the loop, not a wait


def said(message):
    return message["type"] == "transcript" and message["role"] == "assistant"


@pytest.mark.parametrize("patience_s", [30])  # two hundred dials and their agent share one busy thread
async def test_twenty_racing_starts_of_two_hundred_callers_dial_two_hundred_links(gateway):
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")

        async def caller(number):
            async with call(gateway) as socket:
                for _ in range(20):
                    await socket.send(json.dumps({"type": "select_workflow", "workflowId": "triage"}))
                await socket.send(json.dumps({"type": "text_input", "text": f"call {number}"}))
                return await until(socket, said)

        answers = await asyncio.gather(*(caller(number) for number in range(200)))
        assert agent.opened == len(agent.inits) == 200
        assert len({message["sessionId"] for message in agent.inits}) == 200
        assert sorted(agent.texts) == sorted(f"call {number}" for number in range(200))
        assert [answer["text"] for answer in answers] == [f"triage heard call {number}" for number in range(200)]


async def test_a_thousand_links_torn_down_while_connecting_leave_nothing(gateway):
    held = asyncio.Event()

    async def never_answers(_, writer):
        await held.wait()
        writer.close()

    server = await asyncio.start_server(never_answers, "127.0.0.1", 0, backlog=1024)
    agent = Agent("triage")
    agent.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await register(gateway, agent, "triage")
    await eventually(lambda: not gateway.prober._tasks)
    before = gateway.base.statistics()["actors"]
    tasks, descriptors = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    async def caller():
        async with call(gateway) as socket:
            await socket.send(json.dumps({"type": "select_workflow", "workflowId": "triage"}))
            await until(socket, lambda message: message["type"] == "connected")

    for _ in range(10):
        await asyncio.gather(*(caller() for _ in range(100)))
    held.set()
    await eventually(lambda: gateway.base.statistics()["actors"] == before)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= descriptors)  # noqa: PTH208
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("patience_s", [30])
async def test_a_call_that_is_over_leaves_no_cycle_for_the_collector(gateway):
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")
        gc.collect()
        others = parts_of_calls()  # of tests before this one
        gc.disable()
        try:
            async with call(gateway) as socket:
                await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
                await until(socket, said)
                assert new(others) == {SessionActor: 1, AgentLink: 1, CallerRelay: 1, AgentSocket: 1}
                for link in list(agent.sockets):
                    link.transport.abort()
                await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
                await until(socket, said)
                assert new(others) == {SessionActor: 1, AgentLink: 1, CallerRelay: 1, AgentSocket: 1}
            await eventually(lambda: not new(others))
        finally:
            gc.enable()


def parts_of_calls():
    """The objects that there are of those that a call consists of."""
    kinds = SessionActor, AgentLink, CallerRelay, AgentSocket
    return [one for one in gc.get_objects() if type(one) in kinds]


def new(others):
    """How many of each kind there are besides others."""
    known = {id(one) for one in others}
    return Counter(type(one) for one in parts_of_calls() if id(one) not in known)


async def test_a_caller_goes_on_with_another_instance_and_is_answered_once(gateway):
    async with running(Agent("one")) as one, running(Agent("two")) as two, call(gateway) as socket:
        await register(gateway, one, "triage")
        await register(gateway, two, "triage")
        await socket.send(json.dumps({"type": "text_input", "text": "first"}))
        await until(socket, said)
        serving, other = (one, two) if one.sockets else (two, one)
        serving.mute = True
        await socket.send(json.dumps({"type": "text_input", "text": "my account is 12345678"}))
        await eventually(lambda: len(serving.texts) == 2)
        for link in list(serving.sockets):
            link.transport.abort()
        answer = await until(socket, said)
        assert answer["text"] == f"{other.name} heard my account is 12345678"
        assert other.texts == ["my account is 12345678"]
        assert other.inits[0]["resume"] is True
        assert other.inits[0]["memory"]["account"] == "12345678"


async def test_with_no_agent_left_the_caller_is_told_and_closed_with_its_own_code(gateway):
    async with running(Agent("triage")) as agent, call(gateway) as socket:
        await register(gateway, agent, "triage")
        await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
        await until(socket, said)
        async with aiohttp.ClientSession() as client:
            await client.delete(f"http://127.0.0.1:{gateway.port}/api/agents/triage")
        for link in list(agent.sockets):
            link.transport.abort()
        error = await until(socket, lambda message: message["type"] == "error")
        assert error["message"]
        with pytest.raises(websockets.ConnectionClosed):
            await until(socket, lambda _: False)
        assert socket.close_code == 4503


async def test_a_caller_can_be_moved_over_rest(gateway):
    async with running(Agent("triage")) as triage, running(Agent("banking")) as banking, call(gateway) as socket:
        await register(gateway, triage, "triage")
        await register(gateway, banking, "banking")
        session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
        await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
        await until(socket, said)
        async with aiohttp.ClientSession() as client:
            url = f"http://127.0.0.1:{gateway.port}/api/sessions/{session_id}/transfer"
            answer = await client.post(url, json={"targetAgent": "banking", "reason": "asked"})
            assert (answer.status, (await answer.json())["targetAgent"]) == (200, "banking")
        await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
        assert (await until(socket, said))["text"] == "banking heard still there?"


async def test_upgrades_that_fail_are_not_counted(gateway):
    request = b"GET /sonic HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s\r\n"
    for broken in (b"Sec-WebSocket-Version: 13\r\n", b"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 7\r\n"):
        for _ in range(25):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
            writer.write(request % broken)
            async with asyncio.timeout(PATIENCE_S):
                assert b" 101 " not in (await reader.read()).split(b"\r\n")[0]
            writer.close()
    assert len(gateway.calls) == 0
