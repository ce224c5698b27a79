"""Gives orders to the load process, and reads the CPU of the relay between beginning and end."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import time
from contextlib import contextmanager

from benchmarks.machine import cores, free_port, hear, says
from benchmarks.relays import TRIAGE

ANSWER_S = 300
BEAT_S = 10.0  # below the 30 s after which the gateway doubts an agent


class Load:
    """The load process on the last core."""

    def __init__(self):
        self.agent = free_port()
        command = ["taskset", "-c", str(cores()[1]), sys.executable, "-m", "benchmarks.load", str(self.agent)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, **pipes)
        atexit.register(self._process.kill)  # also where a run breaks off
        self._hear()

    def work(self, relay, work, settle_s=0.0, **order):
        """Let callers do one kind of work, so long after they came; returns (CPU seconds of the relay, the result)."""
        with self.callers(relay, work, **order) as begin:
            time.sleep(settle_s)
            before = relay.cpu_s()
            result = begin()
            return relay.cpu_s() - before, result

    @contextmanager
    def callers(self, relay, work, agents=TRIAGE, **order):
        """Have callers there, with ``agents`` to choose from; what is given begins the work and returns its result."""
        relay.register(agents)
        choices = list(agents) if relay.speaks else []
        self._say(json.dumps({"url": relay.url, "choices": choices, "work": work, **order}))
        self._hear(lambda: relay.beat(agents))

        def begin():
            self._say("go")
            return json.loads(self._hear(lambda: relay.beat(agents)))

        yield begin
        self._say("end")

    def stop(self):
        self._process.kill()
        self._process.wait()

    def _say(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self, beat=lambda: None):
        """The next line, while agents' hearts beat."""
        until = time.monotonic() + ANSWER_S
        while time.monotonic() < until and not says(self._process, BEAT_S):
            beat()
        return hear(self._process, BEAT_S)
