"""Actors are killed on request, where that is switched on, and the calls go on."""

import asyncio
import json

import pytest

from actors.topology import NODE_INTENSITY
from supervisor.messages import ChildRef, KillChild, WhichChild
from tests.gateway.test_calls import PATIENCE_S, Agent, call, eventually, register, running, said, until

switched_on = pytest.mark.parametrize("settings", [{"chaos": True}], indirect=True)


async def kill(rest, **body):
    return await rest.post("/admin/chaos/kill", body)


async def ask(socket, text):
    await socket.send(json.dumps({"type": "text_input", "text": text}))
    return (await until(socket, said))["text"]


@switched_on
@pytest.mark.real
async def test_a_link_the_registry_and_the_store_are_killed_under_a_call(rest):
    async with running(Agent("triage")) as agent:
        await register(rest.gateway, agent, "triage")
        async with call(rest.gateway) as socket:
            session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            assert await ask(socket, "one") == "triage heard one"
            for body, path in (
                ({"link_of": session_id}, f"node/sessions/{session_id}/link-1"),
                ({"actor": "node/registry"}, "node/registry"),
                ({"actor": "node/store"}, "node/store"),
            ):
                assert await kill(rest, **body) == (202, {"success": True, "killed": path})
            assert await ask(socket, "two") == "triage heard two"
            assert await kill(rest, actor=f"node/sessions/{session_id}") == (
                202,
                {"success": True, "killed": f"node/sessions/{session_id}"},
            )
            await eventually(lambda: socket.close_code == 1011)
    assert agent.opened == 2


@pytest.mark.real
async def test_a_tree_that_gives_up_is_started_anew(rest):
    gateway = rest.gateway
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")
        async with call(gateway) as socket:
            assert await ask(socket, "one") == "triage heard one"
            node = gateway._node
            await many_kills(gateway)
            await eventually(lambda: socket.close_code is not None)
            assert socket.close_code == 1012
        await eventually(lambda: gateway._node is not node)
        await register(gateway, agent, "triage")
        async with call(gateway) as socket:
            assert await ask(socket, "two") == "triage heard two"


async def many_kills(gateway):
    """More crashes than the node allows."""
    node = gateway._node
    for incarnation in range(1, NODE_INTENSITY + 2):
        async with asyncio.timeout(PATIENCE_S):
            answer = None
            while not isinstance(answer, ChildRef) or answer.incarnation < incarnation:
                answer = await gateway.base.ask_async(node, WhichChild("registry"), 1.0)
        gateway.base.tell(node, KillChild("registry"))


@switched_on
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"actor": "node"}, 400),
        ({"actor": "elsewhere/registry"}, 400),
        ({"actor": 7}, 400),
        ({"actor": "node/" + "x" * 600}, 400),
        ({"link_of": "../registry"}, 400),
        ({"actor": "node/nobody"}, 404),
        ({"actor": "node/sessions/nobody"}, 404),
        ({"actor": "node/nobody/at/all"}, 404),
        ({"link_of": "nobody"}, 404),
    ],
)
async def test_what_cannot_be_killed_is_said(rest, body, status):
    answer = await kill(rest, **body)
    assert answer[0] == status, answer
    assert answer[1]["error"]


async def test_nothing_is_killed_unless_it_is_switched_on(rest):
    status, body = await kill(rest, actor="node/registry")
    assert status == 403
    assert "UNDERSTUDY_CHAOS" in body["error"]
