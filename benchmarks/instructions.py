"""How many Python instructions a frame takes on its way through the relay: the same on every machine, however busy.

`python -m benchmarks.instructions` prints them; with ``--write`` they become what tests/benchmarks holds later ones
against, for the minor version of Python that runs. What C code does is not seen: for that there is `make bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from picows import WSMsgType

from actors.ids import AgentId, Generation, Instance, SessionId
from gateway.agent_socket import AGENT_LIMITS, AgentSocket
from gateway.call_meter import CallMeter
from gateway.client_socket import ClientSocket
from gateway.relay import CallerRelay
from gateway.socket_core import SocketLimits

BASELINE = Path(__file__).with_name("instructions.json")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
FRAMES = 64  # a whole number of the relay's samples of delay
MAX_GROWTH = 0.10
FRAME_S = 10e-6  # by a clock that runs by how often it is read: a busy machine's delays take another bucket's path
TOOL = 4  # of the six that sys.monitoring has room for, the first one that is nobody's


@dataclass(slots=True)
class Frame:
    """A whole binary message, as picows gives it."""

    payload: bytes
    msg_type: WSMsgType = WSMsgType.BINARY
    fin: bool = True
    rsv1: bool = False
    rsv2: bool = False
    rsv3: bool = False

    @property
    def payload_size(self):
        return len(self.payload)

    def get_payload_as_bytes(self):
        return self.payload


class Transport:
    """Takes what is written, and counts it."""

    is_client_side = False
    request = response = None

    def __init__(self):
        self.underlying_transport = self
        self.sent = 0

    def send(self, kind, data):
        self.sent += 1

    def abort(self):
        """Nothing is open."""


def call(relay_class=CallerRelay):
    """A call in progress without a network: (the caller's socket, the agent's), each with a `Transport`."""
    client, agent = ClientSocket(SocketLimits(), _raise), AgentSocket(AGENT_LIMITS, lambda _: None, _raise)
    clock = itertools.count(0.0, FRAME_S).__next__
    relay = relay_class(SessionId("s"), client, clock, time.time, meter=CallMeter.of(CallMeter.of(None)))
    relay.attach(lambda _: None)
    relay.greet(taken_up=False)
    for socket in (client, agent):
        socket.on_ws_connected(Transport())
    relay.cut_over(agent, Generation(1), Instance(AgentId("a"), "ws://a"))
    return client, agent


def _raise(bug):
    raise bug


async def count(relay_class=CallerRelay):
    """Instructions per frame in steady state, by direction."""
    client, agent = call(relay_class)
    try:
        return {"to_agent": _per_frame(client, agent), "to_caller": _per_frame(agent, client)}
    finally:
        for socket in (client, agent):
            socket.on_ws_disconnected(socket._transport)


def _per_frame(source, target):
    frame, transport, sink = Frame(bytes(640)), source._transport, target._transport
    _feed(source, transport, frame)  # what is made at the first frame is made
    before = sink.sent
    with counting() as counted:
        _feed(source, transport, frame)
    if sink.sent - before != FRAMES:
        raise AssertionError(f"{sink.sent - before} of {FRAMES} frames were forwarded")
    return counted[0] / FRAMES


def _feed(source, transport, frame):
    for _ in range(FRAMES):
        source.on_ws_frame(transport, frame)


@contextmanager
def counting():
    """Count the instructions that Python runs meanwhile, this module's own left out; the count is the list's item."""
    counted = [0]
    watch = _monitored if sys.version_info >= (3, 12) else _traced
    with watch(counted):
        yield counted


@contextmanager
def _monitored(counted):
    monitoring = sys.monitoring

    def step(code, _offset):
        if code.co_filename == __file__:
            return monitoring.DISABLE
        counted[0] += 1
        return None

    monitoring.use_tool_id(TOOL, "instructions")
    monitoring.register_callback(TOOL, monitoring.events.INSTRUCTION, step)
    monitoring.set_events(TOOL, monitoring.events.INSTRUCTION)
    try:
        yield
    finally:
        monitoring.set_events(TOOL, 0)
        monitoring.free_tool_id(TOOL)
        monitoring.restart_events()


@contextmanager
def _traced(counted):
    def enter(frame, _event, _arg):
        if frame.f_code.co_filename == __file__:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def step(_frame, event, _arg):
        if event == "opcode":
            counted[0] += 1
        return step

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def baseline():
    """What is held against, by direction; None where this version of Python has none."""
    return json.loads(BASELINE.read_text()).get(VERSION)


def grown(now, before):
    """The directions that take more than they may, in words."""
    return [
        f"{way}: {now[way]:.1f} instructions a frame, not {before[way]:.1f}: {now[way] / before[way] - 1:+.0%}"
        for way in before
        if now[way] > before[way] * (1 + MAX_GROWTH)
    ]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--write", action="store_true")
    now = asyncio.run(count())
    print(f"Python {VERSION}: {now}")
    if parser.parse_args().write:
        known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
        BASELINE.write_text(json.dumps({**known, VERSION: now}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
