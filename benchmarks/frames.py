"""CPU of a relay per forwarded frame, and the delay that it adds."""

from __future__ import annotations

from benchmarks.relays import DIRECT
from benchmarks.report import Figures

WORK = {
    "640 B": {"sizes": [640]},
    "3,200 B": {"sizes": [3200]},
    "JSON of 2, 4, 6 KB": {"sizes": [2048, 4096, 6144], "json": True, "callers": 200},  # who may say 50 a second each
}
"""Frames, by name: PCM of 20 ms and of 100 ms at 16 kHz, and base64 in JSON."""


def cost(load, running, rounds, seconds, callers=50, names=tuple(WORK), settle_s=0.0):
    """Microseconds of CPU per frame forwarded, as fast as the relay can; an echo is two frames, one each way."""
    found = []
    for name in names:
        order = {"callers": callers, "seconds": seconds, **WORK[name]}
        figures = Figures(f"frames {name} {callers}", f"CPU per frame: {name}, {order['callers']} callers", "us")
        found.append(figures)
        for _ in range(rounds):
            for relay in running:
                spent, result = load.work(relay, "frames", settle_s, **order)
                figures.add(relay.name, spent / result["frames"] * 1e6)
    return found


def delay(load, running, rounds, seconds, callers, name):
    """Real time: what frames need from sender to receiver, what of it is the relay's, and its CPU meanwhile.

    ``running`` begins with no relay at all. What a round's p99 is above that round's without a relay has been added:
    the senders' and receivers' own share of the wait is in both.
    """
    size = WORK[name]["sizes"][0]
    every_ms = size // 32  # PCM of 16 bits at 16 kHz
    what = f"{callers} callers, {name} each {every_ms} ms, each way"
    p50, p99 = (Figures(f"{part} {name} {callers}", f"one way, {what}: {part}", "ms") for part in ("p50", "p99"))
    added = Figures(f"added {name} {callers}", f"p99 above that without a relay, {what}", "ms")
    cpu = Figures(f"paced {name} {callers}", f"CPU per frame, {what}", "us")
    missing = Figures(f"missing {name} {callers}", f"frames that did not come within half a second, {what}", "%")
    for _ in range(rounds):
        alone = 0.0
        for relay in running:
            spent, result = load.work(relay, "paced", callers=callers, seconds=seconds, sizes=[size], every_ms=every_ms)
            p50.add(relay.name, result["p50"])
            p99.add(relay.name, result["p99"])
            missing.add(relay.name, 100 * result["missing"] / (result["frames"] + result["missing"]))
            if relay.name == DIRECT:
                alone = result["p99"]
            else:
                added.add(relay.name, result["p99"] - alone)
                cpu.add(relay.name, spent / result["frames"] * 1e6)
    return [p50, p99, added, cpu, missing]
