"""Fuzzes with coverage: ``python -m tests.fuzz --seconds 600``; each target in a process of its own, one after another.

What is found lies in ``var/fuzz``: inputs that reach new code, and ``crash-*``. ``--keep`` adds to the corpus of the
tests what reaches code that it does not reach yet.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FOUND = HERE.parents[1] / "var" / "fuzz"
NAMES = ("door", "frames", "wire", "translate", "rest", "registry")
LONGEST = {"wire": 20_000, "rest": 6000}
USUAL_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class Outcome:
    """One target's run: how often it ran, and what it said at its end."""

    target: str
    code: int
    executions: int
    words: str


def fuzz(target: str, *options: str, found: Path = FOUND) -> Outcome:
    """Run one target to its end; options are libFuzzer's."""
    new = found / target
    new.mkdir(parents=True, exist_ok=True)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz.one",
            target,
            *options,
            f"-max_len={LONGEST.get(target, USUAL_LONGEST)}",
            f"-artifact_prefix={found}/{target}-",
            str(new),
            str(CORPUS / target),
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=HERE.parents[1],
    )
    runs = re.findall(r"#(\d+)", ended.stderr)
    return Outcome(target, ended.returncode, int(runs[-1]) if runs else 0, ended.stdout[-4000:] + ended.stderr[-4000:])


def main() -> int:
    """Fuzz the targets that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", default=NAMES, help=f"of {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add what reaches new code to the corpus")
    given = parser.parse_args()
    failed = executions = 0
    began = time.monotonic()
    for target in given.target:
        started = time.monotonic()
        outcome = fuzz(target, f"-max_total_time={given.seconds}", "-timeout=120", "-rss_limit_mb=1024")
        executions += outcome.executions
        _say(target, outcome.executions, time.monotonic() - started, f", exit code {outcome.code}")
        if outcome.code:
            failed = 1
            print(outcome.words)
        elif given.keep:
            keep(target)
    _say("all", executions, time.monotonic() - began, "")
    return failed


def _say(name: str, executions: int, seconds: float, more: str) -> None:
    print(f"{name:10} {executions:>12,} executions in {seconds / 3600:.2f} h{more}", flush=True)


def keep(target: str) -> None:
    """Let libFuzzer add to the corpus what reaches more than the corpus does."""
    subprocess.run(
        [sys.executable, "-m", "tests.fuzz.one", target, "-merge=1", str(CORPUS / target), str(FOUND / target)],
        capture_output=True,
        check=True,
        cwd=HERE.parents[1],
    )


if __name__ == "__main__":
    sys.exit(main())
