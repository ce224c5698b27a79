"""The container files against the settings that they set; no container engine is needed."""

import ast
import re
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

import agents.config
from agents.services import AGENTS
from frontend.server import GATEWAY_URL_VARIABLES
from gateway.config import Settings, load

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker/docker-compose-unified.yml").read_text())
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
SERVICES = COMPOSE["services"]
AGENT_SERVICES = {name: service for name, service in SERVICES.items() if name.startswith("agent-")}


def names_read_by(path):
    """Every string in a source file that looks like an environment variable."""
    tree = ast.parse((ROOT / path).read_text())
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {text for text in strings if re.fullmatch(r"[A-Z][A-Z0-9_]+", text)}


def port_checked(service):
    return int(re.search(r":(\d+)/health$", service["healthcheck"]["test"][-1]).group(1))


def test_the_services_are_those_of_the_report():
    assert set(SERVICES) == {"gateway", "frontend", *(f"agent-{name}" for name in AGENTS)}


def test_the_gateway_reads_every_variable_that_it_is_given():
    known = {f"UNDERSTUDY_{name.upper()}" for name in Settings.model_fields} | {"PORT"}
    assert set(SERVICES["gateway"]["environment"]) <= known


def test_the_values_for_the_gateway_can_be_used(monkeypatch):
    for name, value in SERVICES["gateway"]["environment"].items():
        monkeypatch.setenv(name, re.sub(r"\$\{.*\}", "x" * 32, value))
    settings = load()
    assert (settings.port, settings.store) == (port_checked(SERVICES["gateway"]), "sqlite")


@pytest.mark.parametrize("name", AGENT_SERVICES)
def test_an_agent_is_reached_by_the_name_of_its_service(name):
    service = AGENT_SERVICES[name]
    environment = service["environment"]
    assert set(environment) <= names_read_by("agents/config.py")
    config = agents.config.from_env({**environment, "MODE": "text"})
    assert f"agent-{config.agent_id}" == config.host == name
    assert config.port == port_checked(service) == agents.config.DEFAULT_PORTS[config.agent_id]
    assert config.gateway_url == "http://gateway:8080"


def test_the_page_reads_every_variable_that_it_is_given():
    service = SERVICES["frontend"]
    assert set(service["environment"]) <= names_read_by("frontend/server.py") | set(GATEWAY_URL_VARIABLES)
    assert int(service["environment"]["FRONTEND_PORT"]) == port_checked(service)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_restarted_and_bounded(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][:3] == ["CMD", "python", "/usr/local/bin/healthy.py"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert {"mem_limit", "pids_limit", "stop_grace_period"} <= set(service)
    assert name == "gateway" or service["depends_on"] == {"gateway": {"condition": "service_healthy"}}


def test_the_image_runs_as_nobody_special_and_exposes_what_is_served():
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE) == ["understudy"]
    exposed = set(re.search(r"^EXPOSE (.+)$", DOCKERFILE, re.MULTILINE).group(1).split())
    assert exposed == {str(port_checked(service)) for service in SERVICES.values()}
    assert "supervisord" not in DOCKERFILE


def test_everything_that_the_image_copies_is_there():
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists()


def test_the_gateway_is_given_the_time_that_it_takes_to_stop():
    grace = float(SERVICES["gateway"]["stop_grace_period"].removesuffix("s"))
    assert grace == float(SERVICES["gateway"]["environment"]["UNDERSTUDY_GRACE_S"])


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_tells_by_its_exit_code(status, code):
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.handle_request, daemon=True).start()
        command = [sys.executable, ROOT / "docker/healthy.py", f"http://127.0.0.1:{server.server_port}/health"]
        assert subprocess.run(command, check=False, capture_output=True).returncode == code
