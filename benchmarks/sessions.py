"""What a session costs: to begin and end, to be kept idle, to be one of ten thousand."""

from __future__ import annotations

import time

from benchmarks import frames
from benchmarks.machine import rss_kb
from benchmarks.report import Figures


def starts(load, running, rounds, number):
    """CPU from the connection over the first echo to the end."""
    figures = Figures("CPU per session: connect, open the link, first echo, close", "us")
    for _ in range(rounds):
        for relay in running:
            spent, _ = load.work(relay, "starts", number=number, size=640)
            figures.add(relay.name, spent / number * 1e6)
    return [figures]


def memory(load, relays, number):
    """Resident kilobytes per idle session, in a fresh process, above what fifty sessions had needed."""
    figures = Figures(f"resident memory per idle session, {number} of them", "KB")
    for name in relays.names():
        relay = relays.start(name)
        load.work(relay, "starts", number=50, size=640)
        before = rss_kb(relay.pid)
        with load.callers(relay, "idle", callers=number) as begin:
            time.sleep(1)  # for buffers to be given back
            figures.add(name, (rss_kb(relay.pid) - before) / number)
            begin()
        relay.stop()
    return [figures]


def many(load, relays, names, number, rounds, seconds):
    """CPU per frame with few sessions and with many of them in one process, the same number of frames under way."""
    found = []
    running = [relays.start(name) for name in names]
    for callers in (50, number):
        found += frames.cost(load, running, rounds, seconds, callers, {"640 B audio": {"size": 640}})
    for relay in running:
        relay.stop()
    return found
