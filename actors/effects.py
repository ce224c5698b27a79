"""What the machines want done: frozen data that the thin actors perform, in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.call import Call
    from actors.ids import AgentId, Generation, Instance
    from actors.link_end import FailureKind, LinkEnd
    from actors.messages import CallerText
    from actors.ports import AgentWire, Json
    from actors.session_events import SessionEvent
    from actors.verdict import Verdict


class Timer(StrEnum):
    """The named timers of a session."""

    PICK = "pick"
    BACKOFF = "backoff"
    CLOSING = "closing"
    SWAP = "swap"
    PATIENCE = "patience"
    PARK = "park"
    LINGER = "linger"
    GATE = "gate"
    STANDBY = "standby"
    END = "end"


# --- session -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pick:
    """Ask the registry; the answer names ``generation`` as its request."""

    generation: Generation
    agent_id: AgentId
    exclude: frozenset[str]
    redial: bool = False
    standby: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """Give the place of that link on its instance back."""

    generation: Generation
    instance: Instance
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class MarkHealthy:
    """Tell the registry that the instance works."""

    instance: Instance


@dataclass(frozen=True, slots=True)
class StartLink:
    """Start a link actor; ``init`` is its session_init, without the timestamp."""

    generation: Generation
    instance: Instance
    init: Json


@dataclass(frozen=True, slots=True)
class StopLink:
    """Ask a link to close its wire for that reason, and to end."""

    generation: Generation
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Hold:
    """Stash what is for the agent."""


@dataclass(frozen=True, slots=True)
class CutOver:
    """Make the wire current; answered to the machine with `CutOverDone` before anything else.

    ``brief`` is written to it first.
    """

    generation: Generation
    wire: AgentWire
    instance: Instance
    brief: Json | None = None


@dataclass(frozen=True, slots=True)
class ForwardText:
    """Pass a caller's text to the agent, or to the stash."""

    text: CallerText


@dataclass(frozen=True, slots=True)
class Repeat:
    """Stash texts that a lost link did not answer, before what the caller said since."""

    texts: tuple[CallerText, ...]


@dataclass(frozen=True, slots=True)
class ToAgent:
    """Write a control message to the agent, or to the stash."""

    message: Json


@dataclass(frozen=True, slots=True)
class ToCaller:
    """Write a message to the caller."""

    message: Json


@dataclass(frozen=True, slots=True)
class Emit:
    """Tell the tracer."""

    event: SessionEvent


@dataclass(frozen=True, slots=True)
class SaveMemory:
    """Write the memory to the store."""

    memory: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SaveCall:
    """Write what another session needs to take this call up."""

    call: Call


@dataclass(frozen=True, slots=True)
class ForgetCall:
    """The call is over: nobody may take it up."""


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Start or restart a named timer."""

    name: Timer
    seconds: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Void a named timer."""

    name: Timer


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the request that had that token."""

    token: int
    message: object


@dataclass(frozen=True, slots=True)
class CloseCaller:
    """Begin closing the caller's socket."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Finish:
    """End the session actor."""

    verdict: Verdict


SessionEffect: TypeAlias = (
    Pick
    | Release
    | MarkHealthy
    | StartLink
    | StopLink
    | Hold
    | CutOver
    | ForwardText
    | Repeat
    | ToAgent
    | ToCaller
    | Emit
    | SaveMemory
    | SaveCall
    | ForgetCall
    | StartTimer
    | CancelTimer
    | Reply
    | CloseCaller
    | Finish
)

# --- link ----------------------------------------------------------------------------------------------------------


class LinkTimer(StrEnum):
    """The named timers of a link."""

    DIAL = "dial"
    READY = "ready"
    HEALTHY = "healthy"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Dial:
    """Open the wire."""


@dataclass(frozen=True, slots=True)
class CancelDial:
    """Give the attempt up."""


@dataclass(frozen=True, slots=True)
class SendInit:
    """Write session_init."""

    wire: AgentWire


@dataclass(frozen=True, slots=True)
class TellReady:
    """Tell the session that the agent has answered."""

    wire: AgentWire


@dataclass(frozen=True, slots=True)
class TellHealthy:
    """Tell the session that the link has earned its health."""


@dataclass(frozen=True, slots=True)
class CloseWire:
    """Begin the closing handshake."""

    wire: AgentWire
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class AbortWire:
    """Drop the connection."""

    wire: AgentWire


@dataclass(frozen=True, slots=True)
class ArmLink:
    """Start a named timer of the link."""

    name: LinkTimer


@dataclass(frozen=True, slots=True)
class DisarmLink:
    """Void a named timer of the link."""

    name: LinkTimer


@dataclass(frozen=True, slots=True)
class EndLink:
    """End the link actor: in order if ``end`` is None, otherwise as `Crashed(LinkFailed(end))`."""

    end: LinkEnd | None = None


LinkEffect: TypeAlias = (
    Dial | CancelDial | SendInit | TellReady | TellHealthy | CloseWire | AbortWire | ArmLink | DisarmLink | EndLink
)
