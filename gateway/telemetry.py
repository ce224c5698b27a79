"""What actors and runtime report, as log lines. Everything here only reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, get_args

from loguru import logger

from actors.session_events import LinkLost, Parked, Resumed, Routed, SessionEnded, SessionEvent, SwapEnded
from supervisor import events
from supervisor.events import EventSink
from supervisor.reasons import describe, is_abnormal
from supervisor.system_base import CreationFailed, DeadLetter, MessageFailed, SlowTurn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.ids import SessionId
    from actors.ports import Tracer
    from supervisor.events import SupervisionEvent
    from supervisor.system_base import Notice


_LAZY = logger.opt(lazy=True)  # words are put together only where somebody reads their level


HEARD: Final = frozenset[type](get_args(events.SupervisionEvent))
EVERY: Final = frozenset[type](get_args(SessionEvent))
LOGGED: Final = frozenset[type]({Routed, LinkLost, SwapEnded, Parked, Resumed, SessionEnded})


class Audience:
    """A `Tracer` that is several: each gets the events of the types that it wants, in this order."""

    def __init__(self, tracers: Iterable[tuple[Tracer, frozenset[type]]]) -> None:
        there = tuple(tracers)
        self._of = {kind: tuple(tracer for tracer, wanted in there if kind in wanted) for kind in EVERY}

    def __call__(self, session_id: SessionId, event: object) -> None:
        """Pass one event on."""
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
    """An `EventSink`."""

    hears = HEARD

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


def trace(session_id: SessionId, event: object) -> None:
    """Log what happened to a session; a `Tracer`."""
    told = _told(session_id, event)
    if told is not None:
        level, line = told
        _LAZY.log(level, "{}", line, session=lambda: session_id)


def _told(session_id: SessionId, event: object) -> tuple[str, Callable[[], str]] | None:
    """Level and line of an event, which is put into words only where somebody reads that level."""
    match event:
        case Routed(agent_id=agent):
            return "INFO", lambda: f"Routing session {session_id} to agent: {agent}"
        case LinkLost():
            return "WARNING", lambda: f"link {event.generation} to {event.agent_id} lost: {event.cause} {event.detail}"
        case SwapEnded(receipt=receipt):
            return "INFO", lambda: f"swap: {receipt.describe()}"
        case Parked(window_s=window_s):
            line = f"parked: the caller's connection ended; he is waited for up to {window_s:.0f} s"
            return "INFO", lambda: line
        case Resumed():
            return "INFO", lambda: "resumed: the caller is back"
        case SessionEnded():
            return "INFO", lambda: f"ended: {event.verdict} after {event.duration_s:.1f} s, {_account(event)}"
        case _:
            return None


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
