"""What survives a hand-over, and how it merges. Every function returns a new mapping and changes none.

The keys are those of the wire protocol, because agents of every version read them: ``verified``, ``userName``,
``account``, ``sortCode``, ``providedAccount``, ``providedSortCode``, ``userIntent``, ``lastUserMessage``,
``lastAgent``, ``taskCompleted``, ``conversationSummary``, ``graphState``, ``interactionMode``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from actors.ids import FALLBACK_AGENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.ids import AgentId
    from actors.intent import Found

Memory = dict[str, object]

MAX_KEYS = 64
"""A memory is a notepad, not a database; a patch that would pass this bound is refused."""
MAX_BYTES = 64 * 1024
"""Of a patched memory, as JSON: every agent is told all of it, and closes what is larger than it expects."""
MAX_VALUE = 8 * 1024
"""Of one value that an agent gives with a hand-off or a check, as JSON; a larger one is not taken."""

_CARRIED = ("userName", "account", "sortCode", "lastUserMessage", "taskCompleted")
_BEGINNING = frozenset({"verified", "lastAgent", "interactionMode"})
_FACTS = ("verified", "userName", "account", "sortCode")
_SECRET = frozenset({"account", "sortCode", "providedAccount", "providedSortCode", "graphState", "lastUserMessage"})


class MemoryFull(ValueError):  # noqa: N818 - names the state, as the caller of the REST API reads it
    """The patch would make the memory hold more than `MAX_KEYS` keys or `MAX_BYTES`."""


def initial(agent: AgentId) -> Memory:
    """Begin the memory of a session that starts with ``agent``."""
    return {"verified": False, "lastAgent": agent}


def is_new(memory: Mapping[str, object]) -> bool:
    """Whether nothing has been learned yet: it is what a session begins with."""
    return memory.keys() <= _BEGINNING and memory.get("verified") is False


def patch(memory: Mapping[str, object], change: Mapping[str, object]) -> Memory:
    """Merge shallowly. Raises `MemoryFull`."""
    merged = {**memory, **change}
    if len(merged) > MAX_KEYS:
        raise MemoryFull(f"memory would hold {len(merged)} keys; at most {MAX_KEYS} are kept")
    if (size := _size(merged)) > MAX_BYTES:
        raise MemoryFull(f"memory would hold {size} bytes; at most {MAX_BYTES} are kept")
    return merged


def offered(memory: Mapping[str, object], values: Mapping[str, object]) -> Memory:
    """Take over what an agent says of the caller, of the keys that are facts about him."""
    return {**memory, **{key: values[key] for key in _FACTS if key in values and _size(values[key]) <= MAX_VALUE}}


def apply_found(memory: Mapping[str, object], found: Found, text: str = "") -> Memory:
    """Take in what a caller's text revealed.

    The first wish stands until a hand-over changes it. Once a caller is verified, numbers said later do not replace
    the verified account: they are only kept as provided, for an agent to verify.
    """
    merged = dict(memory)
    if text:
        merged["lastUserMessage"] = text
    verified = memory.get("verified") is True
    for key, provided, value in (
        ("account", "providedAccount", found.account),
        ("sortCode", "providedSortCode", found.sort_code),
    ):
        if not value:
            continue
        merged[provided] = value
        if not verified:
            merged = _replace_in_intent(merged, str(merged.get(key) or ""), value)
            merged[key] = value
    if found.intent and not merged.get("userIntent"):
        merged["userIntent"] = found.intent
    return merged


def _replace_in_intent(memory: Memory, old: str, new: str) -> Memory:
    intent = memory.get("userIntent")
    if old and old != new and isinstance(intent, str) and old in intent:
        return {**memory, "userIntent": intent.replace(old, new)}
    return memory


def apply_verification(memory: Mapping[str, object], user_name: str, account: str, sort_code: str) -> Memory:
    """Take in a successful identity check; empty values leave what is known."""
    merged = {**memory, "verified": True}
    said = {"userName": user_name, "account": account, "sortCode": sort_code}
    return merged | {key: value for key, value in said.items() if value and _size(value) <= MAX_VALUE}


def merge_handoff(
    memory: Mapping[str, object],
    context: Mapping[str, object],
    source: AgentId,
    graph_state: Mapping[str, object] | None = None,
) -> Memory:
    """Merge what the agent that hands over says of the caller.

    On a return (``isReturn``) the task is recorded and the wish is done with; otherwise the wish is replaced only
    where there is none or where triage, which asked for it, says so. Words about this one hand-over (``reason``,
    ``isReturn``, ``fromAgent``, ``targetAgent``) are not kept, so they cannot colour the next one.
    """
    merged = dict(memory)
    context = {key: value for key, value in context.items() if _size(value) <= MAX_VALUE}
    merged |= {key: context[key] for key in _CARRIED if context.get(key)}
    merged["lastAgent"] = source
    if graph_state is not None and _size(graph_state) <= MAX_VALUE:
        merged["graphState"] = dict(graph_state)
    if context.get("verified") is True:
        merged["verified"] = True
    if context.get("isReturn") is True:
        return _merge_return(merged, context)
    wish = context.get("userIntent") or context.get("reason")
    if wish and (not merged.get("userIntent") or source == FALLBACK_AGENT):
        merged["userIntent"] = wish
    return merged


def _merge_return(memory: Memory, context: Mapping[str, object]) -> Memory:
    memory.pop("userIntent", None)
    if context.get("summary"):
        memory["conversationSummary"] = context["summary"]
    if context.get("idvFailed") is True:
        memory["verified"] = False
        memory["graphState"] = {**_graph_state(memory), "idvFailed": True}
    return memory


def graph_state(memory: Mapping[str, object]) -> Memory:
    """Build the ``graphState`` that agents read: theirs, with the credentials copied in (they look nowhere else)."""
    state = _graph_state(memory)
    for key, provided in (("account", "providedAccount"), ("sortCode", "providedSortCode")):
        value = memory.get(key) or memory.get(provided)
        if value:
            state[key] = value
    return state


def _graph_state(memory: Mapping[str, object]) -> Memory:
    state = memory.get("graphState")
    return dict(state) if isinstance(state, dict) else {}


def masked(memory: Mapping[str, object]) -> Memory:
    """Copy without what a log, a trace or the tree must not show."""
    return {key: "***" if key in _SECRET else value for key, value in memory.items() if value not in ({}, "", None)}


def _size(value: object) -> int:
    return len(json.dumps(value, default=str))
