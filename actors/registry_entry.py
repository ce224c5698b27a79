"""One registered instance of an agent, as the registry's book keeps it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct, field

from actors.ids import AgentId, Instance
from actors.registry_messages import AgentInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.breaker import Breaker
    from actors.token_bucket import TokenBucket

Ref = TypeVar("Ref")
"""Where a holder is told that its instance has gone: an actor's address, to this module just a value."""


class Health(IntEnum):
    """Ordered by preference when choosing."""

    HEALTHY = 0
    SUSPECT = 1
    DEAD = 2


class Entry(Struct, Generic[Ref]):
    """One registered instance."""

    agent_id: AgentId
    url: str
    port: int | None
    capabilities: Mapping[str, object] | tuple[str, ...]
    metadata: Mapping[str, object]
    peer: str
    mode: str
    dial_url: str
    last_seen: float
    last_seen_ms: int
    breaker: Breaker
    redials: TokenBucket
    health: Health = Health.HEALTHY
    dead_since: float = 0.0
    active_sessions: int = 0
    foreign_sessions: int = 0
    chosen: int = 0
    draining: bool = False
    holders: dict[str, Ref] = field(default_factory=dict)

    @property
    def instance(self) -> Instance:
        """The instance as sessions know it."""
        return Instance(self.agent_id, self.dial_url, self.mode)

    @property
    def load(self) -> int:
        """Calls on the instance: ours by reservation, those of other gateways by its last beat."""
        return len(self.holders) + self.foreign_sessions

    def mark_alive(self, now: float, wall_ms: int) -> None:
        """It gave a sign of life."""
        self.health, self.last_seen, self.last_seen_ms = Health.HEALTHY, now, wall_ms

    def info(self, now: float) -> AgentInfo:
        """Return what the REST API shows."""
        status = "unhealthy" if self.health is not Health.HEALTHY else "draining" if self.draining else "healthy"
        return AgentInfo(
            id=self.agent_id,
            url=self.url,
            port=self.port,
            status=status,
            capabilities=self.capabilities,
            last_heartbeat_ms=self.last_seen_ms,
            active_sessions=self.active_sessions,
            links=len(self.holders),
            breaker=self.breaker.state(now),
        )


def mode_of(capabilities: Mapping[str, object] | tuple[str, ...]) -> str:
    """Read ``mode`` from capabilities; the oldest agents send a list, which says nothing of it."""
    if isinstance(capabilities, tuple):
        return ""
    mode = str(capabilities.get("mode") or "")
    return mode if mode in {"text", "voice", "hybrid"} else ""


def session_of(holder: str) -> str:
    """Name the session that a holder belongs to: ``<session>/<link>``."""
    return holder.partition("/")[0]
