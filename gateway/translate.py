"""What an agent's JSON becomes for the caller, and which event the session gets of it; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from actors.messages import (
    AgentReported,
    HandoffRequested,
    MemoryOffered,
    ToolReturned,
    ToolUsed,
    TranscriptSeen,
)
from gateway.wire import MAX_NAME, decode, encode, error_text, sniff_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.ids import AgentId, Generation
    from actors.messages import RelayEvent

# What only the gateway says, and raw model events.
_SWALLOWED: Final = frozenset({"connected", "handoff_event", "TEXT", "AUDIO", "TOOL", "CONTENT_START", "CONTENT_END"})
_TOLD: Final = frozenset(
    {"tool_use", "tool_result", "tool_error", "handoff_request", "update_memory", "transcript", "error"}
)
_AUGMENTED: Final = frozenset({"usage", "workflow_update", "session_start", "contentStart", "contentEnd"})
_USAGE: Final = ("inputTokens", "outputTokens", "totalTokens")
MAX_TRANSCRIPTS: Final = 256  # ids remembered for the exact-repeat rule; a turn has a handful of updates

Outcome = tuple[bytes | None, "RelayEvent | None"]


@dataclass(frozen=True, slots=True)
class _Unnamed:
    """The line that a role is saying without an id of the agent's."""

    name: str
    generation: int
    text: str = ""
    final: bool = False


@lru_cache(maxsize=8)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _stamp(unix_s: float) -> str:
    """ISO 8601 with milliseconds, as browsers write it; calls that begin in the same second share most of it."""
    whole_s, ms = divmod(int(unix_s * 1000), 1000)
    return f"{_second(whole_s)}.{ms:03d}Z"


class Translator(Struct, eq=False):
    """The rules for one client session, over all of its links."""

    _session_id: str
    _wall: Callable[[], float]
    _started: bool = False
    _lines: _Lines | None = None
    """None while nobody has said anything."""

    def __repr__(self) -> str:
        return f"Translator({self._session_id})"

    def injected(self, text: str) -> None:
        """Remember a text that was put into the conversation unseen: its echo is hidden."""
        self._spoken().inject(text)

    def start(self) -> bytes | None:
        """The one ``session_start`` of this session; None when it was sent."""
        if self._started:
            return None
        self._started = True
        data = {"sessionId": self._session_id}
        return encode({"type": "session_start", **data, "timestamp": _stamp(self._wall()), "data": data})

    def translate(self, data: bytes, generation: Generation, agent: AgentId) -> Outcome:
        """One JSON frame of the current link -> (text frame for the caller, event for the session)."""
        kind = sniff_type(data)
        if kind is None or kind in _SWALLOWED:
            return None, None
        if kind not in _TOLD and kind not in _AUGMENTED:
            return data, None
        message = decode(data)
        if message is None:
            return None, None
        if kind in _AUGMENTED:
            return self._augment(kind, message), None
        if kind == "transcript":
            return self._transcript(message, generation, agent)
        event = _event(kind, message, generation)
        if kind in {"handoff_request", "update_memory"}:
            return None, event
        if kind == "error" and not (isinstance(message.get("message"), str) and message["message"]):
            return encode({**message, "message": error_text(message)}), event
        return data, event

    def _augment(self, kind: str, message: dict[str, object]) -> bytes | None:
        nested = _mapping(message.get("data"))
        match kind:
            case "session_start":
                return self.start()
            case "usage":
                numbers: dict[str, object] = {name: message[name] for name in _USAGE if name in message}
                return encode({**message, "data": numbers | nested})
            case "workflow_update":
                step = message.get("currentStep") or nested.get("currentStep") or message.get("currentNode")
                return encode({**message, "currentStep": step} if step is not None else message)
            case _:
                flat = {name: value for name, value in message.items() if name not in {"type", "data"}}
                return encode({**nested, **message, "data": {**flat, **nested}})

    def _transcript(self, message: dict[str, object], generation: Generation, agent: AgentId) -> Outcome:
        text = message.get("text")
        if not isinstance(text, str):
            text = message.get("transcript")
        if not isinstance(text, str):
            return None, None
        role = "user" if message.get("role") == "user" else "assistant"
        final = message.get("isFinal") is not False
        lines = self._spoken()
        if role == "user" and (text.startswith(("[System:", "[SYSTEM")) or text in lines.injected):
            return None, None
        now_ms = int(self._wall() * 1000)
        given = message.get("id")
        ident = given if isinstance(given, str) and given else lines.name(generation, role, text, now_ms, final=final)
        if final:  # who speaks next begins a new line
            lines.unnamed.pop("assistant" if role == "user" else "user", None)
        if lines.repeats(generation, ident, text, final=final):
            return None, None
        shown = lines.owned(ident, generation, agent)
        line = encode({"timestamp": now_ms, **message, "text": text, "isFinal": final, "id": shown})
        return line, TranscriptSeen(generation, role, text, final)

    def _spoken(self) -> _Lines:
        self._lines = lines = self._lines or _Lines()
        return lines


