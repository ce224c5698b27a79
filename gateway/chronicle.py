"""The life of every call and of the fixed actors, as it was told: bounded, and put into words when somebody looks."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import asdict

from actors.failover import TABLE
from actors.session_events import (
    LinkDialled,
    LinkEnded,
    LinkLost,
    Parked,
    Resumed,
    Routed,
    SessionBegan,
    SessionEnded,
    SwapEnded,
    TranscriptLine,
)
from actors.verdict import Verdict
from gateway.close_codes import TO_CALLER
from gateway.masking import mask
from gateway.meters import SESSION_DEPTH
from gateway.notes import Notes
from supervisor import events
from supervisor.reasons import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors.ids import SessionId
    from actors.ports import RelayCounters
    from actors.receipt import Receipt
    from supervisor.events import SupervisionEvent

    Step = dict[str, object]

FIRST_STEPS, LAST_STEPS = 8, 120  # of one call: how it began is kept, whatever comes later
MAX_ENDED: Final = 500  # calls that are over and can still be looked at
RECENT: Final = 60  # of all calls and actors together
_ENDED_WELL: Final = frozenset({Verdict.CALLER_LEFT, Verdict.SWAPPED, Verdict.SHUTDOWN, Verdict.ENDED_BY_OPERATOR})


class Story(Struct):
    """What happened to one call. Times are Unix milliseconds."""

    began_ms: int
    events: Notes = field(default_factory=partial(Notes, FIRST_STEPS, LAST_STEPS))
    told: int = 0
    lines: int = 0
    lost_ms: int | None = None
    """When a link was lost the last time."""

    def note(self, at_ms: int, event: object) -> None:
        """Keep one event."""
        self.told += 1
        if type(event) is LinkLost:
            self.lost_ms = at_ms
        self.events.note(at_ms, event)

    def steps(self) -> list[Step]:
        """What is kept, the oldest first."""
        return steps_of((int(at_ms), event) for at_ms, event in self.events)


@dataclass(slots=True)
class Past:
    """What a fixed actor went through. Times are Unix milliseconds."""

    last_exit: str | None = None
    restarted_ms: int | None = None


class Chronicle:
    """A `Tracer` by `observe`, an `EventSink` by `emit`; ``wall`` is Unix seconds."""

    hears = frozenset[type]({events.ChildExited, events.ChildRestarting})

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._live: dict[SessionId, Story] = {}
        self._ended: OrderedDict[SessionId, Story] = OrderedDict()
        self._past: dict[str, Past] = {}
        self._recent: deque[tuple[int, object]] = deque(maxlen=RECENT)
        self.started = self.failed = self.swapped = 0

    def observe(self, session_id: SessionId, event: object) -> None:
        """Keep one event of a session."""
        at_ms = int(self._wall() * 1000)
        kind = type(event)
        if kind is SessionBegan:  # perhaps with a call that another session had
            self.started += 1
            self._live[session_id] = self._ended.pop(session_id, Story(at_ms))
        story = self.story(session_id)
        if story is None:
            return
        if kind is TranscriptLine:
            story.lines += 1
            return
        story.note(at_ms, event)
        self._recent.append((at_ms, event))
        if kind is SwapEnded:
            self.swapped += 1
        elif kind is LinkLost or (type(event) is SessionEnded and event.verdict not in _ENDED_WELL):
            self.failed += 1

    def emit(self, event: SupervisionEvent) -> None:
        """Keep what happened to one of the fixed actors."""
        match event:
            case events.ChildExited(path, _, reason, _) if path.count("/") < SESSION_DEPTH:
                self._of(path).last_exit = mask(describe(reason))
            case events.ChildRestarting(path) if path.count("/") < SESSION_DEPTH:
                at_ms = int(self._wall() * 1000)
                self._of(path).restarted_ms = at_ms
                self._recent.append((at_ms, event))
            case _:
                pass  # sessions and links tell of themselves

    def call_over(self, session_id: SessionId) -> None:
        """Let a call that is over be looked at for a while."""
        story = self._live.pop(session_id, None)
        if story is None:
            return
        self._ended[session_id] = story
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)

    def story(self, session_id: SessionId) -> Story | None:
        """What is known of a call, live or over."""
        return self._live.get(session_id) or self._ended.get(session_id)

    def is_live(self, session_id: SessionId) -> bool:
        """Whether the call goes on."""
        return session_id in self._live

    def past(self, path: str) -> Past:
        """What a fixed actor went through."""
        return self._past.get(path) or Past()

    def recent(self) -> list[Step]:
        """The last events of all calls and fixed actors, the oldest first."""
        return steps_of(self._recent)

    def _of(self, path: str) -> Past:
        return self._past.setdefault(path, Past())


def steps_of(noted: Iterable[tuple[int, object]]) -> list[Step]:
    """Put what was noted into words."""
    return [step for at_ms, event in noted if (step := described(at_ms, event)) is not None]


def described(at_ms: int, event: object) -> Step | None:
    """Name an event and its plain values, masked; None for what is not shown."""
    match event:
        case events.ChildRestarting(path, after_s, attempt, restarts_left):
            return {
                "at": at_ms,
                "event": "actor_restarting",
                "actor": path,
                "after_s": after_s,
                "attempt": attempt,
                "restarts_left": restarts_left,
            }
        case _:
            step = _of_session(event)
            return None if step is None else {"at": at_ms, "session": getattr(event, "session_id", None), **step}


def _of_session(event: object) -> Step | None:
    match event:
        case SessionBegan(taken_up=taken_up):
            step: Step | None = {"event": "began", "taken_up": taken_up}
        case Routed() | LinkDialled():
            step = _towards(event)
        case LinkLost():
            step = _lost(event)
        case LinkEnded(_, generation):
            step = {"event": "link_ended", "generation": generation}
        case SwapEnded(receipt=receipt):
            step = {"event": "swap", **_of_receipt(receipt)}
        case Parked(_, window_s):
            step = {"event": "parked", "window_s": window_s}
        case Resumed():
            step = {"event": "resumed"}
        case SessionEnded():
            step = _ended(event)
        case _:
            step = None
    return step


def _towards(event: Routed | LinkDialled) -> Step:
    return {
        "event": "routed" if isinstance(event, Routed) else "dialled",
        "agent": event.agent_id,
        "url": event.url,
        "generation": event.generation,
        "reason": mask(event.reason),
    }


def _lost(event: LinkLost) -> Step:
    return {
        "event": "link_lost",
        "agent": event.agent_id,
        "url": event.url,
        "generation": event.generation,
        "cause": event.cause,
        "detail": mask(event.detail),
        "policy": _policy(event.cause),
    }


def _policy(cause: str) -> dict[str, object] | None:
    """Read the row of the failure table for a cause."""
    row = next((row for known, row in TABLE.items() if known.value == cause), None)
    return None if row is None else asdict(row)


def _of_receipt(receipt: Receipt) -> Step:
    return {
        "reason": receipt.reason.value,
        "outcome": receipt.outcome.value,
        "from": receipt.source,
        "to": receipt.target,
        "attempts": receipt.attempts,
        "gap_ms": receipt.ms_without_agent,
        "took_ms": receipt.took_ms,
        "replayed": asdict(receipt.replayed),
        "memory_keys": list(receipt.memory_keys),
    }


def _ended(event: SessionEnded) -> Step:
    return {
        "event": "ended",
        "verdict": event.verdict.value,
        "code": TO_CALLER[event.verdict].code,
        "good": event.verdict in _ENDED_WELL,
        "swaps": event.swaps,
        "causes": list(event.causes),
        "attempts": event.attempts,
        "gaps_ms": list(event.gaps_ms),
        "duration_s": round(event.duration_s, 1),
        **(_measured(event.counters) if event.counters is not None else {}),
    }


def _measured(counters: RelayCounters) -> Step:
    return {
        "frames": {"to_agent": counters.to_agent_frames, "to_caller": counters.to_caller_frames},
        "dropped": counters.dropped_frames,
        "added": {direction: delays.describe() for direction, delays in counters.delays.items()},
    }
