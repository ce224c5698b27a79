"""Every message that the registry takes and gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from thespian.actors import ActorAddress

    from actors.ids import AgentId, Instance
    from actors.link_end import FailureKind
    from actors.redials import Urgency

# --- session <-> registry ------------------------------------------------------------------------------------------


class PickInstance(Struct, frozen=True):
    """Which instance shall serve? Answered to ``reply_to`` with `InstancePicked` or `NoInstance`.

    The choice reserves a place on the instance under ``holder``, ``<session>/<link>``, until `ReleaseInstance`.
    """

    reply_to: ActorAddress
    holder: str
    request: int
    agent_id: AgentId
    exclude: frozenset[str] = frozenset()
    """URLs not to choose."""
    redial: Urgency | None = None
    """The caller has lost a link, or could not get one: he may have to wait for his turn, and is told so at once."""
    standby: bool = False
    """For a second link: only where there is room beyond the calls, and taken back when there is none."""
    only: str = ""
    """The URL of the one instance that will do; empty: any."""


class InstancePicked(Struct, frozen=True):
    """Answer to `PickInstance`."""

    request: int
    instance: Instance


class PickQueued(Struct, frozen=True):
    """First answer to a `PickInstance` that has to wait: the other one comes later, in about so many seconds."""

    request: int
    expected_s: float


class StandbyRecalled(Struct, frozen=True):
    """registry -> session: the place of that standby is needed for a call."""

    request: int


class NoInstance(Struct, frozen=True):
    """Answer to `PickInstance`; ``known`` tells whether any instance of that agent is registered at all."""

    request: int
    agent_id: AgentId
    known: bool


class ReleaseInstance(Struct, frozen=True):
    """The holder does not use the instance any more; ``failure`` feeds the breaker, None is a good end."""

    holder: str
    instance: Instance
    failure: FailureKind | None = None


class ForgetHolders(Struct, frozen=True):
    """A session has ended, however: every place of its links is given back."""

    session: str


class InstanceHealthy(Struct, frozen=True):
    """A link to the instance became healthy: closes a half-open breaker."""

    instance: Instance


# --- outside -> registry (each answered to the sender) -------------------------------------------------------------


class Register(Struct, frozen=True):
    """An agent instance announces itself; answered with `Registered`. ``peer`` is the address it came from."""

    agent_id: AgentId
    url: str
    port: int | None = None
    capabilities: Mapping[str, object] | tuple[str, ...] = ()
    peer: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict)


class Registered(Struct, frozen=True):
    """Answer to `Register`; ``error`` is empty unless there is no room."""

    agent_id: AgentId
    url: str
    error: str = ""


class Heartbeat(Struct, frozen=True):
    """A sign of life; without ``url`` and ``port`` it names no instance. Answered with `HeartbeatSeen`."""

    agent_id: AgentId
    url: str = ""
    port: int | None = None
    peer: str = ""
    active_sessions: int = 0
    uptime_s: float = 0.0


class HeartbeatSeen(Struct, frozen=True):
    """Answer to `Heartbeat`; ``known`` false asks the agent to register again."""

    known: bool


class Deregister(Struct, frozen=True):
    """Remove all instances of an agent, or the one at ``url``. Answered with `Deregistered`."""

    agent_id: AgentId
    url: str = ""


class DrainInstance(Struct, frozen=True):
    """Give an agent's instances, or the one at ``url``, no more calls and move those that they have; or undo it.

    Answered with `InstancesDrained`.
    """

    agent_id: AgentId
    url: str = ""
    undo: bool = False


class InstancesDrained(Struct, frozen=True):
    """Answer to `DrainInstance`: how many instances it was about, and the calls that are on them."""

    count: int
    links: int


class Deregistered(Struct, frozen=True):
    """Answer to `Deregister`: how many instances were removed."""

    count: int


class ReportStatus(Struct, frozen=True):
    """``POST /api/agents/{id}/status``: ready, busy or error. Answered with `HeartbeatSeen`."""

    agent_id: AgentId
    status: str
    url: str = ""


class ListAgents(Struct, frozen=True):
    """Answered with `AgentList`; ``agent_id`` empty means all."""

    agent_id: str = ""


class AgentInfo(Struct, frozen=True):
    """One instance as the REST API and the console show it; ``status`` is healthy, unhealthy or starting."""

    id: str
    url: str
    port: int | None
    status: str
    capabilities: Mapping[str, object] | tuple[str, ...]
    last_heartbeat_ms: int
    active_sessions: int
    links: int
    breaker: str


class AgentList(Struct, frozen=True):
    """Answer to `ListAgents`, ordered by id then URL."""

    agents: tuple[AgentInfo, ...]


class ProbeAnswered(Struct, frozen=True):
    """The health probe of an instance has ended."""

    agent_id: AgentId
    url: str
    alive: bool
    mode: str = ""


class InstanceGone(Struct, frozen=True):
    """registry -> holders (sessions): the instance was removed; whoever is on it should move."""

    instance: Instance
