"""The identities of the domain, as distinct types."""

from __future__ import annotations

from typing import NewType

from msgspec import Struct

SessionId = NewType("SessionId", str)
"""One caller connection; UUID v4 text."""

AgentId = NewType("AgentId", str)
"""What the caller talks to, for example ``banking``."""

Generation = NewType("Generation", int)
"""The number of a link within its session; only one generation is current."""

FALLBACK_AGENT = AgentId("triage")
"""Where a caller goes whose agent cannot be reached or is not known."""


class Instance(Struct, frozen=True, gc=False):
    """One running service that serves an agent; its id and URL together are its identity.

    ``mode`` is ``text``, ``voice``, ``hybrid`` or empty when the agent did not say.
    """

    agent_id: AgentId
    url: str
    mode: str = ""

    @property
    def text_type(self) -> str:
        """The frame type under which this agent takes a caller's text, whatever its version."""
        return "user_input" if self.mode == "text" else "text_input"
