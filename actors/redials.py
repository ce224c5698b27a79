"""Fairness when an agent's instances fall all at once: redials wait for their turn, who is speaking comes first. Pure.

Each instance has a token bucket: it is never dialled again by more callers a second than it is allowed, so that its
recovery is not stopped by those who wait for it. First dials do not wait.
"""

from __future__ import annotations

import heapq
from enum import IntEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable

Wish = TypeVar("Wish")


class Urgency(IntEnum):
    """Who is served first among callers who lost their link."""

    SPEAKING = 0
    """Audio came from him within the last second, or something that he said has no answer."""
    SILENT = 1


class RedialSettings(Struct, frozen=True):
    """Redials that one instance takes: so many a second, and so many at once. A rate of 0 is no bound."""

    rate: float = 100.0
    burst: int = 20


class Wait(Struct, frozen=True):
    """Nobody may be dialled for so many seconds."""

    seconds: float


class Queue(Struct, Generic[Wish]):
    """Wishes that wait, by what they can be served with, the most urgent and then the oldest first.

    A holder that wishes again, or ends, leaves its older wish behind as void: it is dropped when its turn comes.
    """

    _lanes: dict[object, list[tuple[Urgency, int, str, Wish]]] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)
    _count: int = 0

    def __len__(self) -> int:
        return len(self._newest)

    def __contains__(self, holder: str) -> bool:
        return holder in self._newest

    def add(self, lane: object, holder: str, urgency: Urgency, wish: Wish) -> int:
        """Let a wish wait; returns how many wait in its lane, void ones included."""
        self._count += 1
        self._newest[holder] = self._count
        waiting = self._lanes.setdefault(lane, [])
        heapq.heappush(waiting, (urgency, self._count, holder, wish))
        return len(waiting)

    def forget(self, holder: str) -> None:
        """The holder has ended."""
        self._newest.pop(holder, None)

    def serve(self, answer: Callable[[Wish], Wait | None]) -> float | None:
        """Answer wishes until their lane has to wait; returns the seconds until the first may go on."""
        waits = []
        for lane in list(self._lanes):
            wait = self._serve_lane(lane, answer)
            if wait is None:
                del self._lanes[lane]
            else:
                waits.append(wait.seconds)
        return min(waits, default=None)

    def _serve_lane(self, lane: object, answer: Callable[[Wish], Wait | None]) -> Wait | None:
        waiting = self._lanes[lane]
        while waiting:
            _, number, holder, wish = waiting[0]
            if self._newest.get(holder) == number:
                wait = answer(wish)
                if wait is not None:
                    return wait
                del self._newest[holder]
            heapq.heappop(waiting)
        return None
