"""Many calls opened, talked through and closed in one gateway: nothing may stay behind; from the root.

`python -m benchmarks.soak [--sessions 100000]`; exit 1 where memory has grown by more than three
percent since the first tenth, or actors, tasks or descriptors are not what they were before the first call.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks import machine
from benchmarks.driver import Load
from benchmarks.relays import Relays
from benchmarks.report import OURS

GAUGES = {"sessions": "understudy_sessions", "actors": "understudy_actors", "tasks": "understudy_tasks"}
MAX_GROWTH = 0.03
BATCH = 1000
QUIET_S = 120


def read(relay):
    """What the gateway says of itself, and the system of it."""
    address = relay.url.replace("ws:", "http:").replace("/sonic", "/metrics")
    lines = urllib.request.urlopen(address).read().decode().splitlines()
    values = {
        name: sum(float(line.split()[-1]) for line in lines if line.split(" ")[0].split("{")[0] == metric)
        for name, metric in GAUGES.items()
    }
    values["descriptors"] = sum(1 for _ in Path(f"/proc/{relay.pid}/fd").iterdir())
    values["rss_kb"] = machine.rss_kb(relay.pid)
    return values


def when_quiet(relay, before=None):
    """The same, when the last call has ended and nothing is more than it was ``before``, as far as it comes to that."""
    deadline = time.monotonic() + QUIET_S
    while (values := read(relay))["sessions"] or (before and max(more(values, before).values()) > 0):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return values


def more(values, before):
    """What must not grow, and by how much it has."""
    return {name: values[name] - before[name] for name in ("sessions", "actors", "tasks", "descriptors")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000)
    given = parser.parse_args()
    load = Load()
    with tempfile.TemporaryDirectory() as folder:
        # what is remembered of calls that are over is bounded as well: the bound is reached in the first tenth
        relay = Relays(load.agent, Path(folder), only={OURS}).start(OURS, store_documents=given.sessions // 20)
        try:
            good = run(load, relay, given.sessions)
        finally:
            relay.stop()
            load.stop()
    return 0 if good else 1


def batches(number):
    """Split a number into parts of `BATCH` and a rest."""
    return [BATCH] * (number // BATCH) + [number % BATCH] * (number % BATCH > 0)


def run(load, relay, sessions):
    before, early, began = when_quiet(relay), None, time.monotonic()
    print("before", before, flush=True)
    for tenth in range(1, 11):
        for batch in batches(sessions // 10):
            load.work(relay, "visits", number=batch, sizes=[640])
        now = when_quiet(relay) if tenth == 1 else read(relay)
        early = early or now
        print(f"{tenth * sessions // 10:7} sessions {now}", flush=True)
    after = when_quiet(relay, before)
    growth = after["rss_kb"] / early["rss_kb"] - 1
    left = more(after, before)
    print(f"after   {after}")
    print(
        f"{sessions} sessions in {time.monotonic() - began:.0f} s; since the first tenth {100 * growth:+.2f} % memory"
    )
    print(f"more than before the first: {left}")
    return growth <= MAX_GROWTH and max(left.values()) <= 0


if __name__ == "__main__":
    sys.exit(main())
