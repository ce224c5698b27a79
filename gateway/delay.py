"""How long the gateway keeps a frame: histograms of fixed size, and the objective that admission honours; pure.

Measured from the moment that a frame has been read and parsed until its bytes were given to the other hop's
transport, on every eighth frame of audio. Frames that were stashed are not in it: a swap's receipt accounts for them.
"""

from __future__ import annotations

from array import array
from collections import deque
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

_STEPS: Final = 16  # buckets per power of two: a value is told within 1/16
_BITS: Final = 4
LONGEST_US: Final = 2**26 - 1  # 67 s; what is longer counts as that
BUCKETS: Final = ((26 - _BITS - 1) + 2) * _STEPS
BOUNDS_US: Final = tuple(2**power for power in range(4, 21))
"""Bounds of the exported buckets, 16 us to 1 s: powers of two, for these are bounds of ours exactly."""


def bucket_of(microseconds: int) -> int:
    """Find the bucket: one per microsecond below 32, then sixteen per power of two."""
    if microseconds < 2 * _STEPS:
        return max(0, microseconds)
    shift = min(microseconds, LONGEST_US).bit_length() - _BITS - 1
    return (shift << _BITS) + (min(microseconds, LONGEST_US) >> shift)


def upper_us(bucket: int) -> int:
    """Return the first microsecond above a bucket."""
    if bucket < 2 * _STEPS:
        return bucket + 1
    shift = (bucket >> _BITS) - 1
    return ((bucket & (_STEPS - 1)) + _STEPS + 1) << shift


_NOTHING: Final = bytes(BUCKETS)
_UPPER: Final = tuple(upper_us(bucket) for bucket in range(BUCKETS))


class Delays(Struct, eq=False, gc=False):
    """One direction's histogram of fixed size: 1.5 KB for a call, which also counts into the process's ``whole``.

    A call that has not spoken yet shares its emptiness with all others.
    """

    _whole: Delays | None = None
    counts: MutableSequence[int] | bytes = _NOTHING
    sum_us: int = 0

    def __repr__(self) -> str:
        return f"Delays({self.describe()})"

    def note(self, seconds: float) -> None:
        """Count one frame."""
        microseconds = int(seconds * 1e6)
        self._count(bucket_of(microseconds), microseconds)

    def _count(self, bucket: int, microseconds: int) -> None:
        whole = self._whole
        if isinstance(self.counts, bytes):
            # what a call counts fits into 32 bits; what a process counts in a month does not
            self.counts = array("Q", bytes(8 * BUCKETS)) if whole is None else array("I", bytes(4 * BUCKETS))
        self.counts[bucket] += 1
        self.sum_us += microseconds
        if whole is not None:
            whole._count(bucket, microseconds)  # noqa: SLF001 - of the same class

    def describe(self) -> dict[str, float | None]:
        """Show how many frames were measured, and percentiles in milliseconds."""
        figures = (percentile_us(self.counts, part) for part in (0.5, 0.99, 1.0))
        p50, p99, worst = (None if value is None else value / 1000 for value in figures)
        return {"measured": sum(self.counts), "p50_ms": p50, "p99_ms": p99, "max_ms": worst}

    def exported(self) -> list[tuple[str, float]]:
        """Cumulative counts at `BOUNDS_US` in seconds, for Prometheus."""
        below = list(accumulate(self.counts))
        rows = [(str(bound / 1e6), float(below[bucket_of(bound) - 1])) for bound in BOUNDS_US]
        return [*rows, ("+Inf", float(below[-1]))]


def percentile_us(counts: Sequence[int], part: float) -> int | None:
    """Return the upper bound of the bucket that holds the percentile; None where nothing was counted."""
    total = sum(counts)
    if not total:
        return None
    wanted = max(1, -(-int(total * part * 1e6) // 1_000_000))
    seen = 0
    for bucket, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return _UPPER[bucket]
    return _UPPER[-1]


class DelayObjective:
    """Whether the p99 of the last half minute keeps the objective; fed by `look`, every few seconds.

    Judged only on at least ``MIN_FRAMES`` measured frames: an idle gateway has broken nothing.
    """

    LOOKS: Final = 6
    MIN_FRAMES: Final = 100

    def __init__(self, p99_ms: float, directions: Sequence[Delays]) -> None:
        """``p99_ms`` 0 is no objective."""
        self.p99_ms = p99_ms
        self._directions = directions
        self._seen: deque[list[int]] = deque([self._counts()], maxlen=self.LOOKS + 1)
        self._measured_us: int | None = None

    def look(self) -> None:
        """Judge anew."""
        if not self.p99_ms:
            return
        now = self._counts()
        recent = [count - before for count, before in zip(now, self._seen[0], strict=True)]
        self._measured_us = percentile_us(recent, 0.99) if sum(recent) >= self.MIN_FRAMES else None
        self._seen.append(now)

    def broken(self) -> str:
        """Say how the objective is missed; empty where it is kept."""
        if not self.p99_ms or self._measured_us is None or self._measured_us <= self.p99_ms * 1000:
            return ""
        return f"p99 added delay is {self._measured_us / 1000:g} ms, the objective is {self.p99_ms:g} ms"

    def _counts(self) -> list[int]:
        return [sum(counts) for counts in zip(*(one.counts for one in self._directions), strict=True)]
