"""A token bucket: so many a second, and so many at once. Pure: *now* is an argument."""

from __future__ import annotations

from msgspec import Struct

_SOON_S = 1e-6  # no wait: what is left of one is rounding, and no timer is finer (`timedelta`)


class TokenBucket(Struct):
    """Kept as the time at which it would be full again; a ``rate`` of 0 bounds nothing."""

    rate: float
    burst: float
    _full_at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        if self.rate <= 0:
            return 0.0
        wait = self._full_at - (self.burst - 1) / self.rate - now
        return wait if wait > _SOON_S else 0.0

    def take(self, now: float) -> float:
        """Take one token; seconds until there will be one, 0 when it was taken."""
        wait = self.wait_s(now)
        if not wait and self.rate > 0:
            self._full_at = max(now, self._full_at) + 1 / self.rate
        return wait
