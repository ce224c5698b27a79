"""Figures and events in words that a person understands; pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.terminal.picture import Health

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Event = Mapping[str, Any]

NONE: Final = "-"
BARS: Final = "▁▂▃▄▅▆▇█"
GOOD, BAD, CHANGING, AWAY, QUIET = "green", "bold red", "yellow", "magenta", "dim"
HEALTH_STYLES: Final = {
    Health.FAILING: BAD,
    Health.NO_AGENT: "red",
    Health.RECOVERING: CHANGING,
    Health.PARKED: AWAY,
    Health.IDLE: QUIET,
    Health.HEALTHY: GOOD,
}
HEALTH_SIGNS: Final = {
    Health.FAILING: "✖",
    Health.NO_AGENT: "▲",
    Health.RECOVERING: "◐",
    Health.PARKED: "‖",
    Health.IDLE: "○",
    Health.HEALTHY: "●",
}
_SWAPPED: Final = {
    "start": "started with",
    "handoff": "handed over to",
    "failover": "failed over to",
    "rotation": "rotated to",
    "drain": "moved off a draining instance, to",
    "transfer": "transferred to",
    "resume": "resumed with",
}
_NOT_SWAPPED: Final = {
    "fell_back": "fell back to another agent",
    "returned": "the old agent stayed",
    "failed": "nobody could be reached",
    "abandoned": "abandoned",
}


class Words(NamedTuple):
    """An event: what happened, the particulars, and a style."""

    title: str
    more: str
    style: str


def span(ms: float) -> str:
    """A time in a few characters: 840 ms, 3.2 s, 4 min, 2 h 5 min."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    if ms < 60_000:
        return f"{ms / 1000:.{1 if ms < 10_000 else 0}f} s"
    minutes = int(ms // 60_000)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def since(at: int | None, now: int) -> str:
    """How long ago something was."""
    return NONE if at is None else span(max(0, now - at))


def audio(at: int | None, now: int) -> str:
    """When the last frame came; 0: it flows."""
    return "flowing" if at == 0 else since(at, now)


def figure(value: float | None) -> str:
    """A measured figure with three digits."""
    if value is None:
        return NONE
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def rate(value: float) -> str:
    """A number a second."""
    return f"{value:.{0 if value >= 10 or value == 0 else 1}f}"


def delays(added: Sequence[float] | None) -> str:
    """The p50 and p99 of what the gateway added."""
    return f"{figure(added[0])} / {figure(added[1])}" if added and len(added) == 2 else NONE


def size(count: int | None) -> str:
    """A number of bytes."""
    if not count:
        return NONE
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.0f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def clock(at: float) -> str:
    """The time of day, here, of Unix milliseconds."""
    return time.strftime("%H:%M:%S", time.localtime(at / 1000))


def plural(count: int, word: str) -> str:
    """One of it, or several."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def spaced(word: object) -> str:
    """`fell_back` is "fell back"."""
    return str(word or "").replace("_", " ")


def sparkline(values: Sequence[float | None], width: int) -> str:
    """The last ``width`` values as bars; blanks where nothing was measured."""
    shown = list(values)[-width:] if width > 0 else []
    most = max((value for value in shown if value is not None), default=0) or 1
    return "".join(" " if value is None else BARS[round(value / most * (len(BARS) - 1))] for value in shown)


def cause(name: str | None, detail: str | None) -> str:
    """Why a link ended; a detail that says it all stands alone."""
    known, more = spaced(name), str(detail or "")
    return more if known and known in more else ": ".join(part for part in (known, more) if part)


def policy(row: Event | None) -> str:
    """What the failure table says to a cause."""
    if not row:
        return ""
    first = (
        "this instance never again"
        if row.get("bar")
        else "another instance first"
        if row.get("avoid")
        else "the same instance may be tried"
    )
    then = "fall back to triage" if row.get("when_none") == "fall_back" else "back off and try again"
    return f"{first}, then {then}"


def of_event(event: Event) -> Words:  # noqa: PLR0911 - one line per event
    """Put an event of the stream, or a step of a story, into words."""
    of = event.get
    match of("event"):
        case "began":
            taken_up = of("taken_up")
            return Words("taken up" if taken_up else "began", "from another session" if taken_up else "", "")
        case "routed":
            return Words(f"routed to {of('agent')}", f"{spaced(of('reason'))}, {of('url')}", QUIET)
        case "dialled":
            return Words(f"dialled {of('agent')}", f"link {of('generation')}, {of('url')}", QUIET)
        case "link_lost":
            why = cause(of("cause"), of("detail"))
            return Words(f"lost {of('agent')}", f"{why}, link {of('generation')}, {of('url')}", BAD)
        case "link_ended":
            return Words(f"link {of('generation')} ended", "", QUIET)
        case "swap":
            return _swap(event)
        case "parked":
            return Words("parked", f"the caller's connection ended; waits up to {span(of('window_s', 0) * 1000)}", AWAY)
        case "resumed":
            return Words("resumed", "the caller is back", GOOD)
        case "ended":
            lasted = f"after {span(of('duration_s', 0) * 1000)}, close code {of('code')}"
            return Words(f"ended: {spaced(of('verdict'))}", lasted, "" if of("good") else BAD)
        case "actor_restarting":
            left = plural(of("restarts_left") or 0, "restart")
            return Words(f"{of('actor')} restarts", f"in {span(of('after_s', 0) * 1000)}, {left} left", CHANGING)
        case kind:
            return Words(spaced(kind), "", "")


def _swap(event: Event) -> Words:
    reason, outcome = event.get("reason"), event.get("outcome")
    times = f"{span(event.get('took_ms', 0))} in all, {span(event.get('gap_ms', 0))} without an agent"
    if outcome == "done":
        return Words(f"{_SWAPPED.get(str(reason), spaced(reason))} {event.get('to')}", times, GOOD)
    title = f"{spaced(reason)}: {_NOT_SWAPPED.get(str(outcome), spaced(outcome))}"
    return Words(title, times, BAD if outcome == "failed" else CHANGING)


def receipt(event: Event) -> str:
    """What a swap took along; what there was none of is not said."""
    kept, came_from = event.get("replayed") or {}, event.get("from")
    replayed = _some((kept.get("texts"), "text"), (kept.get("audio_frames"), "frame"))
    dropped = _some((kept.get("dropped_frames"), "frame"))
    keys = ", ".join(event.get("memory_keys") or ())
    parts = (
        f"from {came_from}" if came_from and came_from != event.get("to") else "",
        plural(event.get("attempts") or 0, "attempt"),
        f"replayed {replayed}" if replayed else "",
        f"dropped {dropped}" if dropped else "",
        f"memory: {keys}" if keys else "no memory",
    )
    return "; ".join(part for part in parts if part)


def _some(*counted: tuple[int | None, str]) -> str:
    return ", ".join(plural(count, word) for count, word in counted if count)
