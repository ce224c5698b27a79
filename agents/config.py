"""Settings of one agent process, parsed once from the environment and flags."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORTS = {
    "triage": 8081,
    "banking": 8082,
    "mortgage": 8083,
    "idv": 8084,
    "disputes": 8085,
    "investigation": 8086,
}
DEFAULT_GATEWAY = "http://localhost:8080"
VOICE_MODULES = ("pocketsphinx", "espeakng_loader", "numpy", "agents.speech")


class Mode(StrEnum):
    """What an agent takes and gives."""

    TEXT = "text"
    VOICE = "voice"
    HYBRID = "hybrid"

    @property
    def speaks(self) -> bool:
        """Audio flows in this mode."""
        return self is not Mode.TEXT


class BadSetting(ValueError):  # noqa: N818 - names the state; the message tells what to change
    """A setting cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Who an agent is and where. ``port`` 0 asks the system for a free one; ``host`` is how the gateway reaches us."""

    agent_id: str
    port: int
    gateway_url: str = DEFAULT_GATEWAY
    mode: Mode = Mode.TEXT
    host: str = "localhost"
    bind: str = "0.0.0.0"  # noqa: S104 - an agent is a network service; containers need it
    log_level: str = "INFO"
    bank_path: str = ":memory:"
    secret: str = field(default="", repr=False)
    """Shown to the gateway; empty where it asks for none."""

    def url(self, port: int) -> str:
        """Give the address that the gateway should dial, for the port really bound."""
        return f"ws://{self.host}:{port}"


def voice_installed() -> bool:
    """Tell whether the voice extra is there, without importing it."""
    return all(find_spec(name) for name in VOICE_MODULES)


def from_env(
    env: Mapping[str, str],
    agent_id: str | None = None,
    port: int | None = None,
    gateway_url: str | None = None,
    mode: str | None = None,
    host: str | None = None,
) -> AgentConfig:
    """Merge flags over environment over defaults. Raises `BadSetting`."""
    name = agent_id or env.get("AGENT_ID") or ""
    if not name:
        raise BadSetting("which agent? give its id, or set AGENT_ID")
    return AgentConfig(
        agent_id=name,
        port=port if port is not None else _port(env.get("AGENT_PORT") or str(DEFAULT_PORTS.get(name, 8090))),
        gateway_url=_gateway(gateway_url or env.get("GATEWAY_URL") or DEFAULT_GATEWAY),
        mode=_mode(mode or env.get("MODE") or ""),
        host=host or env.get("AGENT_HOST") or "localhost",
        log_level=(env.get("LOG_LEVEL") or "INFO").upper(),
        bank_path=env.get("BANK_DB") or ":memory:",
        secret=env.get("AGENT_SECRET") or "",
    )


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise BadSetting(f"AGENT_PORT must be a port number, not {text!r}")
    return int(text)


def _gateway(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadSetting(f"GATEWAY_URL must look like {DEFAULT_GATEWAY}, not {url!r}")
    return url.rstrip("/")


def _mode(text: str) -> Mode:
    if not text:
        return Mode.HYBRID if voice_installed() else Mode.TEXT
    try:
        mode = Mode(text.lower())
    except ValueError:
        raise BadSetting(f"MODE must be one of {', '.join(Mode)}, not {text!r}") from None
    if mode.speaks and not voice_installed():
        raise BadSetting(f"MODE {mode} needs the voice extra: pip install 'understudy[voice]'")
    return mode
