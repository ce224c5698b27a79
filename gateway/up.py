"""``understudy up``: gateway, six agents and page as child processes, restarted by the same policy as actors."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING

import aiohttp
from rich.console import Console
from rich.text import Text

from gateway.app import DEFAULT_PORTS
from supervisor.backoff import Backoff
from supervisor.intensity import RestartWindow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

GATEWAY_PORT, PAGE_PORT = 8080, 3000
STOP_S = 8.0
READY_S = 60.0
POLL_S = 0.25
LAST_WORDS_S = 1.0
MAX_LINE = 64 * 1024  # a longer one is cut in two
BACKOFF = Backoff(initial_s=0.2, factor=2.0, max_s=5.0, jitter=0.2)
COLOURS = ("cyan", "green", "yellow", "blue", "magenta", "red", "bright_cyan", "bright_green")

FAILED = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One child process: its name, what to run, the port that must be free for it, and what its environment adds."""

    name: str
    arguments: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def programs(log_level: str, agent_secret: str = "") -> Iterator[Program]:
    """List what runs, in start order."""
    of_agents = {"LOG_LEVEL": log_level} | ({"AGENT_SECRET": agent_secret} if agent_secret else {})
    gateway = ("-m", "gateway", "gateway", "--port", str(GATEWAY_PORT), "--log-level", log_level)
    yield Program("gateway", gateway, GATEWAY_PORT)
    for agent, port in DEFAULT_PORTS.items():
        yield Program(agent, ("-m", "agents", agent, "--port", str(port)), port, of_agents)
    yield Program("page", ("-m", "frontend", "--port", str(PAGE_PORT)), PAGE_PORT)


async def run(log_level: str, agent_secret: str = "") -> int:
    """Run everything until SIGINT or SIGTERM; returns the exit code."""
    console = Console(highlight=False)
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    announcer = asyncio.create_task(announce(console), name="announce")
    try:
        return await supervise(list(programs(log_level, agent_secret)), told, console)
    finally:
        announcer.cancel()


async def supervise(
    chosen: Sequence[Program], told: asyncio.Event, console: Console, backoff: Backoff = BACKOFF
) -> int:
    """Keep all of them running until told to stop, or until one cannot be kept; returns the exit code.

    The first is stopped first: the gateway tells its callers while the agents are there yet.
    """
    busy = [program for program in chosen if not is_free(program.port)]
    for program in busy:
        console.print(f"[red]port {program.port} is in use; {program.name} needs it[/red]")
    if busy:
        return FAILED
    width = max(len(program.name) for program in chosen)
    children = [
        Child(program, console, Text(f"{program.name:{width}} | ", style=colour), backoff)
        for program, colour in zip(chosen, cycle(COLOURS), strict=False)
    ]
    keepers = [asyncio.create_task(child.keep(), name=f"keep {child.program.name}") for child in children]
    waiter = asyncio.create_task(told.wait(), name="told to stop")
    done, _ = await asyncio.wait([*keepers, waiter], return_when=asyncio.FIRST_COMPLETED)
    for task in [waiter, *keepers]:
        task.cancel()
    await asyncio.gather(waiter, *keepers, return_exceptions=True)
    await children[0].stop()
    await asyncio.gather(*(child.stop() for child in children[1:]))
    return 0 if waiter in done else FAILED


async def announce(console: Console, gateway: str = f"http://127.0.0.1:{GATEWAY_PORT}") -> None:
    """Say when six agents are healthy, and where the page is."""
    deadline = time.monotonic() + READY_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2), raise_for_status=True) as client:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, OSError, TimeoutError, ValueError):
                async with client.get(f"{gateway}/api/agents") as answer:
                    healthy = [agent for agent in await answer.json() if agent["status"] == "healthy"]
                if len(healthy) >= len(DEFAULT_PORTS):
                    console.print(f"\n[bold]Ready:[/bold] {len(healthy)} agents. Open http://localhost:{PAGE_PORT}\n")
                    return
            await asyncio.sleep(POLL_S)
    console.print(f"[red]not all agents are healthy after {READY_S:.0f} s; see the lines above[/red]")


class Child:
    """Keeps one process running, within its budget."""

    def __init__(self, program: Program, console: Console, prefix: Text, backoff: Backoff = BACKOFF) -> None:
        self.program = program
        self._console = console
        self._prefix = prefix
        self._process: asyncio.subprocess.Process | None = None
        self._copier: asyncio.Task[None] | None = None
        self._window = RestartWindow(intensity=5, period_s=30.0)
        self._backoff = backoff

    async def keep(self) -> None:
        """Run, and run again; returns when the budget is spent."""
        attempt = 0
        while True:
            began = time.monotonic()
            code = await self._run()
            now = time.monotonic()
            attempt = 1 if now - began > self._window.period_s else attempt + 1
            if self._window.record(now):
                self._say(f"ended with {code} too often; giving up")
                return
            delay = self._backoff.delay(attempt, random.random())
            self._say(f"ended with {code}; starting again in {delay:.1f} s")
            await asyncio.sleep(delay)

    async def _run(self) -> int:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.program.arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **self.program.environment, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C is for us; we tell the children, in order and with a deadline
        )
        if process.stdout is not None:  # a task of its own: it goes on while the process is being stopped
            self._copier = asyncio.create_task(self._copy(process.stdout), name=f"copy {self.program.name}")
        code = await process.wait()
        await self._finish_copying()
        return code

    async def stop(self) -> None:
        """Ask the process to end; kill it after the deadline."""
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        await self._finish_copying()

    async def _copy(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > MAX_LINE:
                lines, rest = [*lines, rest], b""
            for line in lines:
                self._say(line.decode(errors="replace").rstrip())
        if rest:
            self._say(rest.decode(errors="replace").rstrip())

    async def _finish_copying(self) -> None:
        if self._copier is not None:  # who holds the pipe open longer than its process is not waited for
            await asyncio.wait([self._copier], timeout=LAST_WORDS_S)
            self._copier.cancel()

    def _say(self, line: str) -> None:
        self._console.print(Text.assemble(self._prefix, Text.from_ansi(line)), soft_wrap=True)


def is_free(port: int) -> bool:
    """Tell whether a port can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
