"""Each event is one line at the level that its meaning deserves, and no line repeats what callers say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from loguru import logger
from prometheus_client import generate_latest

from actors.ids import AgentId, Generation, SessionId
from actors.ports import RelayCounters
from actors.receipt import Outcome, Receipt, SwapReason
from actors.session_events import (
    LinkDialled,
    LinkEnded,
    LinkLost,
    Parked,
    Resumed,
    Routed,
    SessionBegan,
    SessionEnded,
    SessionEvent,
    SwapEnded,
    TranscriptLine,
)
from actors.verdict import Verdict
from gateway import telemetry
from gateway.meters import Meters
from supervisor import events
from supervisor.reasons import Crashed, Killed, Normal, Shutdown, StartFailed
from supervisor.system_base import CreationFailed, DeadLetter, MessageFailed, SlowTurn

if TYPE_CHECKING:
    from collections.abc import Iterator

ID, IDV = SessionId("0b54c7a2-1111-4222-8333-444455556666"), AgentId("idv")


@pytest.fixture
def lines() -> Iterator[list[tuple[str, str, str]]]:
    """Level, session and words of each line."""
    written: list[tuple[str, str, str]] = []

    def write(message) -> None:
        record = message.record
        written.append((record["level"].name, record["extra"].get("session", ""), record["message"]))

    sink = logger.add(write, level="TRACE", format="{message}")
    yield written
    logger.remove(sink)


SUPERVISION = [
    (events.ChildStarted("/node/store", 1, 0.1), "DEBUG", ["/node/store", "#1", "started"]),
    (events.ChildExited("/node/store", 2, Normal(), 1.25), "DEBUG", ["/node/store", "#2", "1.2 s", "normal"]),
    (events.ChildExited("/node/store", 2, Shutdown(), 1), "DEBUG", ["shutdown"]),
    (events.ChildExited("/node/store", 2, Killed(), 1), "WARNING", ["killed"]),
    (events.ChildExited("/node/store", 2, Crashed(ValueError("x")), 1), "WARNING", ["crashed: ValueError('x')"]),
    (events.ChildExited("/node/store", 2, StartFailed(OSError("x")), 1), "WARNING", ["start failed: OSError('x')"]),
    (events.ChildRestarting("/node/store", 0.5, 2, 3), "WARNING", ["/node/store", "after_s=0.5", "restarts_left=3"]),
    (events.ChildOverdue("/node/store", 2, "stop"), "WARNING", ["/node/store", "stop"]),
    (events.ChildRefused("/node/sessions", "max_children"), "WARNING", ["/node/sessions", "max_children"]),
    (events.IntensityExceeded("/node", "store", 5, 30.0), "WARNING", ["/node", "store", "5"]),
    (events.Escalated("/node", "store"), "WARNING", ["/node", "store"]),
    (events.ActorFailed("/node/store", 2, "message", ValueError("x")), "ERROR", ["/node/store", "#2", "message"]),
]


def test_every_supervision_event_has_its_row() -> None:
    assert {type(event) for event, _, _ in SUPERVISION} == set(get_args(events.SupervisionEvent))


def test_the_log_hears_of_starts_only_where_debug_is_read() -> None:
    hears = telemetry.SupervisionLog(debug=False).hears
    assert telemetry.SupervisionLog(debug=True).hears - hears == {events.ChildStarted}
    assert not telemetry.SupervisionLog(debug=True).hears - telemetry.HEARD


@pytest.mark.parametrize(("event", "level", "words"), SUPERVISION)
def test_supervision_is_one_line(lines, event, level, words) -> None:
    telemetry.SupervisionLog(debug=True).emit(event)
    ((written, _, message),) = lines
    assert written == level
    assert all(word in message for word in words)


class Ear:
    """Hears one type; ``deaf``: fails at it."""

    def __init__(self, kind: type, *, deaf: bool = False) -> None:
        self.hears = frozenset({kind})
        self.deaf = deaf
        self.heard: list[object] = []

    def emit(self, event: object) -> None:
        if self.deaf:
            raise ValueError("deaf")
        self.heard.append(event)


def test_each_sink_gets_what_it_hears_and_one_that_fails_takes_nothing_from_the_others(lines) -> None:
    started, escalated = SUPERVISION[0][0], SUPERVISION[-2][0]
    deaf, one, other = (
        Ear(events.ChildStarted, deaf=True),
        Ear(events.ChildStarted),
        Ear(events.Escalated),
    )
    sinks = telemetry.Sinks([deaf, one, other])
    for event in (started, escalated):
        sinks.emit(event)
    assert (one.heard, other.heard) == ([started], [escalated])
    assert [message for *_, message in lines] == ["Ear lost ChildStarted"]


def test_what_the_meters_count_of_supervision_is_what_they_hear() -> None:
    meters = Meters()
    counting = set()
    for event, _, _ in SUPERVISION:
        before = generate_latest(meters.registry).partition(b"# HELP understudy")[2]
        meters.emit(event)
        if generate_latest(meters.registry).partition(b"# HELP understudy")[2] != before:
            counting.add(type(event))
    assert counting == Meters.hears


RECEIPT = Receipt(SwapReason.HANDOFF, AgentId("triage"), IDV, Outcome.DONE, 1, 12, 34, memory_keys=("account",))
SESSION = [
    (SessionBegan(ID), None, []),
    (LinkDialled(ID, IDV, "ws://x", Generation(1), "start"), None, []),
    (LinkEnded(ID, Generation(1)), None, []),
    (Routed(ID, IDV, "ws://x", Generation(1), "start"), "INFO", [f"Routing session {ID} to agent: idv"]),
    (LinkLost(ID, IDV, "ws://x", Generation(3), "reset", "1006"), "WARNING", ["link 3 to idv lost: reset 1006"]),
    (Parked(ID, 60.0), "INFO", ["parked", "60 s"]),
    (Resumed(ID), "INFO", ["resumed"]),
    (SwapEnded(ID, RECEIPT), "INFO", ["handoff", "triage", "idv", "done", "account"]),
    (
        SessionEnded(
            ID,
            Verdict.CALLER_LEFT,
            ("broken", "killed"),
            2,
            (40, 7),
            61.04,
            RelayCounters(dropped_frames=5),
            attempts=3,
        ),
        "INFO",
        [f"{Verdict.CALLER_LEFT} after 61.0 s", "2 swaps, 3 dials", "broken killed", "40 ms, 7 ms", "5 frames dropped"],
    ),
    (TranscriptLine(ID, "user", "my account is", IDV, 1), None, []),
]


def test_every_session_event_has_its_row() -> None:
    assert {type(event) for event, _, _ in SESSION} == set(get_args(SessionEvent))


def test_an_audience_gets_what_it_wants_in_its_order() -> None:
    heard: list[tuple[str, object]] = []
    began, ended = SESSION[0][0], SESSION[2][0]
    audience = telemetry.Audience(
        [
            dict.fromkeys(telemetry.EVERY, lambda _, event: heard.append(("all", event))),
            {type(ended): lambda _, event: heard.append(("one", event))},
            {},
        ]
    )
    audience.observe(ID, began)
    audience.observe(ID, ended)
    audience.observe(ID, object())
    assert heard == [("all", began), ("all", ended), ("one", ended)]


def test_what_is_logged_has_its_row() -> None:
    assert {type(event) for event, level, _ in SESSION if level} == set(telemetry.LOG)


def test_all_that_the_meters_hear_of_is_counted() -> None:
    meters = Meters()
    audience = telemetry.Audience([meters.observers])

    def counted() -> list[Any]:
        return [line for line in generate_latest(meters.registry).splitlines() if line.startswith(b"understudy_")]

    counting = set()
    for event, _, _ in SESSION:
        before = counted()
        audience.observe(ID, event)
        if counted() != before:
            counting.add(type(event))
    assert counting == set(meters.observers)


@pytest.mark.parametrize(("event", "level", "words"), SESSION)
def test_a_sessions_events_carry_its_id_and_never_its_words(lines, event, level, words) -> None:
    telemetry.Audience([telemetry.LOG]).observe(ID, event)
    assert [(written, session) for written, session, _ in lines] == ([(level, ID)] if level else [])
    assert all(word in message for _, _, message in lines for word in words)


@pytest.mark.parametrize(
    ("event", "level", "words"),
    [
        (DeadLetter("/node/gone", {"text": "secret"}), "DEBUG", "dead letter for /node/gone: dict"),
        (MessageFailed("a", "Session", "Start", 1, "boom"), "ERROR", "Session failed at Start: boom"),
        (CreationFailed("a", "Session", "boom"), "ERROR", "Session could not be created: boom"),
        (SlowTurn("a", "Session", "Start", 0.25), "WARNING", "Session took 0.250 s for Start"),
    ],
)
def test_what_the_runtime_says_is_one_line(lines, event, level, words) -> None:
    telemetry.notice(event)
    assert lines == [(level, "", words)]
