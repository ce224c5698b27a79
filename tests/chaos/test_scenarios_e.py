"""Faults E of the gateway that this one replaces, by number: the life of agents."""

import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
import websockets

from gateway.probe import HttpProber
from tests.chaos.stage import Caller, Scripted, bank, calling
from tests.gateway.test_calls import call, eventually, register, running

pytestmark = pytest.mark.real


@asynccontextmanager
async def rest(gateway):
    async with aiohttp.ClientSession(f"http://127.0.0.1:{gateway.port}") as client:
        yield client


async def add(gateway, agent_id, url):
    async with rest(gateway) as client:
        await client.post("/api/agents/register", json={"id": agent_id, "url": url, "capabilities": {"mode": "text"}})


@asynccontextmanager
async def deaf():
    """Accepts connections, and never says a word."""
    kept = []
    server = await asyncio.start_server(lambda _, writer: kept.append(writer), "127.0.0.1", 0)
    yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    for writer in kept:
        writer.close()
    server.close()


async def test_e37_an_agent_that_dies_is_replaced_and_what_was_said_is_answered_once(tmp_path):
    one, two = Scripted("triage"), Scripted("triage")
    async with bank(tmp_path, one, two) as gateway, calling(gateway) as caller:
        await caller.ask("hello")
        first, second = (one, two) if one.opened else (two, one)
        first.mute = True
        await caller.say("are you there?")
        await eventually(lambda: "are you there?" in first.texts)
        for socket in list(first.sockets):
            socket.transport.abort()
        assert (await caller.hear("status"))["state"] == "reconnecting"
        assert (await caller.hear("status"))["memory"] == "restored"
        assert (await caller.hear("transcript"))["text"] == "triage heard are you there?"
        assert second.texts == ["are you there?"]
        assert second.inits[0]["pendingText"] == ["are you there?"]


async def test_e38_an_agent_whose_port_is_closed_is_replaced_by_triage_with_an_apology(tmp_path):
    async with bank(tmp_path, Scripted("triage")) as gateway:
        await add(gateway, "banking", "ws://127.0.0.1:9")
        async with calling(gateway, "banking") as caller:
            await caller.say("my balance")
            assert (await caller.hear("status"))["state"] == "fallback"
            assert (await caller.hear("transcript"))["text"] == "triage heard my balance"


async def test_e38_with_nobody_at_all_he_is_told_and_closed(tmp_path):
    async with bank(tmp_path, patience_s=0.3) as gateway, calling(gateway) as caller:
        assert (await caller.hear("error"))["code"] == "no_agent"
        with pytest.raises(websockets.ConnectionClosed) as ended:
            await caller.socket.recv()
        assert ended.value.rcvd.code == 4503


async def test_e39_an_agent_that_never_shakes_hands_costs_its_deadline_and_no_words(tmp_path):
    triage = Scripted("triage")
    async with deaf() as url, bank(tmp_path, dial_s=0.2) as gateway, running(triage):
        await add(gateway, "triage", url)
        async with calling(gateway) as caller:
            await caller.say("hello")
            await register(gateway, triage, "triage")
            assert (await caller.hear("transcript"))["text"] == "triage heard hello"


async def test_e40_an_agent_that_was_forgotten_comes_back_by_its_beat(tmp_path, monkeypatch):
    asked = []

    def probe(self, agent_id, url, deliver):
        asked.append(agent_id)
        real(self, agent_id, url, deliver)

    real = HttpProber.probe
    monkeypatch.setattr(HttpProber, "probe", probe)
    async with bank(tmp_path) as gateway, rest(gateway) as client:
        answer = await client.post("/api/agents/heartbeat", json={"agentId": "banking"})
        assert (answer.status, (await answer.json())["success"]) == (200, True)
        await eventually(lambda: "banking" in asked)


async def test_e41_an_agent_that_comes_late_serves_who_waits_for_it(tmp_path):
    triage = Scripted("triage")
    async with bank(tmp_path, patience_s=20) as gateway, running(triage), calling(gateway) as caller:
        await caller.say("hello")
        await register(gateway, triage, "triage")
        assert (await caller.hear("transcript"))["text"] == "triage heard hello"


@pytest.mark.parametrize(
    ("wanted", "agent"),
    [("persona-SimpleBanking", "banking"), ("banking-master", "banking"), ("persona-mortgage", "mortgage")],
)
async def test_e42_a_personas_name_leads_to_its_agent(tmp_path, wanted, agent):
    agents = [Scripted(name) for name in ("triage", "banking", "mortgage")]
    async with bank(tmp_path, *agents) as gateway, calling(gateway, wanted) as caller:
        assert await caller.ask("hello") == f"{agent} heard hello"


async def test_e42_an_unknown_name_leads_to_triage_and_says_so(tmp_path):
    async with bank(tmp_path, Scripted("triage")) as gateway, calling(gateway, "astrology") as caller:
        assert (await caller.hear("error"))["code"] == "unknown_agent"
        assert await caller.ask("hello") == "triage heard hello"


async def test_e44_calls_go_on_while_the_gateway_is_drained_and_too_big_a_message_ends_one_call_only(tmp_path):
    async with bank(tmp_path, Scripted("triage")) as gateway, calling(gateway) as caller:
        async with call(gateway) as other:
            big = Caller(other)
            await big.hear("connected")
            await other.send(json.dumps({"type": "text_input", "text": "x" * 300_000}))
            with pytest.raises(websockets.ConnectionClosed) as ended:
                await other.recv()
            assert ended.value.rcvd.code == 1009
        gateway.drain.begin(20)
        assert await caller.ask("hello") == "triage heard hello"
        with pytest.raises(websockets.InvalidStatus):
            await call(gateway)
