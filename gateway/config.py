"""Settings, parsed once: flags over environment over file over defaults."""

from __future__ import annotations

import json
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from actors.ports import SessionSettings

CONFIG_FILE = Path("understudy.toml")


Item = TypeVar("Item")


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return tuple(part for part in (words.strip() for words in value.split(",")) if part)


Listed: TypeAlias = Annotated[tuple[Item, ...], NoDecode, BeforeValidator(_split)]
"""Several words: a list in the file; separated by commas, or a JSON list, in the environment."""


MIN_SECRET = 32
"""Characters: RFC 7518, section 3.2, wants as many bytes as the hash of HS256 has."""


def _long(secret: SecretStr) -> SecretStr:
    if len(secret) < MIN_SECRET:
        raise ValueError(f"must have {MIN_SECRET} characters or more")
    return secret


Secret: TypeAlias = Annotated[SecretStr, AfterValidator(_long)]


def _also(name: str, other: str) -> AliasChoices:
    """Give a setting the environment name that other programs use for it."""
    return AliasChoices(f"UNDERSTUDY_{name.upper()}", other, name)


STOP_PHASES = 4
"""Of a stop, each within ``stop_s``: the tree, the callers' sockets, the actors that are left, the traces."""


class BadSettings(Exception):  # noqa: N818 - what the person gave, not what we did
    """One line per setting that cannot be used."""


