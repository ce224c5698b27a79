"""Figures, as a table, as JSON and as a plot."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass, field


@dataclass
class Figures:
    """Samples of one kind of work, by who did it; ``base`` is whom the others are compared with."""

    title: str
    unit: str
    base: str = ""
    samples: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name, value):
        self.samples.setdefault(name, []).append(value)

    def median(self, name):
        return statistics.median(self.samples[name])

    def ratio(self, name):
        """How many times the base's median."""
        return self.median(name) / self.median(self.base or next(iter(self.samples)))


def table(found):
    """Rows of medians, ranges and ratios."""
    lines = []
    for figures in found:
        lines.append(f"\n{figures.title} ({figures.unit})")
        for name, values in figures.samples.items():
            spread = f"[{min(values):.2f} to {max(values):.2f}]" if len(values) > 1 else ""
            lines.append(f"  {name:28}{figures.median(name):10.2f}  {figures.ratio(name):6.2f}x  {spread}")
    return "\n".join(lines).lstrip("\n")


def document(found, machine):
    """The same as JSON, with all samples."""
    rows = [{"title": one.title, "unit": one.unit, "samples": one.samples} for one in found]
    return json.dumps({"machine": machine, "figures": rows}, indent=1) + "\n"


def plot(found, path):
    """One panel of bars per kind of work; needs matplotlib."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only who plots needs it

    height = sum(len(one.samples) + 2 for one in found)
    ratios = [len(one.samples) + 1 for one in found]
    figure, panels = plt.subplots(len(found), 1, figsize=(9, height * 0.27), height_ratios=ratios, squeeze=False)
    for one, panel in zip(found, panels[:, 0], strict=True):
        names = list(one.samples)
        medians = [one.median(name) for name in names]
        reach = [[m - min(one.samples[n]) for n, m in zip(names, medians, strict=True)]]
        reach.append([max(one.samples[n]) - m for n, m in zip(names, medians, strict=True)])
        colours = ["#0b6e4f" if name.startswith("Understudy") else "#9aa5b1" for name in names]
        panel.barh(names, medians, xerr=reach, color=colours, ecolor="#444", height=0.65, error_kw={"lw": 0.8})
        for name, median in zip(names, medians, strict=True):
            panel.annotate(f" {median:.3g}", (median, name), va="center", fontsize=7)
        panel.set_title(f"{one.title} ({one.unit})", fontsize=8, loc="left")
        panel.invert_yaxis()
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path)
