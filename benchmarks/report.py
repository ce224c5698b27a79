"""Figures, as a table, as JSON and as a plot."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import dataclass, field

OURS = "Understudy"


@dataclass
class Figures:
    """Samples of one kind of work, by who did it, the first one being the measure of the others.

    ``key`` is the name that programs know the kind by; all samples are in ``unit``.
    """

    key: str
    title: str
    unit: str
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name, value):
        self.samples.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.samples[name])

    def ratio(self, name):
        """How many times the first one's median; not a number where that is nothing."""
        first = self.median(next(iter(self.samples)))
        return self.median(name) / first if first else math.nan


def quantile(values, percent):
    """The value that so many percent of all are not above."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def number(value):
    """Three digits that count, and never an exponent above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(found):
    """Rows of medians, ranges and ratios."""
    lines = []
    for figures in found:
        lines.append(f"\n{figures.title} ({figures.unit})")
        for name, values in figures.samples.items():
            spread = f"[{min(values):.2f} to {max(values):.2f}]" if len(values) > 1 else ""
            ratio = figures.ratio(name)
            times = "" if math.isnan(ratio) else f"{ratio:.2f}x"
            lines.append(f"  {name:42}{figures.median(name):12.2f}{times:>12}  {spread}".rstrip())
    return "\n".join(lines).lstrip("\n")


def document(found, machine):
    """The same as JSON, with all samples."""
    rows = [{"key": one.key, "title": one.title, "unit": one.unit, "samples": one.samples} for one in found]
    return json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n"


def read(text):
    """What `document` wrote: (figures, machine)."""
    whole = json.loads(text)
    return [Figures(**row) for row in whole["figures"]], whole["machine"]


def plot(found, paths):
    """One panel of bars per kind of work, logarithmic where they differ a lot; needs matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415 - only who plots needs it

    mpl.use("agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    found = [one for one in found if any(map(any, one.samples.values()))]  # where all is nothing there is no picture
    columns = [found[::2], found[1::2]]
    rows = max(map(len, columns))
    tallest = max(len(one.samples) for one in found)
    figure, panels = plt.subplots(rows, 2, figsize=(14, rows * (tallest + 2) * 0.2), squeeze=False)
    for at, column in enumerate(columns):
        for one, panel in zip(column, panels[:, at], strict=False):
            _bars(one, panel)
    if len(found) % 2:
        panels[-1, 1].set_axis_off()
    figure.tight_layout()
    for path in paths:
        figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)


def _bars(one, panel):
    names = list(one.samples)
    medians = [one.median(name) for name in names]
    reach = [[m - min(one.samples[n]) for n, m in zip(names, medians, strict=True)]]
    reach.append([max(one.samples[n]) - m for n, m in zip(names, medians, strict=True)])
    colours = ["#0b6e4f" if name.startswith(OURS) else "#9aa5b1" for name in names]
    panel.barh(names, medians, xerr=reach, color=colours, ecolor="#444", height=0.65, error_kw={"lw": 0.8})
    if min(medians) > 0 and max(medians) > 100 * min(medians):
        panel.set_xscale("log")
    for name, median in zip(names, medians, strict=True):
        panel.annotate(f" {number(median)}", (median, name), va="center", fontsize=7)
    panel.set_title(f"{one.title} ({one.unit})", fontsize=8, loc="left")
    panel.invert_yaxis()
    panel.tick_params(labelsize=7)
    panel.spines[["top", "right"]].set_visible(False)
