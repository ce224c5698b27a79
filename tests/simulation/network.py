"""Sockets in memory under virtual time: the real socket classes of the gateway on a transport that can misbehave."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from itertools import count

from picows import WSMsgType

from actors.link_end import FailureKind, LinkEnd
from actors.link_end import Phase as LinkPhase
from actors.messages import WireRefused
from gateway.agent_socket import AGENT_LIMITS, AgentSocket
from gateway.client_socket import ClientSocket
from gateway.socket_core import Phase, SocketLimits

EOF_CODE = 1006


class Network:
    """What is under way between two ends, by due time; ties fall as the seed says."""

    def __init__(self, clock, random):
        self.clock, self.random = clock, random
        self._due = []
        self._count = count()
        self.open = set()
        """Transports that have not ended: what a leak would show."""

    def call_later(self, delay, step):
        entry = [self.clock.at + max(delay, 0.0), self.random.random(), next(self._count), step]
        heapq.heappush(self._due, entry)
        return entry

    @staticmethod
    def cancel(entry):
        entry[3] = None

    def next_due(self):
        while self._due and self._due[0][3] is None:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def take_due(self):
        """One step that is due now, or None."""
        due = self.next_due()
        return heapq.heappop(self._due)[3] if due is not None and due <= self.clock.at else None


@dataclass(slots=True)
class Frame:
    """A frame as picows would give it."""

    msg_type: WSMsgType
    payload: bytes
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False

    @property
    def payload_size(self):
        return len(self.payload)

    def get_payload_as_bytes(self):
        return self.payload


@dataclass(slots=True)
class Pipe:
    """One direction: keeps order, may stall."""

    network: Network
    delay: float
    deliver: object
    at: float = 0.0
    stalled: bool = False
    waiting: list = field(default_factory=list)

    def send(self, item):
        if self.stalled:
            self.waiting.append(item)
            return
        self.at = max(self.at + 1e-9, self.network.clock.at + self.delay * self.network.random.random())  # in order
        self.network.call_later(self.at - self.network.clock.at, lambda: self.deliver(item))


class Transport:
    """Our end of one connection: what `SocketCore` asks of picows. ``peer`` is the simulated other end."""

    close_handshake = None
    request = response = None

    def __init__(self, network, peer, delay, *, is_client_side):
        self.network, self.peer, self.is_client_side = network, peer, is_client_side
        self.core = None
        self.ended = False
        self.reading = True
        self._unread = []
        self.out = Pipe(network, delay, self._arrive_there)
        self.inward = Pipe(network, delay, self._arrive_here)
        self.underlying_transport = self

    # --- what the gateway's socket calls ---

    def send(self, kind, data):
        self.out.send(("frame", kind, bytes(data)))

    def send_close(self, code=None, reason=b""):
        self.out.send(("frame", WSMsgType.CLOSE, b"" if code is None else int(code).to_bytes(2, "big") + reason))

    def send_ping(self):
        self.out.send(("frame", WSMsgType.PING, b""))

    def send_pong(self, data):
        self.out.send(("frame", WSMsgType.PONG, bytes(data)))

    def disconnect(self):
        self.abort()

    def abort(self):
        if not self.ended:
            self.out.send(("end",))
            self.network.call_later(0, self._end)

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True
        while self.reading and self._unread:
            self._take(self._unread.pop(0))

    # --- the wire ---

    def open(self, core):
        self.core = core
        self.network.open.add(self)
        core.on_ws_connected(self)

    def _end(self):
        if not self.ended:
            self.ended = True
            self.network.open.discard(self)
            self.core.on_ws_disconnected(self)

    def _arrive_there(self, item):
        if item[0] == "end":
            self.peer.on_end(self)
        else:
            self.peer.on_frame(self, item[1], item[2])

    def _arrive_here(self, item):
        if self.ended:
            return
        if self.reading or item[0] == "end":
            self._take(item)
        else:
            self._unread.append(item)

    def _take(self, item):
        if self.ended:
            return
        if item[0] == "end":
            self._end()
        else:
            self.core.on_ws_frame(self, item[1])

    # --- what the simulated other end calls ---

    def say(self, kind, data, pieces=1):
        """Send a message, perhaps in fragments."""
        if pieces <= 1 or len(data) < pieces:
            self.inward.send(("frame", Frame(kind, data)))
            return
        size = -(-len(data) // pieces)
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        for place, part in enumerate(parts):
            what = kind if place == 0 else WSMsgType.CONTINUATION
            self.inward.send(("frame", Frame(what, part, fin=place == len(parts) - 1)))

    def say_close(self, code):
        self.inward.send(("frame", Frame(WSMsgType.CLOSE, code.to_bytes(2, "big"))))

    def hang_up(self):
        """The other end's TCP is gone."""
        self.inward.send(("end",))


class VirtualTimers:
    """Puts a socket's timers under virtual time."""

    network: Network

    def _arm(self, delay, step):
        self._disarm()
        self._timer = self.network.call_later(delay, step)

    def _disarm(self):
        if self._timer is not None:
            Network.cancel(self._timer)
            self._timer = None


class CallerSocket(VirtualTimers, ClientSocket):
    def __init__(self, network, on_bug, on_open):
        ClientSocket.__init__(self, SocketLimits(), on_bug)
        self.network, self._on_open = network, on_open

    def on_open(self):
        self._on_open(self)


class LinkSocket(VirtualTimers, AgentSocket):
    def __init__(self, network, deliver, on_bug):
        AgentSocket.__init__(self, AGENT_LIMITS, deliver, on_bug)
        self.network = network


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
        agent = self._dialer.agents.get(url)
        answer = "refuse" if agent is None or not agent.up else agent.on_dial()
        if answer == "hang":
            return  # until the link's own deadline
        self._dialer.under_way.discard(self)
        if answer in {"refuse", "reject"}:
            kind = FailureKind.UNREACHABLE if answer == "refuse" else FailureKind.REJECTED
            self.tell(WireRefused(LinkEnd(kind, LinkPhase.DIALLING, detail=answer)))
            return
        self.socket = LinkSocket(self._dialer.network, self.tell, self._dialer.on_bug)
        self.transport = Transport(self._dialer.network, agent, agent.delay, is_client_side=True)
        agent.on_connect(self.transport)
        self._dialer.sockets.append(self.socket)
        self.transport.open(self.socket)


class Dialer:
    def __init__(self, network, agents, on_bug, delay):
        self.network, self.agents, self.on_bug, self.delay = network, agents, on_bug, delay
        self.under_way, self.sockets = set(), []

    def dial(self, url, deliver, traceparent=""):
        return Dialling(self, url, deliver)

    def current(self):
        """Open sockets that are current, for the invariant."""
        self.sockets = [socket for socket in self.sockets if socket.phase is not Phase.CLOSED]
        return self.sockets
