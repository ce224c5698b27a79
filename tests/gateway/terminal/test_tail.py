"""Which events are told, each once, also over a lost connection."""

from gateway.terminal.stream import LOST, Told
from gateway.terminal.tail import SAME_MS, batches, is_wanted


class Script:
    """A stream that tells what it is given."""

    def __init__(self, *told):
        self.told = told

    def following(self):
        yield from self.told


def event(at, kind="began", session="s-1"):
    return {"at": at, "event": kind, "session": session}


def run(*told):
    said = []
    return [[one["at"] for one in batch] for batch in batches(Script(*told), said.append)], said


LOST_ONCE = Told(LOST, {"why": "the connection was lost", "wait_s": 1})


def test_what_was_before_comes_first_and_then_what_happens():
    found, said = run(Told("snapshot", {"recent": [event(1), event(2)]}), Told("delta", {}), Told("event", event(3)))
    assert (found, said) == ([[1, 2], [3]], [])


def test_after_a_lost_connection_only_what_was_missed_is_told():
    before = [event(1_000), event(2_000, "ended")]
    found, said = run(
        Told("snapshot", {"recent": before}),
        Told("event", event(3_000)),
        LOST_ONCE,
        LOST_ONCE,
        Told("snapshot", {"recent": [*before, event(3_000 - 1), event(4_000)]}),
    )
    assert found == [[1_000, 2_000], [3_000], [4_000]]
    assert said == ["the connection was lost; trying again", "connected again"]


def test_events_that_are_alike_are_told_as_often_as_they_happened():
    found, _ = run(
        Told("snapshot", {"recent": [event(1_000)]}),
        Told("snapshot", {"recent": [event(1_000), event(1_001), event(1_000 + SAME_MS + 1)]}),
    )
    assert found == [[1_000], [1_001, 1_000 + SAME_MS + 1]]


def test_filters_are_the_beginning_of_an_id_and_kinds():
    assert is_wanted(event(1), "", frozenset())
    assert is_wanted(event(1), "s-", frozenset({"began"}))
    assert not is_wanted(event(1), "s-2", frozenset())
    assert not is_wanted(event(1), "", frozenset({"ended"}))
    assert not is_wanted({"at": 1, "event": "actor_restarting", "actor": "node/store"}, "s", frozenset())
