"""Callers and agents, each with a temper of its own drawn from the seed."""

from __future__ import annotations

import json

from picows import WSMsgType

TEXT, BINARY, CLOSE, PING, PONG = (
    WSMsgType.TEXT,
    WSMsgType.BINARY,
    WSMsgType.CLOSE,
    WSMsgType.PING,
    WSMsgType.PONG,
)
WISHES = ("triage", "banking", "idv", "persona-mortgage", "nobody")
AGENT_CLOSES = (1000, 1001, 1011, 1012, 1008)


class Instance:
    """One process of one agent. ``temper``: the chance of each misbehaviour, per occasion."""

    def __init__(self, world, agent_id, url, temper):
        self.world, self.agent_id, self.url, self.temper = world, agent_id, url, temper
        self.random = world.random
        self.delay = 0.01
        self.up = True
        self.calls = {}
        """Per connection: what this incarnation of the link knows."""

    def chance(self, fault):
        return self.random.random() < self.temper.get(fault, 0.0)

    # --- life of the process ---

    def die(self):
        self.up = False
        for link in list(self.calls):
            self.world.record.lost(link)
            link.hang_up()
        self.calls.clear()

    def rise(self):
        self.up = True

    # --- connections ---

    def on_dial(self):
        for fault in ("hang", "refuse", "reject"):
            if self.chance(fault):
                return fault
        return "accept"

    def on_connect(self, link):
        self.calls[link] = {"session": "", "texts": []}

    def on_end(self, link):
        self.calls.pop(link, None)
        link.hang_up()

    def on_frame(self, link, kind, data):
        if link not in self.calls:
            return
        if kind == CLOSE:
            link.say_close(int.from_bytes(data[:2], "big") if data else 1000)
        elif kind == PING:
            link.say(PONG, data)
        elif kind == TEXT:
            self._hear(link, json.loads(data))

    def _hear(self, link, message):
        call = self.calls[link]
        match message["type"]:
            case "session_init":
                call["session"] = message["sessionId"]
                self.world.note(f"{self.url} hears session_init of {call['session'][:6]}")
                self.world.record.initialised(link, self, message)
                if not self.chance("mute"):
                    self._soon(link, lambda: self._greet(link))
            case "text_input" | "user_input":
                self.world.record.delivered(call["session"], message["text"], link)
                if not self.chance("deaf"):
                    self._soon(link, lambda: self._answer(link, message["text"]))

    def _soon(self, link, step):
        def still_there():
            if link in self.calls:
                step()

        self.world.network.call_later(self.random.random() * 0.2, still_there)

    def _greet(self, link):
        self._send(link, {"type": "connected", "sessionId": "a lie" if self.chance("lie") else "x"})
        if self.chance("error"):
            self._send(link, {"type": "error", "message": "cannot", "fatal": True})

    def _answer(self, link, text):
        if self.chance("crash"):
            self.world.note(f"{self.url} crashes")
            self.die()
            self.world.network.call_later(self.random.random() * 4, self.rise)
            return
        if self.chance("close"):
            self.world.note(f"{self.url} closes a link")
            self.world.record.lost(link)
            link.say_close(self.random.choice(AGENT_CLOSES))
            self.calls.pop(link, None)
            self.world.network.call_later(0.05, link.hang_up)
            return
        if self.chance("garbage"):
            link.say(TEXT, self.random.choice([b"{", b"[]", b'{"type":7}', b'{"type":"transcript"}']))
        if self.chance("audio"):
            link.say(BINARY, bytes(640))
        answer = {"type": "transcript", "role": "assistant", "text": f"re: {text}", "isFinal": True}
        self._send(link, answer | {"by": self.url, "link": id(link)})
        if self.chance("handoff"):
            self._hand_over(link)

    def _hand_over(self, link):
        target = self.random.choice(["banking", "idv", "triage", "nobody"])
        use = f"u{self.random.randrange(1000)}"
        tool = f"transfer_to_{target}"
        good = not self.chance("failed_tool")
        signals = [
            {"type": "tool_use", "toolName": tool, "toolUseId": use, "input": {}},
            {"type": "tool_result", "toolName": tool, "toolUseId": use, "success": good, "result": {}},
        ]
        if good:
            signals += [{"type": "handoff_request", "targetAgentId": target, "context": {"reason": "x"}}]
        signals += signals[1:] if self.chance("twice") else []
        self.world.note(f"{self.url} hands over to {target}{'' if good else ' (the tool fails)'}")
        for signal in signals:
            self._send(link, signal)

    def _send(self, link, message):
        link.say(TEXT, json.dumps(message).encode(), pieces=self.random.choice((1, 1, 1, 3)))


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
        self.patience = self.random.randrange(1, 4)

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
        self.world.connect(self, self.token, self.seen)

    def _act_later(self):
        self.world.network.call_later(self.random.random() * 2, self._act)

    def _act(self):
        if self.left:
            return
        if self.link is None:
            self._come_back_or_leave()
            return
        deeds = ("text", "audio", "ping", "drop", "hang_up") if self.world.is_busy else ("ping",)
        match self.random.choices(deeds, (50, 20, 5, 4, 6)[: len(deeds)])[0]:
            case "text" if self.greeted:
                self.sent += 1
                text = f"{self.name}-{self.sent}"
                self.world.record.said(self, text)
                self._say_line(text)
            case "audio":
                self.link.say(BINARY, bytes(self.random.choice((640, 3200))))
            case "ping":
                self._say({"type": "ping"})
            case "drop":
                self.world.note(f"{self.name} loses the connection")
                self.link.hang_up()
                self.link = None
            case "hang_up":
                self._leave()
                return
        self._act_later()

    def _come_back_or_leave(self):
        self.patience -= 1
        if self.patience < 0 or (self.close_code is not None and self.close_code in {1000, 4403, 4409, 4413}):
            self.left = True
            return
        self.world.note(f"{self.name} comes back")
        self.close_code = None
        self._connect()
        self._act_later()

    def _leave(self):
        self.world.note(f"{self.name} hangs up")
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
            self.link.say(TEXT, json.dumps(message).encode(), pieces=self.random.choice((1, 1, 1, 2)))

    # --- what the gateway says ---

    def on_end(self, link):
        if link is self.link:
            self.link = None
        link.hang_up()

    def on_frame(self, link, kind, data):
        if kind == CLOSE:
            if link is self.link:
                self.close_code = int.from_bytes(data[:2], "big") if data else 1005
                self.told = self.sent  # what he said before may be lost, and he knows it
                self.world.note(f"{self.name} is told {self.close_code}")
                self.link = None
            link.say_close(1000)
            link.hang_up()
        elif kind == PING:
            link.say(PONG, data)
        elif kind == TEXT and link is self.link:
            self._hear(json.loads(data))

    def _hear(self, message):
        self.seen += 1
        match message["type"]:
            case "connected":
                self.seen = message.get("seq", 0)
                self.greeted = True
                self._send_again(message.get("received"))
                if message["sessionId"] != self.session:
                    self.starts = 0
                self.session, self.token = message["sessionId"], message["resumeToken"]
            case "status" if message.get("memory") == "partial":
                self.told = self.sent
            case "session_start":
                self.starts += 1
            case "transcript" if message.get("role") == "assistant":
                self.answers.append(message)
