"""Where settings come from, which source wins, and what is said of values that cannot be used."""

from __future__ import annotations

import os

import pytest

from gateway.config import BadSettings, Settings, load


@pytest.fixture(autouse=True)
def nothing_set(tmp_path, monkeypatch):
    """No file, and nothing in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name == "PORT" or name.upper().startswith("UNDERSTUDY_"):
            monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path):
    return (tmp_path / "understudy.toml").write_text


def test_nothing_set_is_a_gateway_on_8080() -> None:
    settings = load()
    assert (settings.port, settings.store, settings.log_format) == (8080, "memory", "human")
    assert settings.cors_origins == ("*",)


def test_a_flag_wins_over_environment_and_file(monkeypatch, write) -> None:
    write("port = 3")
    assert load().port == 3
    monkeypatch.setenv("PORT", "4")
    assert load().port == 4
    monkeypatch.setenv("UNDERSTUDY_PORT", "5")
    assert load().port == 5
    assert load(port=6).port == 6
    assert load(port=0).port == 0


def test_a_flag_that_is_not_given_hides_nothing(monkeypatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_HOST", "127.0.0.1")
    assert load(host=None, port=None).host == "127.0.0.1"


def test_an_empty_variable_is_not_set(monkeypatch, write) -> None:
    write("port = 3")
    monkeypatch.setenv("PORT", "")
    assert load().port == 3


@pytest.mark.parametrize(
    "given",
    [
        "https://a.example,https://b.example",
        " https://a.example , https://b.example,",
        '["https://a.example", "https://b.example"]',
    ],
)
def test_lists_are_separated_by_commas_or_json_in_the_environment(monkeypatch, given) -> None:
    monkeypatch.setenv("UNDERSTUDY_CORS_ORIGINS", given)
    monkeypatch.setenv("UNDERSTUDY_ADMIN_NETWORKS", "10.0.0.0/8,::1")
    settings = load()
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert [str(network) for network in settings.admin_networks] == ["10.0.0.0/8", "::1/128"]


def test_lists_are_lists_in_the_file(write) -> None:
    write('agent_hosts = ["127.0.0.1", "agent-idv"]')
    assert load().agent_hosts == ("127.0.0.1", "agent-idv")


BAD_VARIABLES = {
    "PORT": ["x", "-1", "65536", "8080.5"],
    "UNDERSTUDY_LOG_FORMAT": ["xml"],
    "UNDERSTUDY_LOG_LEVEL": ["LOUD"],
    "UNDERSTUDY_STORE": ["redis"],
    "UNDERSTUDY_DIAL_S": ["0", "-1", "nan", "inf", "soon"],
    "UNDERSTUDY_PARK_S": ["-0.1", "inf"],
    "UNDERSTUDY_STOP_S": ["0"],
    "UNDERSTUDY_BODY_LIMIT": ["1"],
    "UNDERSTUDY_MAX_SESSIONS": ["0"],
    "UNDERSTUDY_ADMIN_NETWORKS": ["localhost", "10.0.0.0/64", "[", "[{}]"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_VARIABLES.items() for value in values]
)
def test_a_value_that_cannot_be_used_is_named_in_one_line(monkeypatch, name, value) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as wrong:
        load()
    (line,) = str(wrong.value).splitlines()
    assert name.lower().removeprefix("understudy_") in line.lower()


def test_each_bad_value_has_its_line(monkeypatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_STORE", "redis")
    with pytest.raises(BadSettings) as wrong:
        load(port=-1)
    assert len(str(wrong.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["port = ", "[", "port = 1\nport = 2"])
def test_a_file_that_is_no_toml_is_named(write, text) -> None:
    write(text)
    with pytest.raises(BadSettings, match=r"understudy\.toml: "):
        load()


def test_a_file_that_is_no_text_is_named(tmp_path) -> None:
    (tmp_path / "understudy.toml").write_bytes(b'host = "\xff"')
    with pytest.raises(BadSettings, match=r"understudy\.toml: "):
        load()


def test_a_misspelt_setting_of_the_file_is_named(write) -> None:
    write("prot = 8081")
    with pytest.raises(BadSettings, match="prot"):
        load()


def test_secrets_are_neither_shown_nor_quoted(monkeypatch, write) -> None:
    monkeypatch.setenv("UNDERSTUDY_ADMIN_TOKEN", "open-sesame")
    assert "open-sesame" not in repr(load())
    monkeypatch.delenv("UNDERSTUDY_ADMIN_TOKEN")
    write('admin_token = ["open-sesame"]')
    with pytest.raises(BadSettings) as wrong:
        load()
    assert "open-sesame" not in str(wrong.value)


def test_sessions_get_their_times() -> None:
    session = Settings(dial_s=1, ready_s=2, patience_s=3, park_s=4, linger_s=5, memory_ttl_s=6).session
    assert (session.dial_s, session.ready_s, session.patience_s) == (1, 2, 3)
    assert (session.park_s, session.linger_s, session.memory_ttl_s) == (4, 5, 6)
