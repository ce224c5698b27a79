"""The front door without a network: a transport that remembers, and what an independent parser makes of the frames."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from websockets.frames import Opcode
from websockets.protocol import OPEN, Protocol, Side

from gateway.admission import Admission, Bounds
from gateway.caller_tokens import CallerTokens
from gateway.front_door import Callbacks, FrontDoor, _Head
from gateway.resume import ResumeTokens
from gateway.socket_core import Phase, SocketLimits

LIMITS = SocketLimits(message_bytes=600, idle_frames=20)  # within reach of short inputs
UPGRADE = (
    b"GET /sonic HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
RESUME = ResumeTokens(b"secret", 60, lambda: 1_000_000.0)


class _Socket:
    """What picows and the door set and ask."""

    def setsockopt(self, *_):
        pass

    def getsockopt(self, *_):
        return 0

    def fileno(self):
        return -1


class Transport(asyncio.Transport):
    """Remembers what is written. It says that something waits, so that picows writes nothing past it."""

    def __init__(self):
        super().__init__({"socket": _Socket(), "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.protocol = None
        self.written = bytearray()
        self.closed = False

    def get_write_buffer_size(self):
        return 1

    def write(self, data):
        self.written += data

    def set_protocol(self, protocol):
        self.protocol = protocol

    def pause_reading(self):
        pass

    def resume_reading(self):
        pass

    def is_closing(self):
        return self.closed

    def close(self):
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def feed(self, data):
        """Give bytes to whoever reads now, as a loop would."""
        while data and not self.closed:
            if isinstance(self.protocol, asyncio.BufferedProtocol):
                room = memoryview(self.protocol.get_buffer(len(data)))
                size = min(len(room), len(data))
                room[:size] = data[:size]
                self.protocol.buffer_updated(size)
                data = data[size:]
            else:
                self.protocol.data_received(data)
                return


class _Http(asyncio.Protocol):
    """Where requests go that are no upgrades."""


class Caller:
    """What reaches the application of one connection."""

    def __init__(self):
        self.bugs, self.heard, self.ends = [], [], []
        self.client = None
        tokens = CallerTokens("x" * 32)
        admission = Admission(Bounds(origins=("https://a.example",)), {}, lambda: 0.0, lambda _: None, tokens)
        self._admission = admission

    def accept(self, head):
        """Judge as the gateway does, and let in whoever gives no credentials at all."""
        refusal = self._admission.judge(head)
        RESUME.read(head.query("resume"))
        assert repr(head)
        return refusal if refusal is not None and refusal.error != "a token is needed" else None

    def welcome(self, client, _head):
        self.client, client.sink = client, self

    def on_caller_binary(self, data):
        self.heard.append((Opcode.BINARY, data))

    def on_caller_text(self, data):
        data.decode()
        self.heard.append((Opcode.TEXT, data))

    def on_caller_gone(self, code, reason):
        self.ends.append((code, reason))

    def on_caller_slow(self, slow):
        pass


async def receive(pieces):
    """Give the pieces to a new connection of the door; the caller, and what he was answered."""
    caller, transport = Caller(), Transport()
    door = FrontDoor(Callbacks(_Http, caller.welcome, caller.bugs.append, caller.accept), LIMITS)
    head = _Head(door)
    transport.set_protocol(head)
    head.connection_made(transport)
    for piece in pieces:
        transport.feed(piece)
        await asyncio.sleep(0)
    was_open = caller.client is not None and caller.client.phase is Phase.OPEN
    transport.abort()
    await asyncio.sleep(0)
    assert caller.bugs == [], caller.bugs
    assert not door.heads
    assert door.open_sockets == 0
    assert len(caller.ends) == (caller.client is not None), caller.ends
    assert all(len(data) <= LIMITS.message_bytes for _, data in caller.heard)
    return caller, bytes(transport.written), was_open


def cut(data, sizes):
    """Cut data into pieces; ``sizes`` say where, in steps of eight bytes."""
    edges = [0]
    for size in sizes:
        edges.append(min(edges[-1] + 8 * size, len(data)))
    return [data[start:end] for start, end in pairwise([*edges, len(data)]) if end > start]


def as_others_read(data):
    """The messages of a stream of frames, and the code of its end so far, by the `websockets` package."""
    protocol = Protocol(Side.SERVER, state=OPEN, max_size=LIMITS.message_bytes)
    protocol.receive_data(data)
    messages, parts, kind = [], b"", None
    for frame in protocol.events_received():
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            kind = kind if frame.opcode == Opcode.CONT else frame.opcode
            parts += frame.data
            if frame.fin:
                messages.append((kind, parts))
                parts = b""
    return messages, None if protocol.close_sent is None else protocol.close_sent.code
