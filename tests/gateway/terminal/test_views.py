"""Views as the text that they draw."""

import pytest
from rich.console import Group

from gateway.terminal import words
from gateway.terminal.picture import Health, Order, Picture, Wanted
from gateway.terminal.story import Served, links, served
from gateway.terminal.story_view import story_view
from gateway.terminal.top_view import Look, event_line, layout, screen, screen_json
from gateway.terminal.views import agents_table, calls_table, drain_words
from tests.gateway.terminal.drawing import drawn

NOW = 1_700_000_000_000
ID = "12d11530-49ef-48f4-a706-b5f0118f470a"
CALL = {
    "kind": "session", "id": ID, "state": "backing_off", "agent": "banking", "url": "ws://10.0.0.7:8082", "swaps": 2,
    "restarts_left": 1, "began": NOW - 125_000, "lost": NOW - 2_000, "caller_audio": 0, "agent_audio": NOW - 3_200,
    "stashed": 4096, "dropped": 0, "added_ms": [0.031, 1.024], "mailbox": 0, "health": Health.NO_AGENT,
}  # fmt: skip


def test_a_narrow_terminal_shows_the_most_important_of_a_call():
    assert drawn(calls_table([CALL], NOW, 80)) == [
        "health        call      agent         state             lasts       in      out",
        "▲ no agent    12d11530  banking       backing off       2 min  flowing    3.2 s",
    ]
    assert drawn(calls_table([CALL], NOW, 40)) == [
        "health        call      agent",
        "▲ no agent    12d11530  banking",
    ]


def test_a_wide_one_and_a_file_show_all_of_it():
    for width in (160, None):
        (titles, line) = drawn(calls_table([CALL], NOW, width), 1000)
        assert ID in line
        for words_of_it in ("0.03 / 1.02", "4 KB", "2.0 s"):
            assert words_of_it in line
    assert titles.split() == ("health call agent state lasts left swaps in out added ms stashed lost instance".split())
    assert line.endswith("ws://10.0.0.7:8082")


def test_nothing_is_cut_in_a_file():
    long = {**CALL, "id": "x" * 128, "url": "ws://" + "h" * 300}
    assert f"{'x' * 128}" in drawn(calls_table([long], NOW, None), 1000)[1]
    assert drawn(calls_table([long], NOW, None), 1000)[1].endswith("h" * 300)


def test_agents_show_health_breaker_and_load():
    rows = [
        {"id": "idv", "url": "ws://b", "status": "unhealthy", "breaker": "half_open", "links": 0, "activeSessions": 2,
         "lastHeartbeat": NOW - 61_000},
        {"id": "idv", "url": "ws://a", "status": "draining", "breaker": "closed", "links": 3, "activeSessions": 3},
    ]  # fmt: skip
    lines = drawn(agents_table(rows, NOW, 100), 100)
    assert [line.split() for line in lines[1:]] == [
        ["idv", "ws://a", "draining", "closed", "3", "3", "-"],
        ["idv", "ws://b", "unhealthy", "half", "open", "0", "2", "1", "min"],
    ]


@pytest.mark.parametrize(
    ("drain", "told"),
    [
        ({"state": "serving", "calls": 1, "deadline_in_s": None}, "gateway  serving, 1 call"),
        (
            {"state": "draining", "calls": 1200, "deadline_in_s": 41.3},
            "gateway  draining, 1,200 calls, 41 s until the deadline",
        ),
    ],
)
def test_a_drain_in_words(drain, told):
    assert drain_words(drain) == told


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "told"),
    [(0, "0 ms"), (840, "840 ms"), (3_200, "3.2 s"), (59_000, "59 s"), (240_000, "4 min"), (7_500_000, "2 h 5 min")],
)
def test_spans(ms, told):
    assert words.span(ms) == told


def test_a_sparkline_has_the_last_values_and_gaps():
    assert words.sparkline([9, 0, None, 7, 3.5], 4) == "▁ █▅"
    assert words.sparkline([0, 0], 5) == "▁▁"
    assert (words.sparkline([], 5), words.sparkline([1], 0)) == ("", "")


