import json

import pytest

from supervisor import events
from supervisor.backoff import AT_ONCE
from supervisor.dynamic import DynamicPlan, DynamicSupervisor
from supervisor.messages import (
    ChildList,
    ChildRefused,
    ChildStarted,
    NoSuchChild,
    SnapshotReply,
    SnapshotRequest,
    StartChild,
    Stop,
    TerminateChild,
    ToChild,
    WhichChildren,
)
from supervisor.reasons import Shutdown
from supervisor.snapshot import to_dict, to_text
from supervisor.spec import ChildSpec, RestartType
from supervisor.testing import CrashOnStart, Echo, IgnoresExit, NeverStarted, Stage


@pytest.fixture
def stage():
    return Stage()


def sessions(stage, **limits):
    return stage.start(ChildSpec("sessions", DynamicSupervisor, DynamicPlan(**limits)))


def start(child_id, actor=Echo, restart=RestartType.TEMPORARY, **fields):
    return StartChild(ChildSpec(child_id, actor, restart=restart, backoff=AT_ONCE, **fields))


def test_start_refuse_and_forget(stage):
    root = sessions(stage, max_children=2)
    for child_id in "aabc":
        stage.tell(root, start(child_id))
    assert [started.id for started in stage.outside.all(ChildStarted)] == ["a", "b"]
    assert [(no.id, no.reason) for no in stage.outside.all(ChildRefused)] == [("a", "duplicate"), ("c", "max_children")]
    stage.tell(root, ToChild("a", "finish"))
    stage.tell(root, start("c"))
    assert stage.outside.last(ChildStarted).id == "c"
    stage.tell(root, TerminateChild("b"))
    assert stage.events.last(events.ChildExited).reason == Shutdown()
    stage.tell(root, ToChild("b", "x"))
    assert stage.outside.last(NoSuchChild).id == "b"


def test_a_failed_start_is_answered_and_a_slow_one_blocks_nobody(stage):
    root = sessions(stage)
    stage.tell(root, start("slow", NeverStarted, start_s=1.0))
    stage.tell(root, start("quick"))
    assert stage.outside.last(ChildStarted).id == "quick"
    stage.tell(root, start("bad", CrashOnStart))
    assert stage.outside.last(ChildRefused).reason == "start_failed"
    stage.advance(1.1)
    assert stage.outside.last(ChildRefused).id == "slow"


def test_one_childs_spent_budget_leaves_its_neighbours_alone(stage):
    root = sessions(stage, intensity=1)
    for child_id in ("bad", "good"):
        stage.tell(root, start(child_id, restart=RestartType.TRANSIENT))
    for _ in range(2):
        stage.tell(root, ToChild("bad", "crash"))
        stage.advance(0.0)
    stage.tell(root, WhichChildren())
    assert [(child.id, child.incarnation) for child in stage.outside.last(ChildList).children] == [("good", 1)]
    assert stage.events.all(events.IntensityExceeded)


def test_new_children_are_refused_while_shutting_down(stage):
    root = sessions(stage)
    stage.tell(root, start("a", IgnoresExit, shutdown_s=2.0))
    stage.tell(root, Stop())
    stage.tell(root, start("b"))
    assert stage.outside.last(ChildRefused).reason == "shutting_down"
    stage.advance(2.1)
    assert len(stage) == 0


def test_snapshot_is_cut_at_the_limit_and_is_json_ready(stage):
    root = sessions(stage)
    for number in range(30):
        stage.tell(root, start(f"s{number}"))
    picture = stage.snapshot(root, limit=3)
    assert len(picture.children) == 3
    assert picture.children_total == 30
    assert "27 more" in to_text(picture)
    assert json.loads(json.dumps(to_dict(picture)))["children_total"] == 30
    stage.tell(root, SnapshotRequest(depth=0))
    assert stage.outside.last(SnapshotReply).snapshot.children == ()
