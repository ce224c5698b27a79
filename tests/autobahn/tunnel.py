"""The gateway's front door, sockets and relay without the protocol: what comes goes to an echo agent and back."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager

from aiohttp import web
from websockets.asyncio.server import serve

from actors.ids import AgentId, Generation, Instance, SessionId
from actors.messages import WireClosed, WireOpened
from actors.verdict import Verdict
from gateway.agent_socket import AgentDialer
from gateway.front_door import Callbacks, FrontDoor
from gateway.relay import CallerRelay
from gateway.socket_core import SocketLimits
from gateway.stash import Stash

BIGGEST = 17 * 1024 * 1024  # of the suite's section 9
LIMITS = SocketLimits(message_bytes=BIGGEST, unread_bytes=2 * BIGGEST)


class Tunnel(CallerRelay):
    """A relay that neither reads nor translates; frames before the agent's wire is open wait in the stash."""

    def on_caller_binary(self, data):
        self._pass(data, text=False)

    def on_caller_text(self, data):
        self._pass(data, text=True)

    def _pass(self, data, *, text):
        if (target := self._open_target()) is None:
            self._stash.add_text((text, data), len(data))
        else:
            (target.send_text if text else target.send_binary)(data)

    def _replay(self, wire, instance, held_ms):
        for text, data in self._stash.take(0):
            (wire.send_text if text else wire.send_binary)(data)

    def on_agent_text(self, data):
        self._client.send_text(data)

    def on_agent_binary(self, data):
        self._client.send_binary(data)


async def echo(socket):
    async for message in socket:
        await socket.send(message)


@asynccontextmanager
async def tunnel():
    """Gives the address at which callers reach the echo agent."""
    async with serve(echo, "127.0.0.1", 0, max_size=BIGGEST, compression=None, ping_interval=None) as agent:
        url = f"ws://127.0.0.1:{agent.sockets[0].getsockname()[1]}"
        bugs = []
        dialer = AgentDialer(bugs.append, limits=LIMITS)

        def welcome(client, _head):
            relay = Tunnel(SessionId("tunnel"), client, time.monotonic, time.time, Stash(max_bytes=BIGGEST))
            relay._translator.start()  # nothing of ours may be said
            wires = []

            def of_the_caller(event):
                if type(event).__name__ == "CallerGone":
                    dialling.cancel()
                    for wire in wires:
                        wire.close(Verdict.CALLER_LEFT)

            def of_the_wire(event):
                if isinstance(event, WireOpened):
                    wires.append(event.wire)
                    relay.cut_over(event.wire, Generation(1), Instance(AgentId("echo"), url))
                elif isinstance(event, WireClosed):
                    relay.close(Verdict.NO_AGENT)

            dialling = dialer.dial(url, of_the_wire)
            relay.attach(of_the_caller)

        async with front_door(welcome) as address:
            yield address
        assert bugs == []


@asynccontextmanager
async def front_door(welcome):
    """A front door of ours; gives its address."""
    bugs = []
    runner = web.AppRunner(web.Application())
    await runner.setup()
    door = FrontDoor(Callbacks(runner.server, welcome, bugs.append), LIMITS)
    await door.start("127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{door.port}/sonic"
    finally:
        await door.stop(1)
        await runner.cleanup()
    assert bugs == []
