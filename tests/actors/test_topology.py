"""The node with every real actor: store, registry, sessions, a session and its links."""

import pytest

from actors import topology
from actors.ids import AgentId, SessionId
from actors.messages import CallerGone, CallerText
from actors.ports import Ports, SessionSettings
from actors.registry import RegistryArgs
from actors.registry_messages import AgentList, ListAgents, Register
from actors.session import SessionArgs
from actors.store import StoreArgs
from supervisor.messages import KillChild, StartChild, ToChild
from supervisor.spec import RestartType, Strategy
from supervisor.testing import Stage
from tests.actors.world import Dialer, Relay, Shelf


class Prober:
    def probe(self, agent_id, url, deliver):
        pass


def node(stage, dialer, shelf=None):
    clock = stage.clock
    ports = Ports(
        dialer, lambda to, message: stage.post(to, message, stage.address), clock.now, clock.now, stage.random.random
    )
    args = topology.NodeArgs(StoreArgs(lambda: shelf or Shelf()), RegistryArgs(ports, Prober(), topology.STORE_PATH))
    root = stage.start(topology.node_spec(args))
    stage.run()
    return root, ports


def call(stage, root, ports, name):
    relay = Relay()
    args = SessionArgs(SessionId(name), relay, ports, SessionSettings(), lambda *_: None)
    stage.tell(root, ToChild(topology.SESSIONS, StartChild(topology.session_spec(args))))
    return relay


def links(stage, root):
    stage.tell(root, ToChild(topology.REGISTRY, ListAgents()))
    return {info.url: info.links for info in stage.outside.last(AgentList).agents}


def test_the_plan_is_the_tree():
    plan = topology.node_plan(topology.NodeArgs(StoreArgs(Shelf), None, max_sessions=7))
    assert plan.strategy is Strategy.ONE_FOR_ONE
    assert [child.id for child in plan.children] == ["store", "registry", "sessions"]
    assert all(child.restart is RestartType.PERMANENT for child in plan.children)
    assert plan.children[-1].args.max_children == 7


def test_calls_reserve_places_and_give_them_back():
    stage, dialer = Stage(3), Dialer()
    root, ports = node(stage, dialer)
    for url in ("http://127.0.0.1:8081", "http://127.0.0.1:9081"):
        stage.tell(root, ToChild(topology.REGISTRY, Register(AgentId("triage"), url)))
    relays = [call(stage, root, ports, f"s{number}") for number in range(4)]
    for relay in relays:
        relay.deliver(CallerText("hello"))
    stage.run()
    assert sorted(links(stage, root).values()) == [2, 2]
    for relay in relays:
        relay.deliver(CallerGone(1000))
    stage.advance(15)
    assert sorted(links(stage, root).values()) == [0, 0]
    assert len(stage) == 4


def test_a_session_that_is_killed_gives_its_places_back_and_its_neighbour_stays():
    stage, dialer = Stage(4), Dialer()
    root, ports = node(stage, dialer)
    stage.tell(root, ToChild(topology.REGISTRY, Register(AgentId("triage"), "http://127.0.0.1:8081")))
    for name in ("a", "b"):
        call(stage, root, ports, name).deliver(CallerText("hello"))
    stage.run()
    stage.tell(root, ToChild(topology.SESSIONS, KillChild("a")))
    assert list(links(stage, root).values()) == [1]
    assert [wire.ended for wire in dialer.wires] == [True, False]


@pytest.mark.parametrize("killed", [topology.STORE, topology.REGISTRY])
def test_no_crash_of_a_sibling_ends_a_call_or_keeps_the_next_one_out(killed):
    stage, dialer, shelf = Stage(5), Dialer(), Shelf()
    root, ports = node(stage, dialer, shelf)
    stage.tell(root, ToChild(topology.REGISTRY, Register(AgentId("triage"), "http://127.0.0.1:8081")))
    first = call(stage, root, ports, "a")
    first.deliver(CallerText("hello"))
    stage.run()
    stage.tell(root, KillChild(killed))
    stage.advance(5)
    assert not dialer.wires[0].ended
    first.deliver(CallerText("still there?"))
    second = call(stage, root, ports, "b")
    second.deliver(CallerText("me too"))
    stage.advance(5)
    assert [message["text"] for message in dialer.wires[0].sent if message["type"] == "text_input"][
        -1
    ] == "still there?"
    assert len(dialer.wires) == 2
    first.deliver(CallerGone(1006))
    stage.advance(SessionSettings().park_s + 1)
    assert dialer.wires[0].ended
    assert len(stage) == 6  # node, store, registry, sessions, the second session and its link
