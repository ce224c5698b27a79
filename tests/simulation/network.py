"""Wires in memory under virtual time: they keep order and delay, and they can stall, be cut, and end on one side."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from picows import WSMsgType

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT, BINARY, CLOSE, PING, PONG = (
    WSMsgType.TEXT,
    WSMsgType.BINARY,
    WSMsgType.CLOSE,
    WSMsgType.PING,
    WSMsgType.PONG,
)
FRAGMENTED = 0.25
"""The share of texts that come in several frames."""
HIGH_MARK = 16 * 1024
"""Bytes that wait in a stalled wire before the gateway is told not to write."""


@dataclass(slots=True)
class Due:
    """A step that will be taken, unless it is cancelled: what a loop's `call_later` returns."""

    step: Callable[[], None] | None

    def cancel(self):
        self.step = None


class Network:
    """What is under way between two ends, by due time; ties fall as the seed says.

    Its `time`, `call_later` and `call_soon` are all that the gateway's sockets ask of the running loop.
    """

    def __init__(self, clock, random):
        self.clock, self.random = clock, random
        self._due = []
        self._count = count()
        self.numbers = count(1)
        self.open = {}
        """Transports that have not ended, in order: what a leak would show."""
        self.idle = 0
        """How many of the steps that are due concern no caller: probes, and agents that rise again."""

    def time(self):
        return self.clock.at

    def call_later(self, delay, step, *args):
        due = Due((lambda: step(*args)) if args else step)
        entry = (self.clock.at + max(0.0, delay), self.random.random(), next(self._count), due)
        heapq.heappush(self._due, entry)
        return due

    def call_soon(self, step, *args):
        return self.call_later(0.0, step, *args)

    def call_idle(self, delay, step):
        """Like `call_later`, for what goes on when nobody is there."""

        def idle():
            self.idle -= 1
            step()

        self.idle += 1
        return self.call_later(delay, idle)

    def next_due(self):
        due = self._due
        while due and due[0][3].step is None:
            heapq.heappop(due)
        return due[0][0] if due else None

    def take_due(self):
        """One step that is due now, or None."""
        due = self.next_due()
        return heapq.heappop(self._due)[3].step if due is not None and due <= self.clock.at else None

    def is_quiet(self):
        """Whether nothing is under way that somebody began."""
        return sum(entry[3].step is not None for entry in self._due) == self.idle


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


END = object()
"""What travels through a pipe after the last frame."""


@dataclass(slots=True)
class Pipe:
    """One direction: keeps order, may stall, and may be cut with all that is in it."""

    network: Network
    delay: float
    deliver: Callable[[object], None]
    stalled: bool = False
    at: float = 0.0
    is_cut: bool = False
    waiting: deque[object] = field(default_factory=deque)
    octets: int = 0
    """Of what waits."""

    def send(self, item):
        if self.is_cut:
            return
        if self.stalled:
            self.waiting.append(item)
            self.octets += 0 if item is END else len(item.payload)
            return
        network = self.network
        now = network.clock.at
        at = now + self.delay * network.random.random()
        self.at = at if at > self.at else self.at + 1e-9  # in order
        network.call_later(self.at - now, lambda: self._arrive(item))

    def _arrive(self, item):
        if not self.is_cut:
            self.deliver(item)

    def go_on(self):
        self.stalled = False
        waiting, self.waiting, self.octets = self.waiting, deque(), 0
        for item in waiting:
            self.send(item)

    def cut(self):
        self.is_cut = True
        self.waiting.clear()


class Transport:
    """Our end of one connection: what `SocketCore` asks of picows. ``peer`` is the simulated other end."""

    request = response = close_handshake = None

    def __init__(self, network, peer, delay, *, is_client_side):
        self.network, self.peer, self.is_client_side = network, peer, is_client_side
        self.number = next(network.numbers)
        self.core = None
        self.ended = self._said_end = False
        self.reading = True
        self._unread = deque()
        self.out = Pipe(network, delay, self._arrive_there)
        self.inward = Pipe(network, delay, self._arrive_here)
        self.underlying_transport = self

    def __repr__(self):
        return f"wire {self.number}"

    # --- what the gateway's socket calls ---

    def send(self, kind, data):
        self._write(Frame(kind, bytes(data)))

    def send_close(self, code=None, reason=b""):
        self._write(Frame(WSMsgType.CLOSE, b"" if code is None else int(code).to_bytes(2, "big") + reason))

    def send_ping(self):
        self._write(Frame(WSMsgType.PING, b""))

    def send_pong(self, data):
        self._write(Frame(WSMsgType.PONG, bytes(data)))

    def disconnect(self):
        self.abort()

    def abort(self):
        if not self.ended:
            self._say_end()
            self.network.call_later(0, self._end)

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True
        while self.reading and self._unread:
            self._take(self._unread.popleft())

    def get_write_buffer_size(self):
        return self.out.octets

    def _say_end(self):
        if not self._said_end:
            self._said_end = True
            self.out.send(END)

    def _write(self, frame):
        self.out.send(frame)
        if self.out.octets > HIGH_MARK and not self.core.write_paused:
            self.core.pause_writing()

    # --- the wire ---

    def open(self, core):
        self.core = core
        self.network.open[self] = None
        core.on_ws_connected(self)

    def _end(self):
        if not self.ended:
            self.ended = True
            self.network.open.pop(self, None)
            self.core.on_ws_disconnected(self)
            self._say_end()

    def _arrive_there(self, item):
        if item is END:
            self.out.cut()
            self.peer.on_end(self)
        else:
            self.peer.on_frame(self, item.msg_type, item.payload)

    def _arrive_here(self, item):
        if self.ended:
            self.out.cut()  # a reset answers: the other end learns of our end now at the latest
            self.peer.on_end(self)
        elif self.reading or item is END:
            self._take(item)
        else:
            self._unread.append(item)

    def _take(self, item):
        if self.ended:
            return
        if item is END:
            self._end()
        else:
            self.core.on_ws_frame(self, item)

    # --- what the simulated other end calls ---

    def say(self, kind, data, pieces=1):
        """Send a message, perhaps in fragments."""
        if pieces <= 1 or len(data) < pieces:
            self.inward.send(Frame(kind, data))
            return
        size = -(-len(data) // pieces)
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        for place, part in enumerate(parts):
            what = kind if place == 0 else WSMsgType.CONTINUATION
            self.inward.send(Frame(what, part, fin=place == len(parts) - 1))

    def say_close(self, code):
        self.inward.send(Frame(WSMsgType.CLOSE, code.to_bytes(2, "big")))

    def hang_up(self):
        """The other end sends no more; it hears the end when we have ended, too."""
        self.inward.send(END)

    # --- what happens to a wire on its way ---

    def reset(self):
        """Both ends lose it, and with it what is under way."""
        self.inward.cut()
        self.out.cut()
        self.network.call_later(self.network.random.random() * 0.1, self._end)
        self.network.call_later(self.network.random.random() * 0.1, lambda: self.peer.on_end(self))

    def stall(self, pipe, seconds):
        """Nothing gets through in one direction, for a while; then all of it does, in order."""
        pipe.stalled = True
        self.network.call_later(seconds, lambda: self._flow(pipe))

    def _flow(self, pipe):
        pipe.go_on()
        if pipe is self.out and not self.ended and self.core.write_paused:
            self.core.resume_writing()
