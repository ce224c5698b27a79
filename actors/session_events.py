"""What a session tells the tracer: facts of the domain, for the log, the trace, metrics and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from actors.ids import AgentId, Generation, SessionId
    from actors.ports import RelayCounters
    from actors.receipt import Receipt
    from actors.verdict import Verdict


class SessionBegan(Struct, frozen=True, gc=False):
    """A session is there; ``taken_up``: it goes on with the call of another one."""

    session_id: SessionId
    taken_up: bool = False


class Routed(Struct, frozen=True, gc=False):
    """An agent was chosen for the session and is being dialled: once per routing, not per dial."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    reason: str


class LinkDialled(Struct, frozen=True, gc=False):
    """A link is being built: one per dial."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    reason: str


class LinkEnded(Struct, frozen=True, gc=False):
    """A link is gone, as it was asked to or not; those that `SessionEnded` finds end with it."""

    session_id: SessionId
    generation: Generation


class LinkLost(Struct, frozen=True, gc=False):
    """A link ended without being asked to; ``cause`` is a row of the failure table, ``detail`` holds no secrets."""

    session_id: SessionId
    agent_id: AgentId
    url: str
    generation: Generation
    cause: str
    detail: str


class SwapEnded(Struct, frozen=True, gc=False):
    """A swap is over, whatever came of it."""

    session_id: SessionId
    receipt: Receipt


class Parked(Struct, frozen=True, gc=False):
    """The caller's socket is gone, and he is waited for: at most ``window_s``."""

    session_id: SessionId
    window_s: float


class Resumed(Struct, frozen=True, gc=False):
    """The caller is back before the window was over."""

    session_id: SessionId


class TranscriptLine(Struct, frozen=True, gc=False):
    """A final line of the conversation, unmasked; ``at_ms`` is Unix milliseconds."""

    session_id: SessionId
    role: str
    text: str
    agent_id: AgentId
    at_ms: int


class SessionEnded(Struct, frozen=True):
    """The end record: exactly one per session. ``attempts`` are dials, the first one included."""

    session_id: SessionId
    verdict: Verdict
    causes: tuple[str, ...]
    swaps: int
    gaps_ms: tuple[int, ...]
    duration_s: float
    counters: RelayCounters | None = None
    attempts: int = 0


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
