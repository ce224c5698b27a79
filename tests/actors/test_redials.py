"""Callers who lost their agent all at once: in turn, who is speaking first, never more than the rate."""

from itertools import pairwise

from actors import topology
from actors.ids import AgentId, SessionId
from actors.link_end import FailureKind
from actors.messages import CallerGone, CallerText, TranscriptSeen
from actors.ports import Ports, RelayCounters, SessionSettings
from actors.redials import Queue, RedialSettings, Urgency, Wait
from actors.registry import RegistryArgs
from actors.registry_book import RegistrySettings
from actors.registry_messages import Register
from actors.session import SessionArgs
from actors.store import StoreArgs
from supervisor.messages import StartChild, ToChild
from supervisor.testing import Stage
from tests.actors.test_topology import Prober
from tests.actors.world import Dialer, Relay, Shelf

RATE, BURST = 20.0, 5


def test_the_urgent_come_first_then_the_oldest():
    queue, served = Queue(), []
    for number, urgency in enumerate([Urgency.SILENT, Urgency.SPEAKING, Urgency.SILENT, Urgency.SPEAKING]):
        queue.add("lane", f"s{number}", urgency, number)
    assert queue.serve(served.append) is None
    assert served == [1, 3, 0, 2]
    assert len(queue) == 0


def test_a_lane_that_has_to_wait_holds_up_no_other():
    queue, served = Queue(), []
    queue.add("slow", "a", Urgency.SPEAKING, "a")
    queue.add("free", "b", Urgency.SILENT, "b")
    assert queue.serve(lambda wish: Wait(2.0) if wish == "a" else served.append(wish)) == 2.0
    assert served == ["b"]
    assert "a" in queue
    assert queue.serve(served.append) is None
    assert served == ["b", "a"]


def test_a_wish_that_was_renewed_or_whose_caller_has_left_is_void():
    queue, served = Queue(), []
    for wish in ("old", "new"):
        queue.add(wish, "s", Urgency.SILENT, wish)
    queue.add("new", "gone", Urgency.SPEAKING, "gone")
    queue.forget("gone")
    queue.serve(served.append)
    assert served == ["new"]


class Caller(Relay):
    """A relay that knows whether its caller speaks."""

    def __init__(self, *, speaks):
        super().__init__()
        self.speaks = speaks

    def counters(self):
        return RelayCounters(caller_audio_age_s=0.1 if self.speaks else 30.0)


class Bank:
    """Real actors with one instance of triage, and callers who are all on it."""

    def __init__(self, callers):
        self.stage, self.dialer = Stage(1), Dialer()
        clock = self.stage.clock
        tell = lambda to, message: self.stage.post(to, message, self.stage.address)  # noqa: E731
        ports = Ports(self.dialer, tell, clock.now, clock.now, lambda: 0.5)
        settings = RegistrySettings(redials=RedialSettings(RATE, BURST))
        registry = RegistryArgs(ports, Prober(), topology.STORE_PATH, settings)
        self.node = self.stage.start(topology.node_spec(topology.NodeArgs(StoreArgs(Shelf), registry)))
        self.stage.run()
        self.register("ws://one:1")
        self.relays = [Caller(speaks=number % 2 == 1) for number in range(callers)]
        for number, relay in enumerate(self.relays):
            args = SessionArgs(SessionId(f"s{number}"), relay, ports, SessionSettings(), lambda *_: None)
            self.stage.tell(self.node, ToChild(topology.SESSIONS, StartChild(topology.session_spec(args))))
            relay.deliver(CallerText("hello"))
        self.stage.run()

    def register(self, url):
        self.stage.tell(self.node, ToChild(topology.REGISTRY, Register(AgentId("triage"), url)))

    def fall(self):
        """The instance dies under everybody, and another one is there."""
        self.register("ws://two:1")
        wires = list(self.dialer.wires)
        for relay in self.relays:
            relay.deliver(answered(relay))
        self.stage.run()
        self.dialer.attempts.clear()
        for wire in wires:
            wire.end(FailureKind.BROKEN)

    def served(self):
        return [relay for relay in self.relays if relay.generation > 1]


def answered(relay):
    return TranscriptSeen(relay.generation, "assistant", "Hello.", final=True)


def test_first_dials_do_not_wait():
    assert len(Bank(200).dialer.urls) == 200


def test_two_hundred_callers_of_a_fallen_agent_come_back_at_the_rate_and_speakers_first():
    bank = Bank(200)
    bank.fall()
    bank.stage.run()
    assert len(bank.dialer.urls) == BURST
    counts = []
    for _ in range(12):
        bank.stage.advance(1)
        counts.append(len(bank.dialer.urls))
        waiting = [relay for relay in bank.relays if relay.speaks and relay.generation == 1]
        silent = [relay for relay in bank.served() if not relay.speaks]
        assert not waiting or len(silent) <= BURST
    assert all(after - before <= RATE + 1 for before, after in pairwise(counts))
    assert counts[5] >= 5 * RATE
    assert counts[-1] == 200


def test_who_waits_for_his_turn_is_not_asked_for_twice_and_who_leaves_is_not_dialled():
    bank = Bank(30)
    bank.fall()
    bank.stage.run()
    for relay in bank.relays:
        if relay.generation == 1:
            relay.deliver(CallerGone(1000))
    bank.stage.advance(10)
    assert len(bank.dialer.urls) <= BURST + 1


def test_an_agent_that_falls_with_all_its_instances_comes_back_at_its_rate_and_serves_all():
    bank = Bank(200)
    for relay in bank.relays:
        relay.deliver(answered(relay))
    bank.stage.run()
    wires, bank.dialer.attempts = list(bank.dialer.wires), []
    bank.dialer.behaviour["ws://one:1"] = FailureKind.UNREACHABLE
    for wire in wires:
        wire.end(FailureKind.BROKEN)
    counts = [len(bank.dialer.urls)]
    for tick in range(56):
        if tick == 12:
            bank.dialer.behaviour.clear()
            bank.register("ws://one:1")
        bank.stage.advance(0.25)
        counts.append(len(bank.dialer.urls))
    assert max(after - before for before, after in zip(counts, counts[4:], strict=False)) <= RATE + BURST
    assert len(bank.served()) == 200
    assert not any(relay.verdict for relay in bank.relays)
