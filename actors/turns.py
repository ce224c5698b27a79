"""Which of the caller's words are still without an answer, and which tool is running: what a failover must know."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from actors.messages import CallerText

MAX_UNANSWERED = 64
"""Beyond it the oldest counts as answered: an agent that is silent for 64 messages will not answer the first."""
SAME_BREATH_S = 2.0
"""A wish to hand over that follows the agent's words so soon belongs to them, and not to what was said since."""


class ToolInFlight(Struct, frozen=True, gc=False):
    """A tool that an agent began and that has not returned."""

    tool: str
    use_id: str


class Turns(Struct, frozen=True, gc=False):
    """``unanswered`` were given to the current agent; ``stashed`` wait, in order, for the next cut-over.

    ``doubtful`` counts texts that were given together with one that was answered: the protocol does not tie an answer
    to a question, so a link that dies then may have taken them along. They are not said again, but the caller is told.
    So it is with texts for which a tool was used: its effect must not happen twice. And with one more where the agent
    was told of something: what it says then looks like an answer.
    """

    unanswered: tuple[CallerText, ...] = ()
    stashed: tuple[CallerText, ...] = ()
    tool: ToolInFlight | None = None
    doubtful: int = 0
    spoke_at: float = -inf
    """When the current agent spoke last."""

    def asked(self, text: CallerText, *, held: bool) -> Turns:
        """The caller said something by text."""
        if held:
            return replace(self, stashed=(*self.stashed, text)[-MAX_UNANSWERED:])
        return replace(self, unanswered=(*self.unanswered, text)[-MAX_UNANSWERED:])

    def answered(self, now: float, *, final: bool = True) -> Turns:
        """The current agent has begun to answer, or, where it is ``final``, has answered one text."""
        doubtful = max(0, self.doubtful + len(self.unanswered) - final)
        return replace(self, unanswered=(), doubtful=doubtful, spoke_at=now)

    def handed_over(self, now: float) -> Turns:
        """The current agent wishes to hand the caller over: all that it has to say to what is open.

        Unless it has just spoken: then the wish is a part of that answer, and it may never hear what is open.
        """
        if now - self.spoke_at > SAME_BREATH_S:
            return self.answered(now)
        return replace(self, unanswered=(), doubtful=self.doubtful + len(self.unanswered))

    def told(self) -> Turns:
        """The agent was told something that it may speak of: its next words may answer nothing that the caller said."""
        return replace(self, doubtful=self.doubtful + 1)

    def tool_used(self, tool: str, use_id: str) -> Turns:
        """A tool with side effects, for all we know, is running for what is open."""
        doubtful = self.doubtful + len(self.unanswered)
        return replace(self, unanswered=(), tool=ToolInFlight(tool, use_id), doubtful=doubtful)

    def tool_returned(self, use_id: str) -> Turns:
        """A tool has returned; another one's return changes nothing."""
        return replace(self, tool=None) if self.tool is not None and self.tool.use_id == use_id else self

    @property
    def in_doubt(self) -> bool:
        """Something may be lost with the current link, for it is not repeated."""
        return self.tool is not None or self.doubtful > 0

    def repeated(self) -> tuple[CallerText, ...]:
        """What must be said again to the next link: nothing while a tool runs, lest its effect happens twice."""
        return () if self.tool is not None else self.unanswered

    def agent_lost(self) -> Turns:
        """The link has died: what is to be repeated goes before what was stashed since."""
        return Turns((), (*self.repeated(), *self.stashed), self.tool, self.doubtful)

    def open(self) -> tuple[CallerText, ...]:
        """What another session would have to say to its agent."""
        return (*self.repeated(), *self.stashed)

    def agent_left_behind(self) -> Turns:
        """The old agent's open turns are its own affair: the next agent gets what was stashed."""
        return Turns((), self.stashed)

    def returned(self) -> Turns:
        """The stash was replayed into the link that had stayed: its doubts and its tool are still its own."""
        return replace(self, unanswered=(*self.unanswered, *self.stashed)[-MAX_UNANSWERED:], stashed=())

    def cut_over(self) -> Turns:
        """The stash was replayed into the link that is current now."""
        return Turns((*self.unanswered, *self.stashed)[-MAX_UNANSWERED:], ())