LOST = {
    "at": NOW, "event": "link_lost", "session": ID, "agent": "banking", "url": "ws://a", "generation": 3,
    "cause": "broken", "detail": "live: broken (1006)",
    "policy": {"bar": False, "avoid": True, "when_none": "back_off"},
}  # fmt: skip
SWAP = {
    "at": NOW + 59, "event": "swap", "session": ID, "reason": "failover", "outcome": "done", "from": "banking",
    "to": "banking", "attempts": 1, "gap_ms": 59, "took_ms": 61,
    "replayed": {"texts": 1, "audio_frames": 0, "dropped_frames": 4}, "memory_keys": ["account"],
}  # fmt: skip


def test_every_event_has_words():
    assert words.of_event(LOST)[:2] == ("lost banking", "live: broken (1006), link 3, ws://a")
    assert words.of_event(SWAP)[:2] == ("failed over to banking", "61 ms in all, 59 ms without an agent")
    assert words.of_event({**SWAP, "outcome": "returned"}).title == "failover: the old agent stayed"
    assert words.policy(LOST["policy"]) == "another instance first, then back off and try again"
    assert words.receipt(SWAP) == "1 attempt; replayed 1 text; dropped 4 frames; memory: account"
    ended = {"event": "ended", "verdict": "no_agent", "good": False, "duration_s": 3.0, "code": 1013}
    assert words.of_event(ended) == ("ended: no agent", "after 3.0 s, close code 1013", words.BAD)
    restart = {"event": "actor_restarting", "actor": "node/store", "after_s": 0.1, "restarts_left": 1}
    assert words.of_event(restart)[:2] == ("node/store restarts", "in 100 ms, 1 restart left")
    assert words.of_event({"event": "something_new"}).title == "something new"


def test_an_event_is_one_line_however_narrow():
    (line,) = drawn(Group(event_line(LOST, 8)), 40)
    assert line[10:] == "12d11530  lost banking  live:…"


# --- one call's life -------------------------------------------------------------------------------------------------


def dialled(at, generation, agent="banking"):
    return {"at": at, "event": "dialled", "agent": agent, "url": f"ws://{generation}", "generation": generation,
            "reason": "start"}  # fmt: skip


STORY = {
    "id": ID, "live": True, "began": NOW,
    "steps": [
        {"at": NOW, "event": "began", "taken_up": False},
        dialled(NOW + 10, 1),
        {**SWAP, "at": NOW + 100, "reason": "start", "outcome": "done"},
        {**LOST, "at": NOW + 600, "generation": 1},
        {"at": NOW + 601, "event": "link_ended", "generation": 1},
        dialled(NOW + 610, 2),
        {**SWAP, "at": NOW + 700},
    ],
    "lines": [
        {"role": "user", "text": "account ***", "agent": "banking", "timestamp": NOW + 200, "type": "final"},
        {"role": "assistant", "text": "1,200.00", "agent": "banking", "timestamp": NOW + 300, "type": "final"},
    ],
}  # fmt: skip


def test_who_served_when_has_its_gaps():
    assert list(served(STORY, NOW + 1000)) == [
        Served("", NOW, NOW + 100),
        Served("banking", NOW + 100, NOW + 600),
        Served("", NOW + 600, NOW + 700),
        Served("banking", NOW + 700, NOW + 1000),
    ]
    over = {**STORY, "live": False}
    assert list(served(over, NOW + 9000))[-1].ended == NOW + 700


def test_links_know_how_they_ended():
    first, second = links(STORY)
    assert (first.end, first.ended, first.cause) == ("lost", NOW + 600, "broken")
    assert (second.end, second.ended) == ("open", None)
    ended = {**STORY, "steps": [*STORY["steps"], {"at": NOW + 800, "event": "ended"}]}
    assert [link.end for link in links(ended)] == ["lost", "ended"]


