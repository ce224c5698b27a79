"""`make autobahn`: the Autobahn test suite against the relay, and against each of the gateway's sockets alone.

The suite is a Python 2.7 program; where no such interpreter is found (``AUTOBAHN_PYTHON``, ``python2.7`` on the path)
nothing is run, and that is said.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

from loguru import logger

from tests.autobahn.hops import agent_alone, caller_alone
from tests.autobahn.tunnel import tunnel

CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
SUITE = "autobahntestsuite==0.8.2"
BUILD = Path("build/autobahn")
REPORTS = (BUILD / "reports").absolute()
BEST = {"OK", "INFORMATIONAL"}
GOOD = BEST | {"NON-STRICT"}


def interpreter():
    """A Python 2.7 with pip, or None."""
    pyenv = Path.home() / ".pyenv/versions"
    found = [os.environ.get("AUTOBAHN_PYTHON"), shutil.which("python2.7")]
    found += [str(path) for path in sorted(pyenv.glob("2.7*/bin/python2.7"))]
    return next((path for path in found if path and _runs(path)), None)


def _runs(path):
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def install(python):
    """Put the suite into its own folder; once."""
    folder = BUILD / "suite"
    if not (folder / "autobahntestsuite").exists():
        command = [python, "-m", "pip", "install", "--quiet", "--target", str(folder), SUITE]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        (folder / "zope/__init__.py").touch()  # its namespace file works in site-packages only
    return folder


async def through(place, python, folder, cases):
    """Run the cases against an address of ours, as its client; gives what the suite reports per case."""
    async with place() as url:
        server = {"agent": "understudy", "url": url, "options": {"version": 18}}
        suite = await _start(python, folder, "fuzzingclient", {"servers": [server], "cases": cases})
        if await suite.wait():
            sys.exit(f"the suite ended with {suite.returncode}")
    return _reported()


async def as_agent(python, folder, cases):
    """Run the cases against our agent's socket, as its server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{free.getsockname()[1]}"
    suite = await _start(python, folder, "fuzzingserver", {"url": url, "cases": cases, "exclude-agent-cases": {}})
    try:
        await agent_alone(url)
    finally:
        suite.kill()
        await suite.wait()
    return _reported()


async def _start(python, folder, mode, spec):
    shutil.rmtree(REPORTS, ignore_errors=True)
    (BUILD / "spec.json").write_text(json.dumps({"outdir": str(REPORTS), "exclude-cases": [], **spec}))
    start = "import sys; sys.argv[0] = 'wstest'; from autobahntestsuite.wstest import run; run()"
    command = [python, "-W", "ignore", "-c", start, "-m", mode, "-s", str(BUILD / "spec.json"), "-u", "0"]
    environment = {**os.environ, "PYTHONPATH": str(folder.absolute())}
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.DEVNULL)


def _reported():
    return json.loads((REPORTS / "index.json").read_text())["understudy"]


PLACES = {
    "relay": partial(through, tunnel),
    "caller's socket alone": partial(through, caller_alone),
    "agent's socket alone": as_agent,
}


def main():
    """Say for each place how many cases had which result, and which had not the best one."""
    logging.disable(logging.CRITICAL)
    logger.remove()  # broken frames are the point here
    python = interpreter()
    if python is None:
        print("no Python 2.7 here (AUTOBAHN_PYTHON), so the Autobahn suite cannot run")
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    folder, bad = install(python), 0
    for name, place in PLACES.items():
        results = asyncio.run(place(python, folder, sys.argv[1:] or CASES))
        print(f"{name}: {len(results)} cases:", dict(Counter(case["behavior"] for case in results.values())))
        print("  closes:", dict(Counter(case["behaviorClose"] for case in results.values())))
        for number in sorted(results, key=lambda number: [int(part) for part in number.split(".")]):
            found = results[number]["behavior"], results[number]["behaviorClose"]
            bad += bool({*found} - GOOD)
            if {*found} - BEST:
                print(f"  {number}: {found[0]}, close {found[1]}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
