"""Every relay that is compared: how it is started, and where callers find it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import cores, cpu_s, free_port, until_open
from benchmarks.report import OURS

BARE = Path(__file__).parent / "bare"
HAPROXY = """global
  nbthread 1
  maxconn 9600
defaults
  mode {mode}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
listen relay
  bind 127.0.0.1:{port}
  server agent 127.0.0.1:{agent}
"""
FIRST = "HAProxy tcp"
NODE = "Node ws, bare"
DIRECT = "no relay"
TRIAGE = {"triage": [""]}


@dataclass
class Running:
    """A relay process on the first core, or none; ``speaks`` our protocol: a caller chooses before he talks."""

    name: str
    url: str
    process: subprocess.Popen | None = None
    speaks: bool = False
    agent: int = 0

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        """Seconds of CPU that it has used so far."""
        return cpu_s(self.pid) if self.process is not None else 0.0

    def register(self, agents=TRIAGE):
        """Make agents known; by id the paths of their instances."""
        self._tell("/api/agents/register", "id", agents)

    def beat(self, agents=TRIAGE):
        """Beat for them, for they have no hearts of their own."""
        self._tell("/api/agents/heartbeat", "agentId", agents)

    def _tell(self, where, name, agents):
        if self.speaks:
            for agent, paths in agents.items():
                for path in paths:
                    body = {name: agent, "url": f"ws://127.0.0.1:{self.agent}{path}"}
                    self.ask(where, json.dumps(body).encode())

    def ask(self, path, body=None):
        """Ask our gateway; JSON."""
        address = self.url.replace("ws:", "http:").replace("/sonic", path)
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        return json.loads(urllib.request.urlopen(request).read())

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Relays:
    """Those that can be had here, by name, the first one being the measure of the others."""

    def __init__(self, agent, folder, only=None):
        self._agent, self._folder = agent, Path(folder)
        found = {
            FIRST: self._haproxy,
            "HAProxy http": self._haproxy,
            NODE: self._node,
            "picows, bare": self._python,
            "aiohttp, bare": self._python,
            "websockets, bare": self._python,
            OURS: self._understudy,
        }
        missing = {name for name in found if not _there(name)}
        for name in sorted(missing):
            print(f"{name}: not installed here, left out", file=sys.stderr)
        self._starts = {
            name: start for name, start in found.items() if name not in missing and (only is None or name in only)
        }

    def names(self):
        return list(self._starts)

    def start(self, name, **settings):
        """Start one, ours with settings; raises ``SystemExit`` where it does not listen."""
        running = self._starts[name](name, free_port(), **settings)
        until_open(int(running.url.split(":")[2].split("/")[0]), running.process)
        running.register()
        return running

    def direct(self):
        """No relay at all: callers speak to the agent."""
        return Running(DIRECT, f"ws://127.0.0.1:{self._agent}/session")

    def _haproxy(self, name, port):
        file = self._folder / f"{name.split()[1]}-{port}.cfg"
        file.write_text(HAPROXY.format(mode=name.split()[1], port=port, agent=self._agent))
        return Running(name, f"ws://127.0.0.1:{port}/session", _spawn(["haproxy", "-db", "-f", str(file)]))

    def _node(self, name, port):
        subprocess.run(["npm", "install", "--silent", "--prefix", str(BARE)], check=True)
        return self._bare(name, port, ["node", str(BARE / "ws_relay.mjs")])

    def _python(self, name, port):
        return self._bare(name, port, [sys.executable, str(BARE / f"{name.split(',')[0]}_relay.py")])

    def _bare(self, name, port, command):
        agent = f"ws://127.0.0.1:{self._agent}/session"
        return Running(name, f"ws://127.0.0.1:{port}/session", _spawn([*command, str(port), agent]))

    def _understudy(self, name, port, **settings):
        command = [sys.executable, "-m", "gateway", "gateway", "--host", "127.0.0.1", "--port", str(port)]
        data = self._folder / f"data-{port}"
        settings = {"data_dir": data, "log_level": "WARNING", "park_s": 0, **settings}
        environment = {f"UNDERSTUDY_{key.upper()}": str(value) for key, value in settings.items()}
        process = _spawn(command, environment)
        return Running(name, f"ws://127.0.0.1:{port}/sonic", process, speaks=True, agent=self._agent)


def _there(name):
    needs = {FIRST: ["haproxy"], "HAProxy http": ["haproxy"], NODE: ["node", "npm"]}
    return all(shutil.which(program) for program in needs.get(name, []))


def _spawn(command, settings=None):
    environment = {**os.environ, **(settings or {})}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(["taskset", "-c", str(cores()[0]), *command], env=environment, **silent)
    atexit.register(process.kill)  # also where a run breaks off
    return process
