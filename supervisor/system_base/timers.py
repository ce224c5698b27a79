"""Wakeups, ordered by due time; a wakeup goes with its actor, or when its payload is `Voidable` and void."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from supervisor.voidable import Voidable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from supervisor.system_base.cell import Cell

Entry = tuple[float, int, "Cell", "timedelta", object, Voidable | None]
"""When, in which order of asking, whose, after how long, with which payload, and that again if it is voidable."""

_FEW = 64
"""Below this many, entries that nobody waits for are not worth a sweep."""


class Wakeups:
    """A heap. Adding costs O(log n). What nobody waits for is swept when it has doubled, or half of it is dead."""

    __slots__ = ("_count", "_heap", "_orphans", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._count = 0
        self._orphans = 0
        self._sweep_at = _FEW

    def __len__(self) -> int:
        return len(self._heap) - self._orphans

    def add(self, due: float, cell: Cell, period: timedelta, payload: object) -> None:
        """Schedule; equal due times keep the order of asking."""
        self._count += 1
        cell.timers += 1
        voidable = payload if isinstance(payload, Voidable) else None
        heapq.heappush(self._heap, (due, self._count, cell, period, payload, voidable))
        if len(self._heap) > self._sweep_at:
            self._sweep()

    def drop_all_of(self, cell: Cell) -> None:
        """Forget the wakeups of an actor that has ended."""
        self._orphans += cell.timers
        cell.timers = -1
        if self._orphans > _FEW and self._orphans * 2 > len(self._heap):
            self._sweep()

    def next_due(self) -> float | None:
        """Return when the earliest is due; None when there is none."""
        while self._heap:
            if _is_awaited(self._heap[0]):
                return self._heap[0][0]
            self._count_out(heapq.heappop(self._heap))
        return None

    def pop_due(self, now: float) -> Iterator[tuple[Cell, timedelta, object]]:
        """Take what is due, in due order."""
        while (due := self.next_due()) is not None and due <= now:
            _, _, cell, period, payload, _ = heapq.heappop(self._heap)
            cell.timers -= 1
            yield cell, period, payload

    def _sweep(self) -> None:
        awaited = []
        for entry in self._heap:
            if _is_awaited(entry):
                awaited.append(entry)
            else:
                self._count_out(entry)
        heapq.heapify(awaited)
        self._heap = awaited
        self._sweep_at = max(_FEW, 2 * len(awaited))

    def _count_out(self, entry: Entry) -> None:
        cell = entry[2]
        if cell.timers < 0:
            self._orphans -= 1
        else:
            cell.timers -= 1

    def of(self, cell: Cell) -> list[float]:
        """Return when an actor's pending wakeups are due."""
        return [entry[0] for entry in self._heap if entry[2] is cell]


def _is_awaited(entry: Entry) -> bool:
    voidable = entry[5]
    return entry[2].timers >= 0 and (voidable is None or not voidable.void)
