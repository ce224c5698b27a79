"""What was decided about a session or a link, in one word; the gateway maps each to close codes in one table."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The reason that travels with a close, to the caller and to the agent."""

    CALLER_LEFT = "caller_left"
    SWAPPED = "swapped"
    """The link's part is done: another link serves the caller now."""
    NO_AGENT = "no_agent"
    """No instance could be reached, the fallback agent included, or the restart budget is spent."""
    STASH_FULL = "stash_full"
    """The caller sent more text than could be kept while no agent was there."""
    NOT_READY = "not_ready"
    """The agent did not answer session_init in time."""
    REFUSED = "refused"
    """No room: max_children, or the gateway is going down."""
    SHUTDOWN = "shutdown"
    """The gateway is ending; come back."""
    DISPLACED = "displaced"
    """The same caller came back on another socket; this one is over."""
    CLAIMED = "claimed"
    """The token was used by another socket, which is connected."""
    ENDED_BY_OPERATOR = "ended_by_operator"
    """Somebody at the console ended the call; there is nothing to come back to."""
    OUR_BUG = "our_bug"
    """An actor of ours crashed and could not be restarted."""
