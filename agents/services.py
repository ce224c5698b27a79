"""The six agents of the bank: which script, which tools, which voice."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from loguru import logger

from agents.bank_tools import executors
from agents.conversation import ScriptedConversation
from agents.engine import banking, disputes, idv, investigation, mortgage, triage
from agents.runtime import Service
from agents.toolbox import Toolbox, load_definitions
from agents.voice import Voice

if TYPE_CHECKING:
    from agents.bank import Bank
    from agents.config import AgentConfig
    from agents.engine.script import Script

_TRANSFERS = tuple(f"transfer_to_{name}" for name in ("banking", "idv", "mortgage", "disputes", "investigation"))
_HANDOFFS = (*_TRANSFERS, "return_to_triage")
_COMMON = (*_HANDOFFS, "get_server_time")


@dataclass(frozen=True, slots=True)
class BankAgent:
    """One row: the script and the names of the tools that it may use."""

    script: Script
    tools: tuple[str, ...]


AGENTS = {
    "triage": BankAgent(triage.SCRIPT, _COMMON),
    "idv": BankAgent(idv.SCRIPT, (*_COMMON, "perform_idv_check")),
    "banking": BankAgent(
        banking.SCRIPT, (*_COMMON, "agentcore_balance", "get_account_transactions", "uk_branch_lookup")
    ),
    "mortgage": BankAgent(mortgage.SCRIPT, (*_COMMON, "calculate_max_loan", "get_mortgage_rates")),
    "disputes": BankAgent(disputes.SCRIPT, (*_COMMON, "create_dispute_case", "update_dispute_case")),
    "investigation": BankAgent(investigation.SCRIPT, (*_COMMON, "get_account_transactions")),
}


def build(config: AgentConfig, bank: Bank, voice: Voice | None = None) -> Service:
    """Build one of the six; call it with a loop running. Raises KeyError for an unknown id."""
    agent = AGENTS[config.agent_id]
    toolbox = Toolbox.of(agent.tools, load_definitions(), executors(bank))
    logger.info("Agent {} offers {} tools", config.agent_id, len(toolbox.offered))
    return Service(config, lambda: ScriptedConversation(agent.script), toolbox, voice)


def load_voice() -> Voice:
    """Import speech only where it is wanted, so that text mode needs no extra.

    ``agents.speech`` gives ``new_ear()`` and ``new_mouth()``, one of each per session.
    """
    speech: Any = import_module("agents.speech")
    return Voice(ear=speech.new_ear, mouth=speech.new_mouth)
