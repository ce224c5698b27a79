"""What a dialogue may ask for, and what it remembers between two utterances. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Memory = dict[str, Any]
"""The session's memory as the gateway sent it; keys are those of the wire protocol."""


@dataclass(frozen=True, slots=True)
class Say:
    """Words for the caller: ``text`` is shown; ``speech`` is spoken, and is ``text`` unless it sounds different."""

    text: str
    speech: str = ""

    @property
    def spoken(self) -> str:
        """What the mouth should say."""
        return self.speech or self.text


@dataclass(frozen=True, slots=True)
class CallTool:
    """Run a tool; its outcome comes back to the script as `ToolDone`."""

    name: str
    input: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandOff:
    """Give the caller to another agent with one of the hand-off tools."""

    tool: str
    input: Mapping[str, Any]
    context: Mapping[str, Any]
    graph_state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remember:
    """Keys that the session's memory should carry even if this agent dies."""

    memory: Mapping[str, Any]


Action = Say | CallTool | HandOff | Remember


@dataclass(frozen=True, slots=True)
class State:
    """Where a dialogue is. One shape for every script; a script uses what it needs."""

    step: str = "open"
    misses: int = 0
    attempts: int = 0
    account: str = ""
    sort_code: str = ""
    wish: str = ""
    merchant: str = ""
    amount: float = 0.0
    last_text: str = ""

    def at(self, step: str, **changes: Any) -> State:
        """Move to another step; what was not understood before is forgotten."""
        return replace(self, step=step, **({"misses": 0} | changes))


@dataclass(frozen=True, slots=True)
class Turn:
    """The answer to one event: the next state and what to do, in order."""

    state: State
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolDone:
    """A tool's outcome. ``data`` is the decoded payload, empty on failure."""

    name: str
    success: bool
    data: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""


def turn(state: State, *actions: Action) -> Turn:
    """Build a turn."""
    return Turn(state, actions)
