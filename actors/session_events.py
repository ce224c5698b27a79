"""What a session tells the tracer: facts of the domain, for the log, the trace, metrics and history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from actors.ids import AgentId, Generation, SessionId
    from actors.ports import RelayCounters
    from actors.receipt import Receipt
    from actors.verdict import Verdict


@dataclass(frozen=True, slots=True)
class SessionBegan:
    """A session is there; ``taken_up``: it goes on with the call of another one."""

    session_id: SessionId
    taken_up: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """An agent was chosen for the session and is being dialled: once per routing, not per dial."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    reason: str


@dataclass(frozen=True, slots=True)
class LinkDialled:
    """A link is being built: one per dial."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    reason: str


@dataclass(frozen=True, slots=True)
class LinkEnded:
    """A link is gone, as it was asked to or not; those that `SessionEnded` finds end with it."""

    session_id: SessionId
    generation: Generation


@dataclass(frozen=True, slots=True)
class LinkLost:
    """A link ended without being asked to; ``cause`` is a row of the failure table, ``detail`` holds no secrets."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    cause: str
    detail: str


@dataclass(frozen=True, slots=True)
class SwapEnded:
    """A swap is over, whatever came of it."""

    session_id: SessionId
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Parked:
    """The caller's socket is gone, and he is waited for: at most ``window_s``."""

    session_id: SessionId
    window_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller is back before the window was over."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """A final line of the conversation, unmasked; ``at_ms`` is Unix milliseconds."""

    session_id: SessionId
    role: str
    text: str
    agent_id: AgentId
    at_ms: int


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The end record: exactly one per session that ended in order."""

    session_id: SessionId
    verdict: Verdict
    causes: tuple[str, ...]
    swaps: int
    gaps_ms: tuple[int, ...]
    duration_s: float
    counters: RelayCounters | None = None


SessionEvent: TypeAlias = (
    SessionBegan
    | Routed
    | LinkDialled
    | LinkLost
    | LinkEnded
    | SwapEnded
    | Parked
    | Resumed
    | TranscriptLine
    | SessionEnded
)
