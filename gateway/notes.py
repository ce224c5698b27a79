"""What happened to one call and when: how it began and its last events, bounded; pure."""

from __future__ import annotations

from array import array
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator


class Notes(Struct, eq=False, gc=False):
    """The first events are kept whatever comes later; between them and the last ones the oldest give way.

    Times are numbers of any unit. A quiet call has few events, and there are many quiet calls: a time costs it eight
    bytes, where a pair and a number would be a hundred.
    """

    _first: int
    _most: int
    """So many first events are kept, and so many last ones."""
    _times: array[float] = field(default_factory=partial(array, "d"))  # type: ignore[arg-type]  # thought to be of int
    _events: list[object] = []
    _last: deque[tuple[float, object]] | None = None
    """None while there are only first ones."""
    lost: int = 0
    """How many gave way."""

    def __repr__(self) -> str:
        return f"Notes({len(self._events) + len(self._last or ())} kept, {self.lost} lost)"

    def __iter__(self) -> Iterator[tuple[float, object]]:
        """What is kept, the oldest first."""
        yield from zip(self._times, self._events, strict=True)
        yield from self._last or ()

    def note(self, at: float, event: object) -> None:
        """Keep one event."""
        if len(self._events) < self._first:
            self._times.append(at)
            self._events.append(event)
            return
        if self._last is None:
            self._last = deque(maxlen=self._most)
        self.lost += len(self._last) == self._most
        self._last.append((at, event))
