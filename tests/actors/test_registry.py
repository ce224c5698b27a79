"""The registry actor in its tree, under virtual time, with a prober that answers what the test says."""

from __future__ import annotations

import pytest

from actors.breaker import BreakerSettings
from actors.ids import AgentId
from actors.link_end import FailureKind
from actors.ports import Ports
from actors.registry import RegistryActor, RegistryArgs, fallback_urls, next_url
from actors.registry_book import Book
from actors.registry_messages import (
    AgentList,
    Deregister,
    Heartbeat,
    HeartbeatSeen,
    InstanceGone,
    InstanceHealthy,
    InstancePicked,
    ListAgents,
    NoInstance,
    PickInstance,
    ProbeAnswered,
    Register,
    ReleaseInstance,
)
from actors.store import StoreActor, StoreArgs
from supervisor.messages import KillChild, ToChild
from supervisor.spec import ChildSpec, Strategy, SupervisorPlan
from supervisor.supervisor import Supervisor
from supervisor.testing import Stage

TRIAGE = AgentId("triage")
URL = "ws://10.1.1.1:8081"


class Documents(dict):
    """A store that outlives its actor."""

    def load(self, collection, key):
        return self.get((collection, key))

    def save(self, collection, key, document, ttl_s=None):
        self[collection, key] = document

    def close(self):
        pass


class World:
    def __init__(self):
        self.stage = Stage()
        self.alive = {}
        self.probed = []
        documents = Documents()
        ports = Ports(None, self.stage.tell, self.stage.clock.now, self.stage.clock.now, lambda: 0.5)
        known = {AgentId("idv"): "ws://127.0.0.1:8084"}
        children = (
            ChildSpec("store", StoreActor, StoreArgs(lambda: documents)),
            ChildSpec("registry", RegistryActor, RegistryArgs(ports, self, "node/store", known=known)),
        )
        self.node = self.stage.start(ChildSpec("node", Supervisor, SupervisorPlan(children, Strategy.ONE_FOR_ONE)))
        self.stage.run()

    def probe(self, agent_id, url, deliver):
        self.probed.append(url)
        if url in self.alive:
            deliver(ProbeAnswered(agent_id, url, alive=self.alive[url], mode="text"))

    def ask(self, message, reply):
        self.stage.tell(self.node, ToChild("registry", message))
        return self.stage.outside.last(reply)

    def agents(self):
        return {info.url: info for info in self.ask(ListAgents(), AgentList).agents}


@pytest.fixture
def world():
    return World()


def wish(world, request=1, agent=TRIAGE):
    return PickInstance(world.stage.address, f"s#{request}", request, agent)


def test_a_registered_instance_is_picked_and_an_unknown_agent_is_not(world):
    world.ask(Register(TRIAGE, URL), object)
    assert world.ask(wish(world), InstancePicked).instance.url == URL
    assert world.ask(wish(world, 2, AgentId("x")), NoInstance) == NoInstance(2, "x", known=False)


def test_failures_among_links_that_prove_themselves_do_not_open_the_breaker(world):
    world.ask(Register(TRIAGE, URL), object)
    for number in range(2 * BreakerSettings().threshold):
        picked = world.ask(wish(world, number), InstancePicked)
        world.ask(ReleaseInstance(f"s#{number}", picked.instance, FailureKind.BROKEN), object)
        if number % 2:
            world.ask(InstanceHealthy(picked.instance), object)
    assert world.agents()[URL].breaker == "closed"


def test_a_silent_instance_is_probed_declared_dead_and_its_holders_told(world):
    world.ask(Register(TRIAGE, URL), object)
    world.ask(wish(world), InstancePicked)
    world.alive[URL] = False
    world.stage.advance(36)
    assert world.agents()[URL].status == "unhealthy"
    assert world.stage.outside.last(InstanceGone).instance.url == URL
    world.stage.advance(66)
    assert world.agents() == {}


def test_a_silent_instance_that_answers_its_probe_stays(world):
    world.alive[URL] = True
    world.ask(Register(TRIAGE, URL), object)
    world.stage.advance(120)
    assert world.agents()[URL].status == "healthy"


def test_beats_keep_it_without_a_probe(world):
    world.ask(Register(TRIAGE, URL), object)
    for _ in range(8):
        world.stage.advance(15)
        assert world.ask(Heartbeat(TRIAGE, URL), HeartbeatSeen).known
    assert world.probed == [URL]


def test_a_killed_registry_remembers_its_agents(world):
    world.alive[URL] = True
    world.ask(Register(TRIAGE, URL, capabilities=("persona-x",)), object)
    world.stage.tell(world.node, KillChild("registry"))
    world.stage.advance(5)
    assert world.agents()[URL].status == "healthy"
    assert world.agents()[URL].capabilities == ("persona-x",)


def test_a_forgotten_instance_comes_back_though_its_twin_is_there(world):
    twin = "ws://10.1.1.2:8081"
    world.alive |= {URL: False, twin: True}
    for url in (URL, twin):
        world.ask(Register(TRIAGE, url, port=8081), object)
    world.stage.advance(120)
    assert list(world.agents()) == [twin]
    assert world.ask(Heartbeat(TRIAGE), HeartbeatSeen).known
    assert list(world.agents()) == [twin]
    world.alive[URL] = True
    assert not world.ask(Heartbeat(TRIAGE, URL), HeartbeatSeen).known
    assert set(world.agents()) == {URL, twin}
    assert world.ask(Heartbeat(TRIAGE, URL), HeartbeatSeen).known


def test_an_agent_that_beats_without_ever_having_registered_is_looked_for(world):
    world.alive["ws://127.0.0.1:8084"] = True
    assert not world.ask(Heartbeat(AgentId("idv")), HeartbeatSeen).known
    assert world.agents()["ws://127.0.0.1:8084"].status == "healthy"
    assert world.ask(Heartbeat(AgentId("idv")), HeartbeatSeen).known


def test_holders_are_told_when_their_instance_says_goodbye(world):
    world.ask(Register(TRIAGE, URL), object)
    world.ask(wish(world), InstancePicked)
    world.ask(Deregister(TRIAGE), object)
    assert world.stage.outside.last(InstanceGone).instance.url == URL


def test_a_host_name_that_does_not_resolve_falls_back_to_the_peer_then_to_this_host(world):
    named = "ws://agent-triage:8081"
    world.alive = {named: False, "ws://10.0.0.9:8081": False, "ws://127.0.0.1:8081": True}
    world.ask(Register(TRIAGE, named, 8081, peer="10.0.0.9"), object)
    assert world.probed == [named, "ws://10.0.0.9:8081", "ws://127.0.0.1:8081"]
    assert world.ask(wish(world), InstancePicked).instance.url == "ws://127.0.0.1:8081"
    assert list(world.agents()) == [named]


def test_only_container_names_have_fallbacks():
    entry = Book().register(Register(TRIAGE, URL, 8081, peer="::1"), 0.0, 0)
    assert fallback_urls(entry) == []
    assert next_url(entry, URL) is None
    entry.url = "ws://agent-triage:8081"
    assert fallback_urls(entry) == ["ws://[::1]:8081", "ws://127.0.0.1:8081"]
