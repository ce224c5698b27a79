"""A quarter of an hour of a few figures, in a ring of fixed size, so that a page that opens now has them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from gateway.delay import percentile_us
from gateway.pulse import LOOK_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.chronicle import Chronicle
    from gateway.delay import Delays

POINTS: Final = int(15 * 60 / LOOK_S)
FIGURES: Final = ("calls", "started", "failed", "swapped", "added_p99_ms")


class Trends:
    """Fed by `look` every ``LOOK_S`` seconds. All but ``calls`` are of the time since the look before."""

    def __init__(self, calls: Callable[[], int], chronicle: Chronicle, directions: Sequence[Delays]) -> None:
        self._calls = calls
        self._chronicle = chronicle
        self._directions = directions
        self._points: deque[tuple[float | None, ...]] = deque(maxlen=POINTS)
        self._counted = self._counts()
        self._delays = self._measured()
        self.looks = 0

    def look(self) -> None:
        """Add a point; the oldest gives way."""
        counted, delays = self._counts(), self._measured()
        p99_us = percentile_us([now - then for now, then in zip(delays, self._delays, strict=True)], 0.99)
        since = [now - then for now, then in zip(counted, self._counted, strict=True)]
        self._points.append((self._calls(), *since, None if p99_us is None else p99_us / 1000))
        self._counted, self._delays = counted, delays
        self.looks += 1

    def series(self) -> dict[str, object]:
        """Everything kept, the oldest first, by figure; ``step_s`` lies between points, ``look`` is the newest's."""
        columns = {name: [point[place] for point in self._points] for place, name in enumerate(FIGURES)}
        return {"step_s": LOOK_S, "points": POINTS, "look": self.looks, **columns}

    def newest(self) -> dict[str, float | None] | None:
        """The last point; None before the first look."""
        return dict(zip(FIGURES, self._points[-1], strict=True)) if self._points else None

    def _counts(self) -> tuple[int, ...]:
        return (self._chronicle.started, self._chronicle.failed, self._chronicle.swapped)

    def _measured(self) -> list[int]:
        return [sum(counts) for counts in zip(*(one.counts for one in self._directions), strict=True)]
