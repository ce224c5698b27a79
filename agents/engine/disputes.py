"""Disputes: takes down a payment that the caller did not make, and opens a case."""

from __future__ import annotations

from dataclasses import replace

from agents.engine import words
from agents.engine.actions import CallTool, Memory, Say, State, ToolDone, Turn, turn
from agents.engine.numbers import amount_of
from agents.engine.script import (
    ANYTHING_ELSE,
    DESK_OF,
    Script,
    Start,
    again,
    back_again,
    elsewhere,
    farewell,
    hello,
    is_verified,
    known_credentials,
    need_identity,
)

AGENT = "disputes"
ASK_MERCHANT = "Which shop or company is on the payment?"
ASK_AMOUNT = "How much was the payment?"
ASK_CONTACTED = "Have you already contacted them about it?"
MENU = "I can open a dispute for a payment that you did not make. Shall I?"


def begin(memory: Memory, start: Start) -> Turn:
    """Start taking the dispute down; only a verified caller may dispute."""
    state = State(step="merchant")
    if start.resume:
        return turn(state, back_again(memory, start, ASK_MERCHANT))
    if not is_verified(memory):
        return need_identity(AGENT, state, memory, words.DISPUTE)
    return turn(state, Say(f"{hello(memory)}, this is disputes. I'm sorry to hear of a problem. {ASK_MERCHANT}"))


def _merchant(state: State, text: str, memory: Memory) -> Turn:
    wish = words.wish_of(text)
    if wish and wish != words.DISPUTE:
        return _open(state, text, memory)
    if wish or words.is_greeting(text) or not text.strip():
        return again(state, ASK_MERCHANT, ASK_MERCHANT)
    return turn(state.at("amount", merchant=text.strip(" .!?")[:80]), Say(ASK_AMOUNT))


def _amount(state: State, text: str, memory: Memory) -> Turn:
    amount = amount_of(text)
    if amount:
        return turn(state.at("contacted", amount=amount), Say(ASK_CONTACTED))
    if words.wish_of(text) == words.GOODBYE:
        return farewell(state, memory)
    return again(state, f"I'm sorry, I didn't catch an amount. {ASK_AMOUNT}", ASK_AMOUNT)


def _contacted(state: State, text: str, memory: Memory) -> Turn:
    if not (words.is_yes(text) or words.is_no(text)):
        return again(state, f"Please say yes or no. {ASK_CONTACTED}", ASK_CONTACTED)
    case = {
        "accountNumber": known_credentials(memory)[0],
        "disputeReason": "caller does not recognise the payment",
        "merchantContacted": words.is_yes(text),
        "merchantName": state.merchant,
        "transactionAmount": state.amount,
    }
    return turn(state.at("more"), CallTool("create_dispute_case", case))


def _created(state: State, done: ToolDone, _memory: Memory) -> Turn:
    case = str(done.data.get("caseId", ""))
    opened = "I have opened a dispute. Your case number is "
    return turn(state.at("more"), Say(f"{opened}{case}. {ANYTHING_ELSE}", f"{opened}{' '.join(case)}. {ANYTHING_ELSE}"))


def _open(state: State, text: str, memory: Memory) -> Turn:
    wish = words.wish_of(text)
    if wish == words.DISPUTE or words.is_yes(text):
        if not is_verified(memory):
            return need_identity(AGENT, state, memory, words.DISPUTE)
        return turn(replace(State(), step="merchant"), Say(ASK_MERCHANT))
    if wish in DESK_OF:
        return elsewhere(AGENT, state, memory, wish)
    if wish == words.GOODBYE:
        return farewell(state, memory)
    return again(state, f"I'm sorry, I didn't understand that. {MENU}", MENU)


def _more(state: State, text: str, memory: Memory) -> Turn:
    if words.is_no(text) and words.wish_of(text) not in DESK_OF:
        return farewell(state, memory)
    return _open(state, text, memory)


SCRIPT = Script(
    agent=AGENT,
    begin=begin,
    steps={"open": _open, "more": _more, "merchant": _merchant, "amount": _amount, "contacted": _contacted},
    results={"create_dispute_case": _created},
    grammars={"contacted": "yes_no"},
)
