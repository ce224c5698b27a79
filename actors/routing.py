"""Which agent a name means: agents, personas, workflows and hand-off tools all name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from actors.ids import FALLBACK_AGENT, AgentId

if TYPE_CHECKING:
    from collections.abc import Mapping

BANK_AGENTS = tuple(map(AgentId, ("triage", "idv", "banking", "mortgage", "disputes", "investigation")))

_NAMES: Mapping[str, str] = {
    **{agent: agent for agent in BANK_AGENTS},
    "persona-simplebanking": "banking",
    "persona-bankingdisputes": "disputes",
    "persona-mortgage": "mortgage",
    "banking-master": "banking",
    "idv-simple": "idv",
    "idv_simple": "idv",
    "transaction-investigation": "investigation",
    "return_to_triage": "triage",
}
_HANDOFF_PREFIXES = ("transfer_to_", "return_to_")
_AGENT_OF_INTENT: Mapping[str, AgentId] = {
    "mortgage_inquiry": AgentId("mortgage"),
    "dispute_transaction": AgentId("disputes"),
}


MAX_NAME = 128
"""Characters, as of an id; of a longer name only so much is kept, which names nobody."""


class Resolved(Struct, frozen=True):
    """The agent that a name means; ``known`` is false for a name that only the registry can confirm."""

    agent_id: AgentId
    known: bool


def resolve(wanted: str, persona_agents: Mapping[str, str] | None = None) -> Resolved:
    """Map an agent, persona or workflow id to an agent id; configured names win; empty means the fallback agent."""
    name = wanted.strip()[:MAX_NAME]
    if not name:
        return Resolved(FALLBACK_AGENT, known=True)
    configured = (persona_agents or {}).get(name)
    if configured:
        return Resolved(AgentId(configured), known=True)
    agent = _NAMES.get(name.lower().removeprefix("workflow_"))
    return Resolved(AgentId(agent or name), known=agent is not None)


def agent_of_tool(tool: str, persona_agents: Mapping[str, str] | None = None) -> AgentId | None:
    """Name the target of a hand-off tool (``transfer_to_idv``); None for any other tool."""
    for prefix in _HANDOFF_PREFIXES:
        if tool.startswith(prefix) and len(tool) > len(prefix):
            return resolve(tool.removeprefix(prefix), persona_agents).agent_id
    return None


def after_verification(memory: Mapping[str, object]) -> AgentId:
    """Name the agent for a caller who has just been verified: what they came for, banking unless it says otherwise."""
    return _AGENT_OF_INTENT.get(str(memory.get("userIntent") or ""), AgentId("banking"))
