"""The life of one call, worked out from its steps: who served the caller when, and every link; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Story = Mapping[str, Any]

_SERVED: Final = frozenset({"done", "fell_back"})
OPEN, LOST, ENDED = "open", "lost", "ended"


@dataclass(frozen=True, slots=True)
class Served:
    """Who had the caller from when until when, in Unix milliseconds; ``agent`` is empty while nobody had."""

    agent: str
    began: int
    ended: int


@dataclass(slots=True)
class Link:
    """One connection to an agent. ``ended`` is None while it is open; ``end``: `OPEN`, `LOST` or `ENDED`."""

    generation: int
    agent: str
    url: str
    reason: str
    began: int
    ended: int | None = None
    end: str = OPEN
    cause: str = ""
    detail: str = ""


def served(story: Story, now: int) -> Iterator[Served]:
    """Tell who had the caller, from the beginning to the end, or to ``now``."""
    steps = story.get("steps") or []
    began, agent, generation = story.get("began", 0), "", None
    dialled = None
    for step in steps:
        at, kind = step["at"], step["event"]
        next_agent, next_generation = agent, generation
        if kind == "dialled":
            dialled = step.get("generation")
        elif kind == "swap" and step.get("outcome") in _SERVED:
            next_agent, next_generation = step.get("to") or "", dialled
        elif kind == "link_lost" and generation == step.get("generation"):
            next_agent, next_generation = "", None
        if (next_agent, next_generation) != (agent, generation):
            if at > began:
                yield Served(agent, began, at)
            began, agent, generation = at, next_agent, next_generation
    last = now if story.get("live") else max((step["at"] for step in steps), default=began)
    if last > began:
        yield Served(agent, began, last)


def links(story: Story) -> list[Link]:
    """Every link that was dialled, the first one first."""
    found: dict[int, Link] = {}
    for step in story.get("steps") or []:
        kind, generation = step["event"], step.get("generation")
        link = found.get(generation)
        if kind == "dialled":
            url, reason = step.get("url") or "", step.get("reason") or ""
            found[generation] = Link(generation, step.get("agent") or "", url, reason, step["at"])
        elif kind == "ended":
            for left in found.values():
                _close(left, step["at"], ENDED)
        elif link is not None and kind == "link_lost":
            _close(link, step["at"], LOST)
            link.cause, link.detail = step.get("cause") or "", step.get("detail") or ""
        elif link is not None and kind == "link_ended":
            _close(link, step["at"], ENDED)
    return list(found.values())


def _close(link: Link, at: int, end: str) -> None:
    if link.ended is None:
        link.ended, link.end = at, end
