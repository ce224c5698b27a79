"""A circuit breaker: closed, open for a while after repeated failures, then half-open with one probe. Pure."""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from msgspec import Struct, field


class BreakerState(StrEnum):
    """Whether an instance may be tried."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerSettings(Struct, frozen=True):
    """``threshold`` failures within ``window_s`` open it for ``open_s``, doubled each time up to ``max_open_s``."""

    threshold: int = 5
    window_s: float = 10.0
    open_s: float = 5.0
    max_open_s: float = 30.0


class Breaker(Struct):
    """Guards one instance, so that its recovery is not stopped by everybody's reconnects."""

    settings: BreakerSettings = field(default_factory=BreakerSettings)
    _failures: deque[float] = field(default_factory=deque)
    _open_until: float | None = None
    _open_s: float = 0.0
    _probe_until: float = 0.0

    def state(self, now: float) -> BreakerState:
        """Tell the state at ``now``."""
        if self._open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._open_until else BreakerState.HALF_OPEN

    def allows(self, now: float) -> bool:
        """Tell whether one more attempt may be made; half-open has room for one at a time."""
        if self._open_until is None:
            return True
        return now >= self._open_until and now >= self._probe_until

    def attempt(self, now: float) -> None:
        """Note that an attempt was begun; in half-open it is the probe, given up for lost after ``open_s``."""
        if self._open_until is not None and now >= self._open_until:
            self._probe_until = now + self.settings.open_s

    def fail(self, now: float) -> None:
        """Note a failure."""
        if self.state(now) is BreakerState.OPEN:
            return
        self._failures.append(now)
        while len(self._failures) > self.settings.threshold or self._failures[0] <= now - self.settings.window_s:
            self._failures.popleft()
        half_open = self._open_until is not None
        if half_open or len(self._failures) >= self.settings.threshold:
            self._open_s = min(self._open_s * 2 or self.settings.open_s, self.settings.max_open_s)
            self._open_until = now + self._open_s
            self._probe_until = 0.0
            self._failures.clear()

    def succeed(self) -> None:
        """Note that the instance is healthy: the breaker closes and forgets."""
        self._failures.clear()
        self._open_until = None
        self._open_s = 0.0
        self._probe_until = 0.0
