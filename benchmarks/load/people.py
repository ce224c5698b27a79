"""Callers and agents of the load process: as cheap as picows allows, so that they keep any relay busy."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from contextlib import suppress

import picows

BINARY, TEXT, CLOSE = picows.WSMsgType.BINARY, picows.WSMsgType.TEXT, picows.WSMsgType.CLOSE
AUDIO = b'{"type":"bench","audio":"'
LEAVING_S = 10.0
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends a reset, whatever is unsent


class Agents:
    """All agents there are; ``on_frame(agent, kind, data)`` is told of each frame of audio."""

    def __init__(self):
        self.open = {}  # in the order in which they came
        self.by_session = {}  # the newest link of each session, where the relay tells of sessions
        self.on_frame = echo

    def listener(self, request):
        return Agent(self, request.path.decode())

    async def gone(self):
        """Wait until their callers' relay has let all of them go, and end those that it has not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVING_S):
                while self.open:  # noqa: ASYNC110 - each of them is a listener, which has no loop
                    await asyncio.sleep(0.01)
        for agent in list(self.open):
            agent.transport.disconnect()
        await asyncio.sleep(0.2)
        self.by_session.clear()


def echo(agent, kind, data):
    agent.transport.send(kind, data)


class Agent(picows.WSListener):
    """Answers session_init as agents do; ``path`` is the instance it is a link to."""

    def __init__(self, agents, path):
        self.agents, self.path, self.transport = agents, path, None
        self.first_at = self.last_at = 0.0  # when audio was heard, where somebody notes it

    def on_ws_connected(self, transport):
        self.transport = transport
        self.agents.open[self] = True

    def on_ws_frame(self, transport, frame):
        data = frame.get_payload_as_bytes()
        if frame.msg_type == BINARY or (frame.msg_type == TEXT and data.startswith(AUDIO)):
            self.agents.on_frame(self, frame.msg_type, data)
        elif frame.msg_type == TEXT and b'"session_init"' in data:
            self.agents.by_session[json.loads(data)["sessionId"]] = self
            transport.send(TEXT, b'{"type":"connected"}')
        elif frame.msg_type == CLOSE:
            transport.send_close(1000)
            transport.disconnect()

    def on_ws_disconnected(self, transport):
        self.agents.open.pop(self, None)

    def say(self, message):
        self.transport.send(TEXT, json.dumps(message).encode())

    def note(self):
        """Note that audio was heard now."""
        self.last_at = time.perf_counter()
        self.first_at = self.first_at or self.last_at

    def reset(self):
        """Break the connection as a process that is killed does."""
        connection = self.transport.underlying_transport
        connection.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.abort()


class Caller(picows.WSListener):
    """Is there when his session has begun, and tells every frame; chooses an agent first, where ``choice`` is one."""

    def __init__(self, choice, on_there, on_frame):
        self.choice, self.on_there, self.on_frame = choice, on_there, on_frame
        self.transport, self.session = None, ""

    def on_ws_connected(self, transport):
        self.transport = transport
        if self.choice:
            transport.send(TEXT, json.dumps({"type": "select_workflow", "workflowId": self.choice}).encode())
        else:
            self.on_there(self)

    def on_ws_frame(self, transport, frame):
        data = frame.get_payload_as_bytes()
        if frame.msg_type == BINARY:
            self.on_frame(self, data)
        elif frame.msg_type == TEXT:
            if data.startswith(AUDIO):
                self.on_frame(self, data)
            elif b'"session_start"' in data:
                self.session = json.loads(data)["sessionId"]
                self.on_there(self)

    def on_ws_disconnected(self, transport):
        self.transport = None
