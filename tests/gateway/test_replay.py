"""A recorded call ends the same way when it is played again, and a build that ends otherwise is told."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from actors.topology import SESSIONS_PATH
from gateway.blackbox import read_file
from gateway.cli import main
from gateway.replay import _play_to, play
from gateway.replay_script import SILENT, Break, ComeBack, Ending, HandOver, HangUp, Say, Speak, Transfer, script_of
from supervisor.messages import KillChild
from tests.gateway.test_calls import Agent, call, eventually, register, running, said, until
from tests.gateway.test_tracing import Giver


def document(*events, frames=(), reason="asked for", seconds=1.0):
    rows = [{"t": number / 100, **event} for number, event in enumerate(events)]
    return {"format": 1, "reason": reason, "seconds": seconds, "events": rows, "frames": list(frames), "lost": 0}


CHOSE = {"event": "caller_chose", "wanted": "triage"}


def dialled(generation, agent="triage", url="ws://a"):
    return {"event": "link_dialled", "agent_id": agent, "url": url, "generation": generation, "reason": "start"}


def lost(generation, cause):
    return {"event": "link_lost", "agent_id": "triage", "generation": generation, "cause": cause}


def swap(reason, to, outcome="done"):
    return {"event": "swap_ended", "reason": reason, "outcome": outcome, "to": to, "from": "x"}


def test_a_script_has_what_the_caller_did_and_what_befell_him_in_order():
    script = script_of(
        document(
            CHOSE,
            dialled(1),
            {"event": "caller_text", "text_length": 3},
            {"event": "caller_text", "text_length": 5, "text": "hello"},
            {"event": "caller_stopped_speaking"},
            {"event": "handoff_requested", "target": "idv"},
            {"event": "routed", "agent_id": "banking", "reason": "transfer"},
            lost(1, "broken"),
            {"event": "caller_gone", "code": 1000},
            frames=[(0.001, 1, 640), (0.002, -1, -640)],
        )
    )
    steps = [step for _, step in script.steps]
    assert steps == [
        Say({"type": "select_workflow", "workflowId": "triage"}),
        Speak(640),
        Say({"type": "text_input", "text": "xxx"}),
        Say({"type": "text_input", "text": "hello"}),
        Say({"type": "end_of_speech"}),
        HandOver("idv"),
        Transfer("banking"),
        Break(1, "broken", served=False),
        HangUp(),
    ]
    assert [at for at, _ in script.steps] == sorted(at for at, _ in script.steps)


def test_refused_dials_are_refused_again_and_not_broken():
    script = script_of(
        document(dialled(1), dialled(2, url="ws://b"), lost(2, "rejected"), dialled(3), lost(3, "unreachable"))
    )
    assert script.refusals == {("triage", 2): 400, ("triage", 3): 503}
    assert script.agents == {"triage": 2}
    assert script.steps == ()


def test_a_bug_of_ours_is_not_done_again_on_purpose():
    assert script_of(document(dialled(1), lost(1, "crashed"))).steps == ()
    assert script_of(document(CHOSE, reason="session crashed")).ending.code == 1011


def test_endings_are_compared_whole_or_up_to_where_the_record_ends():
    one = Ending((("start", "done", "triage"),), ("killed",), 1000)
    assert one.differences(one) == []
    assert one.differences(Ending(one.swaps, (), 4503)) == [
        "causes: recorded [killed], replayed []",
        "code: recorded 1000, replayed 4503",
    ]
    going_on = Ending(one.swaps)
    assert going_on.differences(Ending((*one.swaps, ("handoff", "done", "idv")), (), 1000)) == []
    assert going_on.differences(Ending((("start", "failed", "triage"),))) != []


@pytest.mark.parametrize(
    "broken", [{"format": 1}, {"format": 1, "events": [{}], "frames": [], "seconds": 1, "reason": ""}]
)
def test_a_file_that_is_not_whole_is_told_apart(broken):
    with pytest.raises(ValueError, match="not whole"):
        script_of(broken)


async def recorded(gateway, tmp_path):
    """A call with a hand-off, a chaos kill and a torn link; its black box."""
    triage, banking = Giver("triage"), Agent("banking")
    async with running(triage), running(banking):
        await register(gateway, triage, "triage")
        await register(gateway, banking, "banking")
        async with call(gateway) as socket:
            session_id = (await until(socket, lambda message: message["type"] == "connected"))["sessionId"]
            await socket.send(json.dumps({"type": "select_workflow", "workflowId": "triage"}))
            await eventually(lambda: triage.inits)
            await socket.send(json.dumps({"type": "text_input", "text": "banking please"}))
            await until(socket, lambda message: message["type"] == "handoff_event")
            await gateway.ask(f"{SESSIONS_PATH}/{session_id}", KillChild("link-2"), 0.0)
            await eventually(lambda: banking.opened == 2)
            await socket.send(json.dumps({"type": "text_input", "text": "still there?"}))
            await until(socket, said)
            for link in list(banking.sockets):
                link.transport.abort()
            await eventually(lambda: banking.opened == 3)
            await socket.send(json.dumps({"type": "text_input", "text": "and now?"}))
            await until(socket, said)
        await eventually(lambda: not len(gateway.calls))
    await asyncio.to_thread(gateway.boxes.stop)
    (path,) = (tmp_path / "blackbox").iterdir()
    return path


@pytest.mark.real
async def test_a_chaos_kill_is_played_again_and_ends_the_same_way(rest, tmp_path):
    path = await recorded(rest.gateway, tmp_path)
    script = script_of(read_file(path))
    assert script.ending == Ending(
        (
            ("start", "done", "triage"),
            ("handoff", "done", "banking"),
            ("failover", "done", "banking"),
            ("failover", "done", "banking"),
        ),
        ("killed", "broken"),
        1000,
    )
    ending, skipped = await play(script, {})
    assert script.ending.differences(ending) == []
    assert skipped == []


@pytest.mark.real
async def test_a_link_is_broken_by_its_dial_however_many_wishes_came_before():
    """Nobody was there for a while when it was recorded; in the replay somebody is at once."""
    events = [CHOSE, dialled(6), {**swap("start", "triage"), "t": 0.1}]
    fails = [{**lost(6, "killed"), "t": 0.2}, {**dialled(8), "t": 0.2}, {**swap("failover", "triage"), "t": 0.3}]
    script = script_of(document(*events, *fails, seconds=0.5))
    assert Break(1, "killed") in [step for _, step in script.steps]
    ending, skipped = await play(script, {})
    assert (script.ending.differences(ending), skipped) == ([], [])


@pytest.mark.real
@pytest.mark.parametrize("cause", ["killed", "broken", "agent_left"])
async def test_a_link_that_ended_before_it_was_ready_is_not_ready_again(cause):
    begins = [CHOSE, dialled(1), {**swap("start", "triage"), "t": 0.1}]
    asked = {"event": "handoff_requested", "target": "banking", "t": 0.2}
    first, second = {**dialled(2, "banking", "ws://b"), "t": 0.2}, {**dialled(3, "banking", "ws://c"), "t": 0.4}
    script = script_of(
        document(
            *begins,
            asked,
            first,
            {**lost(2, cause), "t": 0.4},
            second,
            {**swap("handoff", "banking"), "t": 0.5},
            seconds=0.7,
        )
    )
    assert script.refusals == {("banking", 1): SILENT}
    assert Break(2, cause, served=False) in [step for _, step in script.steps]
    ending, skipped = await play(script, {})
    assert (script.ending.differences(ending), skipped) == ([], [])


@pytest.mark.real
async def test_refused_dials_end_as_recorded():
    events = [CHOSE, dialled(1), lost(1, "rejected"), dialled(2, url="ws://b"), swap("start", "triage")]
    ended = {"event": "session_ended", "verdict": "caller_left", "code": 1000}
    script = script_of(document(*events, {"event": "caller_gone", "code": 1000, "t": 0.5}, ended))
    ending, _ = await play(script, {})
    assert script.ending.differences(ending) == []


@pytest.mark.real
async def test_a_call_that_was_moved_to_another_instance_is_moved_again():
    moved = [
        {"event": "routed", "agent_id": "triage", "reason": "transfer", "t": 0.2},
        {**dialled(2, url="ws://b"), "t": 0.2},
        {**swap("transfer", "triage"), "t": 0.3},
    ]
    script = script_of(document(CHOSE, dialled(1), {**swap("start", "triage"), "t": 0.1}, *moved, seconds=0.5))
    ending, skipped = await play(script, {})
    assert (script.ending.differences(ending), skipped) == ([], [])


@pytest.mark.real
async def test_a_caller_who_came_back_comes_back():
    events = [
        CHOSE,
        dialled(1),
        {**swap("start", "triage"), "t": 0.1},
        {"event": "caller_gone", "code": 1006, "t": 0.2},
        {"event": "caller_returned", "t": 0.3},
        {"event": "caller_text", "text_length": 4, "t": 0.35},
    ]
    script = script_of(document(*events, seconds=0.5))
    assert ComeBack() in [step for _, step in script.steps]
    assert script.away_s == pytest.approx(0.1)
    async with running(Agent("triage")) as agent:
        ending, _ = await play(script, {"triage": [agent.url]})
        assert (agent.opened, agent.texts) == (1, ["xxxx"])
    assert script.ending.differences(ending) == []


@pytest.mark.real
async def test_a_real_agent_takes_the_place_of_a_stand_in():
    async with running(Agent("triage")) as agent:
        script = script_of(
            document(CHOSE, dialled(1), {"event": "caller_text", "text_length": 2}, swap("start", "triage"))
        )
        ending, _ = await play(script, {"triage": [agent.url]})
        assert agent.texts == ["xx"]
    assert script.ending.differences(ending) == []


@pytest.mark.real
async def test_a_gateway_elsewhere_is_called_and_judged_by_its_close(rest):
    events = [CHOSE, dialled(1), lost(1, "killed"), {"event": "session_ended", "verdict": "no_agent", "code": 4503}]
    script = script_of(document(*events))
    ending, skipped = await _play_to(f"ws://127.0.0.1:{rest.gateway.port}/sonic", script)
    assert ending.code == 4503
    assert skipped == ["killed: link 1"]


@pytest.mark.real
def test_the_command_says_how_it_ended_and_why_it_cannot_play(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["replay", *map(str, arguments)])

    path = tmp_path / "box.json"
    path.write_text(json.dumps(document(CHOSE, dialled(1), swap("start", "triage"), seconds=0.5)))
    same = run(path)
    assert (same.exit_code, same.output.splitlines()[-1]) == (0, "ends the same way")
    path.write_text(json.dumps(document(CHOSE, dialled(1), swap("start", "banking"), seconds=0.5)))
    other = run(path)
    assert (other.exit_code, other.output.splitlines()[-1]) == (1, "ends otherwise")
    assert "recorded [start done banking], replayed [start done triage]" in other.output
    assert run(tmp_path / "none.json").exit_code == 2
    assert run(path, "--agent", "triage").exit_code == 2
    assert run(path, "--gateway", "ws://127.0.0.1:1/sonic").exit_code == 3
