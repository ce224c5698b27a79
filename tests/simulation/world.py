"""A whole gateway, its callers and its agents in one thread: real actors, machines, relay and sockets, one seed."""

from __future__ import annotations

import asyncio
import math
import random
from uuid import UUID

from actors import topology
from actors.call import read_call
from actors.ids import AgentId, SessionId
from actors.link_end import LinkFailed
from actors.ports import Ports, SessionSettings
from actors.redials import RedialSettings
from actors.registry import RegistryArgs
from actors.registry_book import RegistrySettings
from actors.registry_messages import Deregister, ProbeAnswered, Register
from actors.session import CALLS, MEMORIES, SessionActor, SessionArgs
from actors.store import StoreArgs
from actors.verdict import Verdict
from gateway.close_codes import TO_CALLER
from gateway.keepalive import Keepalive
from gateway.relay import CallerRelay
from gateway.resume import Elsewhere, Live, LiveCalls, ResumeTokens, Taken
from gateway.store import MemoryStore
from supervisor.events import ActorFailed
from supervisor.messages import KillChild, StartChild, ToPath
from supervisor.testing import Stage
from tests.simulation.agents import Instance
from tests.simulation.callers import Caller
from tests.simulation.faults import FAULTS
from tests.simulation.network import Network, Transport
from tests.simulation.record import NODE_ACTORS, Record, Violated, require
from tests.simulation.sockets import LIMITS, CallerSocket, Dialer
from tests.simulation.story import Story

CALM: dict[str, float] = {"audio": 0.3, "handoff": 0.1, "verify": 0.05}
TEMPERS = (
    CALM,
    CALM | {"crash": 0.1, "twice": 0.5},
    CALM | {"refuse": 0.3, "hang": 0.1, "reject": 0.1, "handoff": 0.3},
    CALM | {"close": 0.1, "mute": 0.1, "error": 0.05, "failed_tool": 0.5, "handoff": 0.3},
    CALM | {"garbage": 0.5, "lie": 0.5, "deaf": 0.02, "twice": 0.5, "handoff": 0.4},
)
STORM = CALM | {"close": 0.7, "twice": 0.5}
"""Every link falls again and again: only a budget ends it."""
STORMY = 0.1
"""The share of worlds in which every agent is like that."""
STANDBYS = 0.25
"""The share of worlds in which links have a standby."""
REDIALS = (RedialSettings(), RedialSettings(rate=5.0, burst=3))
SLOW_CONNECT_S = 8.0
"""Longer than a link waits for its handshake."""
SIZES, SHARES = ((1, 12), (13, 50), (51, 300)), (0.95, 0.04, 0.01)
"""How many callers a world has, and how many worlds are of which size."""
STEPS_A_CALLER = 4_000
LIVES_S = (4.0, 10.0, 20.0)
"""For how long callers have something to say; with the shorter ones, starts and ends crowd."""
QUIET_S = 30.0  # then the next link has been built
AFTER_S = 150.0  # patience, park and every deadline, one after the other


class Prober:
    def __init__(self, world):
        self.world = world

    def probe(self, agent_id, url, deliver):
        instance = self.world.agents.get(url)
        alive = instance is not None and instance.up
        self.world.network.call_idle(0.05, lambda: deliver(ProbeAnswered(agent_id, url, alive)))


