"""Deliberate bugs, one at a time: the simulation must notice each of them."""

from contextlib import contextmanager

from actors import agent_link, session_end, session_parking, session_swaps
from actors.effects import Timer
from actors.failover import Budget
from actors.handoff import Taken
from actors.messages import WireClosed
from actors.registry_book import Book
from actors.token_bucket import TokenBucket
from actors.turns import Turns
from gateway.agent_socket import AgentSocket
from gateway.relay import CallerRelay
from gateway.resume import LiveCalls
from gateway.stash import Stash
from gateway.translate import Translator


@contextmanager
def replaced(owner, name, made):
    """Put ``made(original)`` in place of an attribute."""
    original = getattr(owner, name)
    setattr(owner, name, made(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


def nothing(_original):
    return lambda *_, **__: None


def says_again_what_is_stashed(_original):
    def repeat(self, texts):
        for text in texts:
            self.forward_text(text)

    return repeat


def swallows_texts(_original):
    return lambda _self, _item, _size: True


def reverses(original):
    return lambda self, now_ms: list(reversed(original(self, now_ms)))


def starts_again(original):
    def start(self):
        self._started = False
        return original(self)

    return start


def ignores_the_end_of_its_wire(original):
    def handle(self, message, sender):
        if not isinstance(message, WireClosed):
            original(self, message, sender)

    return handle


def closes_nothing(_original):
    return lambda _r, _generation, _instance, _verdict=None: None


def starts_no_park_timer(original):
    return lambda name, seconds: original(Timer.GATE if name is Timer.PARK else name, seconds)


def has_an_endless_budget(_original):
    return lambda _self, settings, _now: settings.intensity


def takes_every_signal(_original):
    return lambda *_: True


def counts_nothing_as_answered(_original):
    return lambda self, *_, **__: self


def answers_whom_it_heard_first(original):
    heard = []

    def on_agent_text(self, data):
        heard.append(self)
        original(heard[0], data)

    return on_agent_text


def fails(_original):
    def fail(*_, **__):
        raise ValueError

    return fail


def grants_everything(_original):
    return lambda _self, _now: 0.0


def repeats_nothing(_original):
    return lambda _self: ()


def doubts_nothing(_original):
    return lambda self: self


MUTANTS = {
    "the relay stashes what it has stashed already": (CallerRelay, "repeat", says_again_what_is_stashed),
    "a link that was current stays heard": (AgentSocket, "retire", nothing),
    "the stash swallows texts": (Stash, "add_text", swallows_texts),
    "the stash gives its texts back to front": (Stash, "take", reverses),
    "session_start is sent for every link": (Translator, "start", starts_again),
    "a failover forgets what was not answered": (Turns, "repeated", repeats_nothing),
    "an apology counts as an answer": (Turns, "told", doubts_nothing),
    "a link does not notice that its wire has ended": (agent_link.AgentLink, "handle", ignores_the_end_of_its_wire),
    "a link that is killed leaves its wire": (agent_link.AgentLink, "on_exit", nothing),
    "a swap leaves the old link": (session_swaps, "close", closes_nothing),
    "a parked session waits for ever": (session_parking, "StartTimer", starts_no_park_timer),
    "places are not given back": (Book, "release", nothing),
    "a killed session keeps its places": (Book, "forget_session", nothing),
    "an ended call is not forgotten": (LiveCalls, "_forget", nothing),
    "a hand-off that is signalled twice happens twice": (Taken, "first", takes_every_signal),
    "a hand-off fails in silence": (session_swaps, "tell_handoff_failed", nothing),
    "redials do not wait for their turn": (TokenBucket, "wait_s", grants_everything),
    "a place is kept for an abandoned swap": (session_end, "leave_next", nothing),
    "what was answered is said again": (Turns, "answered", counts_nothing_as_answered),
    "a caller hears what another one is answered": (CallerRelay, "on_agent_text", answers_whom_it_heard_first),
    "the registry fails when a place is given back": (Book, "release", fails),
    "who comes back is not known": (LiveCalls, "find", nothing),
    "restarts have no budget": (Budget, "remaining", has_an_endless_budget),
}
