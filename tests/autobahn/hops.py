"""Each of the gateway's two sockets alone: what comes goes back at once, and control frames get no further."""

from __future__ import annotations

import asyncio
from unittest import mock

from actors.messages import WireClosed, WireOpened, WireRefused
from gateway.agent_socket import AgentDialer
from tests.autobahn.tunnel import LIMITS, front_door

CASE_S = 60.0  # section 9 sends 16 MiB in small pieces
START_S = 20.0  # of the suite's server: Python 2.7 and Twisted


class Echo:
    """Takes the messages of a socket of either hop and sends them back."""

    def __init__(self, socket):
        self.socket = socket
        self.on_caller_text = self.on_agent_text = socket.send_text
        self.on_caller_binary = self.on_agent_binary = socket.send_binary

    def on_caller_gone(self, code, reason):
        pass

    def on_caller_slow(self, slow):
        pass

    def on_agent_slow(self, wire, slow):
        pass


def caller_alone():
    """The front door and the caller's socket; gives the address of the echo."""

    def welcome(client, _head):
        client.sink = Echo(client)

    return front_door(welcome)


class Ear(Echo):
    """Only listens."""

    def __init__(self, socket):
        super().__init__(socket)
        self.heard = []
        self.on_agent_text = self.heard.append


async def agent_alone(server):
    """Our agent's socket goes to the suite's server, case by case."""
    bugs = []
    dialer = AgentDialer(bugs.append, limits=LIMITS)
    with mock.patch("gateway.agent_socket.session_url", str):  # the suite's paths are its own
        (count,) = (await _count(dialer, server)).heard
        for case in range(1, int(count) + 1):
            assert await _visit(dialer, f"{server}/runCase?case={case}&agent=understudy", Echo)
        await _visit(dialer, f"{server}/updateReports?agent=understudy", Ear)
    assert bugs == []


async def _count(dialer, server):
    async with asyncio.timeout(START_S):
        while (ear := await _visit(dialer, f"{server}/getCaseCount", Ear)) is None:  # noqa: ASYNC110 - a process starts
            await asyncio.sleep(0.1)
    return ear


async def _visit(dialer, url, sink):
    """Dial and stay until the end; gives the sink, None where there was no connection."""
    ended = asyncio.get_running_loop().create_future()
    sinks = []

    def deliver(event):
        match event:
            case WireOpened(wire):
                sinks.append(sink(wire))
                wire.become_current(sinks[0])
            case WireClosed():
                ended.set_result(sinks[0])
            case WireRefused():
                ended.set_result(None)

    attempt = dialer.dial(url, deliver)
    try:
        return await asyncio.wait_for(ended, CASE_S)
    finally:
        attempt.cancel()
