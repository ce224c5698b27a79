"""`python -m benchmarks`: every figure of benchmarks/README.md, ours beside the peers', in one run; from the root."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import frames, machine, report, sessions
from benchmarks.driver import Load
from benchmarks.relays import FIRST, OURS, Relays

QUICK = {"rounds": 3, "seconds": 1.0, "starts": 200, "idle": 500, "paced": 300, "many": 1000}
FULL = {"rounds": 7, "seconds": 3.0, "starts": 1000, "idle": 2000, "paced": 1000, "many": 9500}


def of_relays(groups, size):
    """Figures that need callers, agents and relays."""
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        relays = Relays(load.agent, folder)
        running = [relays.start(name) for name in relays.names()] if groups & {"frames", "delay", "starts"} else []
        try:
            if "frames" in groups:
                yield from frames.cost(load, running, size["rounds"], size["seconds"])
            if "starts" in groups:
                yield from sessions.starts(load, running, size["rounds"], size["starts"])
            if "delay" in groups:
                yield from frames.delay(load, running[:1] + running[-1:], size["rounds"], 5, size["paced"])
        finally:
            for relay in running:
                relay.stop()
        if "memory" in groups:
            yield from sessions.memory(load, relays, size["idle"])
        if "many" in groups:
            names = [name for name in (FIRST, OURS) if name in relays.names()]
            yield from sessions.many(load, relays, names, size["many"], size["rounds"], size["seconds"])
    load.stop()


GROUPS = {"frames": of_relays, "starts": of_relays, "delay": of_relays, "memory": of_relays, "many": of_relays}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help="default: all")
    parser.add_argument("--full", action="store_true", help="as many callers and rounds as the targets name")
    parser.add_argument("--out", type=Path, help="folder for table.txt, figures.json and plot.svg")
    given = parser.parse_args()
    wanted = set(given.groups or GROUPS)
    found, about = [], machine.describe()
    print(about)
    for run in dict.fromkeys(GROUPS[name] for name in GROUPS if name in wanted):
        for figures in run(wanted, FULL if given.full else QUICK):
            print("\n" + report.table([figures]), flush=True)
            found.append(figures)
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "table.txt").write_text(f"{about}\n\n{report.table(found)}\n")
        (given.out / "figures.json").write_text(report.document(found, about))
        report.plot(found, given.out / "plot.svg")


if __name__ == "__main__":
    sys.exit(main())
