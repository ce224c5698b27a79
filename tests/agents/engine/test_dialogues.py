import pytest

from agents.engine.actions import Say, State
from agents.services import AGENTS
from tests.agents.engine.caller import Caller

SARAH = {"verified": True, "userName": "Sarah Jones", "account": "12345678", "sortCode": "112233"}


def test_whole_balance_story():
    caller = Caller()
    caller.says("I want to check my balance")
    assert caller.route == ["triage", "idv"]
    caller.says("one two three four five six seven eight")
    answer = caller.says("double one, double two, double three")
    assert caller.route == ["triage", "idv", "banking"]
    assert "Hello Sarah." in answer
    assert "Your balance is £1,200.00." in answer
    assert "one thousand two hundred pounds" in " ".join(caller.spoken)
    assert "Goodbye" in caller.says("no, that's all")
    assert caller.tools == ["perform_idv_check", "agentcore_balance"]


def test_credentials_said_with_the_wish_are_not_asked_for():
    caller = Caller()
    answer = caller.says("my balance please, account 12345678 and sort code 11-22-33")
    assert caller.route == ["triage", "idv", "banking"]
    assert "£1,200.00" in answer


def test_three_failed_verifications_return_to_triage_for_good():
    caller = Caller()
    caller.says("balance")
    for _ in range(3):
        assert caller.route[-1] == "idv"
        answer = caller.says("account 99999999 sort code 000000")
    assert caller.route == ["triage", "idv", "triage"]
    assert "could not verify" in answer
    assert "99999999" not in answer
    assert "could not verify" in caller.says("my balance")
    assert caller.route[-1] == "triage"
    assert caller.tools == ["perform_idv_check"] * 3


def test_attempts_survive_the_loss_of_the_agent():
    caller = Caller("idv", userIntent="check_balance")
    caller.says("account 99999999 sort code 000000")
    caller.says("account 99999999 sort code 000000")
    assert caller.resumed().startswith("Sorry about that")
    assert caller.tools == ["perform_idv_check"] * 2
    caller.says("account 99999999 sort code 000000")
    assert caller.route[-1] == "triage"


def test_unknown_wish_is_asked_again_then_the_menu_is_given():
    caller = Caller()
    assert "didn't understand" in caller.says("purple monkey dishwasher")
    assert "didn't understand" in caller.says("purple monkey dishwasher")
    assert "your balance" in caller.says("purple monkey dishwasher")
    assert "didn't understand" in caller.says("purple")


@pytest.mark.parametrize("agent", ["banking", "mortgage"])
def test_anything_else(agent):
    caller = Caller(agent, **SARAH)
    assert "anything else" in caller.says("balance" if agent == "banking" else "what are your rates")
    assert caller.says("yes please")
    assert caller.says("actually my last transactions")
    assert caller.route[-1] == "banking"
    assert "get_account_transactions" in caller.tools
    assert "Goodbye" in caller.says("no thanks")


def test_wish_of_another_desk_goes_there_and_is_not_answered_twice():
    caller = Caller("banking", **SARAH, userIntent="check_balance")
    caller.says("I want to dispute a payment")
    assert caller.route == ["banking", "triage", "disputes"]
    assert caller.tools == ["agentcore_balance"]


def test_dispute_story():
    caller = Caller("disputes", **SARAH)
    caller.says("Acme Stores")
    caller.says("forty two pounds")
    assert "D1001" in caller.says("no I have not")


def test_mortgage_story_speaks_amounts():
    caller = Caller()
    caller.says("I would like a mortgage")
    assert caller.route == ["triage", "mortgage"]
    caller.says("how much could I borrow")
    assert "£180,000.00" in caller.says("forty thousand pounds")
    assert "one hundred and eighty thousand pounds" in " ".join(caller.spoken)


def test_investigation_passes_a_stranger_payment_to_disputes():
    caller = Caller("triage", **SARAH)
    assert "Tesco" in caller.says("there is a payment that I don't recognise")
    caller.says("yes")
    assert caller.route == ["triage", "investigation", "disputes"]


def test_branch_needs_no_identity():
    caller = Caller()
    caller.says("where is a branch")
    assert "Leeds Park Row" in caller.says("I am in Leeds")
    assert caller.route == ["triage", "banking"]


def test_unverified_caller_at_banking_is_verified_first():
    caller = Caller("banking")
    caller.says("balance please")
    assert caller.route == ["banking", "idv"]
    assert "£1,200.00" in caller.says("12345678 112233")


def test_wish_named_to_verification_decides_where_the_call_goes():
    caller = Caller("idv", userIntent="dispute_transaction")
    caller.says("12345678 and 112233")
    assert caller.route[-1] == "disputes"


def test_wrong_number_of_digits_is_explained_without_reading_them_back():
    caller = Caller("idv")
    answer = caller.says("one two three four five")
    assert "5 digits" in answer
    assert "12345" not in answer


def test_resume_with_pending_words_asks_nothing():
    caller = Caller("banking", **SARAH)
    assert caller.resumed(pending=True) == "Sorry about that, Sarah, I'm with you again."
    assert "What else" in caller.resumed()


def test_fallback_to_triage_apologises():
    caller = Caller("banking", **SARAH, userIntent="check_balance", taskCompleted="other_request")
    assert "Sorry" in caller.resumed("triage")
    assert caller.route[-1] == "triage"


def test_goodbye_during_verification():
    caller = Caller("idv", userIntent="check_balance")
    assert "anything else" in caller.says("goodbye")
    assert caller.route == ["idv", "triage"]


EVERY_STEP = [(name, step) for name, service in AGENTS.items() for step in service.script.steps]


@pytest.mark.parametrize(("name", "step"), EVERY_STEP)
@pytest.mark.parametrize("memory", [{"verified": False}, {"verified": True, "account": "12345678"}])
def test_what_was_not_understood_is_asked_again_and_does_nothing(name, step, memory):
    answer = AGENTS[name].script.missed(State(step=step), memory)
    assert [type(action) for action in answer.actions] == [Say]
    assert answer.state.step in {step, "credentials"}
