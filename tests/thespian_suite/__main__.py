"""Run Thespian's own test suite on our system base: ``make thespian``. Minutes; 0 failures are accepted."""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

FLOOR = 229
"""How many tests can apply when source loading is out of scope; fewer passed is a failure."""


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        plugins = "-p tests.thespian_suite.plugin -p no:cacheprovider -p no:asyncio"
        command = [sys.executable, "-m", "pytest", *plugins.split()]
        command += ["-c", os.devnull, f"--rootdir={scratch}", "-q", "--tb=short", f"--junitxml={report}"]
        command += [*sys.argv[1:], "--pyargs", "thespian.test"]
        environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": scratch}
        subprocess.run(command, env=environment, check=False)
        return judge(report)


def judge(report: Path) -> int:
    suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314 - pytest wrote it just now
    counts = collections.Counter()
    reasons = collections.Counter()
    for case in suite.iter("testcase"):
        outcome = next((child.tag for child in case if child.tag in {"failure", "error", "skipped"}), "passed")
        counts[outcome] += 1
        if outcome == "skipped":
            reasons[case.find("skipped").get("message")] += 1
    failed = counts["failure"] + counts["error"]
    for reason, number in reasons.most_common():
        sys.stdout.write(f"skipped {number:4}: {reason}\n")
    sys.stdout.write(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped\n")
    return 1 if failed or counts["passed"] < FLOOR else 0


if __name__ == "__main__":
    sys.exit(main())
