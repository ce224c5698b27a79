"""What a scrape of a gateway with calls says, and that it can say nothing of whom."""

import asyncio
import json

import aiohttp
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from actors.ids import AgentId, SessionId
from actors.session_events import LinkLost
from gateway.delay import DelayObjective
from gateway.meters import MAX_AGENTS, REFUSALS, Meters, spec_of
from supervisor import events
from supervisor.reasons import Crashed, Killed
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until

pytestmark = pytest.mark.real


async def scrape(gateway):
    text = (await gateway.metrics.text()).decode()
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }


@pytest.fixture
def gateway(rest):
    return rest.gateway


async def talk(gateway, socket, frames=16):
    await socket.send(json.dumps({"type": "text_input", "text": "hello"}))
    await until(socket, said)
    for _ in range(frames):
        await socket.send(b"\x01" * 640)
        assert await socket.recv() == b"\x01" * 640


async def test_a_call_is_counted_while_it_lasts_and_stays_counted(gateway):
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")
        async with call(gateway) as socket:
            session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await talk(gateway, socket)
            during = await scrape(gateway)
        await eventually(lambda: not len(gateway.calls))
        after = await scrape(gateway)
    assert during["understudy_sessions", ("state", "live")] == 1
    assert during["understudy_sessions_started_total", ("kind", "new")] == 1
    assert during["understudy_frames_total", ("direction", "to_agent")] == 17
    assert during["understudy_bytes_total", ("direction", "to_caller")] >= 16 * 640
    assert during["understudy_added_delay_seconds_count", ("direction", "to_caller")] == 2
    assert during["understudy_agents", ("agent", "triage"), ("breaker", "closed"), ("health", "healthy")] == 1
    assert during["understudy_agent_links", ("agent", "triage")] == 1
    assert during["understudy_swaps_total", ("outcome", "done"), ("reason", "start")] == 1
    assert during["understudy_swap_gap_seconds_count", ("reason", "start")] == 1
    assert during["understudy_registry_up",] == 1
    assert after["understudy_caller_sockets_closed_total", ("code", "1000")] == 1
    assert after["understudy_sessions", ("state", "live")] == 0
    assert after["understudy_sessions_ended_total", ("code", "1000"), ("verdict", "caller_left")] == 1
    assert after["understudy_actor_exits_total", ("reason", "normal"), ("spec", "link")] == 1
    assert all(after[name] >= value for name, value in during.items() if name[0].startswith("understudy_frames"))
    assert not any(session_id in str(name) for name in [*during, *after])


async def test_only_those_who_may_see_the_tree_may_scrape(rest):
    async with aiohttp.ClientSession() as client, client.get(f"{rest.base}/metrics") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/plain"
        assert "understudy_loop_lag_seconds" in await answer.text()


@pytest.mark.parametrize("settings", [{"admin_token": "t"}], indirect=True)
async def test_a_token_guards_the_scrape(rest):
    assert (await rest.get("/metrics"))[0] == 401


async def test_a_broken_objective_refuses_and_says_so(gateway, rest):
    gateway.objective.p99_ms = 3.0
    for _ in range(DelayObjective.MIN_FRAMES):
        gateway.delays.to_agent.note(0.02)
    gateway.objective.look()
    with pytest.raises(websockets.InvalidStatus) as refused:
        await call(gateway)
    assert refused.value.response.status_code == 503
    assert (await scrape(gateway))["understudy_admission_refusals_total", ("reason", "objective")] == 1
    status, body = await rest.get("/readyz")
    assert (status, list(body["reasons"])) == (503, ["objective"])


def test_names_that_anybody_can_make_up_are_bounded():
    meters = Meters()
    for number in range(MAX_AGENTS + 50):
        name = AgentId(f"agent-{number}")
        meters.observers[LinkLost](SessionId("s"), LinkLost(SessionId("s"), name, "ws://x", 1, "broken", ""))
    samples = [sample for family in meters.registry.collect() for sample in family.samples]
    lost = [sample for sample in samples if sample.name == "understudy_links_lost_total"]
    assert len(lost) == MAX_AGENTS + 1
    assert sum(sample.value for sample in lost) == MAX_AGENTS + 50


def test_close_codes_that_callers_make_up_are_one():
    meters = Meters()
    for code in (4508, 3001, 3002):
        meters.closed(code)
    value = meters.registry.get_sample_value
    assert value("understudy_caller_sockets_closed_total", {"code": "4508"}) == 1
    assert value("understudy_caller_sockets_closed_total", {"code": "other"}) == 2


def test_restarts_are_told_by_spec_and_by_the_reason_of_the_exit_before():
    meters = Meters()
    meters.emit(events.ChildExited("node/store", 1, Crashed(OSError("disk")), 1.0))
    meters.emit(events.ChildRestarting("node/store", 0.1, 1, 4))
    meters.emit(events.ChildExited("node/sessions/a", 1, Killed(), 1.0))
    value = meters.registry.get_sample_value
    assert value("understudy_actor_restarts_total", {"spec": "store", "reason": "crashed"}) == 1
    assert value("understudy_actor_exits_total", {"spec": "session", "reason": "killed"}) == 1
    assert value("understudy_sessions_ended_total", {"code": "1011", "verdict": "our_bug"}) == 0


def test_what_alerts_look_at_is_there_before_it_happens():
    value = Meters().registry.get_sample_value
    assert value("understudy_sessions_ended_total", {"code": "4503", "verdict": "no_agent"}) == 0
    assert value("understudy_actor_restarts_total", {"spec": "registry", "reason": "crashed"}) == 0
    assert value("understudy_restart_budgets_spent_total", {"spec": "node"}) is None
    assert value("understudy_admission_refusals_total", {"reason": "full"}) == 0


async def test_every_reason_to_refuse_a_caller_is_one_of_those_that_are_shown(gateway):
    assert {*gateway.admission._checks, "origin", "token", "address", "rate", "tree"} == REFUSALS


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        ("node", "node"),
        ("node/registry", "registry"),
        ("node/sessions", "sessions"),
        ("node/sessions/x", "session"),
        ("node/sessions/x/link-3", "link"),
        ("elsewhere/x", "other"),
    ],
)
def test_a_path_is_one_of_a_few_specs(path, spec):
    assert spec_of(path) == spec


async def test_many_scrapes_during_many_ends_never_go_back(gateway):
    async with running(Agent("triage")) as agent:
        await register(gateway, agent, "triage")

        async def caller():
            async with call(gateway) as socket:
                await talk(gateway, socket, frames=4)

        async def watch():
            seen = 0.0
            while True:
                now = (await scrape(gateway))["understudy_frames_total", ("direction", "to_agent")]
                assert now >= seen
                seen = now

        watching = asyncio.create_task(watch())
        await asyncio.gather(*(caller() for _ in range(20)))
        await eventually(lambda: not len(gateway.calls))
        assert not watching.done()
        watching.cancel()
        assert (await scrape(gateway))["understudy_frames_total", ("direction", "to_agent")] == 20 * 5
