"""A caller who numbers what he says, comes back when he is cut off, and knows what he was told."""

import asyncio
import json
import time
from collections import defaultdict
from contextlib import suppress

import websockets

from tests.chaos.agent import HAND_OVER

AUDIO = bytes(640)
ANSWERS = " answers "


class Caller:
    """As the page is one. ``told`` counts the texts that he knows may be lost."""

    def __init__(self, number, random, tally, url=""):
        self.name, self.random, self.tally, self.url = f"c{number}", random, tally, url
        self.said, self.sent, self.told, self.taken, self.base = [], 0, 0, 0, 0
        self.speaking = asyncio.Lock()
        self.answers = defaultdict(list)
        self.session, self.token, self.seen = "", "", 0
        self.socket = None
        self.silent_since = None
        self.done = False

    # --- the connection ---

    async def run(self):
        """Call, and call again, until told to leave."""
        while not self.done:
            began = time.monotonic()
            query = f"?resume={self.token}&seen={self.seen}" if self.token else ""
            try:
                async with websockets.connect(self.url + query, max_queue=None, ping_interval=None) as socket:
                    await self._listen(socket, began)
            except websockets.InvalidStatus as refusal:
                self.tally.refusals[refusal.response.status_code] += 1
            except (OSError, websockets.InvalidMessage, TimeoutError, EOFError):
                self.tally.refusals["no connection"] += 1
            self.socket = None
            await asyncio.sleep(self.random.uniform(0.05, 0.5))

    async def _listen(self, socket, began):
        with suppress(websockets.ConnectionClosed):
            async for frame in socket:
                if isinstance(frame, bytes):
                    continue
                message = json.loads(frame)
                if message["type"] == "connected":
                    self.tally.back_ms.append((time.monotonic() - began) * 1000)
                    await self._greeted(socket, message)
                else:
                    self.seen += 1
                    self._hear(message)
        code = socket.close_code
        self.tally.closes[code] += 1
        if code not in {1000, 1006}:
            self.told = len(self.said)

    async def _greeted(self, socket, message):
        if self.session and not message.get("resumed"):
            self.tally.new_sessions += 1
            self.told = self.taken = len(self.said)
            self.silent_since = None
        self.session, self.token, self.seen = message["sessionId"], message["resumeToken"], message.get("seq", 0)
        if "received" in message:
            self.taken = max(self.taken, message["received"] + self.base)
        else:
            self.base = self.taken  # another session counts from here
        if not message.get("resumed"):
            await socket.send(json.dumps({"type": "select_workflow", "workflowId": "triage"}))
        async with self.speaking:
            self.sent, self.socket = self.taken, socket
        await self._say_what_is_left()

    def drop(self):
        """Lose the connection."""
        if self.socket is not None:
            self.socket.transport.abort()

    async def leave(self):
        """Hang up."""
        self.done = True
        if self.socket is not None:
            with suppress(websockets.ConnectionClosed):
                await self.socket.close()

    # --- what he says ---

    async def talk(self, until):
        """Say something every second or so, with audio between."""
        while time.monotonic() < until:
            await asyncio.sleep(self.random.uniform(0.4, 1.8))
            number = len(self.said) + 1
            what = f"{self.name}-{number}"
            if self.random.random() < 0.04:
                what += f" {HAND_OVER}{self.random.choice(('triage', 'banking', 'nobody'))}"
            self.said.append(what)
            if (socket := self.socket) is not None:
                with suppress(websockets.ConnectionClosed):
                    await self._say_what_is_left()
                    for _ in range(5):
                        await socket.send(AUDIO)
            if self.random.random() < 0.01:
                self.drop()

    async def _say_what_is_left(self):
        """In order, whoever of us two tasks is first."""
        async with self.speaking:
            while self.socket is not None and self.sent < len(self.said):
                text = self.said[self.sent]
                self.sent += 1
                await self.socket.send(json.dumps({"type": "text_input", "text": text}))

    # --- what he hears ---

    def _hear(self, message):
        match message:
            case {"type": "transcript", "role": "assistant", "text": str(text)} if ANSWERS in text:
                agent, _, what = text.partition(ANSWERS)
                self.answers[what].append(agent)
            case {"type": "status", "received": int(count)}:
                self.taken = max(self.taken, count + self.base)
            case {"type": "status", "state": "reconnecting"}:
                self.silent_since = self.silent_since or time.monotonic()
            case {"type": "status", "state": "restored", "memory": memory}:
                if self.silent_since is not None:
                    self.tally.gaps_ms.append((time.monotonic() - self.silent_since) * 1000)
                    self.silent_since = None
                if memory != "restored":
                    self.told = len(self.said)

    # --- judgement ---

    def open_texts(self):
        """What was neither answered nor said to be in doubt."""
        return [text for text in self.said[self.told :] if text not in self.answers]

    def violations(self):
        """What must not be, in words."""
        for text, agents in self.answers.items():
            if len(agents) > 1:
                yield f"{text} was answered {len(agents)} times, by {agents}"
            if not text.startswith(f"{self.name}-"):
                yield f"{self.name} hears an answer to {text}"
        if self.silent_since is not None:
            yield f"{self.name} was never told that an agent is there again, session {self.session}"
        for text in self.open_texts():
            yield f"{text} was lost in silence, session {self.session}, {self.sent} sent, {self.taken} taken"
