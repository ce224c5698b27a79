"""`python -m tests.chaos`: break a real gateway with live calls for minutes, and print what came of it."""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import Run


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rate", type=float, default=5.0, help="faults a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="copy the gateway's log and black boxes there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder, seconds=given.seconds, calls=given.calls, seed=given.seed, rate=given.rate)
        tally = asyncio.run(run.go())
        if given.keep:
            shutil.copytree(folder, given.keep, dirs_exist_ok=True)
    print(f"{given.calls} calls, {given.seconds:g} s, seed {given.seed}\n{tally.table()}")
    for violation in tally.violations[:40]:
        print(violation)
    if given.json:
        given.json.write_text(json.dumps(tally.document(), indent=1) + "\n")
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
