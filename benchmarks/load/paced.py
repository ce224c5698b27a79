"""Callers and agents who speak in real time, and how long each frame is on its way."""

from __future__ import annotations

import asyncio
import struct
import time

from benchmarks.load.bench import Bench
from benchmarks.load.people import BINARY

STAMP = struct.Struct("<d")
TICK_S = 0.001  # the loop's timers are no finer
LAST_S = 0.5  # for the last frames to arrive


class Paced(Bench):
    """Everybody says a frame of ``sizes[0]`` bytes each ``every_ms``, evenly spread, callers and agents alike."""

    async def paced(self):
        """Milliseconds from the call that sends a frame to its arrival, one way, both ways together."""
        rest = bytes([7]) * (self.order["sizes"][0] - STAMP.size)
        took, sent = [], 0

        def arrived(data):
            took.append(time.perf_counter() - STAMP.unpack_from(data)[0])

        self.on_frame = lambda _caller, data: arrived(data)
        self.agents.on_frame = lambda _agent, _kind, data: arrived(data)
        every = self.order["every_ms"]
        agents = list(self.agents.open)
        slots = [self.there[n::every] + agents[(n + every // 2) % every :: every] for n in range(every)]
        began = time.perf_counter()
        for tick in range(int(self.seconds / TICK_S)):
            for one in slots[tick % every]:
                one.transport.send(BINARY, STAMP.pack(time.perf_counter()) + rest)
                sent += 1
            await asyncio.sleep(max(0.0, began + (tick + 1) * TICK_S - time.perf_counter()))
        behind = time.perf_counter() - began - self.seconds
        await asyncio.sleep(LAST_S)
        took.sort()
        parts = {f"p{part}": took[int(len(took) * part / 100)] * 1000 for part in (50, 99)}
        return {"frames": len(took), "missing": sent - len(took), "behind_s": behind, **parts}