def test_a_call_shows_state_life_failures_receipts_links_and_words():
    lines = drawn(story_view(STORY, CALL, NOW + 1000, 100), 100)
    text = "\n".join(lines)
    assert lines[0] == f"call {ID}  ▲ no agent"
    assert "nobody 100 ms, banking 500 ms, nobody 100 ms, banking 300 ms" in lines
    assert "lost banking" in text
    assert "another instance first, then back off and try again" in text
    assert "1 attempt; replayed 1 text; dropped 4 frames; memory: account" in text
    assert "   1  banking       ws://1                           590 ms  lost   live: broken (1006)" in lines
    assert any(line.endswith("caller  account ***") for line in lines)


def test_a_call_that_is_over_and_of_which_no_words_are_kept():
    lines = drawn(story_view({**STORY, "live": False, "steps": [], "lines": None}, None, NOW, 80))
    assert lines[0] == f"call {ID}  over"
    assert [line for line in lines if line][1:] == [
        "what happened", "nothing is kept", "links", "none was dialled", "what was said, masked", "no words are kept",
    ]  # fmt: skip


# --- top -------------------------------------------------------------------------------------------------------------


def busy(calls=30, agents=3, events=20):
    told, row = Picture(), {name: value for name, value in CALL.items() if name != "id"}
    rows = {f"node/sessions/{number:08}": {**row, "state": "live", "lost": None} for number in range(calls)}
    rows["node/sessions/00000007"]["restarts_left"] = 0
    told.take(
        "snapshot",
        {
            "at": NOW,
            "actors": rows,
            "agents": [
                {"id": f"agent-{number}", "status": "unhealthy" if number == 1 else "healthy", "links": 1}
                for number in range(agents)
            ],
            "totals": {"calls": calls, "max_calls": 10_000, "drain": "draining"},
            "series": {"look": 1, "step_s": 5, "started": [0, 10], "failed": [0, 5], "added_p99_ms": [None, 0.5]},
            "recent": [{**LOST, "agent": str(number)} for number in range(events)],
        },
    )
    return told


def top(told, width, height, **look):
    look = Look("localhost:8080", **look)
    laid = layout(told, look, NOW, width, height)
    return drawn(screen(told, look, laid, NOW, width), width)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (160, 50), (40, 12), (200, 100), (80, 15)])
@pytest.mark.parametrize(("calls", "agents", "events"), [(30, 3, 20), (0, 0, 0), (2, 40, 1)])
def test_the_screen_is_exactly_as_large_as_the_terminal(width, height, calls, agents, events):
    told = busy(max(calls, 8), agents, events)
    if not calls:
        told = Picture(at=NOW)
    lines = top(told, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_the_screen_has_figures_agents_calls_and_events():
    lines = top(busy(), 100, 30)
    assert lines[0].startswith("understudy localhost:8080 draining")
    assert "live" in lines[0]
    assert lines[1].split() == "calls starts/s failed/s swaps/s added p99".split()
    assert lines[2].split() == "30 of 10,000 2.0 1.0 0 0.50 ms".split()
    assert lines[4].startswith("● agent-0 1/1 up, 1 link  ✖ agent-1 0/1 up, 1 link")
    assert lines[7].startswith("✖ failing     00000007")
    assert "lost 19" in lines[-2]
    assert lines[-1].endswith("1-12 of 30 calls")


def test_the_screen_scrolls_to_the_end_and_says_why_it_is_not_live():
    lines = top(busy(), 100, 30, offset=999, problem="the connection was lost; trying again")
    assert lines[-1].endswith("19-30 of 30 calls")
    assert "the connection was lost; trying again" in lines[0]


def test_the_screen_as_json_counts_all_and_shows_some():
    told = screen_json(busy(), Look("x", Wanted(), Order.TROUBLE), NOW, 2)
    assert (told["at"], told["wanted"], len(told["calls"]), told["health"]["failing"]) == (NOW, 30, 2, 1)
    assert told["figures"] == {
        "started_per_s": 2.0, "failed_per_s": 1.0, "swapped_per_s": 0.0, "added_p99_ms": 0.5,
    }  # fmt: skip
    assert told["calls"][0]["id"] == "00000007"
