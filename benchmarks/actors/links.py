"""Our link actor under our supervisor, its wire lost again and again: `python -m benchmarks.actors.links`.

One restart is: the wire's end is delivered, the link crashes, the supervisor asks its policy, and the next incarnation
has begun to dial. The dialer opens no socket.
"""

from __future__ import annotations

import asyncio
import time
from random import random

import uvloop

from actors.agent_link import AgentLink, LinkArgs
from actors.ids import AgentId, Generation, Instance
from actors.link_end import FailureKind, LinkEnd, Phase
from actors.messages import WireRefused
from actors.ports import Ports, SessionSettings
from benchmarks.actors.orders import serve
from supervisor.backoff import AT_ONCE
from supervisor.messages import Runtime, Start
from supervisor.spec import ChildSpec, RestartType, SupervisorPlan
from supervisor.supervisor import Supervisor
from supervisor.system_base import AsyncioSystemBase

PERIOD_S = 0.001  # as many restarts are in the window as a real budget has, where intensity is no bound
LOST = WireRefused(LinkEnd(FailureKind.UNREACHABLE, Phase.DIALLING, detail="lost"))


class Attempt:
    """Cannot be given up, for nothing is under way."""

    def cancel(self):
        pass


class Losing:
    """A `Dialer` whose wires are lost as soon as somebody wants them, so many times."""

    def __init__(self):
        self.left, self.deliver, self.done = 0, None, None

    def dial(self, url, deliver, traceparent=""):
        self.deliver = deliver
        if self.left:
            self.left -= 1
            deliver(LOST)
        elif self.done is not None:
            self.done.set_result(None)
        return Attempt()


def main():
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    base, dialer = AsyncioSystemBase(loop=loop), Losing()
    ports = Ports(dialer, base.tell, time.monotonic, time.time, random)
    args = LinkArgs(Generation(1), Instance(AgentId("a"), "ws://a"), {}, ports, SessionSettings())
    link = ChildSpec("link", AgentLink, args, restart=RestartType.TRANSIENT, backoff=AT_ONCE)
    plan = SupervisorPlan((link,), intensity=1_000_000, period_s=PERIOD_S)
    root = base.newPrimaryActor(Supervisor)

    def restarts(number):
        dialer.left, dialer.done = number - 1, loop.create_future()
        dialer.deliver(LOST)
        loop.run_until_complete(dialer.done)

    dialer.done = loop.create_future()
    base.tell(root, Start("root", "root", 1, plan, Runtime()))
    loop.run_until_complete(dialer.done)
    serve({"restarts": restarts})
    base.shutdown()


main()
