"""The load process: `python -m benchmarks.load PORT`, where PORT is the agents'.

Takes one order a line, as JSON, on its standard input. Says ``there`` when the callers are, begins at the next line,
answers with one line of JSON, and lets the callers go at the line after it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time

import picows
import uvloop

from benchmarks.load.paced import Paced
from benchmarks.load.people import Agents
from benchmarks.load.swaps import Swaps


class Work(Paced, Swaps):
    """All kinds."""


async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    agents = Agents()
    server = await picows.ws_create_server(agents.listener, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    say("agent")
    while line := await hear():
        bench = Work(json.loads(line), agents)
        if bench.order.get("callers"):
            await bench.open()
        say("there")
        await hear()
        began = time.perf_counter()
        result = await getattr(bench, bench.order["work"])()
        say(json.dumps({**result, "seconds": time.perf_counter() - began}))
        await hear()
        bench.close()
        await agents.gone()
    server.close()


async def hear():
    return (await asyncio.to_thread(sys.stdin.readline)).strip()


def say(line):
    print(line, flush=True)


uvloop.run(main())
