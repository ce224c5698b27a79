"""The load process: an echoing agent and its callers, cheap enough to keep any relay busy.

Takes one order a line, as JSON, on its standard input. Says ``there`` when the callers are, begins at the next line,
and answers with one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import struct
import sys
import time
from collections import deque

import picows
import uvloop

BINARY, TEXT, CLOSE = picows.WSMsgType.BINARY, picows.WSMsgType.TEXT, picows.WSMsgType.CLOSE
CHOICE = b'{"type":"select_workflow","workflowId":"triage"}'
AUDIO = b'{"type":"bench","audio":"'
STAMP = struct.Struct("<d")
OPENING = 32  # handshakes at once


class Agent(picows.WSListener):
    """Answers session_init as agents do, and echoes what callers say."""

    def on_ws_frame(self, transport, frame):
        data = frame.get_payload_as_bytes()
        if frame.msg_type == BINARY:
            transport.send(BINARY, data)
        elif frame.msg_type == TEXT:
            if data.startswith(AUDIO):
                transport.send(TEXT, data)
            elif b'"session_init"' in data:
                transport.send(TEXT, b'{"type":"connected"}')
        elif frame.msg_type == CLOSE:
            transport.send_close(1000)
            transport.disconnect()


class Caller(picows.WSListener):
    """Is there when his session has begun, and tells every echo."""

    def __init__(self, speaks, on_there, on_echo):
        self.speaks, self.on_there, self.on_echo = speaks, on_there, on_echo
        self.transport = None

    def on_ws_connected(self, transport):
        self.transport = transport
        if self.speaks:
            transport.send(TEXT, CHOICE)
        else:
            self.on_there(self)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == BINARY:
            self.on_echo(self, frame.get_payload_as_bytes())
        elif frame.msg_type == TEXT:
            data = frame.get_payload_as_bytes()
            if data.startswith(AUDIO):
                self.on_echo(self, data)
            elif b'"session_start"' in data:
                self.on_there(self)

    def on_ws_disconnected(self, transport):
        self.transport = None


class Bench:
    """Callers of one order; each kind of work is a method."""

    def __init__(self, order):
        self.order, self.seconds = order, order.get("seconds", 0)
        self.there, self.everybody = [], asyncio.Event()
        self.on_echo = lambda caller, data: None

    async def open(self):
        gate = asyncio.Semaphore(OPENING)
        number = self.order["callers"]

        async def connect():
            async with gate:
                await picows.ws_connect(self._caller, self.order["url"])

        await asyncio.gather(*(connect() for _ in range(number)))
        await asyncio.wait_for(self.everybody.wait(), 60)

    def _caller(self):
        return Caller(self.order["speaks"], self._is_there, lambda *echo: self.on_echo(*echo))  # noqa: PLW0108 - set later

    def _is_there(self, caller):
        self.there.append(caller)
        if len(self.there) == self.order["callers"]:
            self.everybody.set()

    def close(self):
        for caller in self.there:
            if caller.transport is not None:
                caller.transport.disconnect()

    async def frames(self):
        """Fifty frames under way at once, whoever says them: each echo lets the next caller speak."""
        frame, kind = self._frame(), TEXT if self.order.get("json") else BINARY
        queue = deque(self.there)
        echoes = 0
        until = time.perf_counter() + self.seconds
        done = asyncio.get_running_loop().create_future()

        def speak():
            queue[0].transport.send(kind, frame)
            queue.rotate(-1)

        def on_echo(_caller, _data):
            nonlocal echoes
            echoes += 1
            if time.perf_counter() < until:
                speak()
            elif not done.done():
                done.set_result(None)

        self.on_echo = on_echo
        for _ in range(min(50, len(queue))):
            speak()
        await done
        return {"echoes": echoes}

    async def paced(self):
        """Every caller says one frame each 20 ms, evenly spread; how long echoes took, in milliseconds."""
        size, callers = self.order["size"], self.there
        took = []
        self.on_echo = lambda _caller, data: took.append(time.perf_counter() - STAMP.unpack_from(data)[0])
        rest = bytes([7]) * (size - STAMP.size)
        slots = [callers[number::20] for number in range(20)]
        began = time.perf_counter()
        for tick in range(int(self.seconds * 1000)):
            stamp = STAMP.pack(time.perf_counter())
            for caller in slots[tick % 20]:
                caller.transport.send(BINARY, stamp + rest)
            await asyncio.sleep(max(0.0, began + (tick + 1) / 1000 - time.perf_counter()))
        await asyncio.sleep(0.5)
        took.sort()
        parts = {f"p{part}": took[int(len(took) * part / 100)] * 1000 for part in (50, 99)}
        return {"echoes": len(took), "late": len(callers) * self.seconds * 50 - len(took), **parts}

    async def starts(self):
        """Callers come, twenty at once, and hear one echo; they stay, for what the end costs is another figure."""
        frame = self._frame()
        loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(20)

        async def one():
            async with gate:
                echoed = loop.create_future()
                there = lambda caller: caller.transport.send(BINARY, frame)  # noqa: E731
                heard = lambda _caller, _data: echoed.done() or echoed.set_result(None)  # noqa: E731
                _, caller = await picows.ws_connect(
                    lambda: Caller(self.order["speaks"], there, heard), self.order["url"]
                )
                await asyncio.wait_for(echoed, 20)
                self.there.append(caller)

        await asyncio.gather(*(one() for _ in range(self.order["number"])))
        return {"sessions": self.order["number"]}

    async def idle(self):
        return {"callers": len(self.there)}

    def _frame(self):
        size = self.order["size"]
        return AUDIO + b"A" * size + b'"}' if self.order.get("json") else bytes([7]) * size


async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    agents = await picows.ws_create_server(lambda _: Agent(), "127.0.0.1", int(sys.argv[1]), backlog=1024)
    say("agent")
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        bench = Bench(json.loads(line))
        if bench.order.get("callers"):
            await bench.open()
        say("there")
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
        result = await getattr(bench, bench.order["work"])()
        say(json.dumps({**result, "seconds": time.perf_counter() - began}))
        await asyncio.to_thread(sys.stdin.readline)
        bench.close()
        await asyncio.sleep(0.2)
    agents.close()


def say(line):
    print(line, flush=True)


uvloop.run(main())
