"""A counter that crashes at thirteen, is restarted by its supervisor, and counts on from zero."""

from thespian.actors import ActorAddress, ActorSystem

from supervisor.messages import Runtime, SnapshotReply, SnapshotRequest, Start, Stop, ToChild
from supervisor.snapshot import to_text
from supervisor.spec import ChildSpec, SupervisorPlan
from supervisor.supervised import Supervised
from supervisor.supervisor import Supervisor


class Counter(Supervised):
    def handle_start(self, args: int) -> None:
        self.count = args

    def handle(self, message: int, sender: ActorAddress) -> None:
        self.count += message
        if self.count == 13:
            raise RuntimeError("thirteen")
        self.send(sender, self.count)

    def snapshot(self) -> dict[str, object]:
        return {"count": self.count}


class PrintEvents:
    def emit(self, event: object) -> None:
        print("event:", event)


def main() -> None:
    system = ActorSystem("simpleSystemBase", logDefs=False)
    plan = SupervisorPlan((ChildSpec("counter", Counter, 0),))
    node = system.createActor(Supervisor)
    print(system.ask(node, Start("node", "node", 1, plan, Runtime(sink=PrintEvents())), 2))
    for _ in range(13):
        print("count:", system.ask(node, ToChild("counter", 1), 0.2))
    reply: SnapshotReply = system.ask(node, SnapshotRequest(), 2)
    print(to_text(reply.snapshot))
    print(system.ask(node, Stop(), 2))
    system.shutdown()


if __name__ == "__main__":
    main()