class Settings(BaseSettings):
    """Everything that can be set. Environment names are ``UNDERSTUDY_`` plus the field; ``PORT`` works as of old."""

    model_config = SettingsConfigDict(
        env_prefix="UNDERSTUDY_",
        env_ignore_empty=True,  # `PORT=` in a compose file means "not set"
        frozen=True,
        toml_file=CONFIG_FILE,
        extra="forbid",
        populate_by_name=True,
        allow_inf_nan=False,
    )

    host: str = "0.0.0.0"  # noqa: S104 - agents and browsers of other hosts connect, as they always did
    port: int = Field(8080, ge=0, le=65535, validation_alias=AliasChoices("UNDERSTUDY_PORT", "PORT", "port"))
    log_format: Literal["human", "json"] = "human"
    log_level: Literal["TRACE", "DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    admin_token: SecretStr | None = None
    """Without a token the admin pages, history and every write answer ``admin_networks`` only."""
    admin_networks: Listed[IPvAnyNetwork] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    chaos: bool = False
    """Whether ``POST /admin/chaos/kill`` may kill actors."""
    cors_origins: Listed[str] = ("*",)
    body_limit: int = Field(100 * 1024, ge=1024)
    max_sessions: int = Field(10_000, ge=1)
    objective_ms: float = Field(0.0, ge=0)
    """What the gateway may add to a frame at the 99th percentile, or new callers are refused; 0: no objective."""
    otlp_endpoint: str = Field("", validation_alias=_also("otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"))
    """Base address of an OTLP/HTTP receiver of traces; empty sends none."""
    langfuse_public_key: str = Field("", validation_alias=_also("langfuse_public_key", "LANGFUSE_PUBLIC_KEY"))
    """With the secret key: sends traces to Langfuse."""
    langfuse_secret_key: SecretStr | None = Field(
        None, validation_alias=_also("langfuse_secret_key", "LANGFUSE_SECRET_KEY")
    )
    langfuse_host: str = Field("https://cloud.langfuse.com", validation_alias=_also("langfuse_host", "LANGFUSE_HOST"))
    trace_content: Literal["masked", "none"] = "masked"
    """Whether traces hold a call's first words and last answer."""
    blackbox_files: int = Field(100, ge=0)
    """How many black boxes are kept; 0 records none."""
    blackbox_words: bool = False
    """Whether they hold what was said, masked."""
    store: Literal["memory", "sqlite"] = "memory"
    store_documents: int = Field(50_000, ge=100)
    """Of each kind, kept at most; the one that was saved longest ago goes first."""
    data_dir: Path = Path("var")
    tools_dir: Path = Path(__file__).parent.parent / "agents" / "tools"
    """Where the tool definitions lie that ``/api/tools`` lists; the default is what our own agents load."""
    history_calls: int = Field(1000, ge=0)
    """How many calls are kept to be read again; 0 keeps none."""
    history_days: float = Field(30.0, gt=0)
    agent_hosts: Listed[str] = ()
    """Hosts that agents may have; empty allows all."""
    agent_networks: Listed[IPvAnyNetwork] = ()
    """Networks that agents' addresses lie in, looked at when they are dialled; empty allows all."""
    agent_secret: Secret | None = None
    """What agents show to register, beat and leave; without it everybody may."""

    dial_s: float = Field(5.0, gt=0)
    ready_s: float = Field(5.0, gt=0)
    patience_s: float = Field(15.0, gt=0)
    park_s: float = Field(60.0, ge=0)
    """How long a call waits for a caller whose connection was lost; 0 switches coming back off."""
    linger_s: float = Field(10.0, ge=0)
    """How long the agent's link goes on meanwhile."""
    resume_secret: SecretStr | None = None
    """Signs the tokens of callers who come back; gateways that take up each other's calls share it. Default: random."""
    resume_ttl_s: float = Field(4 * 3600.0, gt=0)
    memory_ttl_s: float = Field(3600.0, gt=0)
    drain_s: float = Field(10.0, ge=0)
    """How long live calls go on after the gateway was told to end; a second signal ends it now."""
    stop_s: float = Field(5.0, gt=0)
    """How long callers and actors may take to end when the gateway stops."""
    grace_s: float = Field(30.0, gt=0)
    """After which the surroundings kill the process; drain and stop must fit."""
    connect_rate: float = Field(0.0, ge=0)
    """New calls a second; 0: no bound."""
    connect_burst: int = Field(0, ge=0)
    """New calls at once, where there is a rate; 0: one second's worth."""
    warm_links: int = Field(0, ge=0)
    """Calls get a second, silent link to another instance while there are fewer links than this; 0: no call does."""
    redial_rate: float = Field(100.0, ge=0)
    """Callers a second who lost their agent and may dial the same instance; 0: no bound."""
    redial_burst: int = Field(20, ge=1)
    """Such callers at once."""
    per_address: int = Field(0, ge=0)
    """Calls at once from one address; 0: no bound, for callers may share a proxy."""
    caller_origins: Listed[str] = ()
    """Origins whose pages may call; empty: all. Programs send no origin."""
    caller_secret: Secret | None = None
    """Signs the tokens (JWT, HS256) without which nobody may call; without it everybody may."""
    caller_audience: str = ""
    """What such a token's ``aud`` must hold; empty: tokens have none."""
    caller_issuer: str = ""
    """What its ``iss`` must be; empty: any."""
    head_s: float = Field(10.0, gt=0)
    """How long a request's head may take."""
    message_limit: int = Field(256 * 1024, ge=1024)
    """Bytes of a caller's message, all its fragments together."""
    unread_s: float = Field(20.0, gt=0)
    """How long a caller or an agent may leave what it was sent unread."""

    @model_validator(mode="after")
    def check_grace(self) -> Self:
        """Refuse a drain that would be cut short."""
        needed = self.drain_s + STOP_PHASES * self.stop_s
        if needed > self.grace_s:
            raise ValueError(f"drain_s and {STOP_PHASES} x stop_s are {needed:g} s, more than grace_s {self.grace_s:g}")
        return self

    @model_validator(mode="after")
    def check_traces(self) -> Self:
        """Refuse half of a pair of keys, and addresses that nothing can be sent to."""
        if bool(self.langfuse_public_key) != bool(self.langfuse_secret_key):
            raise ValueError("langfuse_public_key and langfuse_secret_key are given together or not at all")
        for name, address in (("otlp_endpoint", self.otlp_endpoint), ("langfuse_host", self.langfuse_host)):
            if address and not address.startswith(("http://", "https://")):
                raise ValueError(f"{name} begins with http:// or https://")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic passes them by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def session(self) -> SessionSettings:
        """The part that sessions need."""
        return SessionSettings(
            dial_s=self.dial_s,
            ready_s=self.ready_s,
            patience_s=self.patience_s,
            park_s=self.park_s,
            linger_s=self.linger_s,
            memory_ttl_s=self.memory_ttl_s,
            standby=self.warm_links > 0,
            traced=bool(self.otlp_endpoint or self.langfuse_public_key),
        )


def load(**flags: object) -> Settings:
    """Read the settings; flags that are None were not given. Raises `BadSettings`."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # validated by pydantic
    except ValidationError as error:
        lines = [f"{_name(item['loc'])}: {item['msg']}" for item in error.errors(include_input=False)]
        raise BadSettings("\n".join(lines)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadSettings(f"{CONFIG_FILE}: {error}") from None


def _name(place: tuple[str | int, ...]) -> str:
    """Name a setting as the file does, whichever of its names it was given by."""
    return ".".join(map(str, place)).lower().removeprefix("understudy_")
