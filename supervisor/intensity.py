"""The restart budget: a sliding window over the last ``period_s`` seconds (OTP: intensity and period)."""

from __future__ import annotations

from collections import deque

from supervisor.errors import InvalidSpecError


class RestartWindow:
    """At most ``intensity`` restarts within any ``period_s`` seconds. Mutable; owned by one supervisor.

    A restart exactly ``period_s`` old still counts. Memory is bounded by ``intensity``.
    """

    __slots__ = ("_restarts", "intensity", "period_s")

    def __init__(self, intensity: int, period_s: float) -> None:
        if intensity < 0 or period_s <= 0:
            raise InvalidSpecError(f"not a restart budget: {intensity} in {period_s} s")
        self.intensity = intensity
        self.period_s = period_s
        self._restarts: deque[float] = deque()

    def __repr__(self) -> str:
        return f"RestartWindow({self.intensity} in {self.period_s:g} s, {len(self._restarts)} recorded)"

    def remaining(self, now: float) -> int:
        """How many restarts are left at ``now``; changes nothing."""
        left = self.intensity - len(self._restarts)
        for at in self._restarts:  # oldest first
            if now - at <= self.period_s:
                break
            left += 1
        return left

    def record(self, now: float) -> bool:
        """Spend one restart at ``now``. True when the budget was already spent; nothing is recorded then."""
        while self._restarts and now - self._restarts[0] > self.period_s:
            self._restarts.popleft()
        if len(self._restarts) >= self.intensity:
            return True
        self._restarts.append(now)
        return False
