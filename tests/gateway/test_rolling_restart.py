"""Two gateways are restarted one after the other under calls whose clients come back: no call is lost."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack, suppress

import pytest
import websockets

from gateway.app import Gateway
from gateway.config import Settings
from tests.gateway.test_calls import PATIENCE_S, Agent, eventually, register, running, said

pytestmark = pytest.mark.real
CALLS = 50


class Balancer:
    """Says which gateway takes callers; here one after the other in turn, as far as they are up."""

    def __init__(self):
        self.gateways = {}
        self._turn = 0

    def next(self):
        self._turn += 1
        up = list(self.gateways.values())
        return up[self._turn % len(up)]


class Client:
    """A caller as the page is one: comes back with his token, says again what was not taken."""

    def __init__(self, number, balancer):
        self.name, self.balancer = f"c{number}", balancer
        self.sessions, self.gateways = set(), set()
        self.said, self.taken, self.base = [], 0, 0
        self.answers = Counter()
        self.socket, self.token, self.seen = None, "", 0
        self.done = False

    async def run(self):
        while not self.done:
            gateway = self.balancer.next()
            query = f"?resume={self.token}&seen={self.seen}" if self.token else ""
            with suppress(OSError, websockets.InvalidStatus, websockets.ConnectionClosed):
                async with websockets.connect(f"ws://127.0.0.1:{gateway.port}/sonic{query}", max_queue=None) as socket:
                    self.gateways.add(gateway.port)
                    async for frame in socket:
                        if isinstance(frame, str):
                            await self.hear(socket, json.loads(frame))

    async def hear(self, socket, message):
        if message["type"] == "connected":
            await self.greeted(socket, message)
            return
        self.seen += 1
        if message["type"] == "status" and "received" in message:
            self.taken = message["received"] + self.base
        elif said(message):
            self.answers[message["text"].removeprefix("triage heard ")] += 1

    async def greeted(self, socket, message):
        self.sessions.add(message["sessionId"])
        self.token, self.seen = message["resumeToken"], message.get("seq", 0)
        if "received" in message:
            self.taken = message["received"] + self.base
        else:
            self.base = self.taken  # another gateway counts from here
        self.socket = socket
        for text in self.said[self.taken :]:
            await self.send(text)

    async def say(self, text):
        self.said.append(text)
        if self.socket is not None:
            with suppress(websockets.ConnectionClosed):
                await self.send(text)

    async def send(self, text):
        await self.socket.send(json.dumps({"type": "text_input", "text": text}))

    async def end(self):
        self.done = True
        await self.socket.close()


async def start(stack, folder, agent):
    settings = {"store": "sqlite", "data_dir": folder, "resume_secret": "between us", "history_calls": 0}
    gateway = Gateway(Settings(host="127.0.0.1", port=0, drain_s=0, stop_s=2, **settings))
    await gateway.start()
    stack.push_async_callback(gateway.stop)
    await register(gateway, agent, "triage")
    return gateway


def answered(clients):
    return lambda: all(len(client.answers) == len(client.said) for client in clients)


async def test_a_rolling_restart_of_two_gateways_loses_no_call(tmp_path):
    balancer = Balancer()
    async with running(Agent("triage")) as agent, AsyncExitStack() as stack:
        for name in ("a", "b"):
            balancer.gateways[name] = await start(stack, tmp_path, agent)
        clients = [Client(number, balancer) for number in range(CALLS)]
        tasks = [asyncio.create_task(client.run()) for client in clients]
        await eventually(lambda: all(client.socket for client in clients))
        for turn, name in enumerate(("a", "b")):
            for client in clients:
                await client.say(f"{client.name} before {turn}")
            old = balancer.gateways.pop(name)
            stopping = asyncio.create_task(old.stop())
            for client in clients:
                await client.say(f"{client.name} during {turn}")
            await stopping
            balancer.gateways[name] = await start(stack, tmp_path, agent)
            await eventually(answered(clients))
        await asyncio.gather(*(client.end() for client in clients))
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*tasks)
    assert all(len(client.sessions) == 1 for client in clients)
    assert all(set(client.answers.values()) == {1} for client in clients)
    assert any(len(client.gateways) == 3 for client in clients)  # a, b and the new a
