"""A bare relay with picows: what comes from a caller goes to an agent of its own, and back."""

import asyncio
import sys

import picows
import uvloop


class Link(picows.WSListener):
    def __init__(self, caller):
        self.caller = caller

    def on_ws_connected(self, transport):
        self.caller.link = transport
        for kind, data in self.caller.early:
            transport.send(kind, data)
        self.caller.early.clear()

    def on_ws_frame(self, transport, frame):
        self.caller.transport.send(frame.msg_type, frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport):
        self.caller.transport.disconnect()


class Caller(picows.WSListener):
    def __init__(self, agent):
        self.agent, self.link, self.early = agent, None, []

    def on_ws_connected(self, transport):
        self.transport = transport
        self.task = asyncio.get_running_loop().create_task(picows.ws_connect(lambda: Link(self), self.agent))

    def on_ws_frame(self, transport, frame):
        data = frame.get_payload_as_bytes()
        if self.link is None:
            self.early.append((frame.msg_type, data))
        else:
            self.link.send(frame.msg_type, data)

    def on_ws_disconnected(self, transport):
        if self.link is not None:
            self.link.disconnect()


async def main(port, agent):
    server = await picows.ws_create_server(lambda _: Caller(agent), "127.0.0.1", int(port))
    print("ready", flush=True)
    await server.serve_forever()


uvloop.run(main(*sys.argv[1:]))
