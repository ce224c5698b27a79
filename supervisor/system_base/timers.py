"""Wakeups, ordered by due time; a wakeup goes with its actor, or when its payload says that it is ``void``."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from supervisor.system_base.cell import Cell

Entry = tuple[float, int, "Cell", "timedelta", object]

_FEW = 64
"""Below this many, entries of the dead are not worth a sweep."""


class Wakeups:
    """A heap. Adding costs O(log n); entries of dead actors are swept once they are the greater part."""

    __slots__ = ("_count", "_heap", "_orphans")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._count = 0
        self._orphans = 0

    def __len__(self) -> int:
        return len(self._heap) - self._orphans

    def add(self, due: float, cell: Cell, period: timedelta, payload: object) -> None:
        """Schedule; equal due times keep the order of asking."""
        self._count += 1
        cell.timers += 1
        heapq.heappush(self._heap, (due, self._count, cell, period, payload))

    def drop_all_of(self, cell: Cell) -> None:
        """Forget the wakeups of an actor that has ended."""
        self._orphans += cell.timers
        cell.timers = -1
        if self._orphans > _FEW and self._orphans * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].timers >= 0]
            heapq.heapify(self._heap)
            self._orphans = 0

    def next_due(self) -> float | None:
        """Return when the earliest is due; None when there is none."""
        while self._heap:
            due, _, cell, _, payload = self._heap[0]
            if cell.timers < 0:
                self._orphans -= 1
            elif getattr(payload, "void", False):
                cell.timers -= 1
            else:
                return due
            heapq.heappop(self._heap)
        return None

    def pop_due(self, now: float) -> Iterator[tuple[Cell, timedelta, object]]:
        """Take what is due, in due order."""
        while (due := self.next_due()) is not None and due <= now:
            _, _, cell, period, payload = heapq.heappop(self._heap)
            cell.timers -= 1
            yield cell, period, payload

    def of(self, cell: Cell) -> list[float]:
        """Return when an actor's pending wakeups are due."""
        return [entry[0] for entry in self._heap if entry[2] is cell]
