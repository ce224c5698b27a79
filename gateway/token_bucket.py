"""So many a second, and so many at once. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """Gives ``rate`` tokens a second, ``burst`` at once; a rate of 0 bounds nothing."""

    rate: float
    burst: float
    _tokens: float = math.inf
    _at: float = 0.0

    def take(self, now: float) -> float:
        """Take one token; seconds until there will be one, 0 when it was taken."""
        if self.rate <= 0:
            return 0.0
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.rate
