"""Registration against a real HTTP server, with a resolver and a clock that the test owns."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from aiohttp.test_utils import TestServer

from agents.registration import BACKOFF_MAX_S, HEARTBEAT_S, Registration, backoff

ENTRY = {"id": "triage", "url": "ws://localhost:8081", "port": 8081, "capabilities": {"mode": "text"}}


class FakeGateway:
    def __init__(self):
        self.known = set()
        self.calls = []
        self.bodies = []
        self.refusals = 0
        app = web.Application()
        app.router.add_post("/api/agents/register", self.register)
        app.router.add_post("/api/agents/heartbeat", self.heartbeat)
        app.router.add_delete("/api/agents/{id}", self.delete)
        self.server = TestServer(app)

    async def register(self, request):
        self.calls.append("register")
        if self.refusals:
            self.refusals -= 1
            return web.json_response({"success": False}, status=503)
        self.bodies.append(await request.json())
        self.known.add(self.bodies[-1]["url"])
        return web.json_response({"success": True})

    async def heartbeat(self, request):
        self.calls.append("heartbeat")
        self.bodies.append(await request.json())
        return web.json_response({"success": True, "known": self.bodies[-1]["url"] in self.known})

    async def delete(self, request):
        self.calls.append("delete")
        self.known.discard(request.query["url"])
        return web.json_response({"success": True})


class Resolver(AbstractResolver):
    """Does not know the gateway's name for the first few questions."""

    def __init__(self, failures):
        self.failures = failures

    async def resolve(self, host, port=0, family=socket.AF_INET):
        if self.failures:
            self.failures -= 1
            raise OSError(f"getaddrinfo ENOTFOUND {host}")
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self):
        pass


class EndOfStory(Exception):  # noqa: N818
    pass


class Sleeps:
    """A clock that costs nothing: notes each sleep, does what is planned for it, ends the story after the last."""

    def __init__(self, *plans):
        self.plans = list(plans)
        self.slept = []

    async def __call__(self, seconds):
        self.slept.append(seconds)
        if not self.plans:
            raise EndOfStory
        self.plans.pop(0)()


def nothing():
    pass


@pytest.fixture
async def gateway():
    fake = FakeGateway()
    await fake.server.start_server()
    yield fake
    await fake.server.close()


async def tell_story(gateway, sleeps, resolver=None):
    connector = aiohttp.TCPConnector(resolver=resolver or Resolver(0), use_dns_cache=False)
    async with aiohttp.ClientSession(connector=connector) as http:
        url = f"http://gateway:{gateway.server.port}"
        registration = Registration(url, ENTRY, lambda: {"activeSessions": 2, "uptime": 3.5}, http, sleeps, lambda: 1.0)
        with pytest.raises(EndOfStory):
            await registration.run()
        await registration.stop()


async def test_registers_then_beats_then_says_goodbye(gateway):
    sleeps = Sleeps(nothing)
    await tell_story(gateway, sleeps)
    assert gateway.calls == ["register", "heartbeat", "delete"]
    assert gateway.bodies[0] == ENTRY
    beat = {"agentId": "triage", "url": ENTRY["url"], "port": 8081, "activeSessions": 2, "uptime": 3.5}
    assert gateway.bodies[1] == beat
    assert sleeps.slept == [HEARTBEAT_S] * 2
    assert not gateway.known


async def test_a_name_that_does_not_resolve_is_tried_until_it_does(gateway):
    sleeps = Sleeps(nothing, nothing, nothing)
    await tell_story(gateway, sleeps, Resolver(3))
    assert gateway.calls == ["register", "delete"]
    assert sleeps.slept == [0.5, 1.0, 2.0, HEARTBEAT_S]


async def test_an_error_answer_is_tried_again(gateway):
    gateway.refusals = 1
    sleeps = Sleeps(nothing)
    await tell_story(gateway, sleeps)
    assert gateway.calls == ["register", "register", "delete"]


async def test_a_gateway_that_forgot_us_hears_from_us_at_once(gateway):
    sleeps = Sleeps(gateway.known.clear)
    await tell_story(gateway, sleeps)
    assert gateway.calls == ["register", "heartbeat", "register", "delete"]
    assert len(sleeps.slept) == 2


async def test_goodbye_to_a_gateway_that_is_gone_is_no_error():
    async with aiohttp.ClientSession() as http:
        await asyncio.wait_for(Registration("http://127.0.0.1:9", ENTRY, dict, http).stop(), 5)


def test_backoff_doubles_up_to_a_bound_and_spreads():
    assert [backoff(n, 1.0) for n in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff(1, 0.0) == 0.25
    assert backoff(10_000, 1.0) == BACKOFF_MAX_S
