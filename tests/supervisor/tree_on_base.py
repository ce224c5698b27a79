"""Run a small tree on one of Thespian's own bases; a process of its own, because those bases leave sockets behind."""

import sys
import time

from thespian.actors import ActorSystem

from supervisor.backoff import AT_ONCE
from supervisor.messages import Runtime, Start, Started, ToChild
from supervisor.spec import ChildSpec, Strategy, SupervisorPlan
from supervisor.supervisor import Supervisor
from supervisor.testing import Echo


def main(base, port):
    plan = SupervisorPlan(
        (ChildSpec("a", Echo, backoff=AT_ONCE), ChildSpec("b", Echo, backoff=AT_ONCE)), Strategy.REST_FOR_ONE
    )
    system = ActorSystem(base, {"Admin Port": int(port)}, logDefs={"version": 1}, transientUnique=True)
    try:
        root = system.createActor(Supervisor)
        assert isinstance(system.ask(root, Start("node", "node", 1, plan, Runtime()), 20), Started)
        assert system.ask(root, ToChild("a", "x"), 10) == ("node/a", 1, "x")
        system.tell(root, ToChild("a", "crash"))
        deadline = time.monotonic() + 20
        while system.ask(root, ToChild("b", "y"), 5) != ("node/b", 2, "y"):
            assert time.monotonic() < deadline, "b was not restarted with a"
    finally:
        system.shutdown()
    sys.stdout.write("same tree\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
