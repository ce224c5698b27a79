from __future__ import annotations

import pytest

from actors.routing import BANK_AGENTS, after_verification, agent_of_tool, resolve


@pytest.mark.parametrize(
    ("wanted", "agent"),
    [
        ("", "triage"),
        ("  ", "triage"),
        *((agent, agent) for agent in BANK_AGENTS),
        ("persona-SimpleBanking", "banking"),
        ("persona-BankingDisputes", "disputes"),
        ("persona-mortgage", "mortgage"),
        ("workflow_persona-mortgage", "mortgage"),
        ("banking-master", "banking"),
        ("transaction-investigation", "investigation"),
        ("idv_simple", "idv"),
    ],
)
def test_every_name_of_the_ancestor_means_an_agent(wanted, agent):
    resolved = resolve(wanted)
    assert (resolved.agent_id, resolved.known) == (agent, True)


def test_a_name_nobody_told_us_is_left_to_the_registry():
    assert (resolve("echo").agent_id, resolve("echo").known) == ("echo", False)


def test_a_configured_name_wins():
    assert resolve("banking", {"banking": "wealth"}).agent_id == "wealth"


@pytest.mark.parametrize(
    ("tool", "agent"),
    [
        ("transfer_to_idv", "idv"),
        ("transfer_to_banking", "banking"),
        ("return_to_triage", "triage"),
        ("transfer_to_persona-mortgage", "mortgage"),
        ("transfer_to_", None),
        ("agentcore_balance", None),
    ],
)
def test_a_handoff_tool_names_its_target(tool, agent):
    assert agent_of_tool(tool) == agent


@pytest.mark.parametrize(
    ("intent", "agent"),
    [
        ("mortgage_inquiry", "mortgage"),
        ("dispute_transaction", "disputes"),
        ("check_balance", "banking"),
        ("", "banking"),
    ],
)
def test_a_verified_caller_goes_where_they_wanted(intent, agent):
    assert after_verification({"userIntent": intent}) == agent


def test_of_a_name_no_more_is_kept_than_an_id_may_have():
    assert resolve("x" * 200_000).agent_id == "x" * 128
    assert len(agent_of_tool("transfer_to_" + "x" * 200_000)) == 128
