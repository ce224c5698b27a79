"""What the machines want done: frozen data that the thin actors perform, in order."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

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

    SWAP = "swap"
    """The present step of the swap, or all of it, has lasted long enough: one timer, for a swap is in one step."""
    PARK = "park"
    LINGER = "linger"
    GATE = "gate"
    STABLE = "stable"
    """The current link has served for long enough to be trusted."""
    STANDBY = "standby"
    END = "end"


# --- session -------------------------------------------------------------------------------------------------------


class Pick(Struct, frozen=True):
    """Ask the registry; the answer names ``generation`` as its request."""

    generation: Generation
    agent_id: AgentId
    exclude: frozenset[str]
    redial: bool = False
    standby: bool = False
    only: str = ""


class Release(Struct, frozen=True):
    """Give the place of that link on its instance back."""

    generation: Generation
    instance: Instance
    failure: FailureKind | None = None


class MarkHealthy(Struct, frozen=True):
    """Tell the registry that the instance works."""

    instance: Instance


class StartLink(Struct, frozen=True):
    """Start a link actor; ``init`` is its session_init, without the timestamp."""

    generation: Generation
    instance: Instance
    init: Json


class StopLink(Struct, frozen=True):
    """Ask a link to close its wire for that reason, and to end."""

    generation: Generation
    verdict: Verdict


class Hold(Struct, frozen=True):
    """Stash what is for the agent."""


class CutOver(Struct, frozen=True):
    """Make the wire current; answered to the machine with `CutOverDone` before anything else.

    ``brief`` is written to it first.
    """

    generation: Generation
    wire: AgentWire
    instance: Instance
    brief: Json | None = None


class ForwardText(Struct, frozen=True):
    """Pass a caller's text to the agent, or to the stash."""

    text: CallerText


class Repeat(Struct, frozen=True):
    """Stash texts that a lost link did not answer, before what the caller said since."""

    texts: tuple[CallerText, ...]


class ToAgent(Struct, frozen=True):
    """Write a control message to the agent, or to the stash."""

    message: Json


class ToCaller(Struct, frozen=True):
    """Write a message to the caller."""

    message: Json


class Emit(Struct, frozen=True):
    """Tell the tracer."""

    event: SessionEvent


class SaveMemory(Struct, frozen=True):
    """Write the memory to the store."""

    memory: Mapping[str, object]


class SaveCall(Struct, frozen=True):
    """Write what another session needs to take this call up."""

    call: Call


class ForgetCall(Struct, frozen=True):
    """The call is over: nobody may take it up."""


class StartTimer(Struct, frozen=True):
    """Start or restart a named timer."""

    name: Timer
    seconds: float


class CancelTimer(Struct, frozen=True):
    """Void a named timer."""

    name: Timer


class Reply(Struct, frozen=True):
    """Answer the request that had that token."""

    token: int
    message: object


class CloseCaller(Struct, frozen=True):
    """Begin closing the caller's socket."""

    verdict: Verdict


class Finish(Struct, frozen=True):
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
    """What a link waits for: one thing at a time, so it has one deadline."""

    DIAL = "dial"
    READY = "ready"
    CLOSE = "close"


class Dial(Struct, frozen=True):
    """Open the wire."""


class CancelDial(Struct, frozen=True):
    """Give the attempt up."""


class SendInit(Struct, frozen=True):
    """Write session_init."""

    wire: AgentWire


class TellReady(Struct, frozen=True):
    """Tell the session that the agent has answered."""

    wire: AgentWire


class CloseWire(Struct, frozen=True):
    """Begin the closing handshake."""

    wire: AgentWire
    verdict: Verdict


class AbortWire(Struct, frozen=True):
    """Drop the connection."""

    wire: AgentWire


class ArmLink(Struct, frozen=True):
    """Set the link's deadline, in place of the one before."""

    name: LinkTimer


class DisarmLink(Struct, frozen=True):
    """Void the link's deadline: it may stay as it is for ever."""


class EndLink(Struct, frozen=True):
    """End the link actor: in order if ``end`` is None, otherwise as `Crashed(LinkFailed(end))`."""

    end: LinkEnd | None = None


LinkEffect: TypeAlias = (
    Dial | CancelDial | SendInit | TellReady | CloseWire | AbortWire | ArmLink | DisarmLink | EndLink
)
