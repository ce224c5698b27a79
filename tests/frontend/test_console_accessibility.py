"""What axe-core finds in the console: nothing, at three sizes, in both themes; at the widest in every view."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.frontend import webdriver
from tests.frontend.console_fake import SIZES, Fake, serving, trouble

NPM = shutil.which("npm")
FOLDER = Path(__file__).parent / "axe"
FETCH_S = 120
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(webdriver.MISSING is not None, reason=str(webdriver.MISSING)),
    pytest.mark.skipif(NPM is None, reason="npm is not installed"),
]
RUN = """
const { violations, passes } = await axe.run(document, { resultTypes: ['violations', 'passes'] });
const found = violations.flatMap(({ id, nodes }) =>
  nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`.replaceAll('\\n', ' ')));
return { found, passed: passes.length };
"""


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core; the test is skipped where npm cannot fetch it."""
    source = FOLDER / "node_modules/axe-core/axe.min.js"
    if not source.exists():
        command = [NPM, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(FOLDER)]
        fetched = subprocess.run(command, check=False, capture_output=True, timeout=FETCH_S)
        if fetched.returncode:
            pytest.skip("npm could not fetch axe-core")
    return source.read_text()


async def see(page, url, hero, *, every):
    """The views of the console that look different at each size, or every one: yields the name when it is there."""
    await page.open("about:blank")
    await page.open(url)
    await page.wait_true("document.getElementById('shown').textContent !== '0 calls'")
    yield "activity"
    await page.run(f"location.hash = 'node/sessions/{hero}'")
    await page.wait_true("document.querySelectorAll('#panel-life .step').length > 3")
    await page.run("document.querySelectorAll('details').forEach((receipt) => { receipt.open = true; })")
    yield "life"
    if not every:
        return
    for tab in ("transcript", "links"):
        await page.run(f"document.getElementById('tab-{tab}').click()")
        yield tab
    await page.run("document.querySelector('#detail .actions button').click()")
    yield "dialog"
    await page.run("document.getElementById('dialog').close()")
    await page.run("location.hash = 'agent:banking'")
    await page.wait_true("document.getElementById('detail').innerText.includes('Breaker')")
    yield "agent"
    await page.run("location.hash = 'node/store'")
    await page.wait_true("document.getElementById('detail').innerText.includes('Last exit')")
    yield "actor"


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing(axe, theme):
    fake = Fake(200)
    hero = trouble(fake)
    found, passed = {}, 0
    async with serving(fake) as (server, url), webdriver.browser() as page:
        await page.prefer(color_scheme=theme, reduced_motion="reduce")
        for size in ("wide", "tablet", "phone"):
            await page.resize(*SIZES[size])
            async for view in see(page, url, hero, every=size == "wide"):
                await server.put("delta", {"at": fake.now, "totals": {**fake.totals(), "chaos": True}})
                result = await page.run(f"{axe}\nreturn (async () => {{ {RUN} }})();")
                passed = max(passed, result["passed"])
                if result["found"]:
                    found[f"{size} {view}"] = result["found"]
    assert not found, json.dumps(found, indent=1)
    assert passed > 20
