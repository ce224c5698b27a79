"""Everyday banking: balance, transactions, branches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from agents.engine import words
from agents.engine.actions import CallTool, Memory, Say, State, ToolDone, Turn, turn
from agents.engine.numbers import day, day_in_words, money, money_in_words
from agents.engine.script import (
    ANYTHING_ELSE,
    DESK_OF,
    NEEDS_IDENTITY,
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
    wish_in,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT = "banking"
MENU = "I can tell you your balance, go through your latest transactions or find a branch. Which would you like?"
SHOWN = 3
"""Transactions read out at once; nobody remembers more by ear."""

_PLACE = re.compile(r"\b(?:in|near|at|around|for)\s+([a-z][a-z' -]+)", re.IGNORECASE)


def begin(memory: Memory, start: Start) -> Turn:
    """Greet by name and do at once what the caller came for; after a failure only say so."""
    state = State()
    if start.resume:
        return turn(state.at("more"), back_again(memory, start, "What else can I do for you?"))
    wish = wish_in(memory)
    if DESK_OF.get(wish) != AGENT:
        return turn(state, Say(f"{hello(memory)}, this is everyday banking. What can I do for you?"))
    if wish in NEEDS_IDENTITY and not is_verified(memory):
        return need_identity(AGENT, state, memory, wish)
    text = str(memory.get("lastUserMessage") or "")
    answer = _serve(state, wish, text, memory)
    return Turn(answer.state, (Say(f"{hello(memory)}."), *answer.actions))


def _open(state: State, text: str, memory: Memory) -> Turn:  # noqa: PLR0911 - a flat list of what may be meant
    wish = words.wish_of(text)
    if DESK_OF.get(wish) == AGENT:
        if wish in NEEDS_IDENTITY and not is_verified(memory):
            return need_identity(AGENT, state, memory, wish)
        return _serve(state, wish, text, memory)
    if wish in DESK_OF:
        return elsewhere(AGENT, state, memory, wish)
    if wish == words.GOODBYE:
        return farewell(state, memory)
    if wish == words.PAYMENT:
        return turn(state.at("open"), Say(f"I'm sorry, I can't make payments on this line. {MENU}"))
    if wish == words.HELP or words.is_yes(text):
        return turn(state.at("open"), Say(MENU if wish else "What would you like to do?"))
    if words.is_thanks(text):
        return turn(state.at("more"), Say(f"You're welcome. {ANYTHING_ELSE}"))
    if words.is_greeting(text):
        return turn(state, Say(f"{hello(memory)}. What can I do for you?"))
    return again(state, "I'm sorry, I didn't understand that. What would you like to do?", MENU)


def _more(state: State, text: str, memory: Memory) -> Turn:
    if words.is_no(text) and words.wish_of(text) not in DESK_OF:
        return farewell(state, memory)
    return _open(state, text, memory)


def _serve(state: State, wish: str, text: str, memory: Memory) -> Turn:
    if wish == words.BRANCH:
        place = _PLACE.search(text)
        if place:
            return turn(state.at("more"), CallTool("uk_branch_lookup", {"location": place[1].strip()}))
        return turn(state.at("branch"), Say("Which town are you in?"))
    tool = "agentcore_balance" if wish == words.CHECK_BALANCE else "get_account_transactions"
    account, sort_code = known_credentials(memory)
    return turn(state.at("more"), CallTool(tool, {"accountNumber": account, "sortCode": sort_code}))


def _branch(state: State, text: str, memory: Memory) -> Turn:
    wish = words.wish_of(text)
    if wish and wish != words.BRANCH:
        return _open(state.at("open"), text, memory)
    place = _PLACE.search(text)
    location = (place[1] if place else text).strip(" .!?")
    return turn(state.at("more"), CallTool("uk_branch_lookup", {"location": location[:80]}))


def _balance(state: State, done: ToolDone, _memory: Memory) -> Turn:
    balance = done.data.get("balance")
    if not isinstance(balance, (int, float)):
        return turn(state.at("more"), Say(f"I'm sorry, I can't find that account. {ANYTHING_ELSE}"))
    shown = f"Your balance is {money(balance)}. {ANYTHING_ELSE}"
    return turn(state.at("more"), Say(shown, f"Your balance is {money_in_words(balance)}. {ANYTHING_ELSE}"))


def _transactions(state: State, done: ToolDone, _memory: Memory) -> Turn:
    latest = list(done.data.get("transactions") or ())[:SHOWN]
    if not latest:
        return turn(state.at("more"), Say(f"There are no transactions on your account. {ANYTHING_ELSE}"))
    shown = "; ".join(_line(entry) for entry in latest)
    spoken = ". ".join(_line_in_words(entry) for entry in latest)
    opening = "Your latest transactions are: "
    return turn(state.at("more"), Say(f"{opening}{shown}. {ANYTHING_ELSE}", f"{opening}{spoken}. {ANYTHING_ELSE}"))


def _line(entry: Mapping[str, Any]) -> str:
    return f"{day(entry['date'])}, {entry['description']}, {money(entry['amount'])}"


def _line_in_words(entry: Mapping[str, Any]) -> str:
    direction = "out" if entry["amount"] < 0 else "in"
    amount = money_in_words(abs(entry["amount"]))
    return f"{day_in_words(entry['date'])}, {entry['description']}, {amount} {direction}"


def _branches(state: State, done: ToolDone, _memory: Memory) -> Turn:
    found = list(done.data.get("branches") or ())
    if not found:
        return turn(state.at("branch"), Say("I know of no branch there. Is there another town nearby?"))
    branch = found[0]
    where = f"The nearest branch is {branch['name']}, at {branch['address']}. It is open {branch['hours']}."
    return turn(state.at("more"), Say(f"{where} {ANYTHING_ELSE}"))


SCRIPT = Script(
    agent=AGENT,
    begin=begin,
    steps={"open": _open, "more": _more, "branch": _branch},
    results={
        "agentcore_balance": _balance,
        "get_account_transactions": _transactions,
        "uk_branch_lookup": _branches,
    },
)
