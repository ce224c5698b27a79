import pytest

from agents import config
from agents.config import BadSetting, Mode, from_env


def test_defaults_are_the_table_of_ports():
    settings = from_env({}, "idv", mode="text")
    assert (settings.port, settings.gateway_url, settings.url(8084)) == (
        8084,
        "http://localhost:8080",
        "ws://localhost:8084",
    )


def test_environment_and_flags():
    env = {
        "AGENT_ID": "triage",
        "AGENT_PORT": "9001",
        "GATEWAY_URL": "http://gateway:8080/",
        "MODE": "TEXT",
        "AGENT_HOST": "agent-triage",
    }
    settings = from_env(env)
    assert (settings.agent_id, settings.gateway_url, settings.mode) == ("triage", "http://gateway:8080", Mode.TEXT)
    assert settings.url(settings.port) == "ws://agent-triage:9001"
    assert from_env(env, port=0).port == 0


def test_mode_follows_what_is_installed(monkeypatch):
    monkeypatch.setattr(config, "VOICE_MODULES", ("json",))
    assert from_env({}, "idv").mode is Mode.HYBRID
    monkeypatch.setattr(config, "VOICE_MODULES", ("no_such_module",))
    assert from_env({}, "idv").mode is Mode.TEXT
    with pytest.raises(BadSetting, match="voice extra"):
        from_env({"MODE": "voice"}, "idv")


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"AGENT_ID": "a", "AGENT_PORT": "x"},
        {"AGENT_ID": "a", "GATEWAY_URL": "gateway"},
        {"AGENT_ID": "a", "MODE": "loud"},
    ],
)
def test_what_cannot_be_used_is_refused(env):
    with pytest.raises(BadSetting):
        from_env(env)
