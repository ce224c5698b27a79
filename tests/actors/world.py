"""A whole node in one thread: real actors under virtual time, with wires, dialers and relays that live in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from actors import topology
from actors.ids import AgentId, Generation, Instance, SessionId
from actors.link_end import FailureKind, LinkEnd, Phase
from actors.messages import WireClosed, WireOpened, WireRefused, WireText
from actors.ports import Ports, RelayCounters, Replayed, SessionSettings
from actors.registry_messages import InstancePicked, NoInstance, PickInstance
from actors.session import SessionArgs
from actors.store import StoreArgs
from supervisor.messages import StartChild, ToChild
from supervisor.supervised import Supervised
from supervisor.testing import Stage

SESSION = SessionId("s-1")
SESSION_PATH = f"{topology.SESSIONS_PATH}/{SESSION}"


class Wire:
    """One end in memory; ``world`` decides what the agent behind it does."""

    def __init__(self, url, deliver, *, closes=True):
        self.url, self.deliver, self.closes = url, deliver, closes
        self.sent = []
        self.verdict = None
        self.aborted = self.ended = self.silent = False

    def send(self, message):
        self.sent.append(message)

    def stand_by(self):
        self.silent = True

    def close(self, verdict):
        self.verdict = verdict
        if self.closes:
            self.end(FailureKind.CLOSED_BY_US, 1000)

    def abort(self):
        self.aborted = True
        self.end(FailureKind.CLOSED_BY_US)

    def end(self, kind, code=None):
        if not self.ended:
            self.ended = True
            self.deliver(WireClosed(LinkEnd(kind, Phase.LIVE, code)))

    def ready(self, kind="connected"):
        self.deliver(WireText(kind))

    @property
    def init(self):
        return next(message for message in self.sent if message["type"] == "session_init")


@dataclass
class Attempt:
    url: str
    deliver: object
    cancelled: bool = False

    def cancel(self):
        self.cancelled = True

    def open(self, **fields):
        wire = Wire(self.url, self.deliver, **fields)
        self.deliver(WireOpened(wire))
        return wire

    def refuse(self, kind=FailureKind.UNREACHABLE):
        self.deliver(WireRefused(LinkEnd(kind, Phase.DIALLING)))


@dataclass
class Dialer:
    """``behaviour`` per URL: ``ok`` answers at once, a failure kind refuses, ``manual`` waits for the test."""

    behaviour: dict = field(default_factory=dict)
    attempts: list = field(default_factory=list)
    wires: list = field(default_factory=list)

    def dial(self, url, deliver, traceparent=""):
        attempt = Attempt(url, deliver)
        self.attempts.append(attempt)
        what = self.behaviour.get(url, "ok")
        if isinstance(what, FailureKind):
            attempt.refuse(what)
        elif what != "manual":
            wire = attempt.open(closes=what != "stuck")
            self.wires.append(wire)
            if what in {"ok", "stuck"}:
                wire.ready()
        return attempt

    @property
    def urls(self):
        return [attempt.url for attempt in self.attempts]


class Relay:
    """Keeps to the contract of `actors.ports.Relay`, without sockets."""

    def __init__(self):
        self.to_caller, self.cuts, self.stash = [], [], []
        self.wire = self.deliver = self.verdict = None
        self.held = True
        self.released = False
        self.generation = Generation(0)
        self.reading = True

    def attach(self, deliver):
        self.deliver = deliver

    def heard(self):
        pass

    def hold(self):
        self.held = True

    def cut_over(self, wire, generation, instance):
        self.wire, self.generation, self.text_type, self.held = wire, generation, instance.text_type, False
        self.cuts.append(generation)
        stash, self.stash = self.stash, []
        for kind, what in stash:
            (self.forward_text if kind == "text" else self.send_to_agent)(what)
        return Replayed(texts=sum(kind == "text" for kind, _ in stash))

    def forward_text(self, message):
        if self.held:
            self.stash.append(("text", message))
        else:
            self.wire.send({"type": self.text_type, "text": message.text})

    def repeat(self, texts):
        missing = [text for text in texts if not any(kept is text for _, kept in self.stash)]
        self.stash[:0] = [("text", text) for text in missing]

    def send_to_agent(self, message):
        if self.held:
            self.stash.append(("json", message))
        else:
            self.wire.send(message)

    def send_to_caller(self, message):
        self.to_caller.append(message)

    def stop_reading(self):
        self.reading = False

    def close(self, verdict):
        self.verdict = verdict

    def release(self):
        self.released = True

    def counters(self):
        return RelayCounters()

    def told(self, kind):
        return [message for message in self.to_caller if message["type"] == kind]


class Registry(Supervised):
    """Answers from the world's table of instances."""

    def handle_start(self, args):
        self.world = args

    def handle(self, message, sender):
        self.world.asked.append(message)
        if not isinstance(message, PickInstance) or self.world.registry_silent:
            return
        known = list(self.world.agents.get(message.agent_id, ()))
        free = [url for url in known if url not in message.exclude and message.only in {"", url}]
        if free:
            answer = InstancePicked(message.request, Instance(message.agent_id, free[0]))
        else:
            answer = NoInstance(message.request, message.agent_id, bool(known))
        self.send(message.reply_to, answer)


class Shelf:
    """A store in memory."""

    def __init__(self):
        self.saved = {}

    def save(self, collection, key, document, ttl_s=None):
        self.saved[collection, key] = (dict(document), ttl_s)

    def load(self, collection, key):
        return self.saved.get((collection, key), (None, None))[0]

    def delete(self, collection, key):
        self.saved.pop((collection, key), None)

    def close(self):
        pass


class World:
    def __init__(self, agents, seed=0, call=None, **settings):
        self.stage = Stage(seed)
        self.agents = {AgentId(name): urls for name, urls in agents.items()}
        self.asked, self.events = [], []
        self.registry_silent = False
        self.dialer, self.relay, self.shelf = Dialer(), Relay(), Shelf()
        self.settings = SessionSettings(**settings)
        clock = self.stage.clock
        tell = lambda address, message: self.stage.post(address, message, self.stage.address)  # noqa: E731
        ports = Ports(self.dialer, tell, clock.now, clock.now, lambda: 0.5)
        node = topology.NodeArgs(StoreArgs(lambda: self.shelf), self, registry_actor=Registry)
        self.node = self.stage.start(topology.node_spec(node))
        self.stage.run()
        tracer = lambda _, event: self.events.append(event)  # noqa: E731
        self.args = SessionArgs(SESSION, self.relay, ports, self.settings, tracer, call=call)
        self.tell_sessions(StartChild(topology.session_spec(self.args)))

    def tell_sessions(self, message):
        self.stage.tell(self.node, ToChild(topology.SESSIONS, message))

    def ask(self, message):
        """A request to the session from outside."""
        self.tell_sessions(ToChild(SESSION, message))

    def caller(self, *events):
        """What the relay reports, all of it in one tick."""
        for event in events:
            self.relay.deliver(event)
        self.stage.run()

    def do(self, action, *args):
        """Something on a wire, and all that follows now."""
        action(*args)
        self.stage.run()

    @property
    def wire(self):
        return self.dialer.wires[-1]

    @property
    def actor(self):
        return self.stage.actor(SESSION_PATH)

    @property
    def state(self):
        return self.actor.state

    def seen(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def alive(self):
        try:
            return self.actor is not None
        except LookupError:
            return False
