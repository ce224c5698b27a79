"""What actors and runtime report, as log lines. Everything here only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, get_args

from loguru import logger

from actors.session_events import LinkLost, Parked, Resumed, Routed, SessionEnded, SessionEvent, SwapEnded
from supervisor import events
from supervisor.events import EventSink
from supervisor.reasons import describe, is_abnormal
from supervisor.system_base import CreationFailed, DeadLetter, MessageFailed, SlowTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from actors.ids import SessionId
    from supervisor.events import SupervisionEvent
    from supervisor.system_base import Notice


_LAZY = logger.opt(lazy=True)  # words are put together only where somebody reads their level


HEARD: Final = frozenset[type](get_args(events.SupervisionEvent))
EVERY: Final = frozenset[type](get_args(SessionEvent))

Observers: TypeAlias = "Mapping[type, Callable[[SessionId, Any], None]]"
"""Who hears of the events of each type; a look-up, for `match` makes a set, a list and a tuple for each case."""


class Audience:
    """Several who observe sessions; each hears of the events of its types, in this order."""

    def __init__(self, several: Iterable[Observers]) -> None:
        there = tuple(several)
        self._of = {kind: tuple(one[kind] for one in there if kind in one) for kind in EVERY}

    def observe(self, session_id: SessionId, event: object) -> None:
        """Pass one event on; a `Tracer`."""
        for tracer in self._of.get(type(event), ()):
            tracer(session_id, event)


class Listener(EventSink, Protocol):
    """An `EventSink` that says what it listens to; other events would be nothing to it."""

    hears: frozenset[type]


class Sinks:
    """An `EventSink` that is several: each gets the events that it hears."""

    def __init__(self, sinks: Iterable[Listener]) -> None:
        there = tuple(sinks)
        self._of = {kind: tuple(sink for sink in there if kind in sink.hears) for kind in HEARD}

    def emit(self, event: SupervisionEvent) -> None:
        """Pass one event on to each; what one of them raises is not the others' loss."""
        for sink in self._of[type(event)]:
            try:
                sink.emit(event)
            except Exception:  # noqa: BLE001 - telemetry never fails an actor
                logger.exception("{} lost {}", type(sink).__name__, type(event).__name__)


class WhenEnded:
    """An `EventSink` that calls back when the supervisor at a path has given up."""

    hears = frozenset[type]({events.Escalated})

    def __init__(self, path: str, call: Callable[[], None]) -> None:
        self._path = path
        self._call = call

    def emit(self, event: SupervisionEvent) -> None:
        """Look for that one event."""
        if isinstance(event, events.Escalated) and event.path == self._path:
            self._call()


class SupervisionLog:
    """An `EventSink`; that a child has started is said at DEBUG only, and heard of where somebody reads that."""

    def __init__(self, *, debug: bool) -> None:
        self.hears = HEARD if debug else HEARD - {events.ChildStarted}

    def emit(self, event: SupervisionEvent) -> None:
        """Log one event at the level that its meaning deserves."""
        match event:
            case events.ActorFailed(path, incarnation, where, error):
                logger.opt(exception=error).error("{} #{} failed in {}", path, incarnation, where)
            case events.ChildStarted():
                logger.debug("{} #{} started", event.path, event.incarnation)
            case events.ChildExited(path, incarnation, reason, lived_s):
                level = "WARNING" if is_abnormal(reason) else "DEBUG"
                _LAZY.log(level, "{}", lambda: f"{path} #{incarnation} ended after {lived_s:.1f} s: {describe(reason)}")
            case _:
                logger.warning("{}", event)


def _log(level: str, line: Callable[[], str], session_id: SessionId) -> None:
    _LAZY.log(level, "{}", line, session=lambda: session_id)


def _routed(session_id: SessionId, event: Routed) -> None:
    _log("INFO", lambda: f"Routing session {session_id} to agent: {event.agent_id}", session_id)


def _lost(session_id: SessionId, event: LinkLost) -> None:
    where = f"link {event.generation} to {event.agent_id}"
    _log("WARNING", lambda: f"{where} lost: {event.cause} {event.detail}", session_id)


def _swapped(session_id: SessionId, event: SwapEnded) -> None:
    _log("INFO", lambda: f"swap: {event.receipt.describe()}", session_id)


def _parked(session_id: SessionId, event: Parked) -> None:
    waits = f"he is waited for up to {event.window_s:.0f} s"
    _log("INFO", lambda: f"parked: the caller's connection ended; {waits}", session_id)


def _resumed(session_id: SessionId, _: Resumed) -> None:
    _log("INFO", lambda: "resumed: the caller is back", session_id)


def _ended(session_id: SessionId, event: SessionEnded) -> None:
    _log("INFO", lambda: f"ended: {event.verdict} after {event.duration_s:.1f} s, {_account(event)}", session_id)


LOG: Final[Observers] = {
    Routed: _routed,
    LinkLost: _lost,
    SwapEnded: _swapped,
    Parked: _parked,
    Resumed: _resumed,
    SessionEnded: _ended,
}
"""The log's observers."""


def _account(event: SessionEnded) -> str:
    """What the call was: ``2 swaps, 3 dials, links lost: broken, without agent 40 ms, 5 frames dropped``."""
    words = f"{event.swaps} swaps, {event.attempts} dials"
    if event.causes:
        words += f", links lost: {' '.join(event.causes)}"
    if event.gaps_ms:
        words += f", without agent {', '.join(f'{gap} ms' for gap in event.gaps_ms)}"
    if event.counters is not None:
        words += f", {event.counters.dropped_frames} frames dropped"
    return words + _added(event)


def _added(event: SessionEnded) -> str:
    """What the gateway added to the call's frames: ``, added p99 to_agent 0.06 ms``; empty where none was measured."""
    delays = event.counters.delays if event.counters is not None else {}
    figures = ((direction, one.describe().get("p99_ms")) for direction, one in delays.items())
    return "".join(f", added p99 {direction} {p99} ms" for direction, p99 in figures if p99 is not None)


def notice(event: Notice) -> None:
    """Log what the actor runtime has to say."""
    match event:
        case DeadLetter(target, message):
            logger.debug("dead letter for {}: {}", target, type(message).__name__)
        case MessageFailed():
            logger.error("{} failed at {}: {}", event.actor, event.message_type, event.details)
        case CreationFailed():
            logger.error("{} could not be created: {}", event.actor, event.details)
        case SlowTurn():
            logger.warning("{} took {:.3f} s for {}", event.actor, event.seconds, event.message_type)
