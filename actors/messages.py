"""Every message of a session and its links, frozen, in one closed union per receiver and sender."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.ids import Generation
    from actors.link_end import LinkEnd
    from actors.ports import AgentWire
    from actors.verdict import Verdict

# --- relay -> session: what the caller did -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallerChose:
    """``select_workflow``: ``wanted`` as the client wrote it (agent, persona or workflow id; empty if absent)."""

    wanted: str
    interaction_mode: str = ""


@dataclass(frozen=True, slots=True)
class CallerText:
    """``text_input`` or ``user_input``."""

    text: str
    skip_transcript: bool = False


@dataclass(frozen=True, slots=True)
class CallerSpoke:
    """First audio since the relay was last held; audio alone starts the default session."""


@dataclass(frozen=True, slots=True)
class CallerStoppedSpeaking:
    """``end_of_speech``."""


@dataclass(frozen=True, slots=True)
class CallerConfigured:
    """``sessionConfig``; the relay has already answered ``config_applied``."""

    config: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CallerSent:
    """Any other JSON object with a ``type``; forwarded as it is."""

    message: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller's socket has ended, whoever began it."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CallerReturned:
    """The caller has another socket now, with the right token; the one before is closed or closing."""


@dataclass(frozen=True, slots=True)
class StashOverflowed:
    """Text would not fit into the stash: the session must end with its own close code."""


# --- relay -> session: what the current agent did ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """``tool_use``, already forwarded to the caller."""

    generation: Generation
    tool: str
    use_id: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolReturned:
    """``tool_result`` or ``tool_error``, already forwarded to the caller; ``result`` as the agent sent it."""

    generation: Generation
    tool: str
    use_id: str
    success: bool
    result: object = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class HandoffRequested:
    """``handoff_request``, not forwarded; ``target`` as the agent wrote it."""

    generation: Generation
    target: str
    context: Mapping[str, object] = field(default_factory=dict)
    graph_state: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class MemoryOffered:
    """``update_memory`` of the first agents, not forwarded."""

    generation: Generation
    memory: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TranscriptSeen:
    """A transcript of either role, already forwarded; ``role`` is ``user`` or ``assistant``.

    What is hidden from the caller because nobody said it (an instruction, a trigger's echo) is not told either: the
    session would learn from it, and history would show it.
    """

    generation: Generation
    role: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class AgentReported:
    """``error`` from the agent, already forwarded to the caller."""

    generation: Generation
    message: str
    fatal: bool


RelayEvent: TypeAlias = (
    CallerChose
    | CallerText
    | CallerSpoke
    | CallerStoppedSpeaking
    | CallerConfigured
    | CallerSent
    | CallerGone
    | CallerReturned
    | StashOverflowed
    | ToolUsed
    | ToolReturned
    | HandoffRequested
    | MemoryOffered
    | TranscriptSeen
    | AgentReported
)

# --- wire -> link --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WireOpened:
    """The handshake is done; the link owns ``wire``."""

    wire: AgentWire


@dataclass(frozen=True, slots=True)
class WireRefused:
    """The attempt ended before a handshake; ``end`` is classified."""

    end: LinkEnd


@dataclass(frozen=True, slots=True)
class WireText:
    """A text frame on a wire that is not current yet: its ``type`` and, for ``error``, its message."""

    type: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class WireClosed:
    """The wire has ended; ``end`` is classified."""

    end: LinkEnd


WireEvent: TypeAlias = WireOpened | WireRefused | WireText | WireClosed

# --- session <-> link ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkReady:
    """link -> session: the agent has answered session_init; ``wire`` may become current."""

    generation: Generation
    wire: AgentWire


@dataclass(frozen=True, slots=True)
class LinkHealthy:
    """link -> session: the link has been live for the stable interval."""

    generation: Generation


@dataclass(frozen=True, slots=True)
class CloseLink:
    """session -> link: finish for this reason; the link then exits `Normal`."""

    verdict: Verdict


# --- outside -> session (REST; each answered to the sender) --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadMemory:
    """Answered with `MemoryRead`."""


@dataclass(frozen=True, slots=True)
class PatchMemory:
    """Shallow-merge into the session's memory; answered with `MemoryRead`."""

    patch: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class MemoryRead:
    """A copy of the session's memory; ``error`` is empty unless a patch was refused."""

    memory: Mapping[str, object]
    error: str = ""


@dataclass(frozen=True, slots=True)
class TransferCall:
    """Move the live call to another agent; answered with `CallTransferred` when the swap has ended."""

    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class EndCall:
    """End the call for good; answered with `CallEnded` at once, before the sockets have closed."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """Answer to `EndCall`."""


@dataclass(frozen=True, slots=True)
class CallTransferred:
    """Answer to `TransferCall`; ``error`` is empty when the caller is with ``target`` now."""

    target: str
    error: str = ""
