"""A registration gives the gateway an address to connect to: whose, and which, is judged each time anew."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from aiohttp import web

from actors.link_end import FailureKind
from actors.messages import WireOpened, WireRefused
from agents.config import AgentConfig
from agents.runtime import Agent
from gateway.agent_socket import AgentDialer
from gateway.probe import HttpProber
from gateway.reach import OutOfReach, Reach, is_within
from tests.agents.gateway_end import running
from tests.gateway.test_probe import ask, page, serving

if TYPE_CHECKING:
    from gateway.reach import Networks

URL = "ws://127.0.0.1:9"
SECRET = "what the agents of the bank share"
TEN: Networks = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


# --- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reach", "host", "allowed"),
    [
        (Reach(), "anything.example", True),
        (Reach(), "127.0.0.1", True),
        (Reach(), "169.254.169.254", False),
        (Reach(), "::ffff:169.254.169.254", False),
        (Reach(), "fe80::1", False),
        (Reach(), "::ffff:100.100.100.200", False),
        (Reach(networks=TEN), "fd00:ec2::254", False),
        (Reach(), "224.0.0.1", False),
        (Reach(hosts=("agent.bank",)), "agent.bank", True),
        (Reach(hosts=("agent.bank",)), "AGENT.bank", True),
        (Reach(hosts=("agent.bank",)), "agent.bank.evil.example", False),
        (Reach(hosts=("agent.bank",)), "10.0.0.1", False),
        (Reach(networks=TEN), "10.1.2.3", True),
        (Reach(networks=TEN), "::ffff:10.1.2.3", True),
        (Reach(networks=TEN), "fd00::7", True),
        (Reach(networks=TEN), "127.0.0.1", False),
        (Reach(networks=TEN), "0.0.0.0", False),  # noqa: S104 - where a registration may point
        (Reach(networks=TEN), "any.name", True),
        (Reach(("agent.bank",), TEN), "10.1.2.3", True),
        (Reach(("agent.bank",), TEN), "other.bank", False),
    ],
)
def test_what_may_be_registered(reach: Reach, host: str, allowed: bool) -> None:  # noqa: FBT001 - parametrised
    assert reach.allows(host) is allowed


def test_no_text_is_an_address_by_mistake() -> None:
    for text in ("", "localhost", "10.0.0.1 ", "10.0.0", "[::1]", None):
        assert not is_within(text, (ip_network("0.0.0.0/0"), ip_network("::/0")))


@pytest.fixture
def resolves(monkeypatch):
    """Say what names resolve to; each question takes the next answer."""
    asked: list[str] = []

    def answering(*answers: list[str]) -> list[str]:
        left = list(answers)

        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in left.pop(0)]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
        return asked

    return answering


async def test_of_a_names_addresses_those_in_reach_are_taken(resolves) -> None:
    resolves(["127.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1"], ["127.0.0.1"])
    reach = Reach(networks=TEN)
    assert await reach.addresses("agent.bank", 1) == ["10.0.0.1", "10.0.0.2"]
    with pytest.raises(OutOfReach):
        await reach.addresses("agent.bank", 1)


@pytest.mark.parametrize("spelt", ["2130706433", "0x7f.1", "127.1"])
async def test_an_address_in_disguise_is_seen_when_it_is_resolved(spelt: str) -> None:
    reach = Reach(networks=TEN)
    assert reach.allows(spelt)  # a name like any other
    with pytest.raises(OutOfReach):
        await reach.addresses(spelt, 1)


async def dialled(dialer: AgentDialer, url: str) -> Any:
    events: asyncio.Queue[Any] = asyncio.Queue()
    attempt = dialer.dial(url, events.put_nowait)
    event = await asyncio.wait_for(events.get(), 10)
    if isinstance(event, WireOpened):
        event.wire.abort()
    await attempt.task
    return event


async def test_a_name_that_changes_its_address_is_dialled_where_it_was_judged(resolves) -> None:
    async def stay(agent: Any) -> None:
        await agent.wait_closed()

    async with websockets.serve(stay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        asked = resolves(["127.0.0.1"], ["10.9.9.9"])
        dialer = AgentDialer([].append, reach=Reach(networks=(ip_network("127.0.0.0/8"),)))
        assert isinstance(await dialled(dialer, f"ws://rebinding.example:{port}"), WireOpened)
        assert asked == ["rebinding.example"]
        refused = await dialled(dialer, f"ws://rebinding.example:{port}")
    assert isinstance(refused, WireRefused)
    assert refused.end.kind is FailureKind.REJECTED


async def test_the_next_address_is_tried_when_one_does_not_answer(resolves) -> None:
    async def stay(agent: Any) -> None:
        await agent.wait_closed()

    async with websockets.serve(stay, "127.0.0.2", 0) as server:
        resolves(["127.0.0.1", "127.0.0.2"])
        url = f"ws://agent.bank:{server.sockets[0].getsockname()[1]}"
        assert isinstance(await dialled(AgentDialer([].append), url), WireOpened)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1"])
async def test_what_is_out_of_reach_is_not_asked_for_its_health_either(host: str) -> None:
    asked = []

    async def health(_: web.Request) -> web.Response:
        asked.append(host)
        return web.json_response({"agentId": "idv"})

    prober, near = HttpProber(Reach(networks=TEN)), HttpProber(Reach(networks=(ip_network("127.0.0.0/8"),)))
    async with serving(health) as url:
        there = url.replace("127.0.0.1", host)
        assert not (await ask(prober, there)).alive
        assert asked == []
        assert (await ask(near, there)).alive
    await prober.stop()
    await near.stop()


async def test_a_health_page_that_leads_elsewhere_is_not_followed() -> None:
    followed = []

    async def inside(_: web.Request) -> web.Response:
        followed.append("inside")
        return web.json_response({"agentId": "idv"})

    prober = HttpProber()
    async with serving(inside) as secret:

        async def lead(_: web.Request) -> web.Response:
            raise web.HTTPFound(secret.replace("ws://", "http://") + "/health")

        async with serving(lead) as url:
            assert not (await ask(prober, url)).alive
    assert followed == []
    await prober.stop()


@pytest.mark.parametrize(
    "settings", [{"agent_networks": ("10.0.0.0/8",), "agent_hosts": ("Agent.Bank",)}], indirect=True
)
async def test_the_settings_reach_registration_dialer_and_prober(rest) -> None:
    for url, status in (
        (URL, 403),
        ("ws://169.254.169.254", 403),
        ("ws://agent.bank:1", 200),
        ("ws://10.0.0.1:1", 200),
    ):
        answered, _ = await rest.post("/api/agents/register", {"id": "triage", "url": url})
        assert answered == status, url
    async with serving(page('{"agentId":"idv"}')) as url:
        assert not (await ask(rest.gateway.prober, url)).alive
    refused = await dialled(rest.gateway.ports.dialer, URL)
    assert refused.end.kind is FailureKind.REJECTED


# --- the agents' secret --------------------------------------------------------------------------------------------

GUARDED = [
    ("POST", "/api/agents/register", {"id": "triage", "url": URL}),
    ("POST", "/api/agents/heartbeat", {"agentId": "triage", "url": URL}),
    ("POST", "/api/agents/triage/status", {"status": "busy"}),
    ("DELETE", "/api/agents/triage", None),
]


OF_A_CALL: Any = [
    ("GET", "/api/sessions/x/memory", None),
    ("POST", "/api/sessions/x/memory", {"memory": {"verified": True}}),
    ("POST", "/api/sessions/x/transfer", {"targetAgent": "banking"}),
]


@pytest.mark.parametrize("settings", [{"agent_secret": SECRET, "admin_token": "open sesame"}], indirect=True)
async def test_nobody_registers_beats_or_removes_without_the_secret(rest) -> None:
    for credentials in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": SECRET[:-1]}):
        for method, path, body in [*GUARDED, *OF_A_CALL]:
            assert (await rest.ask(method, path, json=body, headers=credentials))[0] == 401
    assert (await rest.get("/api/agents"))[1] == []
    for right in (SECRET, "open sesame"):
        for method, path, body in GUARDED:
            answer = await rest.ask(method, path, json=body, headers={"Authorization": f"Bearer {right}"})
            assert answer[0] == 200, answer
        for method, path, body in OF_A_CALL:
            assert (await rest.ask(method, path, json=body, headers={"Authorization": f"Bearer {right}"}))[0] == 404


@pytest.mark.parametrize("settings", [{"agent_secret": SECRET}], indirect=True)
async def test_an_agent_that_was_given_the_secret_is_let_in_and_leaves(rest) -> None:
    config = AgentConfig("triage", 0, rest.base, host="127.0.0.1", bind="127.0.0.1", secret=SECRET)
    assert SECRET not in repr(config)

    async def listed() -> list[Any]:
        return [row["id"] for row in (await rest.get("/api/agents"))[1]]

    async with running(Agent("triage").service(config)), asyncio.timeout(10):
        while not await listed():  # noqa: ASYNC110 - it registers when it likes
            await asyncio.sleep(0.01)
    assert await listed() == []
