"""A caller, and the part of a gateway that carries memory between agents, without sockets."""

import weakref
from collections import deque

from agents.bank import Bank
from agents.bank_tools import executors
from agents.engine.actions import CallTool, HandOff, Remember, Say, ToolDone
from agents.engine.script import Start
from agents.services import AGENTS
from agents.toolbox import Toolbox, load_definitions


class Caller:
    def __init__(self, agent="triage", **memory):
        self.bank = Bank()
        weakref.finalize(self, self.bank.close)
        self.memory = {"verified": False, **memory}
        self.route = []
        self.tools = []
        self.lines = []
        self.spoken = []
        self._enter(agent, Start())

    def says(self, text):
        self.lines, self.spoken = [], []
        self.memory["lastUserMessage"] = text
        self._perform(self.script.heard(self.state, text, self.memory))
        return " ".join(self.lines)

    def resumed(self, agent=None, *, pending=False):
        self.lines, self.spoken = [], []
        self._enter(agent or self.route[-1], Start(resume=True, pending=pending))
        return " ".join(self.lines)

    def _enter(self, agent, start):
        self.script = AGENTS[agent].script
        self.toolbox = Toolbox.of(AGENTS[agent].tools, load_definitions(), executors(self.bank))
        self.route.append(agent)
        self._perform(self.script.start(self.memory, start))

    def _perform(self, turn):
        self.state = turn.state
        waiting = deque(turn.actions)
        while waiting:
            match waiting.popleft():
                case Say() as said:
                    self.lines.append(said.text)
                    self.spoken.append(said.spoken)
                case Remember(memory):
                    self.memory |= memory
                case CallTool(name, arguments):
                    self.tools.append(name)
                    outcome = self.toolbox.run(name, arguments)
                    done = ToolDone(name, outcome.success, outcome.data, outcome.error)
                    following = self.script.tool_done(self.state, done, self.memory)
                    self.state = following.state
                    waiting.extendleft(reversed(following.actions))
                case HandOff() as handed:
                    assert self.toolbox.run(handed.tool, handed.input).success
                    self._merge(handed.context)
                    self._enter(handed.context["targetAgent"], Start())
                    return

    def _merge(self, context):
        """The merge rules of the wire protocol, as a gateway applies them."""
        carried = ("userName", "account", "sortCode", "lastUserMessage", "taskCompleted")
        self.memory |= {key: context[key] for key in carried if context.get(key)}
        self.memory["verified"] = self.memory["verified"] or context["verified"]
        if context.get("isReturn"):
            self.memory.pop("userIntent", None)
            self.memory["conversationSummary"] = context["summary"]
            if context.get("idvFailed"):
                self.memory["graphState"] = {"idvFailed": True}
        elif not self.memory.get("userIntent") or context["fromAgent"] == "triage":
            self.memory["userIntent"] = context.get("userIntent", "")
