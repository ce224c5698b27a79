"""When idle sockets are looked at: all of them wait equally long, so that two timers of the loop do for them all."""

from __future__ import annotations

import asyncio
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from gateway.socket_core import SocketLimits

LATE_PART: Final = 256  # by this part of its wait a socket may be looked at late, together with others


class Watched(Protocol):
    """A socket."""

    def keep_alive(self) -> None:
        """The wait is over."""


class Queue:
    """Who waits for ``wait_s``; whoever came last is due last."""

    __slots__ = ("_due", "_grain_s", "_timer", "_wait_s")

    def __init__(self, wait_s: float) -> None:
        self._wait_s, self._grain_s = wait_s, wait_s / LATE_PART
        self._due: dict[Watched, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._due)

    def add(self, one: Watched) -> None:
        """Let one wait that does not."""
        self._due[one] = asyncio.get_running_loop().time() + self._wait_s
        if self._timer is None:
            self._arm()

    def discard(self, one: Watched) -> None:
        """Let it wait no longer; without effect where it does not."""
        if self._due.pop(one, None) is not None and not self._due:
            self._arm()

    def _look(self) -> None:
        """Look at all that are due, under the timer that has run: who is added meanwhile arms none."""
        until = asyncio.get_running_loop().time() + self._grain_s  # a loop's clock and its timers may round differently
        try:
            for one in [one for one, _ in takewhile(lambda entry: entry[1] <= until, self._due.items())]:
                if self._due.pop(one, None) is not None:  # another one's end may have been its own
                    one.keep_alive()
        finally:  # whoever failed, the others are looked at
            self._arm()

    def _arm(self) -> None:
        """Have one timer, for who is due first; none where nobody waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (first := next(iter(self._due.values()), None)) is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(first - loop.time(), self._grain_s), self._look)


class Keepalive:
    """The two waits of the sockets with ``limits``: for a sign of life, and for the answer to a ping."""

    __slots__ = ("quiet", "silent")

    def __init__(self, limits: SocketLimits) -> None:
        self.quiet = Queue(limits.ping_interval_s)
        self.silent = Queue(limits.ping_deadline_s)

    def forget(self, one: Watched) -> None:
        """Look at it no more."""
        self.quiet.discard(one)
        self.silent.discard(one)
