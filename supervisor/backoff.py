"""How long to wait before the next attempt; the random number is an argument."""

from __future__ import annotations

from msgspec import Struct

from supervisor.errors import InvalidSpecError


class Backoff(Struct, frozen=True):
    """Exponential delay: ``initial_s * factor ** attempt`` up to ``max_s``, spread by ``jitter`` (0..1) downwards."""

    initial_s: float = 0.05
    factor: float = 2.0
    max_s: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.initial_s < 0 or self.max_s < self.initial_s or self.factor < 1 or not 0 <= self.jitter <= 1:
            raise InvalidSpecError(f"not a backoff: {self!r}")

    def delay(self, attempt: int, u: float) -> float:
        """Seconds before attempt number ``attempt`` (0 is the first restart); ``u`` is uniform in [0, 1)."""
        try:
            grown = self.initial_s * self.factor ** max(attempt, 0)
        except OverflowError:
            grown = self.max_s
        return min(grown, self.max_s) * (1.0 - self.jitter * u)


AT_ONCE = Backoff(initial_s=0.0, factor=1.0, max_s=0.0, jitter=0.0)
