"""What is kept of a call, so that another session, perhaps of another process, can take it up; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from actors.ids import AgentId
from actors.messages import CallerText

if TYPE_CHECKING:
    from collections.abc import Mapping


class Call(Struct, frozen=True):
    """The agent that the caller was with, and his texts that have no answer, in order.

    It is ``whole`` where it was written at the session's end. Until then there may be texts that are not in it. Its
    ``memory`` has a document of its own, too, as soon as something was learned, which is read first.
    """

    agent: AgentId
    unanswered: tuple[CallerText, ...] = ()
    memory: Mapping[str, object] = field(default_factory=dict)
    whole: bool = True

    def document(self) -> dict[str, object]:
        """Plain values for the store."""
        texts = [[text.text, text.skip_transcript] for text in self.unanswered]
        document: dict[str, object] = {"agent": self.agent, "unanswered": texts, "whole": self.whole}
        return document | {"memory": self.memory} if self.memory else document


def read_call(document: Mapping[str, object], memory: Mapping[str, object]) -> Call | None:
    """Read what `Call.document` wrote; None where it is not that. ``memory`` is its own document, empty for none."""
    agent, texts, first = document.get("agent"), document.get("unanswered"), document.get("memory")
    if not isinstance(agent, str) or not isinstance(texts, list):
        return None
    pairs = [pair for pair in texts if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)]
    unanswered = tuple(CallerText(text, bool(skip)) for text, skip in pairs)
    known = memory or (first if isinstance(first, dict) else {})
    return Call(AgentId(agent), unanswered, dict(known), whole=document.get("whole") is not False)
