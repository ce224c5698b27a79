"""Counters and histograms by label, counted without a lock and put into words when somebody asks.

All events come on the loop's thread, some five a call; the library's own take a lock and five calls for each.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACE = "understudy_"


class LabelledCounter:
    """How often, by the values of its labels."""

    __slots__ = ("_counted", "_documentation", "_labels", "_name")

    def __init__(self, name: str, documentation: str, *labels: str) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._counted: dict[tuple[str, ...], int] = {}

    def begin(self, *values: str) -> None:
        """Show these labels from now on, with 0."""
        self._counted.setdefault(values, 0)

    def count(self, *values: str) -> None:
        """Add one."""
        self._counted[values] = self._counted.get(values, 0) + 1

    def family(self) -> CounterMetricFamily:
        """Everything, for Prometheus."""
        family = CounterMetricFamily(SPACE + self._name, self._documentation, labels=self._labels)
        for values, count in self._counted.items():
            family.add_metric(values, count)
        return family


class LabelledHistogram:
    """Seconds by buckets, by the value of one label."""

    __slots__ = ("_bounds", "_counted", "_documentation", "_label", "_name", "_sums")

    def __init__(self, name: str, documentation: str, label: str, bounds: Sequence[float]) -> None:
        """``bounds``: upper ones, rising; a last bucket takes what is above."""
        self._name = name
        self._documentation = documentation
        self._label = label
        self._bounds = bounds
        self._counted: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def note(self, value: str, seconds: float) -> None:
        """Count one."""
        counts = self._counted.get(value)
        if counts is None:
            counts = self._counted[value] = [0] * (len(self._bounds) + 1)
            self._sums[value] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[value] += seconds

    def family(self) -> HistogramMetricFamily:
        """Everything, for Prometheus: cumulative counts."""
        family = HistogramMetricFamily(SPACE + self._name, self._documentation, labels=(self._label,))
        names = [*(str(bound) for bound in self._bounds), "+Inf"]
        for value, counts in self._counted.items():
            below = [float(count) for count in accumulate(counts)]
            family.add_metric((value,), list(zip(names, below, strict=True)), self._sums[value])
        return family
