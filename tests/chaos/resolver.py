"""The real gateway, whose names of hosts resolve as a file says; `python -m tests.chaos.resolver FILE gateway ...`.

``FILE`` holds ``well``, ``fails`` or ``slow``. Names under ``chaos.invalid`` are the addresses that they have, with
dashes for dots. Only the system's resolver is replaced: whatever asks it is the gateway's own.
"""

import asyncio
import socket
import sys
from pathlib import Path

import uvloop

from gateway.cli import main

DOMAIN = ".chaos.invalid"
SLOW_S = 3.0


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


if __name__ == "__main__":
    uvloop.run = run_with(Path(sys.argv.pop(1)))
    main()
