"""What may happen to a wire on its way; ``happen(world, wire)`` for each."""

from __future__ import annotations

from picows import WSMsgType

from tests.simulation.network import Frame

QUIET_S = 15.0
"""After which the next link has been built, the caller having been given up or not."""
LONG_S = 52.0
"""Beyond two of the keepalive's intervals and its deadline: whoever is silent for that long has been given up."""

LIES = (
    (Frame(WSMsgType.TEXT, b"\xff\xfe"),),
    (Frame(WSMsgType.CONTINUATION, b"of nothing"),),
    (Frame(WSMsgType.TEXT, b"{}", rsv1=True),),
    (Frame(WSMsgType.TEXT, b"{", fin=False), Frame(WSMsgType.TEXT, b"{}")),
    (Frame(WSMsgType.CLOSE, b"\x03"),),
    (Frame(WSMsgType.CLOSE, (1005).to_bytes(2, "big")),),
    (Frame(WSMsgType.BINARY, bytes(1024 * 1024 + 1)),),
    tuple(Frame(WSMsgType.PONG, b"") for _ in range(201)),
)
"""Frames that break the protocol: encoding, order, reserved bits, close codes, size, and more pongs than anybody asked
for."""


def reset(world, wire):
    """Both ends lose it, and what is under way."""
    world.network.call_later(0, wire.reset)


def slow(world, wire):
    """One direction stalls for less than anybody notices."""
    wire.stall(_one_way(world, wire), world.random.random() * 10)


def dead(world, wire):
    """One direction stalls for so long that the keepalive must notice; its end does, too, by and by."""
    wire.stall(_one_way(world, wire), LONG_S + 1)
    world.settled_at = max(world.settled_at, world.clock.at + LONG_S + QUIET_S)
    world.network.call_later(LONG_S, lambda: None if wire.ended else wire.peer.lose(wire))


def half_closed(world, wire):
    """The other end says that it sends no more, and still listens."""
    wire.hang_up()


def torn(world, wire):
    """It ends in the middle of a message."""
    wire.inward.send(Frame(WSMsgType.TEXT, b'{"type":', fin=False))
    world.network.call_later(world.random.random() * 0.2, wire.reset)


def lying(world, wire):
    """The other end breaks the protocol."""
    for frame in world.random.choice(LIES):
        wire.inward.send(frame)


FAULTS = (reset, slow, slow, dead, half_closed, torn, lying)


def _one_way(world, wire):
    return world.random.choice((wire.inward, wire.out))
