"""The real thing, on this machine: a gateway process, agent processes behind proxies, callers; and how to break it."""

import asyncio
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp

from tests.chaos.proxy import FaultProxy
from tests.chaos.resolver import DOMAIN

ROOT = Path(__file__).parents[2]
AGENTS = ("triage", "triage", "banking", "banking")
READY_S = 30.0
NODE_GAP_S = 8.0  # registry and store are permanent children of the node: five crashes in half a minute end it


def free_port(host="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


class AgentProcess:
    """One instance: its process, and the proxy that the gateway knows it by."""

    def __init__(self, number, agent_id, gateway, random):
        self.agent_id, self.gateway = agent_id, gateway
        self.address, self.port = f"127.0.1.{number + 1}", free_port()
        self.host = self.address.replace(".", "-") + DOMAIN
        self.proxy = FaultProxy(random)
        self.process = None

    async def start(self):
        await self.proxy.start(self.address, self.port, ("127.0.0.1", self.port))
        await self.spawn()

    async def spawn(self):
        command = ("-m", "tests.chaos.agent", self.agent_id, str(self.port), self.host, self.gateway)
        self.process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT)

    async def stop(self):
        self.signal(signal.SIGKILL)
        await self.process.wait()
        await self.proxy.stop()

    def signal(self, number):
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class World:
    """Everything that runs."""

    def __init__(self, folder, random):
        self.folder, self.random = folder, random
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.url = f"ws://127.0.0.1:{self.port}/sonic"
        self.agents = [AgentProcess(number, name, self.base, random) for number, name in enumerate(AGENTS)]
        self.log = Path(folder) / "gateway.log"
        self.names, self.clock = Path(folder) / "names", Path(folder) / "clock"
        self.cpu_s = 0.0
        self.callers_way = FaultProxy(random)  # half of the callers come through it

    async def start(self):
        self.http = aiohttp.ClientSession()
        self.set_names("well")
        self.step_clock(0)
        program = (sys.executable, "-m", "tests.chaos.resolver", str(self.folder))
        command = (*program, "gateway", "--host", "127.0.0.1", "--port", str(self.port))
        with self.log.open("wb") as log:
            self.gateway = await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log
            )
        await until(lambda: self.answers("/livez"), READY_S)
        await self.callers_way.start("127.0.0.1", 0, ("127.0.0.1", self.port))
        await asyncio.gather(*(agent.start() for agent in self.agents))
        await until(self.all_known, READY_S)

    def environment(self):
        """Of the gateway: its settings."""
        settings = {
            "CHAOS": "true",
            "STORE": "sqlite",
            "DATA_DIR": str(self.folder),
            "LOG_LEVEL": "INFO",
            "PATIENCE_S": "20",
            "LINGER_S": "2",
        }
        return {**os.environ, **{f"UNDERSTUDY_{name}": value for name, value in settings.items()}}

    async def stop(self):
        """End every process, whatever came before; gives the gateway's exit code."""
        await asyncio.gather(*(agent.stop() for agent in self.agents if agent.process is not None))
        await self.callers_way.stop()
        await self.http.close()
        self.cpu_s = cpu_s(self.gateway.pid)
        with suppress(ProcessLookupError):
            self.gateway.send_signal(signal.SIGTERM)
        return await self.gateway.wait()

    async def answers(self, path):
        with suppress(aiohttp.ClientError):
            async with self.http.get(self.base + path) as answer:
                return answer.status == 200
        return False

    async def all_known(self):
        async with self.http.get(f"{self.base}/api/agents") as answer:
            healthy = [agent for agent in await answer.json() if agent["status"] == "healthy"]
        return len(healthy) == len(self.agents)

    async def kill(self, **what):
        """Kill an actor of the gateway; False where there was none."""
        async with self.http.post(f"{self.base}/admin/chaos/kill", json=what) as answer:
            return answer.status == 202

    async def metrics(self):
        """The samples of /metrics, by name and labels."""
        async with self.http.get(f"{self.base}/metrics") as answer:
            text = await answer.text()
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    async def counts(self):
        """What must be again what it was."""
        found = await self.metrics()
        names = ("understudy_actors", "understudy_actor_timers", "understudy_tasks", "understudy_stashed_bytes")
        counted = {name.removeprefix("understudy_"): int(found[name]) for name in names}
        counted["sessions"] = int(
            sum(value for name, value in found.items() if name.startswith("understudy_sessions{"))
        )
        counted["links"] = int(sum(v for name, v in found.items() if name.startswith("understudy_agent_links{")))
        counted["descriptors"] = descriptors(self.gateway.pid)
        return counted

    def urls(self):
        """Where callers call: straight, and by way of the proxy."""
        return self.url, f"ws://127.0.0.1:{self.callers_way.port}/sonic"

    def set_names(self, state):
        """From now on the names of agents resolve: well, slow, or not at all."""
        self.names.write_text(state)

    def step_clock(self, seconds):
        """Set the gateway's wall clock so far off."""
        self.clock.write_text(f"{seconds:+d}")

    def fill_disk(self, *, full):
        """No file of the gateway may grow, as on a full disk."""
        hard = resource.prlimit(self.gateway.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.gateway.pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))

    def complaints(self):
        """Lines of the gateway's log that must not be there."""
        bad = ("Traceback", "never retrieved", "never awaited", "callback failed")
        return [line for line in self.log.read_text().splitlines() if any(word in line for word in bad)]


def cpu_s(pid):
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def descriptors(pid):
    """How many a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def until(holds, seconds):
    """Wait for something of another process."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 - other processes tell no event
            await asyncio.sleep(0.1)
