"""The dashboard and the alerts ask for metrics that exist, and every alert has its page."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import Gateway
from gateway.config import Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
NAME = re.compile(r"\b(?:understudy|process|python)_[a-z_]+")
RULES = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
ASKED = {f"alert {rule['alert']}": rule["expr"] for rule in RULES} | {
    f"panel {panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]
}


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    async def scrape():
        gateway = Gateway(Settings(host="127.0.0.1", port=0, data_dir=tmp_path_factory.mktemp("data")))
        await gateway.start()
        try:
            return (await gateway.metrics.text()).decode()
        finally:
            await gateway.stop()

    return asyncio.run(scrape())


@pytest.fixture(scope="module")
def exported(scraped):
    families = text_string_to_metric_families(scraped)
    names = {family.name + suffix for family in families for suffix in SUFFIXES.get(family.type, ())}
    return names | {"understudy_agents", "understudy_agent_links"}  # without agents they have no family


@pytest.mark.parametrize("where", ASKED)
def test_what_is_asked_for_exists(where, exported):
    found = set(NAME.findall(ASKED[where]))
    assert found <= exported
    assert found or "up{" in ASKED[where]
    promql_parser.parse(ASKED[where].replace("$__rate_interval", "1m"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_its_page_and_says_how_bad_it_is(rule):
    assert rule["labels"]["severity"] in {"page", "ticket"}
    page = (ROOT / rule["annotations"]["runbook"]).read_text()
    assert page.startswith(f"# {rule['alert']}\n")
    assert all(heading in page for heading in ("## What it means", "## Where to look", "## What to do"))


def test_no_page_is_left_without_its_alert():
    assert {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} == {rule["alert"] for rule in RULES}


def test_every_alert_is_tried():
    quiet, loud = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]
    (fired,) = loud["promql_expr_test"]
    labels = " ".join(sample["labels"] for sample in fired["exp_samples"])
    assert set(re.findall(r'alertname="(\w+)"', labels)) == {rule["alert"] for rule in RULES}
    assert quiet["promql_expr_test"][0]["exp_samples"] == [{"labels": "{}", "value": 0}]


def promtool(*arguments, **options):
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr


needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration():
    promtool("check", "rules", str(FOLDER / "alerts.yml"))
    promtool("check", "config", "--syntax-only", str(FOLDER / "prometheus.yml"))


@needs_promtool
def test_each_alert_fires_when_it_should_and_is_silent_otherwise():
    promtool("test", "rules", str(FOLDER / "alerts_test.yml"))


@needs_promtool
def test_names_and_units_are_as_prometheus_wants_them(scraped):
    promtool("check", "metrics", input=scraped)
