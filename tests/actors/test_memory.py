from __future__ import annotations

import pytest

from actors import memory
from actors.ids import AgentId
from actors.intent import Found, extract

TRIAGE, IDV, BANKING = AgentId("triage"), AgentId("idv"), AgentId("banking")


def test_twenty_patches_in_a_row_all_stay():
    notes = memory.initial(TRIAGE)
    for number in range(20):
        notes = memory.patch(notes, {f"key{number}": number})
    assert all(notes[f"key{number}"] == number for number in range(20))


def test_a_patch_beyond_the_bound_is_refused_and_changes_nothing():
    notes = memory.initial(TRIAGE)
    with pytest.raises(memory.MemoryFull, match="at most 64"):
        memory.patch(notes, {str(number): number for number in range(memory.MAX_KEYS)})
    assert notes == memory.initial(TRIAGE)


def test_a_patch_of_too_many_bytes_is_refused():
    with pytest.raises(memory.MemoryFull, match="bytes"):
        memory.patch({"first": "x" * 40_000}, {"second": ["y" * 30_000]})


def test_a_value_beyond_the_bound_is_not_taken_from_an_agent():
    long = "x" * 9000
    notes = memory.offered({"userName": "Sarah Jones"}, {"userName": long, "verified": True, "else": 1})
    assert notes == {"userName": "Sarah Jones", "verified": True}
    assert memory.apply_verification(notes, long, long, "112233") == {**notes, "sortCode": "112233"}
    context = {"account": "12345678", "sortCode": [long], "userIntent": long, "reason": "balance"}
    assert memory.merge_handoff(notes, context, TRIAGE, {"nodes": {"a": long}}) == {
        **notes,
        "account": "12345678",
        "userIntent": "balance",
        "lastAgent": TRIAGE,
    }
    assert "conversationSummary" not in memory.merge_handoff({}, {"isReturn": True, "summary": long}, BANKING)


def test_credentials_and_the_first_wish_are_kept():
    notes = memory.apply_found(memory.initial(TRIAGE), extract("my balance, account 12345678"), "said")
    notes = memory.apply_found(notes, extract("sort code 11-22-33, and pay someone"))
    assert notes["account"] == notes["providedAccount"] == "12345678"
    assert notes["sortCode"] == "112233"
    assert notes["userIntent"] == "check_balance"
    assert notes["lastUserMessage"] == "said"


def test_a_corrected_account_is_corrected_in_the_wish_too():
    notes = {"account": "12345678", "userIntent": "balance of 12345678"}
    assert memory.apply_found(notes, Found(account="87654321"))["userIntent"] == "balance of 87654321"


def test_a_verified_account_is_not_replaced_by_words():
    notes = memory.apply_verification({}, "Sarah Jones", "12345678", "112233")
    notes = memory.apply_found(notes, Found(account="99999999"))
    assert (notes["account"], notes["providedAccount"]) == ("12345678", "99999999")


def test_verification_leaves_what_it_does_not_say():
    notes = memory.apply_verification({"account": "12345678"}, "Sarah Jones", "", "")
    assert notes == {"account": "12345678", "verified": True, "userName": "Sarah Jones"}


def test_triage_sets_the_wish_and_idv_does_not_overwrite_it():
    notes = memory.merge_handoff({}, {"reason": "check_balance"}, TRIAGE)
    notes = memory.merge_handoff(notes, {"reason": "User verified", "verified": True}, IDV)
    assert (notes["userIntent"], notes["verified"], notes["lastAgent"]) == ("check_balance", True, IDV)


def test_a_return_ends_the_wish_even_when_the_context_repeats_it():
    notes = {"userIntent": "check_balance"}
    context = {"isReturn": True, "taskCompleted": "balance", "summary": "told", "userIntent": "check_balance"}
    notes = memory.merge_handoff(notes, context, BANKING)
    assert "userIntent" not in notes
    assert (notes["taskCompleted"], notes["conversationSummary"]) == ("balance", "told")


def test_a_failed_verification_marks_the_graph_and_only_that_handover():
    notes = memory.merge_handoff({}, {"isReturn": True, "idvFailed": True, "reason": "three failures"}, IDV)
    assert notes["graphState"] == {"idvFailed": True}
    assert not {"isReturn", "idvFailed", "reason"} & set(notes)


def test_agents_find_the_credentials_in_the_graph_state():
    notes = {"account": "12345678", "providedSortCode": "112233", "graphState": {"currentNode": "ask"}}
    assert memory.graph_state(notes) == {"currentNode": "ask", "account": "12345678", "sortCode": "112233"}
    assert notes["graphState"] == {"currentNode": "ask"}


def test_nothing_secret_is_in_the_masked_copy():
    notes = {"account": "12345678", "sortCode": "112233", "graphState": {"account": "12345678"}, "userName": "Sarah"}
    shown = str(memory.masked(notes))
    assert "12345678" not in shown
    assert "112233" not in shown
    assert "Sarah" in shown
