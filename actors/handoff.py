"""From many signals to one hand-off: a tool call, its result, a request and a verified gate may all mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct, field, json
from msgspec.structs import replace

from actors import routing

if TYPE_CHECKING:
    from actors.ids import AgentId, Generation
    from actors.messages import HandoffRequested, ToolReturned, ToolUsed

SAME_WISH_S = 1.0  # an agent says its wish in several messages at once; they come within one stall of a good network
GRACE_S = 2.0
"""How long a verified caller stays with an agent that may yet hand over by itself: the ancestor's agents take 2 s."""

MAX_REASON = 500
"""Characters; a reason is a remark, and is shown, logged and traced."""

MAX_TAKEN = 32
"""Hand-offs remembered per session; older ones belong to links that are gone."""

VERIFICATION_TOOL = "perform_idv_check"
VERIFIED_REASON = "verified_state_gate"
MAX_RESULT_TEXT = 65_536
_CANCELLED = ("circuit breaker", "blocked", "already called")


class Handoff(Struct, frozen=True):
    """One valid wish of an agent to hand the caller over."""

    generation: Generation
    target: str
    use_id: str = ""
    reason: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    graph_state: Mapping[str, object] | None = None


class Verified(Struct, frozen=True):
    """A successful identity check, as the tool reported it."""

    user_name: str = ""
    account: str = ""
    sort_code: str = ""


class Taken(Struct, frozen=True, gc=False):
    """The hand-offs of this session that were acted on, by (generation, target): a second signal is the same one.

    ``uses`` holds, per (generation, target), the tool calls that were seen: a new call is a new wish. So is a signal
    without a call that comes after something the caller ``asked`` since, but not in the same breath: signals of one
    wish may have his words between them.
    """

    keys: tuple[tuple[Generation, str], ...] = ()
    uses: tuple[tuple[Generation, str], ...] = ()
    at: float = 0.0
    asked: bool = False

    def first(self, handoff: Handoff, now: float) -> bool:
        """True if no signal of this hand-off was acted on before."""
        if handoff.use_id and (handoff.generation, handoff.use_id) in self.uses:
            return False
        return (handoff.generation, handoff.target) not in self._known(now)

    def take(self, handoff: Handoff, now: float) -> Taken:
        """Remember that this hand-off is being acted on."""
        keys = (*self._known(now), (handoff.generation, handoff.target))[-MAX_TAKEN:]
        uses = (*self.uses, (handoff.generation, handoff.use_id))[-MAX_TAKEN:] if handoff.use_id else self.uses
        return Taken(keys, uses, now)

    def _known(self, now: float) -> tuple[tuple[Generation, str], ...]:
        return () if self.asked and now - self.at > SAME_WISH_S else self.keys

    def rearm(self, generation: Generation, target: str, use_id: str) -> Taken:
        """A new tool call of a known wish makes it a new wish."""
        if (generation, use_id) in self.uses:
            return self
        return replace(self, keys=tuple(key for key in self.keys if key != (generation, target)))


def target_of_tool(tool: str, personas: Mapping[str, str]) -> AgentId | None:
    """The agent that a hand-off tool names, whatever gateway prefix the tool's name carries."""
    return routing.agent_of_tool(_plain(tool), personas)


def of_tool_result(event: ToolReturned, personas: Mapping[str, str]) -> Handoff | None:
    """The hand-off that a tool's result means; None for other tools and for one that failed or was blocked."""
    target = target_of_tool(event.tool, personas)
    if target is None or not event.success or event.error or _was_cancelled(event.result):
        return None
    request = _mapping(_mapping(event.result).get("handoffRequest"))
    named = request.get("targetAgentId")
    if isinstance(named, str) and named:
        target = routing.resolve(named, personas).agent_id
    context = _mapping(request.get("context")) or _mapping(_mapping(event.result).get("input"))
    return Handoff(event.generation, target, event.use_id, _reason(context), context, _state(request))


def of_request(event: HandoffRequested, personas: Mapping[str, str]) -> Handoff | None:
    """The hand-off that a request means; None if it names nobody."""
    if not event.target.strip():
        return None
    target = routing.resolve(event.target.removeprefix("transfer_to_"), personas).agent_id
    return Handoff(event.generation, target, "", _reason(event.context), event.context, event.graph_state)


def use_of(event: ToolUsed, personas: Mapping[str, str]) -> AgentId | None:
    """The target of a hand-off tool that is being called."""
    return target_of_tool(event.tool, personas)


def verification(event: ToolReturned) -> Verified | None:
    """What a successful identity check says; its result is an object, or JSON text in ``content[0].text``."""
    if _plain(event.tool) != VERIFICATION_TOOL or not event.success or event.error:
        return None
    said = _idv_result(event.result)
    if str(said.get("auth_status", "")).upper() != "VERIFIED":
        return None
    return Verified(
        _text(said, "customer_name", "userName"), _text(said, "account", "accountId"), _text(said, "sortCode")
    )


def _plain(tool: str) -> str:
    return tool.rpartition("___")[2]


def _was_cancelled(result: object) -> bool:
    answer = _mapping(result)
    said = " ".join(str(answer.get(key, "")) for key in ("error", "message", "status")) if answer else str(result or "")
    return bool(answer.get("error")) or any(words in said.lower() for words in _CANCELLED)


def _idv_result(result: object) -> Mapping[str, object]:
    if isinstance(result, str):
        return _parsed(result)
    answer = _mapping(result)
    if "auth_status" in answer:
        return answer
    content = answer.get("content")
    if isinstance(content, list) and content:
        return _parsed(_mapping(content[0]).get("text"))
    return _mapping(answer.get("result"))


def _parsed(text: object) -> Mapping[str, object]:
    if not isinstance(text, str) or len(text) > MAX_RESULT_TEXT:
        return {}
    try:  # what is read here is kept and sent on, so it must be JSON in earnest: no lone surrogates, no NaN
        return _mapping(json.decode(text))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _state(request: Mapping[str, object]) -> Mapping[str, object] | None:
    state = request.get("graphState")
    return state if isinstance(state, Mapping) else None


def _reason(context: Mapping[str, object]) -> str:
    reason = context.get("reason")
    return reason[:MAX_REASON] if isinstance(reason, str) else ""


def _text(said: Mapping[str, object], *keys: str) -> str:
    return next((str(said[key]) for key in keys if said.get(key)), "")
