"""What the stream tells, put together; and which calls somebody looks for."""

import pytest

from gateway.terminal.picture import AgentGroup, Health, Order, Picture, Wanted, chosen, grouped, health_of

NOW = 1_000_000_000


def session(**fields):
    return {"kind": "session", "state": "live", "agent": "triage", "restarts_left": 5, "mailbox": 0, **fields}


def picture(**sessions):
    told = Picture()
    rows = {f"node/sessions/{name}": row for name, row in sessions.items()}
    told.take("snapshot", {"at": NOW, "actors": {"node": {"kind": "supervisor"}, **rows}})
    return told


def test_deltas_change_fields_add_rows_and_take_them_away():
    told = picture(a=session(), b=session())
    told.take(
        "delta",
        {
            "at": NOW + 1,
            "actors": {"node/sessions/a": {"state": "dialling"}, "node/sessions/c": session()},
            "gone": ["node/sessions/b", "node/sessions/never"],
        },
    )
    assert [(row["id"], row["state"], row["agent"]) for row in told.calls()] == [
        ("a", "dialling", "triage"),
        ("c", "live", "triage"),
    ]
    assert told.at == NOW + 1


def test_a_new_snapshot_forgets_what_was():
    told = picture(a=session())
    told.take("event", {"event": "began"})
    told.take("snapshot", {"at": NOW, "actors": {}, "recent": [{"event": "ended"}]})
    assert (list(told.calls()), [event["event"] for event in told.events]) == ([], ["ended"])


def test_a_large_snapshot_is_complete_with_its_last_frame():
    told = Picture()
    assert not told.complete
    told.take("snapshot", {"at": NOW, "actors": {}, "more": True})
    told.take("event", {"event": "began"})
    assert not told.complete
    told.take("delta", {"at": NOW, "actors": {}})
    assert told.complete


def test_figures_are_the_newest_and_a_point_counts_once():
    told = Picture()
    told.take("snapshot", {"at": NOW, "series": {"look": 2, "step_s": 5, "points": 2, "started": [1, 10]}})
    assert (told.figure("started"), told.rate("started"), told.rate("failed")) == (10, 2.0, 0.0)
    told.take("delta", {"at": NOW, "point": {"look": 2, "started": 99}})
    assert told.figure("started") == 10
    told.take("delta", {"at": NOW, "point": {"look": 3, "started": 20}})
    assert told.series["started"] == [10, 20]


@pytest.mark.parametrize(
    ("fields", "health"),
    [
        ({}, Health.HEALTHY),
        ({"restarts_left": 0}, Health.FAILING),
        ({"state": "backing_off"}, Health.NO_AGENT),
        ({"mailbox": 21}, Health.NO_AGENT),
        ({"state": "parked"}, Health.PARKED),
        ({"state": "swapping"}, Health.RECOVERING),
        ({"lost": NOW - 59_000}, Health.RECOVERING),
        ({"lost": NOW - 61_000}, Health.HEALTHY),
        ({"state": "waiting"}, Health.IDLE),
    ],
)
def test_health(fields, health):
    assert health_of(session(**fields), NOW) is health


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), "abcd"),
        (Wanted(agent="idv"), "b"),
        (Wanted(state="live"), "abd"),
        (Wanted(state="no-agent"), "c"),
        (Wanted(failing=True), "cd"),
        (Wanted(restarted=True), "ab"),
        (Wanted(agent="idv", failing=True), ""),
    ],
)
def test_filters(wanted, found):
    told = picture(
        a=session(lost=NOW - 1000),
        b=session(agent="idv", lost=NOW - 299_000),
        c=session(state="picking", lost=NOW - 301_000),
        d=session(restarts_left=0),
    )
    assert {row["id"] for row in chosen(told, wanted, Order.NEWEST, NOW)} == set(found)


def test_orders():
    told = picture(
        a=session(began=1, added_ms=[1, 2]), b=session(began=3), c=session(began=2, state="picking", added_ms=[1, 9])
    )

    def ordered(order):
        return "".join(row["id"] for row in chosen(told, Wanted(), order, NOW))

    assert (ordered(Order.NEWEST), ordered(Order.SLOWEST), ordered(Order.TROUBLE)) == ("bca", "cab", "cab")


def test_instances_are_counted_by_agent():
    rows = [
        {"id": "b", "status": "healthy", "breaker": "open", "links": 1},
        {"id": "b", "status": "draining", "breaker": "closed", "links": 2},
        {"id": "a", "status": "healthy", "breaker": "closed", "links": 4},
    ]
    assert grouped(rows) == [AgentGroup("a", 1, 1, 0, 4), AgentGroup("b", 2, 0, 1, 3)]
