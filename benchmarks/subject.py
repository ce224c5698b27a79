"""A process that is measured while it does what it is told; see `benchmarks.actors.orders`."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
from contextlib import suppress

from benchmarks.machine import cores, family, family_cpu_s, hear

ANSWER_S = 600
ENDING_S = 15


class Subject:
    """Pinned to the first core; its CPU and memory are those of all processes that it starts."""

    def __init__(self, name, command):
        self.name = name
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(["taskset", "-c", str(cores()[0]), *command], text=True, **pipes)
        atexit.register(self._process.kill)  # also where a run breaks off
        self._wait("ready")

    @property
    def pid(self):
        return self._process.pid

    def do(self, work, number):
        """Let it do so many units of a work; returns the seconds of CPU that they took."""
        before = family_cpu_s(self.pid)
        self._process.stdin.write(f"{work} {number}\n")
        self._process.stdin.flush()
        self._wait("done")
        return family_cpu_s(self.pid) - before

    def stop(self):
        """Let it end by itself, for it has children to end; whoever is left is killed."""
        whole = family(self.pid)
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        for pid in whole:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def _wait(self, word):
        if (said := hear(self._process, ANSWER_S).strip()) != word:
            raise SystemExit(f"{self.name} says {said!r}, not {word!r}")
