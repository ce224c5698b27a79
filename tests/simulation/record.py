"""What happened, as seen from outside, and the invariants that it must satisfy; numbered as in docs/semantics.md."""

from __future__ import annotations

from collections import defaultdict

from actors.ports import SessionSettings
from actors.receipt import Outcome, SwapReason
from actors.session_events import LinkLost, SessionEnded, SwapEnded
from gateway.agent_socket import Part
from gateway.socket_core import Phase

INTENSITY, PERIOD_S = SessionSettings().intensity, SessionSettings().period_s


class Violated(AssertionError):  # noqa: N818 - says what the invariant is
    """An invariant does not hold."""


def require(holds, rule, words):
    if not holds:
        raise Violated(f"{rule}: {words}")


class Record:
    """Facts from both ends of the gateway."""

    def __init__(self):
        self.texts = defaultdict(list)
        """Per caller, what he said, in order."""
        self.deliveries = defaultdict(list)
        """Per text, the links that it reached, in order."""
        self.by_link = defaultdict(list)
        self.events = defaultdict(list)
        self.bugs = []
        self.links = {}
        self.lost_links = set()
        self.losses_at = defaultdict(list)

    def said(self, caller, text):
        self.texts[caller.name].append(text)

    def delivered(self, session, text, link):
        self.deliveries[text].append(link)
        self.by_link[link].append((session, text))

    def initialised(self, link, instance, message):
        self.links[link] = (instance.url, message)

    def lost(self, link):
        """The agent's end of a link went away by itself."""
        self.lost_links.add(link)

    def traced(self, session_id, event, at):
        self.events[session_id].append(event)
        if isinstance(event, LinkLost):
            self.losses_at[session_id].append(at)

    # --- after each step ---

    def check_step(self, world):
        require(not self.bugs, "S6", f"a callback failed: {self.bugs}")
        current = defaultdict(int)
        for socket in world.dialer.current():
            if socket.part is Part.CURRENT and socket.phase is Phase.OPEN:
                current[id(socket._sink)] += 1
        require(all(number == 1 for number in current.values()), "S2", "two current links of one session")

    # --- at the end ---

    def check_end(self, world):
        for caller in world.callers:
            self._check_caller(caller)
        for text, links in self.deliveries.items():
            self._check_text(world, text, links)
        for link, heard in self.by_link.items():
            numbers = [int(text.partition("-")[2]) for _, text in heard]
            require(numbers == sorted(set(numbers)), "S3", f"order at {self.links[link][0]}: {heard}")
        for session_id, events in self.events.items():
            self._check_session(session_id, events)
        self._check_nothing_left(world)

    def _check_caller(self, caller):
        require(caller.starts <= 1, "S1", f"{caller.name} got session_start {caller.starts} times")
        answered = [message["text"].removeprefix("re: ") for message in caller.answers]
        strangers = [text for text in answered if not text.startswith(f"{caller.name}-")]
        require(not strangers, "S6", f"{caller.name} hears answers to others: {strangers}")

    def _check_text(self, world, text, links):
        require(len(links) == len(set(links)), "S3", f"{text} reached one link twice")
        answers = [m for c in world.callers for m in c.answers if m["text"] == f"re: {text}"]
        by = {message["link"] for message in answers}
        require(len(by) <= 1, "S4", f"{text} was answered by {len(by)} links")

    def check_quiet(self, world):
        """Nobody has spoken for a while: a session whose swaps are over has one link at most."""
        open_links = defaultdict(int)
        for socket in world.dialer.current():
            if socket.phase is Phase.OPEN and socket._transport in self.links:
                open_links[self.links[socket._transport][1]["sessionId"]] += 1
        for session in world.sessions():
            if session.state.swap is None and not session.state.closing:
                number = open_links[session.state.id]
                require(number <= 1, "S2", f"{session.state.id} has {number} links")

    def check_lost(self, world):
        """A text that the gateway took reached an agent, or its caller was told, or has left."""
        for caller in world.callers:
            if caller.left:
                continue
            for text in self.texts[caller.name][caller.told :]:
                require(self.deliveries.get(text), "S3", f"{text} was dropped in silence")
                last = self.deliveries[text][-1]
                if last in self.lost_links and not self._answered_after(caller, last, text):
                    raise Violated(f"S3: {text} went down with its link and was not said again")

    def _answered_after(self, caller, link, text):
        """Whether the link answered anything after it had been told ``text``: then nobody can tell which."""
        told = [heard for _, heard in self.by_link[link]]
        answers = [m["text"].removeprefix("re: ") for m in caller.answers if m["link"] == id(link)]
        return bool(answers) and told.index(text) <= max(told.index(answer) for answer in answers) + len(told)

    def _check_session(self, session_id, events):
        ends = [event for event in events if isinstance(event, SessionEnded)]
        require(len(ends) == world_sessions(events), "S9", f"{session_id} has {len(ends)} end records")
        losses = sum(isinstance(event, LinkLost) for event in events)
        swaps = [event.receipt for event in events if isinstance(event, SwapEnded)]
        dials = sum(receipt.attempts for receipt in swaps)
        require(dials <= losses + len(swaps) + 1, "S7", f"{session_id}: {dials} dials for {losses} losses")
        began = self.losses_at[session_id]
        worst = max((sum(0 <= at - first <= PERIOD_S for at in began) for first in began), default=0)
        wishes = sum(receipt.reason is not SwapReason.FAILOVER for receipt in swaps)
        require(worst <= INTENSITY + 2 + 3 * wishes, "S7", f"{session_id}: {worst} losses within {PERIOD_S} s")
        moved = [r for r in swaps if r.reason is SwapReason.HANDOFF and r.outcome is Outcome.DONE]
        require(all(r.target != r.source for r in moved), "S8", f"{session_id} was handed to where it was")

    def _check_nothing_left(self, world):
        require(not world.network.open, "S5", f"{len(world.network.open)} sockets left")
        require(not world.dialer.under_way, "S5", f"{len(world.dialer.under_way)} dials left")
        require(len(world.stage) == 4, "S5", f"{len(world.stage)} actors left")
        require(len(world.calls) == 0, "S5", f"{len(world.calls)} calls left")
        require(world.places() == 0, "S5", f"{world.places()} places left in the registry")


def world_sessions(events):
    """How many sessions of one id there were: a call that is taken up again is a new one."""
    return max(1, sum(isinstance(event, SessionEnded) for event in events))
