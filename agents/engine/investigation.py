"""Investigation: goes through the latest payments and finds the one that the caller does not recognise."""

from __future__ import annotations

from agents.engine import words
from agents.engine.actions import CallTool, Memory, Say, State, ToolDone, Turn, turn
from agents.engine.numbers import day, day_in_words, money, money_in_words
from agents.engine.script import (
    ANYTHING_ELSE,
    DESK_OF,
    Script,
    Start,
    again,
    back_again,
    elsewhere,
    farewell,
    hand_off,
    hello,
    is_verified,
    known_credentials,
    need_identity,
)

AGENT = "investigation"
QUESTION = "Is there a payment that you did not make?"
MENU = "I can go through your latest payments, or pass you to disputes. Which would you like?"


def begin(memory: Memory, start: Start) -> Turn:
    """Read the latest payments out to a verified caller."""
    state = State(step="suspect")
    if start.resume:
        return turn(state, back_again(memory, start, QUESTION))
    if not is_verified(memory):
        return need_identity(AGENT, state, memory, words.INVESTIGATE)
    opening = Say(f"{hello(memory)}, this is investigations. Let me look at your latest payments.")
    return turn(state, opening, _look(memory))


def _look(memory: Memory) -> CallTool:
    account, sort_code = known_credentials(memory)
    return CallTool("get_account_transactions", {"accountNumber": account, "sortCode": sort_code})


def _listed(state: State, done: ToolDone, _memory: Memory) -> Turn:
    out = [entry for entry in done.data.get("transactions") or () if entry["amount"] < 0][:3]
    if not out:
        return turn(state.at("more"), Say(f"There are no payments on your account. {ANYTHING_ELSE}"))
    shown = "; ".join(f"{day(e['date'])}, {e['description']}, {money(-e['amount'])}" for e in out)
    spoken = ". ".join(f"{day_in_words(e['date'])}, {e['description']}, {money_in_words(-e['amount'])}" for e in out)
    return turn(state.at("suspect"), Say(f"I see {shown}. {QUESTION}", f"I see {spoken}. {QUESTION}"))


def _suspect(state: State, text: str, memory: Memory) -> Turn:
    if words.wish_of(text) == words.DISPUTE or words.is_yes(text):
        return turn(
            state.at("open"),
            Say("I'll pass you to disputes."),
            hand_off(AGENT, "disputes", state, memory, words.DISPUTE),
        )
    if words.is_no(text):
        return turn(state.at("more"), Say(f"Good. {ANYTHING_ELSE}"))
    return _open(state, text, memory)


def _open(state: State, text: str, memory: Memory) -> Turn:
    wish = words.wish_of(text)
    if wish in {words.INVESTIGATE, words.VIEW_TRANSACTIONS}:
        if not is_verified(memory):
            return need_identity(AGENT, state, memory, wish)
        return turn(state.at("suspect"), _look(memory))
    if wish in DESK_OF:
        return elsewhere(AGENT, state, memory, wish)
    if wish == words.GOODBYE:
        return farewell(state, memory)
    return again(state, f"I'm sorry, I didn't understand that. {QUESTION}", MENU)


def _more(state: State, text: str, memory: Memory) -> Turn:
    if words.is_no(text) and words.wish_of(text) not in DESK_OF:
        return farewell(state, memory)
    return _open(state, text, memory)


SCRIPT = Script(
    agent=AGENT,
    begin=begin,
    steps={"open": _open, "more": _more, "suspect": _suspect},
    results={"get_account_transactions": _listed},
    grammars={"suspect": "yes_no"},
)
