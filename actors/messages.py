"""Every message of a session and its links, frozen, in one closed union per receiver and sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.ids import Generation
    from actors.link_end import LinkEnd
    from actors.ports import AgentWire
    from actors.verdict import Verdict

# --- relay -> session: what the caller did -------------------------------------------------------------------------


class CallerChose(Struct, frozen=True):
    """``select_workflow``: ``wanted`` as the client wrote it (agent, persona or workflow id; empty if absent)."""

    wanted: str
    interaction_mode: str = ""


class CallerText(Struct, frozen=True):
    """``text_input`` or ``user_input``."""

    text: str
    skip_transcript: bool = False


class CallerSpoke(Struct, frozen=True):
    """First audio since the relay was last held; audio alone starts the default session."""


class CallerStoppedSpeaking(Struct, frozen=True):
    """``end_of_speech``."""


class CallerConfigured(Struct, frozen=True):
    """``sessionConfig``; the relay has already answered ``config_applied``."""

    config: Mapping[str, object]


class CallerSent(Struct, frozen=True):
    """Any other JSON object with a ``type``; forwarded as it is."""

    message: Mapping[str, object]


class CallerGone(Struct, frozen=True):
    """The caller's socket has ended, whoever began it."""

    code: int
    reason: str = ""


class CallerReturned(Struct, frozen=True):
    """The caller has another socket now, with the right token; the one before is closed or closing."""


class StashOverflowed(Struct, frozen=True):
    """Text would not fit into the stash: the session must end with its own close code."""


# --- relay -> session: what the current agent did ------------------------------------------------------------------


class ToolUsed(Struct, frozen=True):
    """``tool_use``, already forwarded to the caller."""

    generation: Generation
    tool: str
    use_id: str
    arguments: Mapping[str, object] = field(default_factory=dict)


class ToolReturned(Struct, frozen=True):
    """``tool_result`` or ``tool_error``, already forwarded to the caller; ``result`` as the agent sent it."""

    generation: Generation
    tool: str
    use_id: str
    success: bool
    result: object = None
    error: str = ""


class HandoffRequested(Struct, frozen=True):
    """``handoff_request``, not forwarded; ``target`` as the agent wrote it."""

    generation: Generation
    target: str
    context: Mapping[str, object] = field(default_factory=dict)
    graph_state: Mapping[str, object] | None = None


class MemoryOffered(Struct, frozen=True):
    """``update_memory`` of the first agents, not forwarded."""

    generation: Generation
    memory: Mapping[str, object]


class TranscriptSeen(Struct, frozen=True):
    """A transcript of either role, already forwarded; ``role`` is ``user`` or ``assistant``.

    What is hidden from the caller because nobody said it (an instruction, a trigger's echo) is not told either: the
    session would learn from it, and history would show it.
    """

    generation: Generation
    role: str
    text: str
    final: bool


class AgentReported(Struct, frozen=True):
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


class WireOpened(Struct, frozen=True):
    """The handshake is done; the link owns ``wire``."""

    wire: AgentWire


class WireRefused(Struct, frozen=True):
    """The attempt ended before a handshake; ``end`` is classified."""

    end: LinkEnd


class WireText(Struct, frozen=True):
    """A text frame on a wire that is not current yet: its ``type`` and, for ``error``, its message."""

    type: str
    detail: str = ""


class WireClosed(Struct, frozen=True):
    """The wire has ended; ``end`` is classified."""

    end: LinkEnd


WireEvent: TypeAlias = WireOpened | WireRefused | WireText | WireClosed

# --- session <-> link ----------------------------------------------------------------------------------------------


class LinkReady(Struct, frozen=True):
    """link -> session: the agent has answered session_init; ``wire`` may become current."""

    generation: Generation
    wire: AgentWire


class CloseLink(Struct, frozen=True):
    """session -> link: finish for this reason; the link then exits `Normal`."""

    verdict: Verdict


# --- outside -> session (REST; each answered to the sender) --------------------------------------------------------


class ReadMemory(Struct, frozen=True):
    """Answered with `MemoryRead`."""


class PatchMemory(Struct, frozen=True):
    """Shallow-merge into the session's memory; answered with `MemoryRead`."""

    patch: Mapping[str, object]


class MemoryRead(Struct, frozen=True):
    """A copy of the session's memory; ``error`` is empty unless a patch was refused."""

    memory: Mapping[str, object]
    error: str = ""


class TransferCall(Struct, frozen=True):
    """Move the live call to another agent, or to the instance at ``url``; answered with `CallTransferred`."""

    target: str
    reason: str = ""
    url: str = ""


class EndCall(Struct, frozen=True):
    """End the call for good; answered with `CallEnded` at once, before the sockets have closed."""


class CallEnded(Struct, frozen=True):
    """Answer to `EndCall`."""


class CallTransferred(Struct, frozen=True):
    """Answer to `TransferCall`; ``error`` is empty when the caller is with ``target`` now."""

    target: str
    error: str = ""
