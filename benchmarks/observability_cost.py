"""CPU of the gateway's process per forwarded frame, with everything that observes a call on against off.

    python -m benchmarks.observability_cost [--calls 40] [--seconds 10] [--rounds 4]

One gateway per round in a process of its own; callers and the echoing agent in this one. On and off take turns in one
run, because a shared machine drifts; the medians are compared. On: traces to a receiver that takes everything, added
delay, black boxes, and a scrape of /metrics every five seconds. Off: none of them; the relay's counters always count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import uvloop
import websockets
from aiohttp import web
from loguru import logger

from gateway import relay
from gateway.app import Gateway
from gateway.config import load

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FRAME = b"\x01" * 640
EVERY_S = 0.02
SCRAPE_S = 5.0  # twice as often as monitoring/prometheus.yml asks


def serve(pipe: Connection, receiver: str) -> None:
    """Run a gateway until told to stop, observed where there is a receiver; answers with the CPU used so far."""
    logger.remove()
    uvloop.run(_serve(pipe, receiver))


async def _serve(pipe: Connection, receiver: str) -> None:
    if not receiver:
        relay.SAMPLE_MASK = 0x7FFFFFFF  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        watching: dict[str, Any] = {"otlp_endpoint": receiver} if receiver else {"blackbox_files": 0}
        gateway = Gateway(load(host="127.0.0.1", port=0, park_s=0, data_dir=Path(folder), **watching))
        await gateway.start()
        pipe.send(gateway.port)
        while await asyncio.to_thread(pipe.recv) != "stop":
            used = resource.getrusage(resource.RUSAGE_SELF)
            frames = sum(
                one.counters().to_agent_frames + one.counters().to_caller_frames for one in gateway.reception.calls
            )
            pipe.send((used.ru_utime + used.ru_stime, frames))
        await gateway.stop()


async def _echo(link: Any) -> None:
    async for frame in link:
        if isinstance(frame, bytes):
            await link.send(frame)
        elif "session_init" in frame:
            await link.send(json.dumps({"type": "connected", "sessionId": json.loads(frame)["sessionId"]}))


async def _caller(port: int, until: float) -> None:
    async with websockets.connect(f"ws://127.0.0.1:{port}/sonic", max_queue=None, compression=None) as socket:
        hearing = asyncio.create_task(_hear(socket))
        await socket.send(json.dumps({"type": "select_workflow", "workflowId": "triage"}))
        due = time.monotonic()
        while due < until:
            await socket.send(FRAME)
            due += EVERY_S
            await asyncio.sleep(due - time.monotonic())
        hearing.cancel()


async def _hear(socket: Any) -> None:
    async for _ in socket:
        pass


async def _round(calls: int, seconds: float, agent: str, receiver: str) -> float:
    ours, its = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(its, receiver))
    process.start()
    port = await asyncio.to_thread(ours.recv)
    async with aiohttp.ClientSession() as client:
        await client.post(f"http://127.0.0.1:{port}/api/agents/register", json={"id": "triage", "url": agent})
        until = time.monotonic() + seconds + 2
        callers = [asyncio.create_task(_caller(port, until)) for _ in range(calls)]
        await asyncio.sleep(1)
        before = await asyncio.to_thread(_ask, ours)
        while time.monotonic() < until - SCRAPE_S:
            await asyncio.sleep(SCRAPE_S)
            if receiver:
                async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    await answer.read()
        after = await asyncio.to_thread(_ask, ours)
        await asyncio.gather(*callers)
    ours.send("stop")
    await asyncio.to_thread(process.join)
    return (after[0] - before[0]) / (after[1] - before[1]) * 1e6


def _ask(pipe: Connection) -> Any:
    pipe.send("used")
    return pipe.recv()


async def _take(_: web.Request) -> web.Response:
    return web.Response()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=4)
    given = parser.parse_args()
    app = web.Application()
    app.router.add_post("/v1/traces", _take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver = f"http://127.0.0.1:{runner.addresses[0][1]}"
    found: dict[bool, list[float]] = {True: [], False: []}
    async with websockets.serve(_echo, "127.0.0.1", 0, compression=None) as server:
        agent = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        for number in range(given.rounds):
            for on in (True, False) if number % 2 else (False, True):
                found[on].append(await _round(given.calls, given.seconds, agent, receiver if on else ""))
    await runner.cleanup()
    off, on = statistics.median(found[False]), statistics.median(found[True])
    print(f"{given.calls} calls of 50 frames/s each way, {given.rounds} rounds of {given.seconds:g} s")
    print(f"off  {off:6.2f} us per frame   {' '.join(f'{value:.2f}' for value in sorted(found[False]))}")
    print(f"on   {on:6.2f} us per frame   {' '.join(f'{value:.2f}' for value in sorted(found[True]))}")
    pairs = sorted(100 * (on / off - 1) for off, on in zip(found[False], found[True], strict=True))
    print(f"more {100 * (on / off - 1):+6.1f} % by the medians; by rounds {' '.join(f'{pair:+.1f}' for pair in pairs)}")


if __name__ == "__main__":
    asyncio.run(main())
