"""A dialogue as data: which function answers at which step, and the bricks that all six scripts share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.engine import words
from agents.engine.actions import HandOff, Memory, Say, State, ToolDone, Turn, turn

Begin = Callable[[Memory, "Start"], Turn]
Answer = Callable[[State, str, Memory], Turn]
Result = Callable[[State, ToolDone, Memory], Turn]

ANYTHING_ELSE = "Is there anything else I can help you with?"
SAY_AGAIN = "I'm sorry, I didn't catch that. Could you say it again?"
MISSES_BEFORE_LIST = 2
"""So many utterances that were not understood, and the caller is told what can be asked."""

DESK_OF = {
    words.CHECK_BALANCE: "banking",
    words.VIEW_TRANSACTIONS: "banking",
    words.BRANCH: "banking",
    words.MORTGAGE: "mortgage",
    words.DISPUTE: "disputes",
    words.INVESTIGATE: "investigation",
}
"""Which agent does what the caller wants."""

NEEDS_IDENTITY = frozenset({words.CHECK_BALANCE, words.VIEW_TRANSACTIONS, words.DISPUTE, words.INVESTIGATE})


@dataclass(frozen=True, slots=True)
class Start:
    """How a session reached this agent: ``resume`` after a failure, ``pending`` if unanswered words follow."""

    resume: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """One agent's dialogue: steps and tool results to pure functions, and each step's grammar for the ear."""

    agent: str
    begin: Begin
    steps: Mapping[str, Answer]
    results: Mapping[str, Result] = field(default_factory=dict)
    grammars: Mapping[str, str] = field(default_factory=dict)

    def start(self, memory: Memory, start: Start) -> Turn:
        """Greet, or carry on."""
        return self.begin(memory, start)

    def heard(self, state: State, text: str, memory: Memory) -> Turn:
        """Answer one utterance."""
        answer = self.steps.get(state.step, self.steps["open"])
        return answer(replace(state, last_text=text), text, memory)

    def missed(self, state: State, memory: Memory) -> Turn:
        """Ask again for what was said and not understood, in the words of the step; nothing else happens."""
        answer = self.steps.get(state.step, self.steps["open"])(state, "", memory)
        if all(isinstance(action, Say) for action in answer.actions):
            return answer
        return turn(state, Say(SAY_AGAIN))

    def tool_done(self, state: State, done: ToolDone, memory: Memory) -> Turn:
        """Take in a tool's outcome."""
        if not done.success:
            sorry = "I'm sorry, I can't get that information just now. Would you like to try something else?"
            return turn(state.at("more"), Say(sorry))
        return self.results[done.name](state, done, memory)

    def grammar(self, state: State) -> str:
        """Name what the ear should expect."""
        return self.grammars.get(state.step, "open")


def first_name(memory: Memory) -> str:
    """Name the caller informally; '' where nobody knows it."""
    name = memory.get("userName")
    return name.split()[0] if isinstance(name, str) and name.strip() else ""


def hello(memory: Memory) -> str:
    """Greet by name where there is one."""
    name = first_name(memory)
    return f"Hello {name}" if name else "Hello"


def is_verified(memory: Memory) -> bool:
    """Tell whether the caller's identity was checked in this call."""
    return memory.get("verified") is True


def idv_failed(memory: Memory) -> bool:
    """Tell whether verification was given up in this call."""
    state = memory.get("graphState")
    return memory.get("idvFailed") is True or (isinstance(state, Mapping) and state.get("idvFailed") is True)


def wish_in(memory: Memory) -> str:
    """Name the wish that the memory carries, whether as a name or in the caller's words."""
    return words.wish_of(str(memory.get("userIntent") or ""))


def known_credentials(memory: Memory) -> tuple[str, str]:
    """Find what the caller has already given: account number and sort code, '' for what is missing."""
    graph = memory.get("graphState")
    sources = (memory, graph if isinstance(graph, Mapping) else {})
    account = next((str(s[k]) for s in sources for k in ("account", "providedAccount") if s.get(k)), "")
    sort_code = next((str(s[k]) for s in sources for k in ("sortCode", "providedSortCode") if s.get(k)), "")
    return account, sort_code


def hand_off(source: str, target: str, state: State, memory: Memory, wish: str) -> HandOff:
    """Transfer the caller with everything that the next agent should know."""
    context = _context(source, target, state, memory) | {"reason": wish or "caller asked"}
    if wish:
        context["userIntent"] = wish
    arguments = {"reason": wish or "caller asked", "context": f"caller transferred by {source}"}
    return HandOff(f"transfer_to_{target}", arguments, context, _graph_state(context))


def return_to_triage(source: str, completed: str, summary: str, state: State, memory: Memory) -> HandOff:
    """Give the caller back to reception with what was done."""
    context = _context(source, "triage", state, memory)
    context |= {"reason": completed, "isReturn": True, "taskCompleted": completed, "summary": summary}
    if completed == "verification_failed":
        context |= {"idvFailed": True, "verified": False}
    arguments = {"taskCompleted": completed, "summary": summary}
    return HandOff("return_to_triage", arguments, context, _graph_state(context))


def _context(source: str, target: str, state: State, memory: Memory) -> dict[str, Any]:
    account, sort_code = known_credentials(memory)
    known = {
        "fromAgent": source,
        "targetAgent": target,
        "lastUserMessage": state.last_text or memory.get("lastUserMessage"),
        "userName": memory.get("userName"),
        "account": state.account or account,
        "sortCode": state.sort_code or sort_code,
    }
    return {key: value for key, value in known.items() if value} | {"verified": is_verified(memory)}


def _graph_state(context: Mapping[str, Any]) -> dict[str, Any]:
    return {key: context[key] for key in ("account", "sortCode", "verified", "idvFailed") if key in context}


def elsewhere(source: str, state: State, memory: Memory, wish: str) -> Turn:
    """Send a wish of another desk back through reception, which clears the old wish and sets the new one."""
    home = return_to_triage(source, "other_request", wish, state, memory)
    return turn(state.at("open"), Say("Of course, I'll put you through."), home)


def need_identity(source: str, state: State, memory: Memory, wish: str) -> Turn:
    """Have the caller verified first, unless that has already failed in this call."""
    if idv_failed(memory):
        sorry = "I'm sorry, I can't talk about your account on this call, because I could not verify your identity."
        home = return_to_triage(source, "verification_failed", "not verified", state, memory)
        return turn(state.at("open"), Say(sorry), home)
    ask = Say("First I need to check who you are.")
    return turn(state.at("open", wish=wish), ask, hand_off(source, "idv", state, memory, wish))


def again(state: State, question: str, menu: str) -> Turn:
    """Ask again; after several misses say what can be asked."""
    missed = replace(state, misses=state.misses + 1)
    if missed.misses > MISSES_BEFORE_LIST:
        return turn(replace(missed, misses=0), Say(menu))
    return turn(missed, Say(question))


def farewell(state: State, memory: Memory) -> Turn:
    """End the conversation; whoever speaks again is heard again."""
    name = first_name(memory)
    return turn(state.at("open"), Say(f"Thank you for calling{f', {name}' if name else ''}. Goodbye."))


def back_again(memory: Memory, start: Start, question: str) -> Say:
    """Words after a failure: no second greeting, and no question while unanswered words are still to come."""
    name = first_name(memory)
    sorry = f"Sorry about that{f', {name}' if name else ''}, I'm with you again."
    return Say(sorry if start.pending else f"{sorry} {question}")
