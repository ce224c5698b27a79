"""Where *now* comes from."""

from __future__ import annotations

import time
from typing import Protocol

from msgspec import Struct


class Clock(Protocol):
    """Seconds on a scale that never goes back."""

    def now(self) -> float:
        """Seconds since an arbitrary origin."""


class MonotonicClock(Struct, frozen=True):
    """The machine's monotonic clock; picklable, and the same scale for all processes of a machine."""

    now = staticmethod(time.monotonic)
    """Seconds since an arbitrary origin."""
