import json

import pytest
from msgspec.structs import replace

from actors.handoff import SAME_WISH_S, Handoff, Taken, Verified, of_request, of_tool_result, verification
from actors.messages import HandoffRequested, ToolReturned


def returned(tool="transfer_to_idv", **fields):
    return ToolReturned(1, tool, "u1", **{"success": True, **fields})


@pytest.mark.parametrize(
    ("tool", "target"),
    [("transfer_to_idv", "idv"), ("return_to_triage", "triage"), ("bank___transfer_to_mortgage", "mortgage")],
)
def test_the_tool_names_the_target(tool, target):
    assert of_tool_result(returned(tool), {}).target == target


def test_the_request_inside_the_result_says_more():
    request = {"targetAgentId": "persona-mortgage", "context": {"reason": "wants a loan"}, "graphState": {"a": 1}}
    wish = of_tool_result(returned(result={"handoffRequest": request}), {})
    assert wish == Handoff(1, "mortgage", "u1", "wants a loan", {"reason": "wants a loan"}, {"a": 1})


@pytest.mark.parametrize(
    "event",
    [
        returned("agentcore_balance"),
        returned(success=False),
        returned(error="x"),
        returned(result={"error": "Invalid tool input"}),
        returned(result={"message": "Multiple handoff calls blocked"}),
        returned(result="Already called transfer_to_idv"),
    ],
)
def test_what_moves_nobody(event):
    assert of_tool_result(event, {}) is None


def test_a_request_may_name_a_persona_or_nobody():
    assert of_request(HandoffRequested(1, "persona-SimpleBanking"), {}).target == "banking"
    assert of_request(HandoffRequested(1, "x"), {"x": "disputes"}).target == "disputes"
    assert of_request(HandoffRequested(1, " "), {}) is None


SAID = {"auth_status": "VERIFIED", "customer_name": "Sarah Jones", "account": "12345678", "sortCode": "112233"}


@pytest.mark.parametrize(
    "result", [SAID, {"content": [{"text": json.dumps(SAID)}]}, json.dumps(SAID), {"result": SAID}]
)
def test_verification_in_every_shape(result):
    assert verification(returned("perform_idv_check", result=result)) == Verified("Sarah Jones", "12345678", "112233")


@pytest.mark.parametrize(
    "event",
    [
        returned("perform_idv_check", result={"auth_status": "FAILED"}),
        returned("perform_idv_check", result=SAID, success=False),
        returned("agentcore_balance", result=SAID),
        returned("perform_idv_check", result={"content": [{"text": "{"}]}),
        returned("perform_idv_check", result=json.dumps({**SAID, "customer_name": "Sarah \ud83d"})),
        returned("perform_idv_check", result=json.dumps({**SAID, "account": float("nan")})),
        returned("perform_idv_check", result="[" * 60_000),
        returned("perform_idv_check", result={"content": ["x"]}),
        returned("perform_idv_check"),
    ],
)
def test_what_is_no_verification(event):
    assert verification(event) is None


def test_signals_of_one_wish_count_once_and_a_new_call_is_a_new_wish():
    by_tool, by_request = Handoff(1, "idv", "u1"), Handoff(1, "idv")
    taken = Taken().take(by_tool, 5.0)
    assert not taken.first(by_tool, 9.0)
    assert not taken.first(by_request, 9.0)
    assert taken.first(Handoff(2, "idv"), 5.0)
    assert taken.rearm(1, "idv", "u1") == taken
    assert taken.rearm(1, "idv", "u2").first(Handoff(1, "idv", "u2"), 5.0)


def test_what_the_caller_says_makes_a_signal_a_new_wish_but_not_between_two_of_one():
    by_request = Handoff(1, "idv")
    asked = replace(Taken().take(by_request, 5.0), asked=True)
    assert not asked.first(by_request, 5.0 + SAME_WISH_S)
    assert asked.first(by_request, 5.1 + SAME_WISH_S)
    assert not asked.take(by_request, 7.0).first(by_request, 7.0)


def test_a_reason_is_a_remark():
    said = {"reason": "x" * 200_000}
    assert len(of_request(HandoffRequested(1, "idv", said), {}).reason) == 500
    assert len(of_tool_result(returned(result={"input": said}), {}).reason) == 500
