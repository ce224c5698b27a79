"""The store actor: what fails is opened again and written later; only bugs end it."""

import pytest

from actors.ports import NotJson, StoreFailed
from actors.store import MAX_WAITING, StoreActor, StoreArgs
from actors.store_messages import DeleteDocument, DocumentLoaded, LoadDocument, SaveDocument
from supervisor.messages import ToChild
from supervisor.spec import ChildSpec, SupervisorPlan
from supervisor.supervisor import Supervisor
from supervisor.testing import Stage
from tests.actors.world import Shelf

UNFIT = object()


class Disk(Shelf):
    """Full or not, as the test says; counts how often it was opened."""

    def __init__(self):
        super().__init__()
        self.full, self.opened = False, 0

    def open(self):
        self.opened += 1
        self.check()
        return self

    def check(self):
        if self.full:
            raise StoreFailed("disk full")

    def save(self, collection, key, document, ttl_s=None):
        self.check()
        if UNFIT in document.values():
            raise NotJson
        super().save(collection, key, document, ttl_s)

    def load(self, *place):
        self.check()
        return super().load(*place)

    def delete(self, *place):
        self.check()
        super().delete(*place)


class World:
    def __init__(self):
        self.stage, self.disk = Stage(), Disk()
        spec = ChildSpec("store", StoreActor, StoreArgs(self.disk.open))
        self.node = self.stage.start(ChildSpec("node", Supervisor, SupervisorPlan((spec,))))
        self.stage.run()

    def tell(self, message):
        self.stage.tell(self.node, ToChild("store", message))
        self.stage.run()

    def save(self, key, **document):
        self.tell(SaveDocument("c", key, document))

    def load(self, key):
        self.tell(LoadDocument("c", key))
        return self.stage.outside.last(DocumentLoaded).document

    @property
    def actor(self):
        return self.stage.actor("node/store")


@pytest.fixture
def world():
    return World()


def test_what_fails_to_be_written_waits_and_is_read_meanwhile(world):
    world.save("a", n=1)
    world.disk.full = True
    world.save("a", n=2)
    world.save("b", n=1)
    world.tell(DeleteDocument("c", "b"))
    assert world.load("a") == {"n": 2}
    assert world.load("b") is None
    assert world.disk.saved["c", "a"][0] == {"n": 1}
    assert world.actor.snapshot()["problem"] == "disk full"
    world.disk.full = False
    world.stage.advance(5)
    assert world.disk.saved == {("c", "a"): ({"n": 2}, None)}
    assert world.actor.snapshot() == {"store": "open", "served": 6, "waiting": 0, "lost": 0}


def test_a_long_failure_costs_few_trials_and_no_crash(world):
    actor = world.actor
    world.disk.full = True
    world.save("a", n=1)
    world.stage.advance(300)
    assert world.actor is actor
    assert world.disk.opened < 20
    world.disk.full = False
    world.stage.advance(31)
    assert world.load("a") == {"n": 1}


def test_reading_from_a_failing_store_is_answered(world):
    world.save("a", n=1)
    world.disk.full = True
    assert world.load("a") is None
    assert world.load("a") is None
    world.disk.full = False
    world.stage.advance(1)
    assert world.load("a") == {"n": 1}


def test_what_waits_is_bounded_and_what_is_lost_counted(world):
    world.disk.full = True
    for number in range(MAX_WAITING + 3):
        world.tell(SaveDocument("c", str(number), {}))
    assert world.actor.snapshot()["waiting"] == MAX_WAITING
    assert world.actor.snapshot()["lost"] == 3


def test_what_is_no_json_is_dropped_and_counted(world):
    actor = world.actor
    world.save("a", n=1)
    world.save("a", n=UNFIT)
    assert world.load("a") == {"n": 1}
    world.disk.full = True
    world.save("a", n=2)
    world.save("b", n=UNFIT)
    world.save("c", n=3)
    world.disk.full = False
    world.stage.advance(5)
    assert [world.load(key) for key in "abc"] == [{"n": 2}, None, {"n": 3}]
    assert world.actor is actor
    assert world.actor.snapshot() == {"store": "open", "served": 9, "waiting": 0, "lost": 2}


def test_a_bug_is_still_a_crash(world):
    before = world.actor
    world.tell("nonsense")
    world.stage.advance(1)
    assert world.actor is not before
