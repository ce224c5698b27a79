"""The garbage collector, kept away from live calls: a pass over ten thousand of them would silence all for 400 ms.

Calls leave no cycles, so what they set up need not be looked at again and again. What was made lately is looked at in
small portions, by the interpreter. Libraries tie knots that are older when they come loose: an HTTP request whose body
was cut short, a failed export of spans. So everything is looked at when few calls are there to notice, or when memory
has grown beyond what calls hold: the longer one waits with that, the longer is the silence.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

YOUNG: Final = 2_000
"""Objects until the young are looked at: a dozen calls that begin, about a millisecond. CPython's is 700."""

NEVER: Final = 2**31 - 1

WORTH: Final = 20
"""Passes over the young after which the whole is worth a look: some three hundred calls."""

FEW: Final = 100
"""So many calls hold ten thousand objects, which are looked at in some 5 ms."""

HELD: Final = 200
"""Blocks of memory that a call holds when it has begun. What long ones hold beyond is learnt by looking."""

ROOM: Final = 50_000
"""Blocks beyond those, some 5 MB: what else the process may come to hold before anybody looks."""


class Collector:
    """To be asked every few seconds."""

    def __init__(self) -> None:
        self._before = sys.getallocatedblocks()
        self._beyond = 0
        """What the last look at everything left beyond what calls hold: it is no garbage."""

    def spare(self) -> None:
        """Let all that there is now be there for ever, and the automatic passes be over the young only."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, NEVER, NEVER)
        self._before = sys.getallocatedblocks()

    def look(self, calls: int) -> None:
        """Look at everything, if that is worth it."""
        if gc.get_count()[1] < WORTH:
            return
        if calls <= FEW or self._beyond_calls(calls) > ROOM + 2 * self._beyond:
            gc.collect()
            self._beyond = self._beyond_calls(calls)

    def _beyond_calls(self, calls: int) -> int:
        return max(0, sys.getallocatedblocks() - self._before - HELD * calls)
