"""Calls that lose their agent, or are handed on, while everybody speaks; seen from both ends of the gateway."""

from __future__ import annotations

import asyncio
import time

from benchmarks.load.bench import Bench
from benchmarks.load.people import BINARY, echo

BEFORE_S = 0.03  # the caller whose turn it is speaks closely from then on
BETWEEN_S = 0.05
PATIENCE_S = 10.0
TARGET = "banking"


class Swaps(Bench):
    """One event per call, one call after the other, all speaking 50 frames a second; he whose turn it is, 1,000.

    Each method returns, per event in milliseconds: ``without``: from the last frame that the old link heard to the
    first one that the new link heard; ``after``: from the event to the latter.
    """

    async def handoffs(self):
        """The agent asks for another one to take the call."""
        wish = {"type": "handoff_request", "targetAgentId": TARGET, "context": {"reason": "bench"}, "graphState": {}}
        return await self._each(lambda agent: agent.say(wish))

    async def failovers(self):
        """The agent's connection is reset."""
        return await self._each(lambda agent: agent.reset())

    async def _each(self, strike):
        def heard(agent, kind, data):
            agent.note()
            echo(agent, kind, data)

        self.agents.on_frame = heard
        talking = asyncio.create_task(self._talk())
        events = [await self._one(caller, strike) for caller in list(self.there)]
        talking.cancel()
        without, after = zip(*events, strict=True)
        return {"sessions": [caller.session for caller in self.there], "without": without, "after": after}

    async def _talk(self):
        while True:
            for slot in range(20):
                for caller in self.there[slot::20]:
                    caller.transport.send(BINARY, self._frames()[0])
                await asyncio.sleep(0.001)

    async def _one(self, caller, strike):
        closely = asyncio.create_task(self._closely(caller))
        await asyncio.sleep(BEFORE_S)
        old = self.agents.by_session[caller.session]
        at = time.perf_counter()
        strike(old)
        while not self._next(caller, old):
            if time.perf_counter() - at > PATIENCE_S:
                raise SystemExit(f"{self.order['work']}: no other agent within {PATIENCE_S} s")
            await asyncio.sleep(0.001)
        first = self.agents.by_session[caller.session].first_at
        closely.cancel()
        await asyncio.sleep(BETWEEN_S)
        return (first - old.last_at) * 1000, (first - at) * 1000

    def _next(self, caller, old):
        new = self.agents.by_session[caller.session]
        return new is not old and new.first_at

    async def _closely(self, caller):
        frame = self._frames()[0]
        while True:
            caller.transport.send(BINARY, frame)
            await asyncio.sleep(0.001)
