"""The last seconds of a call: control events, and how many frames flowed when, in memory, bounded; no words.

Written to a file only after a crash, after a swap that went wrong, or on request.
"""

from __future__ import annotations

import json
import re
from array import array
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import Enum, auto
from functools import cache, partial
from threading import Semaphore
from typing import TYPE_CHECKING, Final, cast

import msgspec
from aiohttp import web
from loguru import logger
from msgspec import Struct, field

from actors.failover import Fault
from actors.ids import SessionId
from actors.messages import CallerChose
from actors.receipt import Outcome
from actors.session_events import (
    LinkDialled,
    LinkEnded,
    LinkLost,
    Parked,
    Resumed,
    Routed,
    SessionBegan,
    SessionEnded,
    SwapEnded,
    TranscriptLine,
)
from actors.verdict import Verdict
from gateway.catalogue import replace_file
from gateway.close_codes import TO_CALLER
from gateway.masking import mask
from gateway.notes import Notes
from gateway.rest import ApiError, an_id
from gateway.wire import MAX_NAME

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable
    from pathlib import Path

    from actors.messages import CallerSent
    from gateway.rest import ApiSettings

    Later = Callable[[float, Callable[[], None]], TimerHandle]

FORMAT: Final = 1
CRASHED: Final = "session crashed"
NOTES: Final = 256  # of eight frames each: twenty seconds of 20 ms audio in both directions; a power of two
FIRST_EVENTS, LAST_EVENTS = 16, 240  # how the call began is kept, for without it nothing can be played again
MAX_TEXT: Final = 2000  # characters of one value
MAX_WAITING: Final = 32  # files not written yet
SETTLE_S: Final = 3.0  # after what went wrong, so that the file says what became of it
_BAD_SWAPS: Final = frozenset({Outcome.FAILED, Outcome.RETURNED, Outcome.FELL_BACK})
_WORDS: Final = frozenset({"text", "arguments", "result", "context", "graph_state", "memory", "config", "message"})
_SMALL: Final = frozenset(
    {
        CallerChose,
        SessionBegan,
        Routed,
        LinkDialled,
        LinkEnded,
        LinkLost,
        SwapEnded,
        Parked,
        Resumed,
        SessionEnded,
    }
)
_MAY_BE_WRONG: Final = frozenset({LinkLost, SwapEnded, SessionEnded})
_CAMEL: Final = re.compile(r"(?<!^)(?=[A-Z])")
_JSON: Final = msgspec.json.Encoder(enc_hook=str)


class Phase(Enum):
    """How far the session of a call has come, by its own word."""

    WAITING = auto()
    OPEN = auto()
    ENDED = auto()


_NO_TIMES: Final = array("d")
_NO_COUNTS: Final = array("q")


class FrameRing(Struct, eq=False, gc=False):
    """When so many frames and bytes had been forwarded, for the last seconds: 6 KB, whatever happens.

    Told at the first frame of every eight, from the relay's own counters, so that single frames pay nothing.
    """

    _times: array[float] = _NO_TIMES
    _frames: array[int] = _NO_COUNTS
    _bytes: array[int] = _NO_COUNTS
    _noted: int = 0

    def note(self, at: float, frames: int, octets: int) -> None:
        """Keep one reading, the oldest gives way; ``frames`` is negative towards the caller."""
        place = self._noted & (NOTES - 1)
        if not self._noted:  # a call that has not spoken yet shares its emptiness with all others
            self._times, self._frames, self._bytes = array("d"), array("q"), array("q")
        if self._noted < NOTES:
            self._times.append(at)
            self._frames.append(frames)
            self._bytes.append(octets)
        else:
            self._times[place], self._frames[place], self._bytes[place] = at, frames, octets
        self._noted += 1

    def read(self) -> list[tuple[float, int, int]]:
        """Return (time, frames, bytes) since the reading before, the oldest first; negative towards the caller."""
        whole = self._noted <= NOTES
        before: dict[bool, tuple[int, int]] = {True: (0, 0), False: (0, 0)} if whole else {}
        rows = []
        for number in range(0 if whole else self._noted - NOTES, self._noted):
            place = number & (NOTES - 1)
            frames, octets = self._frames[place], self._bytes[place]
            sign = 1 if frames > 0 else -1
            known = before.get(frames > 0)
            before[frames > 0] = (frames * sign, octets)
            if known is not None:
                rows.append((self._times[place], frames - known[0] * sign, (octets - known[1]) * sign))
        return rows


