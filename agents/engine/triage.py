"""Reception: finds out what the caller wants and who does it."""

from __future__ import annotations

from agents.engine import words
from agents.engine.actions import Memory, Say, State, Turn, turn
from agents.engine.script import (
    ANYTHING_ELSE,
    DESK_OF,
    NEEDS_IDENTITY,
    Script,
    Start,
    again,
    farewell,
    first_name,
    hand_off,
    idv_failed,
    is_verified,
)

AGENT = "triage"
MENU = (
    "I can tell you your balance, go through your transactions, help with a mortgage, "
    "dispute a payment or find a branch. Which would you like?"
)
QUESTION = "How can I help you today?"
UNVERIFIED = (
    "I'm sorry, I could not verify your identity, so I can't talk about your account on this call. "
    "I can still help with mortgages or find a branch."
)


def begin(memory: Memory, start: Start) -> Turn:
    """Greet a new caller; take back one whom another agent returned."""
    state = State()
    if start.resume:
        return turn(state, _resumed(memory, start))
    completed = memory.get("taskCompleted")
    if completed == "other_request":
        wish = words.wish_of(str(memory.get("lastUserMessage") or "")) or words.wish_of(
            str(memory.get("conversationSummary") or "")
        )
        if wish in DESK_OF:
            return _route(state, memory, wish)
    if idv_failed(memory):
        return turn(state, Say(UNVERIFIED))
    if completed:
        name = first_name(memory)
        return turn(state.at("more"), Say(f"Welcome back{f', {name}' if name else ''}. {ANYTHING_ELSE}"))
    return turn(state, Say(f"Welcome to Understudy Bank. {QUESTION}"))


def _resumed(memory: Memory, start: Start) -> Say:
    """Apologise; the caller may have been with another agent, who is gone."""
    name = first_name(memory)
    sorry = f"Sorry about that{f', {name}' if name else ''}, you were cut off. I'm with you again."
    return Say(sorry if start.pending else f"{sorry} What can I do for you?")


def _open(state: State, text: str, memory: Memory) -> Turn:
    wish = words.wish_of(text)
    if wish in DESK_OF:
        return _route(state, memory, wish)
    if wish == words.GOODBYE:
        return farewell(state, memory)
    if wish == words.PAYMENT:
        return turn(state.at("open"), Say(f"I'm sorry, I can't make payments on this line. {MENU}"))
    if wish == words.HELP:
        return turn(state.at("open"), Say(MENU))
    said = words.credentials_of(text)
    if (said.account or said.sort_code) and not is_verified(memory) and not idv_failed(memory):
        known = state.at("open", account=said.account, sort_code=said.sort_code)
        return turn(known, Say("Thank you."), hand_off(AGENT, "idv", known, memory, ""))
    return _small_talk(state, text)


def _small_talk(state: State, text: str) -> Turn:
    if words.is_greeting(text):
        return turn(state, Say("Hello! What can I do for you?"))
    if words.is_yes(text):
        return turn(state.at("open"), Say("What would you like to do?"))
    if words.is_thanks(text):
        return turn(state.at("more"), Say(f"You're welcome. {ANYTHING_ELSE}"))
    return again(state, "I'm sorry, I didn't understand that. What would you like to do?", MENU)


def _more(state: State, text: str, memory: Memory) -> Turn:
    if words.is_no(text) and words.wish_of(text) not in DESK_OF:
        return farewell(state, memory)
    return _open(state, text, memory)


def _route(state: State, memory: Memory, wish: str) -> Turn:
    """Send the caller to the desk for a wish, by way of verification where the wish needs it."""
    said = words.credentials_of(state.last_text)
    state = state.at("open", wish=wish, account=said.account, sort_code=said.sort_code)
    if wish in NEEDS_IDENTITY and not is_verified(memory):
        if idv_failed(memory):
            return turn(state, Say(UNVERIFIED))
        ask = Say("I can help with that. First I need to check who you are.")
        return turn(state, ask, hand_off(AGENT, "idv", state, memory, wish))
    return turn(state, Say("I'll put you through."), hand_off(AGENT, DESK_OF[wish], state, memory, wish))


SCRIPT = Script(agent=AGENT, begin=begin, steps={"open": _open, "more": _more})
