"""The table of what is to be reached, with what was: `python -m benchmarks.summary build/bench/figures.json`.

With ``--into FILE`` the part of that file between its two markers is replaced.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import report
from benchmarks.relays import FIRST, NODE
from benchmarks.report import OURS
from benchmarks.swaps import AFTER, OUTSIDE, RECEIPT

if TYPE_CHECKING:
    from collections.abc import Callable

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


@dataclass(frozen=True)
class Goal:
    """What one kind of figures is to reach; ``within`` says of them whether ours do."""

    key: str
    name: str
    target: str
    within: Callable[[report.Figures], bool]


def at_most(value, name=OURS):
    return lambda figures: figures.median(name) <= value


def times(factor, peer):
    """At most so many times a peer's, where the peer could be had."""
    return lambda figures: peer not in figures.samples or figures.median(OURS) <= factor * figures.median(peer)


def both(one, other):
    return lambda figures: one(figures) and other(figures)


FRAME = both(times(1.25, FIRST), times(0.8, NODE))
TIMERS = f"{OURS}, 100,000 timers"
GOALS = (
    Goal("frames 640 B 50", "CPU per frame, 640 B", f"<= 1.25x {FIRST}, <= 0.8x {NODE}", FRAME),
    Goal("frames 3,200 B 50", "CPU per frame, 3,200 B", f"<= 1.25x {FIRST}, <= 0.8x {NODE}", FRAME),
    Goal("added 3,200 B 1000", "delay added, p99, 1,000 sessions in real time", f"<= 2x {FIRST}", times(2, FIRST)),
    Goal("starts", "CPU per session start", f"<= 600 us, below {NODE}", both(at_most(600), times(1, NODE))),
    Goal("ends", "CPU per session end", "", lambda _: True),
    Goal("memory", "memory per idle session", "<= 24 KB", at_most(24)),
    Goal("messages", "actor message", "<= 1.0 us", at_most(1.0)),
    Goal("creates", "spawn", "<= 8 us", at_most(8)),
    Goal("spawns", "spawn, first message, exit", "", lambda _: True),
    Goal("idle actors", "idle actor", "<= 1.2 KB", at_most(1.2 * 1024)),
    Goal("restarts", "supervised restart of a link actor", "<= 50 us", at_most(50)),
    Goal("handoffs", "hand-off, p99 by the receipt", "<= 20 ms", at_most(20, f"{OURS}, {RECEIPT}, p99")),
    Goal("handoffs", "hand-off, p99 from outside", "<= 20 ms", at_most(20, f"{OURS}, {OUTSIDE}, p99")),
    Goal("failovers", "failover, p99 by the receipt", "<= 50 ms", at_most(50, f"{OURS}, {RECEIPT}, p99")),
    Goal("failovers", "failover, p99 from outside", "<= 50 ms", at_most(50, f"{OURS}, {AFTER}, p99")),
)


def markdown(found, machine):
    """One row per goal that was measured; medians, and in parentheses the range."""
    known = {figures.key: figures for figures in found}
    lines = [
        ", ".join(f"{name} {value}" for name, value in machine.items()),
        "",
        "| figure | reach | ours | | peers |",
        "|---|---|---|---|---|",
    ]
    lines += [_row(goal, known[goal.key]) for goal in GOALS if goal.key in known]
    lines += _of_many(known) + _of_timers(known)
    return "\n".join(lines) + "\n"


def _row(goal, figures):
    ours = [name for name in figures.samples if name.startswith(OURS)]
    if OURS not in figures.samples:  # quantiles, by what says them
        part = AFTER if "failover" in goal.name else OUTSIDE
        ours = [f"{OURS}, {part if 'outside' in goal.name else RECEIPT}, p99"]
    peers = "; ".join(_said(figures, name, name) for name in figures.samples if not name.startswith(OURS))
    return _line(goal.name, goal.target, _said(figures, ours[0]), goal.within(figures), peers)


def _of_many(known):
    """Frames with many sessions, against the same relay's with fifty."""
    few = known.get("many 50")
    lines = []
    for figures in (figures for key, figures in known.items() if key.startswith("many ") and figures is not few):
        ratios = {name: figures.median(name) / few.median(name) for name in figures.samples}
        peers = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in ratios.items() if name != OURS)
        name = f"CPU per frame, {figures.key.removeprefix('many ')} sessions in one process"
        lines.append(_line(name, "<= 1.3x that at 50", f"{ratios[OURS]:.2f}x", ratios[OURS] <= 1.3, peers))
    return lines


def _of_timers(known):
    """Messages while timers run, against the same base's without."""
    found = [figures for key, figures in known.items() if key.startswith("timers of ")]
    if not found:
        return []
    said = {}
    for figures in found:
        without, having = figures.samples
        said[having] = figures.median(having) / figures.median(without)
    ours = said.pop(TIMERS)
    peers = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in said.items())
    return [_line("actor message, 100,000 timers running", "within 10 %", f"{ours:.2f}x", ours <= 1.1, peers)]


def _line(name, target, ours, good, peers):
    verdict = ("yes" if good else "**no**") if target else ""
    return f"| {name} | {target} | {ours} | {verdict} | {peers} |"


def _said(figures, name, prefix=""):
    values = figures.samples[name]
    spread = f" ({report.number(min(values))} to {report.number(max(values))})" if len(values) > 1 else ""
    return f"{prefix} {report.number(figures.median(name))}{spread} {figures.unit}".lstrip()


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.summary", description=__doc__)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--into", type=Path)
    given = parser.parse_args()
    text = markdown(*report.read(given.figures.read_text()))
    if given.into is None:
        print(text, end="")
        return
    before, _, rest = given.into.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    given.into.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    main()
