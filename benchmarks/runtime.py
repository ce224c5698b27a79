"""The actor runtime beside others: messages, spawns, idle actors, restarts, timers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import family_kb
from benchmarks.report import OURS, Figures
from benchmarks.subject import Subject

SIMPLE, PROCESSES, PYKKA, ERLANG = "Thespian simple", "Thespian multiprocTCP", "pykka (threads)", "Erlang/OTP"
PROGRAMS = {
    OURS: "benchmarks.actors.bases ours",
    SIMPLE: "benchmarks.actors.bases simpleSystemBase",
    PROCESSES: "benchmarks.actors.bases multiprocTCPBase",
    PYKKA: "benchmarks.actors.pykka_actors",
}
PENDING = 100_000
PENDING_SIMPLE = 1_000  # it sorts them out anew for each message: with ten thousand a message takes seconds


@dataclass(frozen=True)
class Size:
    """How many units one sample has; about as many as take a tenth of a second to a second."""

    ours: int
    simple: int = 0
    processes: int = 0
    pykka: int = 0
    erlang: int = 0

    def by_name(self):
        sizes = {OURS: self.ours, SIMPLE: self.simple, PROCESSES: self.processes, PYKKA: self.pykka}
        return {name: size for name, size in {**sizes, ERLANG: self.erlang}.items() if size}


MESSAGES = Size(200_000, 100_000, 1_000, 10_000, 1_000_000)
CREATES = Size(5_000, 5_000, 0, 200, 50_000)
SPAWNS = Size(20_000, 10_000, 20, 2_000, 100_000)
IDLE = Size(20_000, 20_000, 20, 1_000, 100_000)
RESTARTS = Size(5_000, erlang=20_000)


def figures(folder, rounds):
    """All of the group, one after the other; ``folder`` for what has to be compiled."""
    start = Starts(folder)
    yield per_unit(start, Figures("messages", "actor message, in one process", "us"), MESSAGES, rounds)
    yield per_unit(start, Figures("creates", "spawn: create an actor, which is kept", "us"), CREATES, rounds)
    yield per_unit(start, Figures("spawns", "an actor's life: create, first message, exit", "us"), SPAWNS, rounds)
    yield idle(start, IDLE, min(rounds, 3))
    yield per_unit(
        start, Figures("restarts", "restart of a supervised actor: crash to running", "us"), RESTARTS, rounds
    )
    yield timers(start, OURS, PENDING, MESSAGES.ours, rounds)
    yield timers(start, SIMPLE, PENDING_SIMPLE, 50, min(rounds, 3))
    if ERLANG in start.there:
        yield timers(start, ERLANG, PENDING, MESSAGES.erlang, rounds)


class Starts:
    """Starts the programs that can be had here, each measured thing in a process of its own."""

    def __init__(self, folder):
        self._folder = Path(folder)
        self.there = {*PROGRAMS}
        if shutil.which("erl") and shutil.which("erlc"):
            file = Path(__file__).parent / "actors" / "erlang_actors.erl"
            subprocess.run(["erlc", "-o", folder, str(file)], check=True)
            self.there.add(ERLANG)
        else:
            print("Erlang: not installed here, left out", file=sys.stderr)

    @contextmanager
    def all(self, names, work):
        """Those of the names that are there."""
        with ExitStack() as running:
            subjects = [self.one(name, work) for name in names if name in self.there]
            for subject in subjects:
                running.callback(subject.stop)
            yield subjects

    def one(self, name, work):
        if name == ERLANG:  # one scheduler, which does not wait busily
            options = ["+S", "1:1", "+sbwt", "none", "+SDio", "1", "-noshell", "-pa", str(self._folder)]
            return Subject(name, ["erl", *options, "-s", "erlang_actors", "main"])
        program = "benchmarks.actors.links" if (name, work) == (OURS, "restarts") else PROGRAMS[name]
        return Subject(name, [sys.executable, "-m", *program.split()])


def per_unit(start, found, size, rounds):
    """Microseconds of CPU per unit; the first sample of each is thrown away, for caches and code are cold."""
    sizes = size.by_name()
    with start.all(sizes, found.key) as subjects:
        for subject in subjects:
            subject.do(found.key, max(1, sizes[subject.name] // 10))
        for _ in range(rounds):
            for subject in subjects:
                number = sizes[subject.name]
                found.add(subject.name, subject.do(found.key, number) / number * 1e6)
    return found


def idle(start, size, rounds):
    """Resident bytes by which so many actors that wait for a message make their process bigger, per actor."""
    found = Figures("idle actors", "memory of an idle actor", "B")
    for _ in range(rounds):
        for name, number in size.by_name().items():
            with start.all([name], "idle") as subjects:
                for subject in subjects:
                    subject.do("idle", max(1, number // 100))
                    before = family_kb(subject.pid)
                    subject.do("idle", number)
                    found.add(name, (family_kb(subject.pid) - before) * 1024 / number)
    return found


def timers(start, name, pending, number, rounds):
    """Microseconds of CPU per message, while no timer runs and while many do."""
    found = Figures(f"timers of {name}", f"actor message while timers run: {name}", "us")
    without, having = f"{name}, no timers", f"{name}, {pending:,} timers"
    with start.all([name, name], "messages") as (light, laden):
        laden.do("timers", pending)
        for subject in (light, laden):
            subject.do("messages", 1)
        for _ in range(rounds):
            found.add(without, light.do("messages", number) / number * 1e6)
            found.add(having, laden.do("messages", number) / number * 1e6)
    return found
