"""A whole gateway, its callers and its agents in one thread: real actors, machines, relay and sockets, one seed."""

from __future__ import annotations

import random
from uuid import UUID

from actors import topology
from actors.call import read_call
from actors.ids import AgentId, SessionId
from actors.link_end import LinkFailed
from actors.ports import Ports, SessionSettings
from actors.registry import RegistryArgs
from actors.registry_messages import Deregister, ProbeAnswered, Register
from actors.session import CALLS, MEMORIES, SessionActor, SessionArgs
from actors.store import StoreArgs
from actors.verdict import Verdict
from gateway.close_codes import TO_CALLER
from gateway.relay import CallerRelay
from gateway.resume import Elsewhere, Live, LiveCalls, ResumeTokens, Taken
from gateway.store import MemoryStore
from supervisor.events import ActorFailed
from supervisor.messages import KillChild, StartChild, ToPath
from supervisor.testing import Stage
from tests.simulation.network import CallerSocket, Dialer, Network, Transport
from tests.simulation.people import Caller, Instance
from tests.simulation.record import Record, Violated, require

CALM: dict[str, float] = {"audio": 0.3, "handoff": 0.1}
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
MAX_STEPS = 200_000
LIFE_S = 20.0
AFTER_S = 150.0  # patience, park and every deadline, one after the other


class Prober:
    def __init__(self, world):
        self.world = world

    def probe(self, agent_id, url, deliver):
        instance = self.world.agents.get(url)
        alive = instance is not None and instance.up
        self.world.network.call_later(0.05, lambda: deliver(ProbeAnswered(agent_id, url, alive)))


