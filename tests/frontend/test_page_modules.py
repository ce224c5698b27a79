import os
import shutil
import subprocess
from pathlib import Path

import pytest

NODE = shutil.which("node")
SUITES = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))


@pytest.mark.skipif(NODE is None, reason="node is not installed; it runs the unit tests of the page's modules")
@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.name)
def test_page_module(suite):
    environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1"}
    run = subprocess.run(
        [str(NODE), "--test", "--test-reporter=spec", str(suite)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_there_are_suites():
    assert len(SUITES) >= 5
