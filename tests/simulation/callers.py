"""Callers, each with a patience of his own drawn from the seed."""

from __future__ import annotations

from msgspec.json import decode, encode

from tests.simulation.network import BINARY, CLOSE, FRAGMENTED, PING, PONG, TEXT

SILENCE = (bytes(640), bytes(3200))
WISHES = ("triage", "banking", "idv", "persona-mortgage", "nobody")
DEEDS, OFTEN = ("text", "audio", "ping", "drop", "hang_up"), (50, 70, 75, 79, 85)
SELDOM_S = 15.0
"""Between the pings of a caller who only waits for what is still to come."""


class Caller:
    """One caller: sockets one after the other, numbered texts, and what he was told."""

    def __init__(self, world, number):
        self.world, self.number, self.random = world, number, world.random
        self.link = None
        self.session, self.token = "", ""
        self.sent = self.seen = 0
        self.greeted = False
        self.lines = []
        """What was said to the session that the service knows, in order."""
        self.answers = []
        self.starts = 0
        self.close_code = None
        self.told = 0
        self.left = False
        self.connections = self.handoffs_failed = 0
        self.patience = self.random.randrange(1, 4)

    def __repr__(self):
        return self.name

    def owner(self, _link):
        return self.name

    @property
    def name(self):
        return f"c{self.number}"

    def begin(self):
        self._connect()
        for _ in range(self.random.choice((1, 1, 2, 20))):
            self._say({"type": "select_workflow", "workflowId": self.random.choice(WISHES)})
        self._act_later()

    def _connect(self):
        self.greeted = False
        self.connections += 1
        self.world.connect(self, self.token, self.seen)

    def _act_later(self):
        waits = self.link is not None and not self.world.is_busy
        self.world.network.call_later(self.random.random() * (SELDOM_S if waits else 2), self._act)

    def _act(self):
        if self.left:
            return
        if self.link is None:
            self._come_back_or_leave()
            return
        deed = self.random.choices(DEEDS, cum_weights=OFTEN)[0] if self.world.is_busy else "ping"
        match deed:
            case "text" if self.greeted:
                self.sent += 1
                text = f"{self.name}-{self.sent}"
                self.world.record.said(self, text)
                self._say_line(text)
            case "audio":
                self.link.say(BINARY, SILENCE[self.random.random() < 0.5])
            case "ping":
                self._say({"type": "ping"})
            case "drop":
                self.lose(self.link)
            case "hang_up":
                self._leave()
                return
        self._act_later()

    def _come_back_or_leave(self):
        self.patience -= 1
        if self.patience < 0 or (self.close_code is not None and self.close_code in {1000, 4403, 4409, 4413}):
            self.left = True
            return
        self.world.note(self.name, "comes back")
        self.close_code = None
        self._connect()
        self._act_later()

    def lose(self, link):
        """This end of the connection is gone; the other end hears of it."""
        if link is self.link:
            self.world.note(self.name, "loses", link)
            self.link = None
        link.hang_up()

    def _leave(self):
        self.world.note(self.name, "hangs up")
        self.left = True
        link, self.link = self.link, None
        if self.random.random() < 0.7:
            link.say_close(1000)
        link.hang_up()

    def _say_line(self, text):
        self.lines.append(text)
        self._say({"type": "text_input", "text": text})

    def _send_again(self, received):
        """As the page does: what the service has not taken is said again; a new session begins with nothing."""
        missing = [] if received is None else self.lines[received:]
        if received is None:
            self.told = self.sent if self.lines else self.told
        self.lines = [] if received is None else self.lines[:received]
        for text in missing:
            self._say_line(text)

    def _say(self, message):
        if self.link is not None:
            self.link.say(TEXT, encode(message), 2 if self.random.random() < FRAGMENTED else 1)

    # --- what the gateway says ---

    def on_end(self, link):
        if link is self.link:
            self.link = None
        if not link.ended:
            link.hang_up()

    def on_frame(self, link, kind, data):
        if kind == CLOSE:
            if link is self.link:
                self.close_code = int.from_bytes(data[:2], "big") if data else 1005
                self.told = self.sent  # what he said before may be lost, and he knows it
                self.world.note(self.name, "is told", self.close_code)
                self.link = None
            link.say_close(1000)
            link.hang_up()
        elif kind == PING:
            link.say(PONG, data)
        elif kind == TEXT and link is self.link:
            self._hear(decode(data))

    def _hear(self, message):
        self.seen += 1
        match message["type"]:
            case "connected":
                self.seen = message.get("seq", 0)
                self.greeted = True
                self._send_again(message.get("received"))
                self.world.record.came_back(self, message["sessionId"], self.world)
                if message["sessionId"] != self.session or message.get("received") is None:
                    self.starts = 0  # another session, though perhaps under the id of one that ended for good
                self.session, self.token = message["sessionId"], message["resumeToken"]
            case "status" if message.get("memory") == "partial":
                self.told = self.sent
            case "session_start":
                self.starts += 1
            case "error" if message.get("code") == "handoff_failed":
                self.handoffs_failed += 1
            case "transcript" if "by" in message:  # an answer, and no other words
                self.answers.append(message)
