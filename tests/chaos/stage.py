"""What the numbered scenarios share: a real gateway, agents that follow a script, a caller who keeps what he hears."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.app import Gateway
from gateway.config import Settings
from tests.gateway.test_calls import PATIENCE_S, Agent, call, register, running, said


class Scripted(Agent):
    """Says what the script has for a text, else answers as `Agent` does; ``heard`` is all that came, in order.

    Text of a script goes out as it is, bytes as a binary frame, objects as JSON. Cleared, ``ready`` holds the answer to
    an introduction back.
    """

    def __init__(self, name, script=None):
        super().__init__(name)
        self.script = script or {}
        self.heard = []
        self.ready = asyncio.Event()
        self.ready.set()

    async def react(self, socket, frame):
        message = frame if isinstance(frame, bytes) else json.loads(frame)
        self.heard.append(message)
        if isinstance(message, bytes):
            return
        if message["type"] == "session_init":
            await self.ready.wait()
        lines = self.script.get(message.get("text"))
        if lines is None:
            await super().react(socket, frame)
            return
        for line in lines:
            await socket.send(json.dumps(line) if isinstance(line, dict) else line)

    def kinds(self):
        return ["audio" if isinstance(message, bytes) else message["type"] for message in self.heard]


class Caller:
    """One caller's socket; ``got`` are the messages, ``audio`` the binary frames."""

    def __init__(self, socket):
        self.socket, self.got, self.audio = socket, [], []

    async def send(self, kind, **fields):
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def say(self, text):
        await self.send("text_input", text=text)

    async def ask(self, text):
        """Say it and wait for the answer's words."""
        await self.say(text)
        return (await self.hear(lambda message: said(message) and message["text"].endswith(text)))["text"]

    async def hear(self, wanted):
        """Listen until something is of the wanted kind, or as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            async for frame in self.socket:
                if isinstance(frame, bytes):
                    self.audio.append(frame)
                    continue
                self.got.append(message := json.loads(frame))
                if message["type"] == wanted if isinstance(wanted, str) else wanted(message):
                    return message
        raise AssertionError("the call ended first")

    def kinds(self, kind):
        return [message for message in self.got if message["type"] == kind]


@asynccontextmanager
async def bank(folder, *agents, **settings):
    """A gateway with these agents, each registered by its name."""
    given = {"history_calls": 0, "park_s": 0, "patience_s": 2, "dial_s": 0.5, "ready_s": 2, "stop_s": 1, **settings}
    async with AsyncExitStack() as stack:
        gateway = Gateway(Settings(host="127.0.0.1", port=0, data_dir=folder, **given))
        await gateway.start()
        stack.push_async_callback(gateway.stop)
        for agent in agents:
            await stack.enter_async_context(running(agent))
            await register(gateway, agent, agent.name)
        yield gateway


@asynccontextmanager
async def calling(gateway, workflow="triage"):
    """A caller who has chosen where he wants to go."""
    async with call(gateway) as socket:
        caller = Caller(socket)
        await caller.hear("connected")
        if workflow:
            await caller.send("select_workflow", workflowId=workflow)
        yield caller


def words(text, role="assistant", **more):
    return {"type": "transcript", "role": role, "text": text, "isFinal": True, **more}


def request(target, **context):
    """A hand-off as the agents of the first hour ask for it."""
    return {"type": "handoff_request", "targetAgentId": target, "context": {"reason": "asked", **context}}


def tool(target, use="u1", *, success=True, **result):
    """The same as a tool call and its result."""
    named = {"toolName": f"transfer_to_{target}", "toolUseId": use}
    return [{"type": "tool_use", **named, "input": {}}, {"type": "tool_result", **named, "success": success, **result}]
