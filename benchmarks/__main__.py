"""`python -m benchmarks`: every figure of benchmarks/README.md, ours beside the peers', in one run; from the root."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import frames, machine, report, runtime, sessions, summary, swaps
from benchmarks.driver import Load
from benchmarks.relays import FIRST, NODE, Relays
from benchmarks.report import OURS

QUICK = {
    "rounds": 3,
    "seconds": 1.0,
    "starts": 200,
    "idle": 500,
    "idle_rounds": 1,
    "paced": [(100, "640 B"), (300, "3,200 B")],
    "paced_s": 3.0,
    "many": [1000],
    "events": 50,
}
FULL = {
    "rounds": 7,
    "seconds": 3.0,
    "starts": 1000,
    "idle": 2000,
    "idle_rounds": 3,
    "paced": [(50, "640 B"), (300, "640 B"), (1000, "3,200 B"), (1000, "640 B")],
    "paced_s": 5.0,
    "many": [1000, 5000, 9500],
    "events": 200,
}
TOGETHER = {"frames", "starts", "delay"}  # what all relays do in turns
GROUPS = (*sorted(TOGETHER), "memory", "many", "swaps", "runtime")


def measure(groups, size):
    """Lists of figures, as they are found."""
    with tempfile.TemporaryDirectory() as folder:
        if groups - {"runtime"}:
            load = Load()
            relays = Relays(load.agent, folder)
            try:
                yield from of_relays(groups, size, load, relays)
            finally:
                load.stop()
        if "runtime" in groups:
            for figures in runtime.figures(folder, size["rounds"]):
                yield [figures]


def of_relays(groups, size, load, relays):
    """Figures that need callers, agents and relays."""
    if groups & TOGETHER:
        running = [relays.start(name) for name in relays.names()]
        try:
            yield from in_turns(groups, size, load, relays, running)
        finally:
            for relay in running:
                relay.stop()
    if "memory" in groups:
        yield sessions.idle(load, relays, size["idle"], size["idle_rounds"])
    if "many" in groups:
        names = [name for name in (FIRST, OURS) if name in relays.names()]
        yield sessions.many(load, relays, names, size["many"], min(size["rounds"], 3), size["seconds"])
    if "swaps" in groups:
        relay = relays.start(OURS)
        try:
            yield swaps.handoffs(load, relay, size["events"])
            yield swaps.failovers(load, relay, size["events"])
        finally:
            relay.stop()


def in_turns(groups, size, load, relays, running):
    """Figures for which every relay runs, and one after the other works."""
    if "frames" in groups:
        yield frames.cost(load, running, size["rounds"], size["seconds"])
    if "starts" in groups:
        yield sessions.starts(load, running, size["rounds"], size["starts"])
    if "delay" in groups:
        compared = [relays.direct(), *(relay for relay in running if relay.name in {FIRST, NODE, OURS})]
        for callers, name in size["paced"]:
            yield frames.delay(load, compared, size["rounds"], size["paced_s"], callers, name)


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="default: all")
    parser.add_argument("--full", action="store_true", help="as many callers and rounds as the targets name")
    parser.add_argument("--out", type=Path, help="folder for table.txt, figures.json, summary.md and the plot")
    given = parser.parse_args()
    about = machine.describe()
    print(about, flush=True)
    found = []
    for figures in measure(set(given.groups or GROUPS), FULL if given.full else QUICK):
        print("\n" + report.table(figures), flush=True)
        found += figures
    if given.out:
        write(given.out, about, found)


def write(folder, about, found):
    """Leave all of it in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.txt").write_text(f"{about}\n\n{report.table(found)}\n")
    (folder / "figures.json").write_text(report.document(found, about))
    (folder / "summary.md").write_text(summary.markdown(found, about))
    report.plot(found, [folder / "plot.svg", folder / "plot.png"])


if __name__ == "__main__":
    sys.exit(main())
