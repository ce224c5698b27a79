"""Counts a session's restarts from its events alone, as an observer would: S7 without asking the budget."""

from __future__ import annotations

from collections import deque

from actors.ports import SessionSettings
from actors.receipt import Outcome, SwapReason
from actors.session_events import LinkDialled, LinkEnded, LinkLost, Routed, SwapEnded

PERIOD_S = SessionSettings().period_s


class Restarts:
    """A restart is a link to the agent of the one that was lost, in its place, while nobody else serves the caller.

    Not counted: the first dial of what somebody asked for (a start, a hand-off, a transfer, a drain, a resume), dials
    of a swap whose caller still has his old link, and the one way to the fallback agent that ends a spent budget. A
    restart happens when its loss does: a backoff or a queue may put its dial off.
    """

    def __init__(self):
        self.current = self.newest = None
        self.loss = None
        """Agent and time of what was lost last and is not replaced, and whether it served the caller."""
        self.recent = deque()
        self.standbys = set()
        self.open = {}
        """Per link that has not ended, the instance that it leads to."""

    def saw(self, event, at):
        """Take one event in: how many restarts the period has that ends with it, and whether it dials for one."""
        redialled = False
        match event:
            case LinkLost(agent_id=agent, generation=generation):
                served = generation == self.current
                self.current = None if served else self.current
                self.loss = (agent, at, served) if self.current is None else None
            case LinkDialled(reason="standby", generation=generation):
                self.standbys.add(generation)
            case Routed(generation=generation) if generation in self.standbys:
                self._replaced(event)
            case LinkDialled(url=url, generation=generation):
                waited = url in self.open.values()  # for the old link to the same instance to end; its turn was before
                redialled = self._replaced(event) and not waited
                self.open[generation] = url
            case LinkEnded(generation=generation):
                self.open.pop(generation, None)
            case SwapEnded(receipt=receipt):
                self.loss = None
                if receipt.outcome in {Outcome.DONE, Outcome.FELL_BACK}:
                    self.current = self.newest
        return len(self.recent), redialled

    def _replaced(self, event):
        loss, self.loss, self.newest = self.loss, None, event.generation
        if loss is None:
            return False
        agent, at, served = loss
        is_restart = agent == event.agent_id and (event.reason == SwapReason.FAILOVER or not served)
        if is_restart:
            self.recent.append(at)
            while at - self.recent[0] > PERIOD_S:
                self.recent.popleft()
        return is_restart
