"""Drains: of the gateway, and of one agent's instances."""

import asyncio
import json

import pytest
import websockets

from gateway.config import BadSettings, load
from gateway.drain import Drain, State
from tests.gateway.test_calls import Agent, eventually, running, said, until


def dial(rest):
    return websockets.connect(f"ws://127.0.0.1:{rest.gateway.port}/sonic", max_queue=None)


async def register(rest, agent, agent_id="triage"):
    await rest.post("/api/agents/register", {"id": agent_id, "url": agent.url, "capabilities": {"mode": "text"}})


async def ask(socket, text):
    await socket.send(json.dumps({"type": "text_input", "text": text}))
    return await until(socket, said)


async def test_live_calls_go_on_and_new_ones_are_sent_elsewhere(rest):
    async with running(Agent("triage")) as agent, dial(rest) as caller:
        await register(rest, agent)
        await ask(caller, "one")
        assert (await rest.post("/admin/drain", {"deadline_s": 60}))[1]["state"] == "draining"
        status, body = await rest.get("/readyz")
        assert (status, list(body["reasons"])) == (503, ["drain"])
        with pytest.raises(websockets.InvalidStatus) as refused:
            await dial(rest)
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"]
        assert (await ask(caller, "two"))["text"] == "triage heard two"
        await caller.close()
        await eventually(lambda: rest.gateway.drain.state is State.DRAINED)
        assert (await rest.ask("DELETE", "/admin/drain"))[1]["state"] == "serving"
        async with dial(rest) as again:
            assert (await ask(again, "three"))["text"] == "triage heard three"


async def test_at_the_deadline_callers_are_told_to_come_back(rest):
    async with running(Agent("triage")) as agent, dial(rest) as caller:
        await register(rest, agent)
        await ask(caller, "one")
        await rest.post("/admin/drain", {"deadline_s": 0})
        error = await until(caller, lambda message: message["type"] == "error")
        assert error["code"] == "shutdown"
        with pytest.raises(websockets.ConnectionClosed):
            await until(caller, lambda _: False)
        assert caller.close_code == 1012
        await eventually(
            lambda: rest.gateway.drain.describe() == {"state": "drained", "calls": 0, "deadline_in_s": None}
        )


@pytest.mark.parametrize("deadline", ["soon", -1, True, 10**9])
async def test_a_deadline_that_cannot_be_used_is_refused(rest, deadline):
    assert (await rest.post("/admin/drain", {"deadline_s": deadline}))[0] == 400
    assert (await rest.get("/admin/drain"))[1]["state"] == "serving"


async def test_asking_again_moves_the_deadline():
    ended = asyncio.Event()

    async def end_calls():
        ended.set()

    drain = Drain(lambda: 0 if ended.is_set() else 1, end_calls, asyncio.get_running_loop().time, 3600)
    first = drain.begin()
    assert drain.begin(0) is first
    await asyncio.wait_for(first, 5)
    assert ended.is_set()


def test_a_drain_that_does_not_fit_the_grace_is_refused():
    with pytest.raises(BadSettings, match="more than grace_s 30"):
        load(drain_s=25, stop_s=5)


async def test_the_calls_of_a_drained_instance_move_without_a_gap(rest):
    async with running(Agent("one")) as one, running(Agent("two")) as two, dial(rest) as caller:
        await register(rest, one)
        await register(rest, two)
        await ask(caller, "first")
        serving, other = (one, two) if one.sockets else (two, one)
        status, body = await rest.post(f"/api/agents/triage/drain?url={serving.url}")
        assert (status, body["instances"], body["calls"]) == (200, 1, 1)
        await eventually(lambda: other.inits and not serving.sockets)
        assert other.inits[0]["resume"] is True
        assert (await ask(caller, "second"))["text"] == f"{other.name} heard second"
        rows = {row["url"]: row["status"] for row in (await rest.get("/api/agents"))[1]}
        assert rows[serving.url] == "draining"
        async with dial(rest) as newcomer:
            assert (await ask(newcomer, "me"))["text"] == f"{other.name} heard me"
        assert (await rest.ask("DELETE", f"/api/agents/triage/drain?url={serving.url}"))[1]["state"] == "serving"
        rows = {row["url"]: row["status"] for row in (await rest.get("/api/agents"))[1]}
        assert rows[serving.url] == "healthy"


async def test_an_only_instance_keeps_its_calls(rest):
    async with running(Agent("one")) as one, dial(rest) as caller:
        await register(rest, one)
        await ask(caller, "first")
        await rest.post("/api/agents/triage/drain")
        assert (await ask(caller, "second"))["text"] == "one heard second"
        assert (await rest.post("/api/agents/nobody/drain"))[0] == 404
