"""`make autobahn`: the Autobahn test suite through the gateway's sockets and relay to an echo agent.

The suite is a Python 2.7 program; where no such interpreter is found (``AUTOBAHN_PYTHON``, ``python2.7`` on the path)
nothing is run, and that is said.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.autobahn.tunnel import tunnel

CASES = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
SUITE = "autobahntestsuite==0.8.2"
BUILD = Path("build/autobahn")
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}


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


async def run(python, folder, cases):
    """Run the cases against the tunnel; gives what the suite reports per case."""
    reports = (BUILD / "reports").absolute()
    shutil.rmtree(reports, ignore_errors=True)
    async with tunnel() as url:
        server = {"agent": "understudy", "url": url, "options": {"version": 18}}
        spec = {"outdir": str(reports), "servers": [server], "cases": cases, "exclude-cases": []}
        (BUILD / "spec.json").write_text(json.dumps(spec))
        start = "import sys; sys.argv[0] = 'wstest'; from autobahntestsuite.wstest import run; run()"
        command = [python, "-c", start, "-m", "fuzzingclient", "-s", str(BUILD / "spec.json")]
        environment = {**os.environ, "PYTHONPATH": str(folder.absolute())}
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=subprocess.DEVNULL)
        if await process.wait():
            sys.exit(f"the suite ended with {process.returncode}")
    return json.loads((reports / "index.json").read_text())["understudy"]


def main():
    """Say how many cases had which result, and which had a bad one."""
    logging.disable(logging.CRITICAL)  # broken frames are the point here
    python = interpreter()
    if python is None:
        print("no Python 2.7 here (AUTOBAHN_PYTHON), so the Autobahn suite cannot run")
        return 0
    BUILD.mkdir(parents=True, exist_ok=True)
    results = asyncio.run(run(python, install(python), sys.argv[1:] or CASES))
    print(f"{len(results)} cases:", dict(Counter(case["behavior"] for case in results.values())))
    print("closes:", dict(Counter(case["behaviorClose"] for case in results.values())))
    bad = {name: case for name, case in results.items() if {case["behavior"], case["behaviorClose"]} - GOOD}
    for name in sorted(bad, key=lambda name: [int(part) for part in name.split(".")]):
        print(f"{name}: {bad[name]['behavior']}, close {bad[name]['behaviorClose']}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
