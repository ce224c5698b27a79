"""Callers of one order, and the kinds of work that callers do."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from itertools import cycle

import picows

from benchmarks.load.people import AUDIO, BINARY, TEXT, Caller, echo

OPENING = 32  # callers at once
OPENING_S = 280
UNDER_WAY = 50  # frames at once, where callers speak as fast as they can


class Bench:
    """Opens the order's callers; each kind of work is an awaitable method that returns what is to be reported.

    An order says: ``url``, ``work``, ``callers``, ``choices`` (agents to choose from, none for a bare relay), and
    what the kind of work needs: ``seconds``, ``number`` of sessions, ``sizes`` of frames in bytes, ``json``.
    """

    def __init__(self, order, agents):
        self.order, self.agents, self.seconds = order, agents, order.get("seconds", 0)
        self.there = []
        self.on_frame = lambda caller, data: None
        self._choices = cycle(order["choices"] or [""])
        agents.on_frame = echo

    async def open(self):
        """Come, so many at once as a relay can greet: the next one when one is there."""
        gate = asyncio.Semaphore(OPENING)

        async def come():
            async with gate:
                here = asyncio.get_running_loop().create_future()
                await picows.ws_connect(
                    lambda: Caller(next(self._choices), here.set_result, self._heard), self.order["url"]
                )
                self.there.append(await here)

        async with asyncio.timeout(OPENING_S):
            await asyncio.gather(*(come() for _ in range(self.order["callers"])))
            while len(self.agents.open) < self.order["callers"]:  # noqa: ASYNC110 - a bare relay dials late, and says nothing
                await asyncio.sleep(0.01)
        if self.order["work"] == "frames":  # what a session's first frame costs is no part of what each one costs
            await self._speak(0.0, 2 * self.order["callers"])

    def _heard(self, caller, data):
        self.on_frame(caller, data)

    def close(self):
        for caller in self.there:
            if caller.transport is not None:
                caller.transport.disconnect()

    async def frames(self):
        """As fast as they can: so many frames under way, whoever says them; each echo lets the next caller speak."""
        return {"frames": 2 * await self._speak(time.perf_counter() + self.seconds)}

    async def _speak(self, until, least=0):
        """In turn, until then, and at least so many frames; returns how many echoes were heard."""
        frames, kind = cycle(self._frames()), TEXT if self.order.get("json") else BINARY
        queue = deque(self.there)
        echoes = 0
        done = asyncio.get_running_loop().create_future()

        def speak():
            queue[0].transport.send(kind, next(frames))
            queue.rotate(-1)

        def on_frame(_caller, _data):
            nonlocal echoes
            echoes += 1
            if echoes < least or time.perf_counter() < until:
                speak()
            elif not done.done():
                done.set_result(None)

        self.on_frame = on_frame
        for _ in range(min(UNDER_WAY, len(queue))):
            speak()
        await done
        return echoes

    async def starts(self):
        """Callers come, twenty at once, and hear one echo; they stay, for what the end costs is another figure."""
        await self._come_and_go(self.there.append)
        return {"sessions": self.order["number"]}

    async def visits(self):
        """Callers come, hear one echo and leave, twenty at once."""

        async def leave(caller):
            caller.transport.send_close(1000)
            await caller.transport.wait_disconnected()

        await self._come_and_go(leave)
        return {"sessions": self.order["number"]}

    async def _come_and_go(self, then):
        frame = self._frames()[0]
        loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(20)

        async def one():
            async with gate:
                echoed = loop.create_future()
                there = lambda caller: caller.transport.send(BINARY, frame)  # noqa: E731
                heard = lambda _caller, _data: echoed.done() or echoed.set_result(None)  # noqa: E731
                _, caller = await picows.ws_connect(
                    lambda: Caller(next(self._choices), there, heard), self.order["url"]
                )
                await asyncio.wait_for(echoed, 20)
                if (left := then(caller)) is not None:
                    await left

        await asyncio.gather(*(one() for _ in range(self.order["number"])))

    async def ends(self):
        """Callers leave in order, all of them, until no agent has a link any more."""
        transports = [caller.transport for caller in self.there]
        for transport in transports:
            transport.send_close(1000)
        await asyncio.gather(*(transport.wait_disconnected() for transport in transports))
        await self.agents.gone()
        return {"sessions": len(transports)}

    async def idle(self):
        """Nothing; the callers are there."""
        await asyncio.sleep(self.seconds)
        return {"callers": len(self.there)}

    def _frames(self):
        if self.order.get("json"):
            return [AUDIO + b"A" * size + b'"}' for size in self.order["sizes"]]
        return [bytes([7]) * size for size in self.order["sizes"]]
