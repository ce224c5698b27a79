"""CPU of a relay per forwarded frame, and the delay that it adds."""

from __future__ import annotations

from benchmarks.report import Figures

WORK = {"640 B audio": {"size": 640}, "3200 B audio": {"size": 3200}, "JSON of 4 KB": {"size": 4096, "json": True}}


def cost(load, running, rounds, seconds, callers=50, work=WORK):
    """Microseconds of CPU per frame, where an echo is two frames: one each way."""
    found = []
    for name, order in work.items():
        figures = Figures(f"CPU per frame: {name}, {callers} callers", "us")
        found.append(figures)
        for _ in range(rounds):
            for relay in running:
                spent, result = load.work(relay, "frames", callers=callers, seconds=seconds, **order)
                figures.add(relay.name, spent / (2 * result["echoes"]) * 1e6)
    return found


def delay(load, running, rounds, seconds, callers):
    """Milliseconds from a caller's frame to its echo, everybody speaking 50 frames of 640 B a second."""
    p50 = Figures(f"round trip, {callers} callers at 50 frames/s each way, p50", "ms")
    p99 = Figures(f"round trip, {callers} callers at 50 frames/s each way, p99", "ms")
    for _ in range(rounds):
        for relay in running:
            _, result = load.work(relay, "paced", callers=callers, seconds=seconds, size=640)
            p50.add(relay.name, result["p50"])
            p99.add(relay.name, result["p99"])
    return [p50, p99]
