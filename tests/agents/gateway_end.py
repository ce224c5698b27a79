"""The gateway's end of one session, for tests: sends messages and collects answers over a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from agents.bank import Bank
from agents.config import AgentConfig, Mode
from agents.runtime import Service
from agents.services import build

DEADLINE_S = 5.0
NO_GATEWAY = "http://127.0.0.1:9"


@asynccontextmanager
async def running(service: Service):
    ready = asyncio.Event()
    task = asyncio.create_task(service.run(lambda _port: ready.set()))
    try:
        async with asyncio.timeout(DEADLINE_S):
            await ready.wait()
        yield service.port
    finally:
        service.stop()
        await task


@asynccontextmanager
async def bank_agent(agent_id, voice=None):
    config = AgentConfig(agent_id, 0, NO_GATEWAY, Mode.HYBRID if voice else Mode.TEXT, bind="127.0.0.1")
    with Bank() as bank:
        async with running(build(config, bank, voice)) as port:
            yield port


class GatewayEnd:
    def __init__(self, socket):
        self.socket = socket
        self.seen = []
        self.audio = []

    async def send(self, kind, **fields):
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind, **wanted):
        """Read until a message of a type with the wanted fields; it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                frame = await self.socket.recv()
                if isinstance(frame, bytes):
                    self.audio.append(frame)
                    continue
                message = json.loads(frame)
                self.seen.append(message)
                if message["type"] == kind and all(message.get(k) == v for k, v in wanted.items()):
                    return message

    def said(self):
        return " ".join(m["text"] for m in self.seen if m["type"] == "transcript" and m["role"] == "assistant")


@asynccontextmanager
async def session(port, memory=None, session_id="s-1", **fields):
    async with connect(f"ws://127.0.0.1:{port}/session", compression=None) as socket:
        end = GatewayEnd(socket)
        await end.send("session_init", sessionId=session_id, traceId="t", memory=memory or {}, **fields)
        await end.until("connected", sessionId=session_id)
        yield end
