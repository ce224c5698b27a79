"""What happened, as seen from outside, and the invariants that it must satisfy; numbered as in docs/semantics.md."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from typing import TYPE_CHECKING

from actors.ports import SessionSettings
from actors.receipt import Outcome, SwapReason
from actors.session_events import SessionBegan, SessionEnded, SwapEnded
from gateway.agent_socket import Part
from tests.simulation.restarts import Restarts

if TYPE_CHECKING:
    from actors.session_events import SessionEvent

NODE_ACTORS = 4
"""The node, its store, its registry, and the supervisor of sessions."""
INTENSITY, PERIOD_S = SessionSettings().intensity, SessionSettings().period_s


class Violated(AssertionError):  # noqa: N818 - says what the invariant is
    """An invariant does not hold; ``about`` names the caller or session that it concerns, if there is one."""

    def __init__(self, words, about=""):
        super().__init__(words)
        self.about = about


def require(holds, rule, words, about=""):
    if not holds:
        raise Violated(f"{rule}: {words}", about)


class Record:
    """Facts from both ends of the gateway."""

    def __init__(self):
        self.texts = defaultdict(list)
        """Per caller, what he said, in order."""
        self.deliveries = defaultdict(list)
        """Per text, the links that it reached, in order."""
        self.by_link = defaultdict(list)
        self.events = defaultdict(list)
        self.restarts = {}
        """Per session that runs, or ran last under its id."""
        self.bugs = []
        self.violation = None
        """What was seen in the middle of somebody's turn, who must not be the one to hear of it."""
        self.turned = []
        """Relays for which a link became current in this step."""
        self._count = count(1)
        self.turns = {}
        """Per link that served a caller, when it was its turn, in order."""
        self.links = {}
        self.wishes = defaultdict(int)
        self.redials = defaultdict(list)
        """Per instance, when it was dialled in place of a link that was lost."""
        self.lost_links = set()

    def said(self, caller, text):
        self.texts[caller.name].append(text)

    def delivered(self, session, text, link):
        self.deliveries[text].append(link)
        self.by_link[link].append((session, text))

    def initialised(self, link, instance, message):
        self.links[link] = (instance.url, message)

    def became_current(self, link, relay):
        self.turned.append(relay)
        self.turns[link] = next(self._count)

    def wished(self, session):
        """An agent wishes to hand its caller over, however often it says so."""
        self.wishes[session] += 1

    def came_back(self, caller, session_id, world):
        """A caller is greeted: not by another session while the one that he was with waits for him."""
        if session_id != caller.session and any(session.state.id == caller.session for session in world.sessions()):
            self.violation = Violated(f"S11: {caller.session} waits for its caller in vain", caller.name)

    def lost(self, link):
        """A link went away otherwise than by the gateway's wish."""
        self.lost_links.add(link)

    def traced(self, session_id, event: SessionEvent, at):
        self.events[session_id].append(event)
        if isinstance(event, SessionBegan):
            self.restarts[session_id] = Restarts()
        elif session_id in self.restarts:
            worst, redialled = self.restarts[session_id].saw(event, at)
            if redialled:
                self.redials[event.url].append(at)
            if worst > INTENSITY:
                self.violation = Violated(f"S7: {worst} restarts within {PERIOD_S} s", session_id)

    # --- after each step ---

    def check_step(self, world):
        """Only what a step can have changed: at most one link of a relay is current, and nothing failed.

        A relay can get a second current link only in a step in which one becomes current.
        """
        if self.bugs:
            raise Violated(f"S6: a callback failed: {self.bugs}")
        if self.violation is not None:
            raise self.violation
        if self.turned:
            turned, self.turned = self.turned, []
            current = [socket._sink for socket in world.dialer.open_sockets() if socket.part is Part.CURRENT]
            for relay in turned:
                number = sum(sink is relay for sink in current)
                require(number <= 1, "S2", f"{number} current links", relay.session_id)

    # --- when nobody has spoken for a while ---

    def check_quiet(self, world):
        """A session whose swaps are over has one link at most, and one that waits beside it where that is wanted."""
        open_links = defaultdict(int)
        for socket in world.dialer.open_sockets():
            if socket._transport in self.links:
                open_links[self.links[socket._transport][1]["sessionId"]] += 1
        for session in world.sessions():
            if session.state.swap is None and not session.state.closing:
                number, allowed = open_links[session.state.id], 1 + (session.state.standby is not None)
                require(number <= allowed, "S2", f"{number} links", session.state.id)
        wanted = sum(places_of(session.state) for session in world.sessions())
        require(world.places() <= wanted, "S5", f"{world.places()} places taken by {wanted} links")

    def check_told(self, world):
        """Who was there all the time was told of each hand-off that came to nothing."""
        for session in world.sessions():
            caller = world.caller_of(session.state.id)
            if caller.left or caller.connections > 1 or session.state.swap is not None:
                continue
            swaps = [event.receipt for event in self.events[session.state.id] if isinstance(event, SwapEnded)]
            failed = sum(r.reason is SwapReason.HANDOFF and r.outcome is Outcome.RETURNED for r in swaps)
            require(caller.handoffs_failed >= failed, "S8", f"{failed} hand-offs failed in silence", caller.name)

    def check_lost(self, world):
        """A text that was taken reached an agent or still waits for one, or its caller was told, or has left."""
        waiting = {world.names[session.state.id] for session in world.sessions() if session.state.swap is not None}
        for caller in world.callers:
            if caller.left or caller.name in waiting:
                continue
            answered = {message["text"].removeprefix("re: ") for message in caller.answers}
            for text in self.texts[caller.name][caller.told :]:
                require(self.deliveries.get(text), "S3", f"{text} was dropped in silence", caller.name)
                last = max(self.deliveries[text], key=lambda link: self.turns.get(link, 0))
                if last in self.lost_links and text not in answered:
                    raise Violated(f"S3: {text} went down with its link and was not said again", caller.name)

    # --- at the end ---

    def check_end(self, world):
        for caller in world.callers:
            self._check_caller(caller)
        self._check_texts(world)
        self._check_redials(world)
        for link, heard in self.by_link.items():
            numbers = [int(text.partition("-")[2]) for _, text in heard]
            require(numbers == sorted(set(numbers)), "S3", f"order at {self.links[link][0]}: {heard}", heard[0][0])
        for session_id, events in self.events.items():
            self._check_session(session_id, events)
        check_nothing_left(world)

    def _check_caller(self, caller):
        require(caller.starts <= 1, "S1", f"session_start came {caller.starts} times", caller.name)
        answered = [message["text"].removeprefix("re: ") for message in caller.answers]
        strangers = [text for text in answered if not text.startswith(f"{caller.name}-")]
        require(not strangers, "S6", f"answers to others are heard: {strangers}", caller.name)

    def _check_texts(self, world):
        answered_by = defaultdict(set)
        for caller in world.callers:
            for message in caller.answers:
                answered_by[message["text"].removeprefix("re: ")].add(message["link"])
        for text, links in self.deliveries.items():
            name = text.partition("-")[0]
            require(len(links) == len(set(links)), "S3", f"{text} reached one link twice", name)
            require(len(answered_by[text]) <= 1, "S4", f"{text} was answered by {len(answered_by[text])} links", name)

    def _check_redials(self, world):
        """Unless the registry began anew, and with it what it remembers of its instances."""
        if world.registry_began_anew:
            return
        rate, burst = world.redials.rate, world.redials.burst
        for url, dials in self.redials.items():
            for first, began in enumerate(dials):
                for last in range(first + burst, len(dials)):
                    allowed = burst + (dials[last] - began) * rate + 1e-3
                    require(last - first + 1 <= allowed, "S12", f"{url} is dialled again too often: {dials}")

    def _check_session(self, session_id, events):
        began = sum(isinstance(event, SessionBegan) for event in events)
        ended = sum(isinstance(event, SessionEnded) for event in events)
        require(ended == began, "S9", f"{ended} end records of {began} sessions", session_id)
        swaps = [event.receipt for event in events if isinstance(event, SwapEnded)]
        handed = [r for r in swaps if r.reason is SwapReason.HANDOFF]
        words = f"{len(handed)} hand-offs for {self.wishes[session_id]} wishes"
        require(len(handed) <= self.wishes[session_id], "S8", words, session_id)
        moved = [r for r in handed if r.outcome is Outcome.DONE]
        require(all(r.target != r.source for r in moved), "S8", "handed over to where he was", session_id)


def places_of(state):
    """How many places a session needs: one for each link that it has, builds, or waits to see the end of."""
    building = [waits for waits in (state.swap, state.standby) if waits is not None and waits.instance is not None]
    return (state.current is not None) + len(building) + len(state.closing)


def check_nothing_left(world):
    require(not world.network.open, "S5", f"{len(world.network.open)} sockets left")
    require(not world.dialer.under_way, "S5", f"{len(world.dialer.under_way)} dials left")
    require(len(world.stage) == NODE_ACTORS, "S5", f"{len(world.stage)} actors left")
    require(len(world.calls) == 0, "S5", f"{len(world.calls)} calls left")
    require(world.places() == 0, "S5", f"{world.places()} places left in the registry")
