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
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from rich.console import Console
from rich.text import Text

from gateway.app import DEFAULT_PORTS
from supervisor.backoff import Backoff
from supervisor.intensity import RestartWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

GATEWAY_PORT, PAGE_PORT = 8080, 3000
STOP_S = 8.0
READY_S = 60.0
POLL_S = 0.25
COLOURS = ("cyan", "green", "yellow", "blue", "magenta", "red", "bright_cyan", "bright_green")

FAILED = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One child process: its name, what to run, and the port that must be free for it."""

    name: str
    arguments: tuple[str, ...]
    port: int


def programs(log_level: str) -> Iterator[Program]:
    """List what runs, in start order."""
    yield Program("gateway", ("-m", "gateway.cli", "gateway", "--log-level", log_level), GATEWAY_PORT)
    for agent, port in DEFAULT_PORTS.items():
        yield Program(agent, ("-m", "agents", agent, "--port", str(port)), port)
    yield Program("page", ("-m", "frontend", "--port", str(PAGE_PORT)), PAGE_PORT)


async def run(log_level: str) -> int:
    """Run everything until told to stop; returns the exit code."""
    console = Console(highlight=False)
    chosen = list(programs(log_level))
    busy = [program for program in chosen if not is_free(program.port)]
    for program in busy:
        console.print(f"[red]port {program.port} is in use; {program.name} needs it[/red]")
    if busy:
        return FAILED
    told = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, told.set)
    width = max(len(program.name) for program in chosen)
    children = [
        Child(program, console, Text(f"{program.name:{width}} | ", style=colour))
        for program, colour in zip(chosen, COLOURS, strict=True)
    ]
    keepers = [asyncio.create_task(child.keep(), name=f"keep {child.program.name}") for child in children]
    announcer = asyncio.create_task(announce(console), name="announce")
    waiter = asyncio.create_task(told.wait(), name="told to stop")
    done, _ = await asyncio.wait([*keepers, waiter], return_when=asyncio.FIRST_COMPLETED)
    for task in [announcer, waiter, *keepers]:
        task.cancel()
    await asyncio.gather(announcer, waiter, *keepers, return_exceptions=True)
    await asyncio.gather(*(child.stop() for child in children))
    return 0 if waiter in done else FAILED


async def announce(console: Console) -> None:
    """Say when six agents are healthy, and where the page is."""
    deadline = time.monotonic() + READY_S
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as client:
        while time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with client.get(f"http://127.0.0.1:{GATEWAY_PORT}/api/agents") as answer:
                    healthy = [agent for agent in await answer.json() if agent["status"] == "healthy"]
                if len(healthy) >= len(DEFAULT_PORTS):
                    console.print(f"\n[bold]Ready:[/bold] {len(healthy)} agents. Open http://localhost:{PAGE_PORT}\n")
                    return
            await asyncio.sleep(POLL_S)
    console.print(f"[red]not all agents are healthy after {READY_S:.0f} s; see the lines above[/red]")


class Child:
    """Keeps one process running, within its budget."""

    def __init__(self, program: Program, console: Console, prefix: Text) -> None:
        self.program = program
        self._console = console
        self._prefix = prefix
        self._process: asyncio.subprocess.Process | None = None
        self._window = RestartWindow(intensity=5, period_s=30.0)
        self._backoff = Backoff(initial_s=0.2, factor=2.0, max_s=5.0, jitter=0.2)

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
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self.program.arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C is for us; we tell the children, in order and with a deadline
        )
        if self._process.stdout is not None:
            async for line in self._process.stdout:
                self._say(line.decode(errors="replace").rstrip())
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to end; kill it after the deadline."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()

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
