"""Gives orders to the load process, and reads the CPU of the relay between beginning and end."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from benchmarks.machine import cores, cpu_s, free_port

ANSWER_S = 180


class Load:
    """The load process on the last core."""

    def __init__(self):
        self.agent = free_port()
        file = str(Path(__file__).with_name("load.py"))
        command = ["taskset", "-c", str(cores()[1]), sys.executable, file, str(self.agent)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, **pipes)
        self._hear()

    def work(self, relay, work, **order):
        """Let callers do one kind of work; returns (CPU seconds of the relay, the load's result)."""
        with self.callers(relay, work, **order) as begin:
            before = cpu_s(relay.pid)
            result = begin()
            return cpu_s(relay.pid) - before, result

    @contextmanager
    def callers(self, relay, work, **order):
        """Have callers there; what is given begins the work and returns its result."""
        relay.register()
        self._say(json.dumps({"url": relay.url, "speaks": relay.speaks, "work": work, **order}))
        self._hear()

        def begin():
            self._say("go")
            return json.loads(self._hear())

        yield begin
        self._say("end")

    def stop(self):
        self._process.kill()
        self._process.wait()

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self):
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise SystemExit("the load process ended or does not answer")
        return line
