"""The garbage collector, kept away from live calls: a pass over ten thousand of them would silence all for 400 ms.

Calls leave no cycles, so what they set up need not be looked at again and again. What was made lately is looked at in
small portions, by the interpreter: there it finds the cycles of errors and of requests over HTTP. Everything is looked
at when few calls are there to notice.
"""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 2_000
"""Objects until the young are looked at: a dozen calls that begin, about a millisecond. CPython's is 700."""

NEVER: Final = 2**31 - 1

FEW: Final = 100
"""So many calls hold ten thousand objects, which are looked at in some 5 ms."""

WORTH: Final = 100
"""Passes over the young after which the whole is worth a look: a thousand calls or two."""


def spare() -> None:
    """Let all that there is now be there for ever, and the automatic passes be over the young only."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, NEVER, NEVER)


def look(calls: int) -> None:
    """Look at everything, if that is worth it and there are few calls; to be asked every few seconds."""
    if calls <= FEW and gc.get_count()[1] >= WORTH:
        gc.collect()