class World:
    """One seed's world. `run` raises `Violated` with the rule that does not hold.

    ``callers`` is drawn from the seed where it is not given; `steps` counts messages and what comes off the wires.
    """

    def __init__(self, seed, callers=None, *, log=False):
        self.seed = seed
        self.random = random.Random(seed)
        if callers is None:
            callers = self.random.randint(*self.random.choices(SIZES, SHARES)[0])
        self.stage = Stage(seed)
        self.clock = self.stage.clock
        self.names = {}
        """Per session, the name of its caller."""
        self.story = Story(self.names) if log else None
        self.steps = 0
        self.life_s = self.random.choice(LIVES_S)
        self.settled_at = self.life_s + QUIET_S
        """When the last fault must have been noticed and made good."""
        self.record = Record()
        self.network = Network(self.clock, self.random)
        self.agents = {}
        self.dialer = Dialer(self.network, self.agents, self.record, self._connect_delay)
        self.keepalive = Keepalive(LIMITS)
        self.store = MemoryStore(self.clock.now)
        self.calls = LiveCalls(ResumeTokens(b"simulated", 3600, self.clock.now))
        self.tokens = self.calls.tokens
        self.callers = [Caller(self, number) for number in range(callers)]
        park_s, linger_s = self.random.choice((5.0, 60.0)), self.random.choice((0.5, 10.0))
        standby = self.random.random() < STANDBYS
        self.settings = SessionSettings(park_s=park_s, linger_s=linger_s, standby=standby)
        tell = lambda address, message: self.stage.post(address, message, self.stage.address)  # noqa: E731
        self.ports = Ports(self.dialer, tell, self.clock.now, self.clock.now, self.random.random)
        self.redials = self.random.choice(REDIALS)
        self.registry_began_anew = False
        settings = RegistrySettings(redials=self.redials, warm_links=1000 if standby else 0)
        registry = RegistryArgs(self.ports, Prober(self), topology.STORE_PATH, settings)
        self.node = self.stage.start(topology.node_spec(topology.NodeArgs(StoreArgs(lambda: self.store), registry)))
        tempers = (STORM,) if self.random.random() < STORMY else TEMPERS
        for agent in ("triage", "idv", "banking"):
            for number in range(self.random.choice((1, 2, 2))):
                url = f"ws://{agent}-{number}.bank:1"
                self.agents[url] = Instance(self, agent, url, self.random.choice(tempers))
                self._tell(topology.REGISTRY_PATH, Register(AgentId(agent), url))

    def note(self, about, *words):
        """Remember something, unformatted; ``about`` is a caller's name, a session's id, or empty."""
        if self.story is not None:
            self.story.add(self.clock.at, about, words)

    def _connect_delay(self):
        return self.random.random() * (SLOW_CONNECT_S if self.random.random() < 0.02 else 0.3)

    # --- what the gateway's reception does ---

    def connect(self, caller, token, seen):
        socket = CallerSocket(
            self.record.bugs.append, lambda opened: self._welcome(caller.name, opened, token, seen), self.keepalive
        )
        caller.link = Transport(self.network, caller, 0.02, is_client_side=False)
        self.note(caller.name, "connects by", caller.link)
        caller.link.open(socket)

    def _welcome(self, name, socket, token, seen):
        found = self.calls.find(token) if token else None
        match found:
            case Live(relay, claim):
                relay.rebind(socket, claim, seen)
            case Taken():
                close = TO_CALLER[Verdict.CLAIMED]
                socket.begin_close(close.code, close.reason)
            case Elsewhere(claim):
                document = self.store.load(CALLS, claim.session_id)
                memory = self.store.load(MEMORIES, claim.session_id) or {}
                call = None if document is None else read_call(document, memory)
                self._begin(name, socket, claim.session_id, claim.number + 1, call)
            case _:
                self._begin(name, socket, SessionId(str(UUID(int=self.random.getrandbits(128)))), 0, None)

    def _begin(self, name, socket, session_id, claim, call):
        self.names[session_id] = name
        relay = CallerRelay(session_id, socket, self.clock.now, self.clock.now, tokens=self.tokens, claim=claim)
        self.calls.add(relay)
        relay.greet(taken_up=call is not None)
        args = SessionArgs(session_id, relay, self.ports, self.settings, self._trace, call=call)
        self._tell(topology.SESSIONS_PATH, StartChild(topology.session_spec(args)))

    def _trace(self, session_id, event):
        self.note(session_id, event)
        self.record.traced(session_id, event, self.clock.at)

    def _tell(self, path, message):
        self.stage.post(self.node, ToPath(path, message, self.stage.address), self.stage.address)

    # --- chaos ---

    def _plan_chaos(self):
        """A few events, and more where there are many callers; a broken wire concerns one of them only."""
        deeds = (self._kill_an_actor, self._kill_an_agent, self._move_an_agent)
        for _ in range(self.random.randrange(4) + len(self.callers) // 20):
            self.network.call_later(self.random.random() * self.life_s, self.random.choice(deeds))
        for _ in range(self.random.randrange(len(self.callers) + 1)):
            self.network.call_later(self.random.random() * self.life_s, self._break_a_wire)

    def _break_a_wire(self):
        if self.network.open:
            wire, fault = self.random.choice(list(self.network.open)), self.random.choice(FAULTS)
            self.note(wire.peer.owner(wire), wire, "of", wire.peer, "is", fault.__name__)
            fault(self, wire)

    def _kill_an_actor(self):
        sessions = [cell.instance.path for cell in self.stage.engine.cells() if cell.instance.path.count("/") >= 2]
        path = self.random.choice([topology.STORE_PATH, topology.REGISTRY_PATH, *sessions])
        parent, _, child = path.rpartition("/")
        self.note("", "chaos kills", path)
        self.registry_began_anew |= path == topology.REGISTRY_PATH
        if parent == topology.NODE:
            self.stage.post(self.node, KillChild(child), self.stage.address)
        else:
            self._tell(parent, KillChild(child))

    def _kill_an_agent(self):
        instance = self.random.choice(list(self.agents.values()))
        self.note("", "chaos kills", instance.url)
        instance.die()
        self.network.call_idle(self.random.random() * 20, instance.rise)

    def _move_an_agent(self):
        instance = self.random.choice(list(self.agents.values()))
        self.note("", instance.url, "is deregistered")
        self.registry_began_anew = True
        agent = AgentId(instance.agent_id)
        self._tell(topology.REGISTRY_PATH, Deregister(agent, instance.url))
        self.network.call_idle(
            self.random.random() * 5, lambda: self._tell(topology.REGISTRY_PATH, Register(agent, instance.url))
        )

    # --- running ---

    def run(self):
        """Live through everything; then everybody leaves, and nothing may be left."""
        asyncio._set_running_loop(self.network)
        try:
            self._run()
        finally:
            asyncio._set_running_loop(None)

    def _run(self):
        for caller in self.callers:
            self.network.call_later(self.random.random() * 2, caller.begin)
        self._plan_chaos()
        self._until(self.life_s)
        for instance in self.agents.values():
            instance.rise()
        self._until(self.settled_at)
        self.record.check_lost(self)
        self.record.check_quiet(self)
        self.record.check_told(self)
        for caller in self.callers:
            if caller.link is not None:
                caller._leave()
            caller.left = True
        self._until(self.settled_at + AFTER_S, self._is_over)
        bugs = [event for event in self.stage.events.all(ActorFailed) if not isinstance(event.error, LinkFailed)]
        require(not bugs, "S10", f"crashed: {bugs[:1]}")
        self.record.check_end(self)

    def _is_over(self):
        """Nobody is there, and nothing is under way but what the registry does by itself."""
        return len(self.stage) == NODE_ACTORS and not self.network.open and self.network.is_quiet()

    def _until(self, end, is_over=lambda: False):
        engine, network, chance, check = self.stage.engine, self.network, self.random.random, self.record.check_step
        most = self.steps + STEPS_A_CALLER * (len(self.callers) + 1)
        while self.steps < most:
            step = network.take_due() if not engine.ready or chance() < 0.3 else None
            if step is not None:
                step()
            elif engine.ready:
                engine.run_batch(1, math.inf)
            elif is_over() or not self._move_on(end):
                return
            else:
                continue
            self.steps += 1
            check(self)
        raise Violated(f"S5: busy after {self.steps} steps")

    def _move_on(self, end):
        first, wakeup = self.network.next_due(), self.stage.engine.wakeups.next_due()
        due = wakeup if first is None or (wakeup is not None and wakeup < first) else first
        if due is None or due > end:
            self.clock.at = end
            return False
        self.clock.at = max(self.clock.at, due)
        if wakeup is not None and wakeup <= self.clock.at:
            self.stage.engine.fire_due()
        return True

    @property
    def is_busy(self):
        """Callers talk; later they only wait for what is still to come."""
        return self.clock.at < self.life_s

    def caller_of(self, session_id):
        return self.callers[int(self.names[session_id].removeprefix("c"))]

    def sessions(self):
        """The session actors that run."""
        return [cell.instance for cell in self.stage.engine.cells() if isinstance(cell.instance, SessionActor)]

    def places(self):
        """Places that the registry believes are taken."""
        book = self.stage.actor(topology.REGISTRY_PATH).book
        return sum(info.links for info in book.describe("", self.clock.at))