class _PassedOn(Struct, frozen=True):
    """What is kept of a message that was passed on; its type is the caller's word, masked when it is written."""

    kind: str
    size: int


class Recorder(Struct, eq=False):
    """One call's black box. ``words``: keep what was said as well, masked."""

    _now: Callable[[], float]
    words: bool
    frames: FrameRing = field(default_factory=FrameRing)
    phase: Phase = Phase.WAITING
    _events: Notes = field(default_factory=partial(Notes, FIRST_EVENTS, LAST_EVENTS))

    def __repr__(self) -> str:
        return f"Recorder({self.phase.name}, {self._events})"

    def note(self, event: object) -> None:
        """Keep one event of the relay or of the session.

        What may hold words is described and cut short at once; the others are small, and described if ever written.
        """
        kept = event if type(event) in _SMALL else _described(event, words=self.words)
        self._events.note(self._now(), kept)

    def note_passed_on(self, event: CallerSent, size: int) -> None:
        """Keep a message that took ``size`` bytes, as `note` does; there may be fifty a second."""
        if self.words:
            self.note(event)
        else:
            self._events.note(self._now(), _PassedOn(cast("str", event.message["type"])[:MAX_NAME], size))

    def document(self, session_id: SessionId, reason: str, wall_s: float) -> dict[str, object]:
        """Everything, with times in seconds since the first event."""
        rows = [
            (at, kept if isinstance(kept, dict) else _described(kept, words=self.words)) for at, kept in self._events
        ]
        began = rows[0][0] if rows else self._now()
        return {
            "format": FORMAT,
            "session": session_id,
            "reason": reason,
            "writtenAt": datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds"),
            "seconds": round(self._now() - began, 4),
            "lost": self._events.lost,
            "events": [{"t": round(at - began, 4), **event} for at, event in rows],
            "frames": [[round(at - began, 4), frames, octets] for at, frames, octets in self.frames.read()],
        }


class BlackBoxes:
    """The recorders of present calls, and the files of what went wrong. A `Tracer` by `observe`, of every event."""

    def __init__(
        self,
        folder: Path,
        max_files: int,
        now: Callable[[], float],
        wall: Callable[[], float],
        later: Later,
        *,
        words: bool,
    ) -> None:
        """``max_files`` 0 records nothing."""
        self._folder = folder
        self._max_files = max_files
        self._now = now
        self._wall = wall
        self._later = later
        self._words = words
        self._recorders: dict[SessionId, Recorder] = {}
        self._due: dict[SessionId, tuple[str, TimerHandle]] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="blackbox")
        self._room = Semaphore(MAX_WAITING)

    def open(self, session_id: SessionId) -> Recorder | None:
        """Begin to record a call; None where recording is switched off."""
        if not self._max_files:
            return None
        recorder = self._recorders[session_id] = Recorder(self._now, words=self._words)
        return recorder

    def observe(self, session_id: SessionId, event: object) -> None:
        """Keep one event of a session, and see whether something went wrong."""
        recorder = self._recorders.get(session_id)
        if recorder is None:
            return
        recorder.note(event)
        kind = type(event)
        if kind is SessionBegan:
            recorder.phase = Phase.OPEN
        if kind in _MAY_BE_WRONG and (why := _wrong(event)) and session_id not in self._due:
            self._due[session_id] = (why, self._later(SETTLE_S, lambda: self._settle(session_id)))
        if kind is SessionEnded:
            recorder.phase = Phase.ENDED
            self._settle(session_id)

    def close(self, session_id: SessionId) -> None:
        """The call is over; where it began and did not say how it ended, it crashed."""
        self._settle(session_id)
        recorder = self._recorders.get(session_id)
        if recorder is not None and recorder.phase is Phase.OPEN:
            self.write(session_id, CRASHED)
        self._recorders.pop(session_id, None)

    def write(self, session_id: SessionId, reason: str) -> str | None:
        """Write a call's file; returns its name, or None where the call is not here or too many files wait."""
        recorder = self._recorders.get(session_id)
        if recorder is None or not self._room.acquire(blocking=False):
            return None
        wall = self._wall()
        path = self._folder / f"{session_id}-{int(wall * 1000)}.json"
        self._worker.submit(self._save, path, recorder.document(session_id, reason, wall))
        return path.name

    def routes(self, settings: ApiSettings) -> list[web.RouteDef]:
        """The endpoint."""

        async def write(request: web.Request) -> web.Response:
            settings.admit(request)
            name = self.write(SessionId(an_id(request.match_info["id"], "id")), "asked for")
            if name is None:
                raise ApiError(404, "there is no such call here, or black boxes are switched off")
            return web.json_response({"success": True, "file": name}, status=202)

        return [web.post("/admin/sessions/{id}/blackbox", write)]

    def stop(self) -> None:
        """Write what waits. Blocks."""
        for session_id in list(self._due):
            self._settle(session_id)
        self._worker.shutdown(wait=True)

    # --- inside ---

    def _settle(self, session_id: SessionId) -> None:
        due = self._due.pop(session_id, None)
        if due is not None:
            due[1].cancel()
            self.write(session_id, due[0])

    def _save(self, path: Path, document: dict[str, object]) -> None:
        try:
            replace_file(path, json.dumps(document, ensure_ascii=False))
            files = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
            for old in files[: -self._max_files]:
                old.unlink(missing_ok=True)
            logger.warning("black box of session {} written: {}: {}", document["session"], document["reason"], path)
        except OSError as error:
            logger.warning("a black box could not be written: {}", error)
        finally:
            self._room.release()


