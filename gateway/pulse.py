"""How late the loop is: a timer that looks at the clock when it is called."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BEAT_S: Final = 0.25
KEPT_BEATS: Final = 60  # a quarter of a minute, so that no scrape interval in use misses the worst
LOOK_EVERY: Final = 20  # beats
LOOK_S: Final = BEAT_S * LOOK_EVERY


class Pulse:
    """Beats on the running loop from ``start`` to ``stop``; ``on_look`` is called every five seconds."""

    def __init__(self, on_look: Callable[[], None]) -> None:
        self._on_look = on_look
        self._late: deque[float] = deque(maxlen=KEPT_BEATS)
        self._beats = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def lag_s(self) -> float:
        """The worst delay of the last fifteen seconds."""
        return max(self._late, default=0.0)

    def start(self) -> None:
        """Begin to beat."""
        loop = asyncio.get_running_loop()
        due = loop.time() + BEAT_S
        self._timer = loop.call_at(due, self._beat, loop, due)

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _beat(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        self._late.append(max(0.0, now - due))
        self._beats += 1
        self._timer = loop.call_at(now + BEAT_S, self._beat, loop, now + BEAT_S)
        if self._beats % LOOK_EVERY == 0:
            self._on_look()
