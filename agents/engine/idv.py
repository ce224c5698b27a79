"""Identity verification: account number and sort code, three attempts, then on to the desk that was wanted."""

from __future__ import annotations

from dataclasses import replace

from agents.engine import words
from agents.engine.actions import Action, CallTool, Memory, Remember, Say, State, ToolDone, Turn, turn
from agents.engine.script import (
    DESK_OF,
    Script,
    Start,
    hand_off,
    idv_failed,
    is_verified,
    known_credentials,
    return_to_triage,
    wish_in,
)

AGENT = "idv"
MAX_ATTEMPTS = 3
ASK_BOTH = "Please tell me your eight digit account number and your six digit sort code."
ASK_ACCOUNT = "Please tell me your eight digit account number."
ASK_SORT_CODE = "Thank you. And your six digit sort code?"
GIVE_UP = "I'm sorry, I could not verify your identity. I'll take you back to reception."


def begin(memory: Memory, start: Start) -> Turn:
    """Verify at once what is already known; ask for the rest."""
    state = State(step="credentials", attempts=_attempts(memory), wish=wish_in(memory))
    if idv_failed(memory) or state.attempts >= MAX_ATTEMPTS:
        return turn(state.at("open"), Say(GIVE_UP), _failed(state, memory))
    sorry = (Say("Sorry about that, I'm with you again."),) if start.resume else ()
    if is_verified(memory):
        return turn(state, *sorry, _onward(state, memory))
    if state.attempts == 0:  # numbers that have failed once are asked for again, not tried again
        account, sort_code = known_credentials(memory)
        state = replace(state, account=account, sort_code=sort_code)
    if state.account and state.sort_code:
        return turn(state, *sorry, Say("Thank you, let me check those details."), _check(state))
    if start.resume and start.pending:
        return turn(state, *sorry)
    opening = () if start.resume else (Say("Hello, I'm here to check who you are."),)
    return turn(state, *sorry, *opening, Say(_question(state)))


def _attempts(memory: Memory) -> int:
    attempts = memory.get("idvAttempts")
    return attempts if isinstance(attempts, int) else 0


def _question(state: State) -> str:
    if state.account:
        return ASK_SORT_CODE
    return ASK_ACCOUNT if state.sort_code else ASK_BOTH


def _check(state: State) -> CallTool:
    return CallTool("perform_idv_check", {"accountNumber": state.account, "sortCode": state.sort_code})


def _heard(state: State, text: str, memory: Memory) -> Turn:
    said = words.credentials_of(text)
    wish = words.wish_of(text)
    if not said.digits and wish == words.GOODBYE:
        home = return_to_triage(AGENT, "cancelled", "caller stopped verification", state, memory)
        return turn(state.at("open"), Say("All right, I'll take you back to reception."), home)
    known = replace(
        state,
        account=said.account or state.account,
        sort_code=said.sort_code or state.sort_code,
        wish=wish if wish in DESK_OF else state.wish,
    )
    if known.account and known.sort_code:
        return turn(known, _check(known))
    if said.account or said.sort_code:
        return turn(replace(known, misses=0), Say(_question(known)))
    return _ask_again(known, said.digits)


def _ask_again(state: State, digits: int) -> Turn:
    missed = replace(state, misses=state.misses + 1)
    if digits:
        counted = f"I heard {digits} digit{'s' if digits != 1 else ''}, but I need eight for the account number"
        return turn(missed, Say(f"{counted} and six for the sort code. {_missing(state)}"))
    if missed.misses == 1:
        return turn(missed, Say(f"I need that to check who you are. {_missing(state)}"))
    return turn(missed, Say(f"Both numbers are on your bank card. {_missing(state)} You can also say goodbye to stop."))


def _missing(state: State) -> str:
    return "Please tell me your six digit sort code." if state.account else _question(state)


def _checked(state: State, done: ToolDone, memory: Memory) -> Turn:
    if done.data.get("auth_status") == "VERIFIED":
        return _verified(state, str(done.data.get("customer_name") or ""), memory)
    state = replace(state, attempts=state.attempts + 1)
    remember = Remember({"idvAttempts": state.attempts})
    if state.attempts >= MAX_ATTEMPTS:
        return turn(state.at("open"), remember, Say(GIVE_UP), _failed(state, memory))
    retry = state.at("credentials", account="", sort_code="")
    return turn(retry, remember, Say(f"I'm sorry, those details don't match our records. {ASK_BOTH}"))


def _failed(state: State, memory: Memory) -> Action:
    return return_to_triage(AGENT, "verification_failed", "identity could not be verified", state, memory)


def _verified(state: State, name: str, memory: Memory) -> Turn:
    known = memory | {"verified": True, "userName": name}
    first = name.split(maxsplit=1)[0] if name else ""
    thanks = Say(f"Thank you{f', {first}' if first else ''}. You're verified.")
    return turn(state.at("open"), thanks, _onward(state, known))


def _onward(state: State, memory: Memory) -> Action:
    wish = state.wish or wish_in(memory)
    return hand_off(AGENT, DESK_OF.get(wish, "banking"), state, memory, wish)


def _open(state: State, text: str, memory: Memory) -> Turn:
    """Hear someone who is still here although the call should have moved on: move it again."""
    if is_verified(memory):
        return turn(state, Say("One moment, I'll put you through."), _onward(state, memory))
    if idv_failed(memory) or state.attempts >= MAX_ATTEMPTS:
        return turn(state, Say(GIVE_UP), _failed(state, memory))
    return _heard(state.at("credentials"), text, memory)


SCRIPT = Script(
    agent=AGENT,
    begin=begin,
    steps={"open": _open, "credentials": _heard, "more": _heard},
    results={"perform_idv_check": _checked},
    grammars={"credentials": "digits", "more": "digits"},
)