def _wrong(event: object) -> str:
    match event:
        case SwapEnded(receipt=receipt):
            return f"swap {receipt.reason.value} {receipt.outcome.value}" if receipt.outcome in _BAD_SWAPS else ""
        case LinkLost(cause=Fault.CRASHED | Fault.KILLED as cause):
            return f"link {cause}"
        case SessionEnded(verdict=Verdict.OUR_BUG):
            return "session ended by our bug"
        case _:
            return ""


@cache
def _snake(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def _described(event: object, *, words: bool) -> dict[str, object]:
    """Name an event and its plain values; words by their length, or masked."""
    row: dict[str, object] = {"event": _snake(type(event).__name__)}
    match event:
        case SwapEnded(receipt=receipt):
            return row | {
                "reason": receipt.reason.value,
                "outcome": receipt.outcome.value,
                "from": receipt.source,
                "to": receipt.target,
                "ms_without_agent": receipt.ms_without_agent,
            }
        case SessionEnded(verdict=verdict, causes=causes):
            return row | {"verdict": verdict.value, "code": TO_CALLER[verdict].code, "causes": list(causes)}
        case _PassedOn(kind=kind, size=size):
            return {"event": _snake("CallerSent"), "message_type": mask(kind), "message_length": size}
        case TranscriptLine(role=role, text=text):
            return row | {"role": role, **_said("text", text, words=words)}
        case Struct():
            for name in event.__struct_fields__:
                row |= _value(name, getattr(event, name), words=words)
            return row
        case _:
            return row


def _value(name: str, value: object, *, words: bool) -> dict[str, object]:
    if name in _WORDS:
        kind = value.get("type") if isinstance(value, dict) else None
        known = {"message_type": mask(kind[:MAX_NAME])} if isinstance(kind, str) else {}
        return known | _said(name, value, words=words)
    if name == "session_id":
        return {}
    return {name: value if isinstance(value, int | float) or value is None else mask(str(value)[:MAX_TEXT])}


def _said(name: str, value: object, *, words: bool) -> dict[str, object]:
    text = value if isinstance(value, str) else _JSON.encode(value).decode()
    shown: dict[str, object] = {f"{name}_length": len(text)}
    return shown | {name: mask(text[:MAX_TEXT])} if words else shown


def read_file(path: Path) -> dict[str, object]:
    """Read a black box. Raises ``ValueError`` where the file is not one, or ``OSError``."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is not a black box of format {FORMAT}")
    return cast("dict[str, object]", document)