class _Lines:
    """What is known of the lines of a conversation."""

    __slots__ = ("_last_name_ms", "_owners", "_transcripts", "injected", "unnamed")

    def __init__(self) -> None:
        self.injected: dict[str, None] = {}
        self.unnamed: dict[str, _Unnamed] = {}
        self._transcripts: dict[tuple[int, str], tuple[str, bool]] = {}
        self._owners: dict[str, int] = {}
        self._last_name_ms = 0

    def inject(self, text: str) -> None:
        """Remember a text that was put into the conversation unseen."""
        self.injected[text] = None
        _bound(self.injected)

    def name(self, generation: int, role: str, text: str, now_ms: int, *, final: bool) -> str:
        """Name a line that its agent does not: updates keep their line's name, and so does the repeat of a final."""
        line = self.unnamed.get(role)
        if line is None or line.generation != generation or (line.final and line.text != text):
            self._last_name_ms = max(now_ms, self._last_name_ms + 1)
            line = _Unnamed(f"{role}-{self._last_name_ms}", generation)
        self.unnamed[role] = line = replace(line, text=text, final=final or line.final)
        return line.name

    def repeats(self, generation: int, ident: str, text: str, *, final: bool) -> bool:
        """Whether this update says nothing new."""
        key = (generation, ident)
        last = self._transcripts.get(key)
        if last is not None and last[0] == text and (last[1] or not final):
            return True
        self._transcripts[key] = (text, final)
        _bound(self._transcripts)
        return False

    def owned(self, ident: str, generation: int, agent: str) -> str:
        """The name that the caller sees: another one where two links use the same."""
        owner = self._owners.setdefault(ident, generation)
        _bound(self._owners)
        return ident if owner == generation else f"{agent}-{generation}-{ident}"


def _bound(kept: dict[Any, Any]) -> None:
    if len(kept) > MAX_TRANSCRIPTS:
        del kept[next(iter(kept))]


def _event(kind: str, message: dict[str, object], generation: Generation) -> RelayEvent | None:
    tool = _name(message.get("toolName") or message.get("name"))
    use_id = _name(message.get("toolUseId"))
    error = _string(message.get("error"))
    match kind:
        case "tool_use":
            return ToolUsed(generation, tool, use_id, _mapping(message.get("input")))
        case "tool_result" | "tool_error":
            good = kind == "tool_result" and message.get("success") is not False and not message.get("error")
            return ToolReturned(generation, tool, use_id, good, message.get("result"), error)
        case "handoff_request":
            target = _name(message.get("targetAgentId") or message.get("targetPersonaId") or message.get("target"))
            state = message.get("graphState")
            graph = _mapping(state) if isinstance(state, dict) else None
            return HandoffRequested(generation, target, _mapping(message.get("context")), graph)
        case "update_memory":
            return MemoryOffered(generation, _mapping(message.get("memory")))
        case _:
            return AgentReported(generation, error_text(message), message.get("fatal") is True)


def _mapping(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _name(value: object) -> str:
    return _string(value)[:MAX_NAME]  # sessions remember names; what they send on is as it came
