"""Mortgages: today's rates, and how much one could borrow."""

from __future__ import annotations

import re

from agents.engine import words
from agents.engine.actions import CallTool, Memory, Say, State, ToolDone, Turn, turn
from agents.engine.numbers import amount_of, money, money_in_words, percent_in_words
from agents.engine.script import ANYTHING_ELSE, DESK_OF, Script, Start, again, back_again, elsewhere, farewell, hello

AGENT = "mortgage"
MENU = "I can tell you today's mortgage rates, or how much you could borrow. Which would you like?"

_RATES = re.compile(r"\b(?:rates?|interest)\b", re.IGNORECASE)
_LOAN = re.compile(r"\b(?:borrow|how much|afford|maximum|income|salary|earn)\b", re.IGNORECASE)


def begin(memory: Memory, start: Start) -> Turn:
    """Greet with the choice; the wish for a mortgage alone does not say which."""
    if start.resume:
        return turn(State(), back_again(memory, start, MENU))
    return turn(State(), Say(f"{hello(memory)}, this is mortgages. {MENU}"))


def _open(state: State, text: str, memory: Memory) -> Turn:
    if _RATES.search(text):
        return turn(state.at("more"), CallTool("get_mortgage_rates", {"ltv": 75, "term_years": 25}))
    if _LOAN.search(text):
        return _income(state, text, memory) if amount_of(text) else turn(state.at("income"), Say(ASK_INCOME))
    wish = words.wish_of(text)
    if wish in DESK_OF and wish != words.MORTGAGE:
        return elsewhere(AGENT, state, memory, wish)
    if wish == words.GOODBYE:
        return farewell(state, memory)
    if wish or words.is_yes(text) or words.is_greeting(text):
        return turn(state.at("open"), Say(MENU))
    return again(state, f"I'm sorry, I didn't understand that. {MENU}", MENU)


ASK_INCOME = "What is your total yearly income before tax?"


def _income(state: State, text: str, memory: Memory) -> Turn:
    amount = amount_of(text)
    if amount:
        return turn(state.at("more"), CallTool("calculate_max_loan", {"total_annual_income": amount}))
    if words.wish_of(text):
        return _open(state.at("open"), text, memory)
    return again(state, f"I'm sorry, I didn't catch an amount. {ASK_INCOME}", ASK_INCOME)


def _more(state: State, text: str, memory: Memory) -> Turn:
    if words.is_no(text) and words.wish_of(text) not in DESK_OF:
        return farewell(state, memory)
    return _open(state, text, memory)


def _loan(state: State, done: ToolDone, _memory: Memory) -> Turn:
    loan = float(done.data["max_loan"])
    shown = f"You could borrow up to {money(loan)}. {ANYTHING_ELSE}"
    return turn(state.at("more"), Say(shown, f"You could borrow up to {money_in_words(loan)}. {ANYTHING_ELSE}"))


def _rates(state: State, done: ToolDone, _memory: Memory) -> Turn:
    rate = done.data["rates"][0]
    opening = f"Our {rate['name']} is at "
    shown = f"{opening}{rate['rate']:.2f}%. {ANYTHING_ELSE}"
    return turn(state.at("more"), Say(shown, f"{opening}{percent_in_words(rate['rate'])}. {ANYTHING_ELSE}"))


SCRIPT = Script(
    agent=AGENT,
    begin=begin,
    steps={"open": _open, "more": _more, "income": _income},
    results={"calculate_max_loan": _loan, "get_mortgage_rates": _rates},
)
