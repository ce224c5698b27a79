"""Runs many worlds, on one core or several: the same seeds, the same worlds, the same first failure."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass

from tests.simulation.record import Violated
from tests.simulation.world import World

CHUNK = 20
"""Worlds that a process is given at a time."""


@dataclass(slots=True)
class Tally:
    """What was run; seconds are of a processor, and of the worlds' clocks."""

    worlds: int = 0
    lives: int = 0
    steps: int = 0
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    failed: int | None = None

    def add(self, other):
        self.worlds += other.worlds
        self.lives += other.lives
        self.steps += other.steps
        self.virtual_s += other.virtual_s
        self.cpu_s += other.cpu_s
        self.failed = other.failed

    def __str__(self):
        cpu_s = max(self.cpu_s, 1e-9)
        return (
            f"{self.worlds} seeds, {self.lives} lives, {'0 violations' if self.failed is None else 'VIOLATED'}; "
            f"a CPU second: {self.lives / cpu_s:,.0f} lives, {self.steps / cpu_s:,.0f} events, "
            f"{self.virtual_s / cpu_s:,.0f} virtual seconds"
        )


def run(seeds, callers=None):
    """Run worlds one after the other until one fails."""
    tally, began = Tally(), time.process_time()
    for seed in seeds:
        world = World(seed, callers)
        try:
            world.run()
        except Exception:  # noqa: BLE001 - whatever it is, it is what failed
            tally.failed = seed
            break
        tally.add(Tally(1, len(world.callers), world.steps, world.clock.at))
    tally.cpu_s = time.process_time() - began
    return tally


def run_many(start, seeds, callers=None, jobs=1, chunk=CHUNK):
    """Run ``seeds`` worlds; the first of them that fails, in order of seeds, ends it."""
    end = start + seeds
    chunks = [(range(first, min(first + chunk, end)), callers) for first in range(start, end, chunk)]
    if jobs == 1:
        return _sum(run(*chunk) for chunk in chunks)
    with multiprocessing.get_context("forkserver").Pool(jobs) as pool:
        return _sum(pool.imap(_run_chunk, chunks))


def _run_chunk(chunk):
    return run(*chunk)


def _sum(tallies):
    total = Tally()
    for tally in tallies:
        total.add(tally)
        if total.failed is not None:
            break
    return total


def cores():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def explain(seed, callers=None, *, whole=False):
    """Run a seed again and say what happened, line by line: the failure's own story, or all of it."""
    world = World(seed, callers, log=True)
    try:
        world.run()
    except Exception as error:  # noqa: BLE001 - it is what was asked for
        about = error.about if isinstance(error, Violated) else ""
        owner = world.story.owners.get(about, about)
        lines = world.story.text() if whole else world.story.of(about)
        return [*lines, f"seed {seed}{f', caller {owner}' if owner else ''}: {type(error).__name__}: {error}"]
    return [*world.story.text(), f"seed {seed}: every invariant holds"]
