"""Instances of agents, each with a temper of its own drawn from the seed."""

from __future__ import annotations

from msgspec.json import decode, encode

from tests.simulation.network import BINARY, CLOSE, FRAGMENTED, PING, PONG, TEXT

AGENT_CLOSES = (1000, 1001, 1011, 1012, 1008)

SORRY = {"type": "transcript", "role": "assistant", "text": "I am sorry.", "isFinal": True}


class Instance:
    """One process of one agent. ``temper``: the chance of each misbehaviour, per occasion."""

    def __init__(self, world, agent_id, url, temper):
        self.world, self.agent_id, self.url, self.temper = world, agent_id, url, temper
        self.random = world.random
        self.delay = 0.01
        self.up = True
        self.calls = {}
        """Per connection: what this incarnation of the link knows."""

    def __repr__(self):
        return self.url

    def owner(self, link):
        """Whose session a link serves, as far as this end knows."""
        return self.calls[link]["session"] if link in self.calls else ""

    def chance(self, fault):
        return self.random.random() < self.temper.get(fault, 0.0)

    # --- life of the process ---

    def die(self):
        self.up = False
        for link in list(self.calls):
            self.lose(link)

    def lose(self, link):
        """This end of the link is gone; the other end hears of it."""
        if self.calls.pop(link, None) is not None:
            self.world.record.lost(link)
            link.hang_up()

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
        if not link.ended:
            link.hang_up()

    def on_frame(self, link, kind, data):
        if link not in self.calls:
            return
        if kind == CLOSE:
            link.say_close(int.from_bytes(data[:2], "big") if data else 1000)
        elif kind == PING:
            link.say(PONG, data)
        elif kind == TEXT:
            self._hear(link, decode(data))

    def _hear(self, link, message):
        call = self.calls[link]
        match message["type"]:
            case "session_init":
                call["session"] = message["sessionId"]
                self.world.note(call["session"], self.url, "hears session_init on", link)
                self.world.record.initialised(link, self, message)
                if not self.chance("mute"):
                    self._soon(link, lambda: self._greet(link))
            case "text_input" | "user_input":
                self.world.record.delivered(call["session"], message["text"], link)
                if not self.chance("deaf"):
                    self._soon(link, lambda: self._answer(link, message["text"]))
            case "handoff_failed":
                self._soon(link, lambda: self._send(link, SORRY))

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
            self.world.note("", self.url, "crashes")
            self.die()
            self.world.network.call_idle(self.random.random() * 4, self.rise)
            return
        if self.chance("close"):
            self.world.note(self.calls[link]["session"], self.url, "closes", link)
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
        self._send(link, answer | {"by": self.url, "link": link.number})
        if self.chance("handoff"):
            self._hand_over(link)
        elif self.chance("verify"):
            self._verify(link)

    def _verify(self, link):
        """The caller is who he says; the gateway moves him on by itself."""
        self.world.record.wished(self.calls[link]["session"])
        use, tool = f"v{self.random.randrange(1000)}", "perform_idv_check"
        self._send(link, {"type": "tool_use", "toolName": tool, "toolUseId": use, "input": {}})
        result = {"auth_status": "VERIFIED", "customer_name": "Sarah Jones"}
        self._send(link, {"type": "tool_result", "toolName": tool, "toolUseId": use, "success": True, "result": result})

    def _hand_over(self, link):
        self.world.record.wished(self.calls[link]["session"])
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
        words = "hands over to" if good else "fails to hand over to"
        self.world.note(self.calls[link]["session"], self.url, words, target)
        for signal in signals:
            self._send(link, signal)

    def _send(self, link, message):
        link.say(TEXT, encode(message), 3 if self.random.random() < FRAGMENTED else 1)
