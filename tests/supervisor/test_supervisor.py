import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor import events
from supervisor.backoff import AT_ONCE, Backoff
from supervisor.errors import IntensityExceededError
from supervisor.messages import ChildExiting, ChildRef, KillChild, NoSuchChild, Started, Stop, ToChild, WhichChild
from supervisor.reasons import Crashed, Killed, Normal, Shutdown, StartFailed
from supervisor.spec import ChildSpec, RestartType, Strategy, SupervisorPlan
from supervisor.supervisor import Supervisor
from supervisor.testing import (
    CrashOnConstruct,
    CrashOnExit,
    CrashOnStart,
    Echo,
    IgnoresExit,
    IgnoresSnapshot,
    NeverStarted,
    Stage,
)


def child(child_id, actor=Echo, **fields):
    return ChildSpec(child_id, actor, **({"backoff": AT_ONCE} | fields))


def tree(stage, *children, **fields):
    return stage.start(ChildSpec("node", Supervisor, SupervisorPlan(children, **fields)))


def incarnations(stage, root):
    return {picture.path[5:]: picture.incarnation for picture in stage.snapshot(root).children}


def test_children_start_in_order_and_stop_in_reverse():
    stage = Stage(1)
    root = tree(stage, child("a"), child("b"), child("c"))
    assert [event.path for event in stage.events.all(events.ChildStarted)] == ["node/a", "node/b", "node/c"]
    assert stage.outside.last(Started).id == "node"
    stage.tell(root, Stop())
    assert [event.path for event in stage.events.all(events.ChildExited)] == ["node/c", "node/b", "node/a"]
    assert stage.outside.last(ChildExiting).reason == Shutdown()
    assert len(stage) == 0


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, {"a": 1, "b": 2, "c": 1}),
        (Strategy.REST_FOR_ONE, {"a": 1, "b": 2, "c": 2}),
        (Strategy.ONE_FOR_ALL, {"a": 2, "b": 2, "c": 2}),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_strategies_touch_whom_they_say(strategy, expected, seed):
    stage = Stage(seed)
    root = tree(stage, child("a"), child("b"), child("c"), strategy=strategy)
    stage.tell(root, ToChild("b", "crash"))
    stage.advance(0.0)
    assert incarnations(stage, root) == expected


def test_backoff_waits_grows_and_resets_after_a_healthy_run():
    stage = Stage()
    slow = Backoff(1.0, 2.0, 60.0, 0.0)
    root = tree(stage, child("a", backoff=slow, healthy_after_s=10.0), intensity=9, period_s=1000.0)
    for wait in (1.0, 2.0, 4.0):
        stage.tell(root, ToChild("a", "crash"))
        stage.advance(wait - 0.01)
        assert stage.snapshot(root).children[0].state == "backoff"
        stage.advance(0.01)
        assert stage.snapshot(root).children[0].state == "running"
    stage.advance(10.0)
    stage.tell(root, ToChild("a", "crash"))
    assert stage.events.last(events.ChildRestarting).after_s == 1.0


def test_a_spent_budget_escalates_with_a_reason():
    stage = Stage()
    root = tree(stage, child("a"), child("b"), intensity=2, period_s=5.0)
    for _ in range(3):
        stage.tell(root, ToChild("a", "crash"))
        stage.advance(0.0)
    reason = stage.outside.last(ChildExiting).reason
    assert isinstance(reason, Crashed)
    assert isinstance(reason.error, IntensityExceededError)
    assert stage.events.all(events.Escalated)
    assert len(stage) == 0


@pytest.mark.parametrize("seed", range(10))
def test_a_kill_is_told_from_a_crash_and_a_normal_end(seed):
    stage = Stage(seed)
    root = tree(stage, child("a"))
    for act, reason in ((KillChild("a"), Killed), (ToChild("a", "crash"), Crashed), (ToChild("a", "finish"), Normal)):
        stage.tell(root, act)
        stage.advance(0.0)
        assert isinstance(stage.events.last(events.ChildExited).reason, reason)
        assert stage.snapshot(root).children[0].state == "running"