class World:
    """One seed's world. `run` raises `Violated` with the rule that does not hold."""

    def __init__(self, seed, callers=4, *, log=False):
        self.seed = seed
        self.random = random.Random(seed)
        self.stage = Stage(seed)
        self.clock = self.stage.clock
        self.log = [] if log else None
        self.record = Record()
        self.network = Network(self.clock, self.random)
        self.agents = {}
        self.dialer = Dialer(self.network, self.agents, self.record.bugs.append, lambda: self.random.random() * 0.3)
        self.store = MemoryStore(self.clock.now)
        self.calls = LiveCalls(ResumeTokens(b"simulated", 3600, self.clock.now))
        self.tokens = self.calls._tokens
        self.callers = [Caller(self, number) for number in range(callers)]
        park_s, linger_s = self.random.choice((5.0, 60.0)), self.random.choice((0.5, 10.0))
        self.settings = SessionSettings(park_s=park_s, linger_s=linger_s)
        tell = lambda address, message: self.stage.post(address, message, self.stage.address)  # noqa: E731
        self.ports = Ports(self.dialer, tell, self.clock.now, self.clock.now, self.random.random)
        registry = RegistryArgs(self.ports, Prober(self), topology.STORE_PATH)
        self.node = self.stage.start(topology.node_spec(topology.NodeArgs(StoreArgs(lambda: self.store), registry)))
        tempers = (STORM,) if self.random.random() < STORMY else TEMPERS
        for agent in ("triage", "idv", "banking"):
            for number in range(self.random.choice((1, 2, 2))):
                url = f"ws://{agent}-{number}.bank:1"
                self.agents[url] = Instance(self, agent, url, self.random.choice(tempers))
                self._tell(topology.REGISTRY_PATH, Register(AgentId(agent), url))

    def note(self, words):
        if self.log is not None:
            self.log.append(f"{self.clock.at:9.3f}  {words}")

    # --- what the gateway's reception does ---

    def connect(self, caller, token, seen):
        socket = CallerSocket(self.network, self.record.bugs.append, lambda opened: self._welcome(opened, token, seen))
        caller.link = Transport(self.network, caller, 0.02, is_client_side=False)
        caller.link.open(socket)

    def _welcome(self, socket, token, seen):
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
                self._begin(socket, claim.session_id, claim.number + 1, call)
            case _:
                self._begin(socket, SessionId(str(UUID(int=self.random.getrandbits(128)))), 0, None)

    def _begin(self, socket, session_id, claim, call):
        relay = CallerRelay(session_id, socket, self.clock.now, self.clock.now, tokens=self.tokens, claim=claim)
        self.calls.add(relay)
        relay.greet(taken_up=call is not None)
        args = SessionArgs(session_id, relay, self.ports, self.settings, self._trace, call=call)
        self._tell(topology.SESSIONS_PATH, StartChild(topology.session_spec(args)))

    def _trace(self, session_id, event):
        self.note(f"{session_id[:6]} {event}")
        self.record.traced(session_id, event, self.clock.at)

    def _tell(self, path, message):
        self.stage.post(self.node, ToPath(path, message, self.stage.address), self.stage.address)

    # --- chaos ---

    def _plan_chaos(self):
        for _ in range(self.random.randrange(4)):
            self.network.call_later(
                self.random.random() * LIFE_S,
                self.random.choice((self._kill_an_actor, self._kill_an_agent, self._move_an_agent)),
            )

    def _kill_an_actor(self):
        sessions = [cell.instance.path for cell in self.stage.engine.cells() if cell.instance.path.count("/") >= 2]
        path = self.random.choice([topology.STORE_PATH, topology.REGISTRY_PATH, *sessions])
        parent, _, child = path.rpartition("/")
        self.note(f"chaos kills {path}")
        if parent == topology.NODE:
            self.stage.post(self.node, KillChild(child), self.stage.address)
        else:
            self._tell(parent, KillChild(child))

    def _kill_an_agent(self):
        instance = self.random.choice(list(self.agents.values()))
        self.note(f"chaos kills {instance.url}")
        instance.die()
        self.network.call_later(self.random.random() * 20, instance.rise)

    def _move_an_agent(self):
        instance = self.random.choice(list(self.agents.values()))
        self.note(f"{instance.url} is deregistered")
        agent = AgentId(instance.agent_id)
        self._tell(topology.REGISTRY_PATH, Deregister(agent, instance.url))
        self.network.call_later(
            self.random.random() * 5, lambda: self._tell(topology.REGISTRY_PATH, Register(agent, instance.url))
        )

    # --- running ---

    def run(self):
        """Live through everything; then everybody leaves, and nothing may be left."""
        for caller in self.callers:
            self.network.call_later(self.random.random() * 2, caller.begin)
        self._plan_chaos()
        self._until(LIFE_S)
        for instance in self.agents.values():
            instance.rise()
        self._until(LIFE_S + 30)
        self.record.check_lost(self)
        self.record.check_quiet(self)
        for caller in self.callers:
            if caller.link is not None:
                caller._leave()
            caller.left = True
        self._until(LIFE_S + 30 + AFTER_S)
        bugs = [event for event in self.stage.events.all(ActorFailed) if not isinstance(event.error, LinkFailed)]
        require(not bugs, "S10", f"crashed: {bugs[:1]}")
        self.record.check_end(self)

    def _until(self, end):
        engine = self.stage.engine
        for _ in range(MAX_STEPS):
            step = self.network.take_due() if not engine.ready or self.random.random() < 0.3 else None
            if step is not None:
                step()
                self.record.check_step(self)
            elif engine.ready:
                engine.run_batch(1, float("inf"))
                self.record.check_step(self)
            elif not self._move_on(end):
                return
        raise Violated(f"S5: busy after {MAX_STEPS} steps")

    def _move_on(self, end):
        dues = [due for due in (self.network.next_due(), self.stage.engine.wakeups.next_due()) if due is not None]
        if not dues or min(dues) > end:
            self.clock.at = end
            return False
        self.clock.at = max(self.clock.at, min(dues))
        self.stage.engine.fire_due()
        return True

    @property
    def is_busy(self):
        """Callers talk; later they only wait for what is still to come."""
        return self.clock.at < LIFE_S

    def sessions(self):
        """The session actors that run."""
        return [cell.instance for cell in self.stage.engine.cells() if isinstance(cell.instance, SessionActor)]

    def places(self):
        """Places that the registry believes are taken."""
        book = self.stage.actor(topology.REGISTRY_PATH).book
        return sum(info.links for info in book.describe("", self.clock.at))
