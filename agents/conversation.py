"""What answers a caller: an author's own object, or one of the scripts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, assert_never

from agents.engine.actions import Action, CallTool, HandOff, Remember, Say, State, ToolDone, Turn
from agents.engine.script import Script, Start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agents.call import Call

MAX_ACTIONS = 24
"""In one turn; a script whose tools call each other for ever is stopped here."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The gateway's `session_init`, read."""

    session_id: str
    memory: dict[str, Any]
    resume: bool = False
    restored: str = "restored"
    pending: int = 0

    @classmethod
    def of(cls, message: Mapping[str, Any], fallback_id: str) -> Opening:
        """Read a `session_init`; whatever has the wrong type counts as absent."""
        memory = message.get("memory")
        known = dict(memory) if isinstance(memory, dict) else {}
        graph = message.get("graphState")
        if isinstance(graph, dict):
            known["graphState"] = graph
        last = message.get("lastUserMessage")
        if isinstance(last, str) and last:
            known.setdefault("lastUserMessage", last)
        pending = message.get("pendingText")
        return cls(
            session_id=str(message.get("sessionId") or fallback_id),
            memory=known,
            resume=message.get("resume") is True,
            restored=str(message.get("restored") or "restored"),
            pending=len(pending) if isinstance(pending, list) else 0,
        )


class Conversation(Protocol):
    """One caller's dialogue with one agent. Called by one turn at a time."""

    async def begin(self, call: Call, opening: Opening) -> None:
        """Greet, or carry on after a failure."""

    async def heard(self, call: Call, text: str) -> None:
        """Answer one utterance."""

    async def missed(self, call: Call) -> None:
        """Ask again: the caller spoke, and was not understood."""


@dataclass(slots=True)
class ScriptedConversation:
    """Performs what a pure script decides."""

    script: Script
    state: State = field(default_factory=State)

    async def begin(self, call: Call, opening: Opening) -> None:
        """Greet, or carry on after a failure."""
        start = Start(resume=opening.resume, pending=opening.pending > 0)
        await self._perform(call, self.script.start(call.memory, start), "")

    async def heard(self, call: Call, text: str) -> None:
        """Answer one utterance."""
        await self._perform(call, self.script.heard(self.state, text, call.memory), self.state.step)

    async def missed(self, call: Call) -> None:
        """Ask again: the caller spoke, and was not understood."""
        await self._perform(call, self.script.missed(self.state, call.memory), self.state.step)

    async def _perform(self, call: Call, turn: Turn, step: str) -> None:
        self.state = turn.state
        waiting = deque(turn.actions)
        call.expect(self.script.grammar(self.state))
        for _ in range(MAX_ACTIONS):
            if not waiting:
                break
            done = await _do(call, waiting.popleft())
            if done:
                following = self.script.tool_done(self.state, done, call.memory)
                self.state = following.state
                call.expect(self.script.grammar(self.state))
                waiting.extendleft(reversed(following.actions))
        if self.state.step != step:
            await call.step(self.state.step)


async def _do(call: Call, action: Action) -> ToolDone | None:
    match action:
        case Say():
            await call.say(action.text, action.speech)
        case CallTool():
            outcome = await call.use_tool(action.name, action.input)
            return ToolDone(action.name, outcome.success, outcome.data, outcome.error)
        case HandOff():
            if not await call.hand_off(action.tool, action.input, action.context, action.graph_state):
                await call.say("I'm sorry, I can't put you through just now.")
        case Remember():
            await call.remember(action.memory)
        case _:
            assert_never(action)
    return None
