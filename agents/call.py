"""One caller as an agent's author sees him: say, use a tool, hand off, remember."""

from __future__ import annotations

import re
import time
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from agents.toolbox import Toolbox, ToolOutcome
    from agents.voice import Ear, Mouth, Player


class Floor(Enum):
    """Who has the floor in the present turn."""

    AGENT = auto()
    CALLER_TYPED = auto()
    """The sound stops, the words are still shown."""
    CALLER_SPOKE = auto()
    """The agent falls silent; what it still has to do, it does."""


class Call:
    """The outgoing side of one session. Used by one turn at a time."""

    def __init__(
        self,
        session_id: str,
        agent_id: str,
        memory: dict[str, Any],
        send: Callable[[dict[str, Any]], Awaitable[None]],
        toolbox: Toolbox,
    ) -> None:
        self.session_id = session_id
        self.agent_id = agent_id
        self.memory = memory
        self._send = send
        self._toolbox = toolbox
        self._remembered: dict[str, Any] = {}
        self._ids = count(1)
        self._floor = Floor.AGENT
        self._saying = ""  # the line being said, also while its sound is still being made
        self._words = [0, 0]
        self._player: Player | None = None
        self._mouth: Mouth | None = None
        self._ear: Ear | None = None

    def __repr__(self) -> str:
        return f"<Call {self.session_id} with {self.agent_id}, floor {self._floor.name}>"

    def attach_voice(self, ear: Ear, mouth: Mouth, player: Player) -> None:
        """Give the call sound."""
        self._ear, self._mouth, self._player = ear, mouth, player

    def expect(self, grammar: str) -> None:
        """Tell the ear what kind of answer is likely."""
        if self._ear:
            self._ear.expect(grammar)

    # What the caller does to the floor

    def begin_turn(self, text: str = "") -> None:
        """Give the floor to the agent for its answer."""
        self._floor = Floor.AGENT
        self._words = [len(text.split()), 0]
        if self._player:
            self._player.begin()

    async def end_turn(self) -> None:
        """Report what the turn used: words, since a script has no tokens."""
        heard, said = self._words
        await self.send("usage", inputTokens=heard, outputTokens=said, totalTokens=heard + said)

    async def interrupt(self, floor: Floor, reason: str) -> None:
        """Stop the sound, if there is any, and tell the client to throw away what it has not played."""
        if self._player is None or not (self._saying or self._player.is_playing):
            return
        self._floor = floor
        self._player.stop()
        await self.send("interruption", data={"reason": reason})

    def refresh(self, memory: Mapping[str, Any]) -> None:
        """Take the gateway's memory; what this agent asked to remember stays known."""
        self.memory = {**self._remembered, **memory}

    # What the agent does

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one message of the wire protocol."""
        await self._send({"type": kind, **fields, "timestamp": _now_ms()})

    def next_id(self, role: str) -> str:
        """Name a transcript line; unique within the session, whichever agent said it."""
        return f"{role}-{self.agent_id}-{_now_ms()}-{next(self._ids)}"

    async def transcript(self, role: str, text: str, line: str, *, final: bool = True) -> None:
        """Show a line, or the part of it that is known so far."""
        await self.send("transcript", role=role, text=text, id=line, isFinal=final)

    async def say(self, text: str, speech: str = "") -> None:
        """Say something: shown as ``text``, spoken as ``speech`` where that sounds different."""
        if self._lost_floor_to() is Floor.CALLER_SPOKE:
            return
        self._words[1] += len(text.split())
        line = self.next_id("assistant")
        shown, spoken = _sentences(text), _sentences(speech or text)
        if self._mouth is None or self._player is None or self._lost_floor_to() is Floor.CALLER_TYPED:
            await self.transcript("assistant", text, line)
            return
        if len(shown) != len(spoken):
            shown, spoken = [text], [speech or text]
        self._saying = line
        try:
            await self._speak(shown, spoken, line, self._mouth, self._player)
        finally:
            self._saying = ""

    async def _speak(self, shown: list[str], spoken: list[str], line: str, mouth: Mouth, player: Player) -> None:
        for at, sentence in enumerate(spoken, start=1):
            pcm = await mouth.synthesise(sentence)
            if self._lost_floor_to() is not Floor.AGENT:
                await self._cut_short(shown, at - 1, line)
                return
            await self.transcript("assistant", " ".join(shown[:at]), line, final=at == len(shown))
            if not await player.play(pcm) and at < len(shown):
                await self._cut_short(shown, at, line)
                return

    async def _cut_short(self, sentences: list[str], begun: int, line: str) -> None:
        """End a line that the caller interrupted: what he did not hear is only shown to one who types."""
        said = sentences if self._lost_floor_to() is Floor.CALLER_TYPED else sentences[:begun]
        if said:
            await self.transcript("assistant", " ".join(said), line)

    async def use_tool(self, name: str, arguments: Mapping[str, Any]) -> ToolOutcome:
        """Run one of the agent's tools and show it."""
        use_id = await self._tool_use(name, arguments)
        outcome = self._toolbox.run(name, arguments)
        await self._tool_result(name, use_id, outcome.result, outcome)
        return outcome

    async def hand_off(
        self, tool: str, arguments: Mapping[str, Any], context: Mapping[str, Any], graph_state: Mapping[str, Any]
    ) -> bool:
        """Give the caller to another agent, once he has heard the last word; False if the tool refused."""
        if self._player:
            await self._player.wait_heard()
        use_id = await self._tool_use(tool, arguments)
        outcome = self._toolbox.run(tool, arguments)
        target = tool.removeprefix("transfer_to_").removeprefix("return_to_")
        request = {"targetAgentId": target, "context": dict(context), "graphState": dict(graph_state)}
        result = {
            "message": f"Handing over to {target}",
            "toolName": tool,
            "input": dict(arguments),
            "handoffRequest": request,
        }
        await self._tool_result(tool, use_id, result if outcome.success else None, outcome)
        if outcome.success:
            await self.send("handoff_request", **request)
        return outcome.success

    async def remember(self, memory: Mapping[str, Any]) -> None:
        """Keep keys in the session's memory, beyond this agent's life."""
        self._remembered |= memory
        self.memory = {**self.memory, **memory}
        await self.send("update_memory", memory=dict(memory))

    async def step(self, name: str) -> None:
        """Show where the dialogue is."""
        await self.send("workflow_update", currentStep=name, data={"currentStep": name})

    def _lost_floor_to(self) -> Floor:
        return self._floor  # read anew each time: another task may have changed it while this one waited

    async def _tool_use(self, name: str, arguments: Mapping[str, Any]) -> str:
        use_id = f"tool-{self.agent_id}-{_now_ms()}-{next(self._ids)}"
        await self.send("tool_use", toolName=name, toolUseId=use_id, input=dict(arguments))
        return use_id

    async def _tool_result(self, name: str, use_id: str, result: object, outcome: ToolOutcome) -> None:
        fields = {} if outcome.success else {"error": outcome.error}
        await self.send(
            "tool_result", toolName=name, toolUseId=use_id, result=result, success=outcome.success, **fields
        )


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text.strip())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
