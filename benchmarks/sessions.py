"""What a session costs: to begin and end, to be kept idle, to be one of ten thousand."""

from __future__ import annotations

import time

from benchmarks import frames
from benchmarks.machine import rss_kb
from benchmarks.report import Figures

SETTLE_S = 1.0  # for buffers to be given back
IDLE_S = 5.0
BEGUN_S = 6.0  # until the last session is no new one: five seconds prove a link, which is part of what a start costs


def starts(load, running, rounds, number):
    """Microseconds of CPU from the connection to the first echo; and from the caller's close until its link is gone."""
    begins = Figures("starts", "CPU to begin a session: connect, open the link, first echo", "us")
    ends = Figures("ends", "CPU to end a session: from the caller's close", "us")
    for _ in range(rounds):
        for relay in running:
            spent, _ = load.work(relay, "starts", number=number, sizes=[640])
            begins.add(relay.name, spent / number * 1e6)
            spent, _ = load.work(relay, "ends", callers=number)
            ends.add(relay.name, spent / number * 1e6)
    return [begins, ends]


def idle(load, relays, number, rounds):
    """Per idle session, in a fresh process: resident kilobytes above what fifty sessions had needed, and CPU."""
    memory = Figures("memory", f"resident memory per idle session, {number:,} of them", "KB")
    cpu = Figures("idle", f"CPU per idle session and second, {number:,} of them", "us")
    for _ in range(rounds):
        for name in relays.names():
            relay = relays.start(name)
            load.work(relay, "visits", number=50, sizes=[640])
            before = rss_kb(relay.pid)
            with load.callers(relay, "idle", callers=number, seconds=IDLE_S) as begin:
                time.sleep(SETTLE_S)
                memory.add(name, (rss_kb(relay.pid) - before) / number)
                used = relay.cpu_s()
                begin()
                cpu.add(name, (relay.cpu_s() - used) / IDLE_S / number * 1e6)
            relay.stop()
    return [memory, cpu]


def many(load, relays, names, numbers, rounds, seconds):
    """Microseconds of CPU per frame of 640 bytes with few and with many sessions in one process, fifty under way."""
    running = [relays.start(name) for name in names]
    found = []
    for callers in (50, *numbers):
        [figures] = frames.cost(load, running, rounds, seconds, callers, ["640 B"], BEGUN_S)
        figures.key = f"many {callers}"
        found.append(figures)
    for relay in running:
        relay.stop()
    return found
