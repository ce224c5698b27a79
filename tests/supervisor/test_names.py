import pickle

import pytest

from supervisor.backoff import AT_ONCE
from supervisor.messages import KillChild, NoSuchChild
from supervisor.names import Names
from supervisor.spec import ChildKind, ChildSpec, SupervisorPlan
from supervisor.supervised import Supervised
from supervisor.supervisor import Supervisor
from supervisor.testing import Stage

MESSAGES = 60


class Target(Supervised):
    def handle_start(self, args):
        self.heard = args

    def handle(self, message, sender):
        self.heard.append(message)


class Source(Supervised):
    def handle_start(self, args):
        self.said, self.returned = 0, args

    def handle(self, message, sender):
        if isinstance(message, NoSuchChild):
            self.returned.append(message.message)
        elif self.said < MESSAGES:
            self.said += 1
            self.send_to("node/target", self.said)
            self.send(self.myAddress, "go on")


def world(seed):
    stage, heard, returned = Stage(seed), [], []
    inner = SupervisorPlan((ChildSpec("source", Source, returned),))
    children = (
        ChildSpec("target", Target, heard, backoff=AT_ONCE),
        ChildSpec("middle", Supervisor, inner, kind=ChildKind.SUPERVISOR),
    )
    node = stage.start(ChildSpec("node", Supervisor, SupervisorPlan(children), kind=ChildKind.SUPERVISOR))
    stage.run()
    return stage, node, heard, returned


@pytest.mark.parametrize("seed", range(200))
def test_what_one_actor_says_to_a_path_arrives_in_order_while_the_one_there_is_restarted(seed):
    stage, node, heard, returned = world(seed)
    stage.post(node, KillChild("target"), stage.address)
    stage.tell(stage.actor("node/middle/source").myAddress, "go on")
    assert heard == sorted(heard)
    assert not set(heard) & set(returned)
    assert heard[-1] == MESSAGES


def test_a_path_that_is_down_is_known_and_answered_as_the_tree_would():
    stage, node, heard, returned = world(0)
    names = stage.actor("node").runtime.names
    assert names.find("node/target") is not None
    names.strike("node/target")
    assert "node/target" in names
    stage.tell(stage.actor("node/middle/source").myAddress, "go on")
    assert (heard, returned) == ([], list(range(1, MESSAGES + 1)))
    assert "node/nobody" not in names
    assert node is not None


def test_another_process_knows_nobody():
    names = Names()
    names.strike("node/target")
    assert "node/target" not in pickle.loads(pickle.dumps(names))  # noqa: S301 - our own
