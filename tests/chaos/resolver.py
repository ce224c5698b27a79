"""The real gateway with what it asks the system for as files say; `python -m tests.chaos.resolver FOLDER gateway ...`.

``FOLDER/names`` holds ``well``, ``fails`` or ``slow``. Names under ``chaos.invalid`` are the addresses that they have,
with dashes for dots. ``FOLDER/clock`` holds the seconds by which the wall clock is off. Only the system's resolver and
clock are replaced; whatever asks them is the gateway's own.
"""

import asyncio
import socket
import sys
import time
from pathlib import Path

import uvloop

DOMAIN = ".chaos.invalid"
SLOW_S = 3.0
LOOK_S = 0.1


class Loop(uvloop.Loop):
    """The loop that the gateway runs on, with another resolver."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    async def getaddrinfo(self, host, port, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if not str(name).endswith(DOMAIN):
            return await super().getaddrinfo(host, port, **options)
        state = self.file.read_text()
        if state == "slow":
            await asyncio.sleep(SLOW_S)
        elif state == "fails":
            raise socket.gaierror(socket.EAI_AGAIN, "temporary failure in name resolution")
        return await super().getaddrinfo(name.removesuffix(DOMAIN).replace("-", "."), port, **options)


def run_with(file):
    """What `uvloop.run` is to be."""

    def run(program):
        with asyncio.Runner(loop_factory=lambda: Loop(file)) as runner:
            runner.run(program)

    return run


class WallClock:
    """What `time.time` is to be."""

    def __init__(self, file):
        self._file, self._real = file, time.time
        self._off, self._looked = 0, -LOOK_S

    def __call__(self):
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked, self._off = now, int(self._file.read_text() or 0)
        return self._real() + self._off


if __name__ == "__main__":
    folder = Path(sys.argv.pop(1))
    uvloop.run = run_with(folder / "names")
    time.time = WallClock(folder / "clock")
    from gateway.cli import main  # what it imports takes the clock from there

    main()