@pytest.mark.parametrize("faulty", [CrashOnStart, CrashOnConstruct, "no.such.module.Actor"])
def test_a_failing_start_spends_the_budget_then_fails_the_start_above(faulty):
    stage = Stage()
    tree(stage, child("a", faulty), intensity=2)
    stage.advance(1.0)
    assert all(isinstance(event.reason, StartFailed) for event in stage.events.all(events.ChildExited))
    assert len(stage.events.all(events.ChildExited)) == 3
    assert isinstance(stage.outside.last(ChildExiting).reason, StartFailed)
    assert len(stage) == 0


def test_start_deadline():
    stage = Stage()
    tree(stage, child("a", NeverStarted, start_s=2.0), intensity=0)
    stage.advance(1.9)
    assert not stage.events.all(events.ChildOverdue)
    stage.advance(0.2)
    assert isinstance(stage.events.last(events.ChildExited).reason, StartFailed)


def test_one_that_ignores_stop_is_killed_at_its_deadline():
    stage = Stage()
    root = tree(stage, child("a", IgnoresExit, shutdown_s=3.0), child("b", CrashOnExit))
    stage.tell(root, Stop())
    stage.advance(2.9)
    assert len(stage) == 2
    stage.advance(0.2)
    assert len(stage) == 0
    assert stage.events.last(events.ChildOverdue).deadline == "stop"


def test_paths_and_ids_reach_the_present_incarnation():
    stage = Stage()
    root = tree(stage, child("a"), child("b"))
    stage.tell(root, ToChild("b", "crash"))
    stage.advance(0.0)
    stage.tell(root, ToChild("b", "hi"))
    assert stage.outside.seen[-1] == ("node/b", 2, "hi")
    stage.actor("node/a").send_to("node/b", "finish")
    stage.run()
    stage.advance(0.0)
    stage.tell(root, WhichChild("b"))
    assert stage.outside.last(ChildRef).incarnation == 3
    stage.tell(root, ToChild("z", "hi"))
    assert stage.outside.last(NoSuchChild) == NoSuchChild("z", "hi")


def test_a_silent_child_is_shown_as_unresponsive():
    stage = Stage()
    root = tree(stage, child("a", IgnoresSnapshot), child("b"))
    stage.outside.seen.clear()
    with pytest.raises(AssertionError):
        stage.snapshot(root)
    stage.advance(1.0)
    picture = stage.outside.seen[-1].snapshot
    assert [shown.state for shown in picture.children] == ["unresponsive", "running"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(Strategy),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["crash", "finish", "kill"])), max_size=8),
)
def test_any_faults_within_budget_end_in_a_whole_tree(seed, strategy, faults):
    stage = Stage(seed)
    root = tree(stage, child("a"), child("b"), child("c"), strategy=strategy, intensity=30, period_s=100.0)
    for child_id, fault in faults:
        stage.post(root, KillChild(child_id) if fault == "kill" else ToChild(child_id, fault), stage.address)
    stage.run()
    stage.advance(1.0)
    assert [shown.state for shown in stage.snapshot(root).children] == ["running"] * 3
    assert len(stage) == 4


def test_temporary_children_are_forgotten_and_transient_ones_rest():
    stage = Stage()
    root = tree(stage, child("a", restart=RestartType.TEMPORARY), child("b", restart=RestartType.TRANSIENT))
    stage.tell(root, ToChild("a", "crash"))
    stage.tell(root, ToChild("b", "finish"))
    assert [(shown.path, shown.state) for shown in stage.snapshot(root).children] == [("node/b", "exited")]


@pytest.mark.real
@pytest.mark.parametrize("base", ["simpleSystemBase", "multiprocTCPBase"])
def test_the_same_tree_on_thespians_own_bases(base, free_port):
    script = Path(__file__).with_name("tree_on_base.py")
    done = subprocess.run(
        [sys.executable, script, base, str(free_port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == "same tree", done.stderr
