"""CPU of the gateway's process per forwarded frame, with everything that observes a call on against off.

    python -m benchmarks.observability_cost [--calls 40] [--phases 24] [--seconds 3]

The gateway runs in a process of its own; callers and the echoing agent in this one. The same calls go on through phases
that take turns, off and on, because a shared machine drifts; neighbours are compared. On: added delay, black boxes, and
one scrape of /metrics in each phase. Traces are on in all phases: they cost nothing per frame, and the cost per call is
printed on its own. The relay's counters always count.
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
from uuid import uuid4

import aiohttp
import uvloop
import websockets
from aiohttp import web
from loguru import logger
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from actors.ids import AgentId, Generation, SessionId
from actors.receipt import Outcome, Receipt, SwapReason
from actors.session_events import LinkDialled, Routed, SessionBegan, SessionEnded, SwapEnded
from actors.verdict import Verdict
from gateway import relay
from gateway.app import Gateway
from gateway.config import load
from gateway.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from opentelemetry.sdk.trace import ReadableSpan

FRAME = b"\x01" * 640
EVERY_S = 0.02


def serve(pipe: Connection, receiver: str) -> None:
    """Run a gateway until told to stop; answers each word with the CPU used and the frames forwarded so far."""
    logger.remove()
    uvloop.run(_serve(pipe, receiver))


async def _serve(pipe: Connection, receiver: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway(load(host="127.0.0.1", port=0, park_s=0, data_dir=Path(folder), otlp_endpoint=receiver))
        await gateway.start()
        pipe.send(gateway.port)
        while (word := await asyncio.to_thread(pipe.recv)) != "stop":
            used = resource.getrusage(resource.RUSAGE_SELF)
            calls = list(gateway.reception.calls)
            counted = [call.counters() for call in calls]
            pipe.send(
                (used.ru_utime + used.ru_stime, sum(one.to_agent_frames + one.to_caller_frames for one in counted))
            )
            relay.SAMPLE_MASK = 7 if word == "on" else 0x7FFFFFFF  # type: ignore[misc] # so that nothing is measured
            for call in calls:
                call._box = call._meter.box if word == "on" else None
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


async def _measure(given: argparse.Namespace, agent: str, receiver: str) -> list[float]:
    """Microseconds per frame in each phase; the even ones are off, the odd ones on."""
    ours, its = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(its, receiver))
    process.start()
    port = await asyncio.to_thread(ours.recv)
    found = []
    async with aiohttp.ClientSession() as client:
        await client.post(f"http://127.0.0.1:{port}/api/agents/register", json={"id": "triage", "url": agent})
        until = time.monotonic() + 3 + given.phases * (given.seconds + 0.2)
        callers = [asyncio.create_task(_caller(port, until)) for _ in range(given.calls)]
        await asyncio.sleep(2)
        for phase in range(given.phases):
            before = await asyncio.to_thread(_ask, ours, "on" if phase % 2 else "off")
            await asyncio.sleep(given.seconds)
            if phase % 2:
                async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    await answer.read()
            after = await asyncio.to_thread(_ask, ours, "off")
            found.append((after[0] - before[0]) / (after[1] - before[1]) * 1e6)
        await asyncio.gather(*callers)
    ours.send("stop")
    await asyncio.to_thread(process.join)
    return found


def _ask(pipe: Connection, word: str) -> Any:
    pipe.send(word)
    return pipe.recv()


async def _take(_: web.Request) -> web.Response:
    return web.Response()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--phases", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    app = web.Application()
    app.router.add_post("/v1/traces", _take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with websockets.serve(_echo, "127.0.0.1", 0, compression=None) as server:
        agent = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        found = await _measure(given, agent, receiver)
    await runner.cleanup()
    off, on = found[::2], found[1::2]
    # each phase that is on against the mean of its two neighbours, so that a steady drift cancels out
    more = sorted(100 * (mine / ((a + b) / 2) - 1) for mine, a, b in zip(on, off, off[1:], strict=False))
    print(f"{given.calls} calls of 50 frames/s each way, {given.phases} phases of {given.seconds:g} s")
    print(f"off  {statistics.median(off):6.2f} us per frame, {min(off):.2f} to {max(off):.2f}")
    print(f"on   {statistics.median(on):6.2f} us per frame, {min(on):.2f} to {max(on):.2f}")
    low, high = more[len(more) // 4], more[-len(more) // 4]
    print(f"more {statistics.median(more):+6.1f} %, quarters {low:+.1f} to {high:+.1f} %")
    print(f"a call's trace: {_trace_us():.0f} us")


def _trace_us() -> float:
    """CPU to write the spans of a call with one link and one swap."""
    exporter = _Nobody()
    tracing = Tracing({"nobody": exporter})
    receipt = Receipt(SwapReason.START, AgentId("triage"), AgentId("triage"), Outcome.DONE, 1, 5, 5)
    ids = [SessionId(str(uuid4())) for _ in range(1000)]
    began = time.thread_time()
    for one in ids:
        place = (one, AgentId("triage"), "ws://agent:8081", Generation(1), "start")
        for event in (SessionBegan(one), Routed(*place), LinkDialled(*place), SwapEnded(one, receipt)):
            tracing.observe(one, event)
        tracing.observe(one, SessionEnded(one, Verdict.CALLER_LEFT, (), 0, (5,), 60.0))
    used = time.thread_time() - began
    tracing.stop(1.0)
    return used / len(ids) * 1e6


class _Nobody(SpanExporter):
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


if __name__ == "__main__":
    asyncio.run(main())
