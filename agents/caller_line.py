"""What a caller knows of his call: who speaks, what was said, and whether it is his turn. No I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents.caller_audio import EAR_RATE

QUIET_S = 0.7  # longer than the pause between two sentences or the gap before a hand-off
MAX_HEARD_BYTES = 10 * 60 * EAR_RATE * 2
"""Ten minutes are kept; what is heard after that is counted in time, but not kept."""
MAX_LINES = 1_000
"""Lines kept; later ones are shown, not kept."""


@dataclass(frozen=True, slots=True)
class Line:
    """One final line of the transcript."""

    role: str
    agent: str
    text: str


class CallerLine:
    """Follows one call. Times are seconds of one monotonic clock, given with each event."""

    def __init__(self, agent: str, began: float) -> None:
        self.agent = agent
        self.lines: list[Line] = []
        self.handoffs: list[str] = []
        self.latencies: list[float] = []
        self._began = began
        self._heard = bytearray()
        self._playing_until = began
        self._last_news = began
        self._interim: str | None = None
        self._answered = False
        self._moving = False
        self._asked_at: float | None = None

    def __repr__(self) -> str:
        return f"<CallerLine with {self.agent}, {len(self.lines)} lines, moving {self._moving}>"

    @property
    def heard(self) -> bytes:
        """All that was heard, as PCM16 24 kHz mono, with the pauses."""
        return bytes(self._heard)

    @property
    def said(self) -> str:
        """All that agents have said so far, as text."""
        return " ".join(line.text for line in self.lines if line.role == "assistant")

    def ask(self, now: float) -> None:
        """Note that the caller has just ended what he says: an answer is due."""
        self._asked_at, self._answered = now, False

    def is_my_turn(self, now: float) -> bool:
        """Tell whether the agent that owns the call has spoken and been heard to the end."""
        silent_since = max(self._playing_until, self._last_news)
        return self._answered and not self._moving and self._interim is None and now - silent_since >= QUIET_S

    def is_silent(self, now: float) -> bool:
        """Tell whether all that was received has been played."""
        return now >= self._playing_until

    def on_audio(self, pcm: bytes, now: float) -> None:
        """Take a frame of the agent's voice; it plays after what is still playing."""
        if not self._moving:
            self._note_answer(now)
        self._playing_until = max(self._playing_until, now)
        at = round((self._playing_until - self._began) * EAR_RATE) * 2
        if at + len(pcm) <= MAX_HEARD_BYTES:
            self._heard.extend(bytes(max(0, at - len(self._heard))))
            self._heard += pcm[: len(pcm) & ~1]
        self._playing_until += len(pcm) / 2 / EAR_RATE

    def on_message(self, message: dict[str, Any], now: float) -> None:
        """Take a message of the wire protocol."""
        match message.get("type"):
            case "transcript":
                self._on_transcript(message, now)
            case "handoff_event":
                self.agent = str(message.get("target") or self.agent)
                self.handoffs.append(self.agent)
                self._moving, self._answered, self._interim = True, False, None
                self._last_news = now
            case "tool_use" if _moves(message):
                self._moving, self._last_news = True, now
            case "tool_result" if _moves(message) and message.get("success") is False:
                self._moving = False
            case "interruption":
                self._cut(now)
            case _:
                pass

    def _on_transcript(self, message: dict[str, Any], now: float) -> None:
        role, text = str(message.get("role")), str(message.get("text") or "")
        final = message.get("isFinal") is not False
        if role == "assistant":
            self._note_answer(now)
            self._last_news = now
            self._interim = None if final else str(message.get("id"))
            self._answered = self._answered or final
            self._moving = False  # before a hand-off the old agent is silent: who speaks now owns the call
        if final and len(self.lines) < MAX_LINES:
            self.lines.append(Line(role, self.agent, text))

    def _note_answer(self, now: float) -> None:
        if self._asked_at is not None:
            self.latencies.append(now - self._asked_at)
            self._asked_at = None

    def _cut(self, now: float) -> None:
        """Throw away what has not been played."""
        self._playing_until = min(self._playing_until, now)
        del self._heard[max(0, round((now - self._began) * EAR_RATE)) * 2 :]
        self._interim, self._last_news = None, now


def _moves(message: dict[str, Any]) -> bool:
    return str(message.get("toolName")).startswith(("transfer_to_", "return_to_"))
