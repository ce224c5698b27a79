"""The gateway's real sockets on simulated wires, and the dialer that opens those to agents."""

from __future__ import annotations

from actors.link_end import FailureKind, LinkEnd
from actors.link_end import Phase as LinkPhase
from actors.messages import WireRefused
from gateway.agent_socket import AGENT_LIMITS, AgentSocket
from gateway.client_socket import ClientSocket
from gateway.keepalive import Keepalive
from gateway.socket_core import Cause, Phase, SocketLimits
from tests.simulation.network import Transport

LIMITS = SocketLimits()


class CallerSocket(ClientSocket):
    def __init__(self, on_bug, on_open, keepalive):
        ClientSocket.__init__(self, LIMITS, on_bug, keepalive)
        self._on_open = on_open

    def on_open(self):
        self._on_open(self)


class LinkSocket(AgentSocket):
    """Says which wires became current, and which the gateway itself saw end otherwise than by its own wish."""

    def __init__(self, dialer, transport, deliver):
        AgentSocket.__init__(self, AGENT_LIMITS, deliver, dialer.on_bug, dialer.keepalive)
        self._dialer, self._wire = dialer, transport

    def become_current(self, sink):
        self._dialer.record.became_current(self._wire, sink)
        AgentSocket.become_current(self, sink)

    def on_end(self, cause, code, reason):
        self._dialer.sockets.pop(self, None)
        if cause is not Cause.US:
            self._dialer.record.lost(self._wire)
        AgentSocket.on_end(self, cause, code, reason)


class Dialling:
    """A connection attempt; nothing is delivered after `cancel`."""

    def __init__(self, dialer, url, deliver):
        self._dialer, self._deliver = dialer, deliver
        self.socket = self.transport = None
        dialer.under_way.add(self)
        dialer.network.call_later(dialer.delay(), lambda: self._connect(url))

    def cancel(self):
        self._deliver = None
        self._dialer.under_way.discard(self)
        if self.socket is not None:
            self.socket.drop()

    def tell(self, event):
        if self._deliver is not None:
            self._deliver(event)

    def _connect(self, url):
        if self._deliver is None:
            return
        dialer = self._dialer
        agent = dialer.agents.get(url)
        answer = "refuse" if agent is None or not agent.up else agent.on_dial()
        if answer == "hang":
            return  # until the link's own deadline
        dialer.under_way.discard(self)
        if answer in {"refuse", "reject"}:
            kind = FailureKind.UNREACHABLE if answer == "refuse" else FailureKind.REJECTED
            self.tell(WireRefused(LinkEnd(kind, LinkPhase.DIALLING, detail=answer)))
            return
        self.transport = Transport(dialer.network, agent, agent.delay, is_client_side=True)
        self.socket = LinkSocket(dialer, self.transport, self.tell)
        agent.on_connect(self.transport)
        dialer.sockets[self.socket] = None
        self.transport.open(self.socket)


class Dialer:
    def __init__(self, network, agents, record, delay):
        self.network, self.agents, self.record, self.delay = network, agents, record, delay
        self.on_bug = record.bugs.append
        self.keepalive = Keepalive(AGENT_LIMITS)
        self.under_way = set()
        self.sockets = {}
        """Those that have not ended, in order."""

    def dial(self, url, deliver, traceparent=""):
        return Dialling(self, url, deliver)

    def open_sockets(self):
        return [socket for socket in self.sockets if socket.phase is Phase.OPEN]
