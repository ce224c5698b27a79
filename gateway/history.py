"""What was said in calls that have ended: one masked JSON file per session, bounded in lines, files and age.

A `Tracer` collects lines as sessions report them; one worker thread writes. Nothing here can hold up or fail a session.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count
from threading import Semaphore
from typing import TYPE_CHECKING, Final

from loguru import logger
from msgspec import Struct, field

from actors.session_events import Routed, SessionEnded, TranscriptLine
from gateway.catalogue import replace_file
from gateway.masking import mask

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from actors.ids import SessionId
    from gateway.telemetry import Observers

MAX_LINES: Final = 500  # of one call; the first ones give way
MAX_LINE: Final = 4000  # characters
MAX_OPEN: Final = 20_000  # calls whose end has not been reported; the oldest is given up
MAX_WAITING: Final = 1000  # files not written yet; a disk that is slower than that loses history, not calls
PRUNE_EVERY: Final = 20  # writes; by so many files the bound may be passed
_PREFIX: Final = "session_"


class _Line(Struct, frozen=True, gc=False):
    """What was said, or a step; a quarter of the memory of what is written of it."""

    at_ms: int
    role: str
    text: str
    agent: str | None
    kind: str = "final"

    def document(self) -> dict[str, object]:
        what = {"role": self.role, "text": self.text, "agent": self.agent, "type": self.kind}
        return {**what, "timestamp": self.at_ms}


class _Open(Struct):
    began_ms: int
    lines: list[_Line] = field(default_factory=list)


class History:
    """Collects, writes, lists and reads."""

    def __init__(self, folder: Path, max_files: int, max_age_s: float, wall: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_age_s = max_age_s
        self._wall = wall
        self._open: dict[SessionId, _Open] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._room = Semaphore(MAX_WAITING)
        self._written = count(1)
        self.observers: Observers = {TranscriptLine: self._say, Routed: self._route, SessionEnded: self._end}

    def lines(self, session_id: SessionId) -> list[dict[str, object]]:
        """What has been said in a call that goes on, masked; empty where nothing was, or where the call is not here."""
        call = self._open.get(session_id)
        return [] if call is None else [line.document() for line in call.lines if line.kind == "final"]

    def close(self) -> None:
        """Write what waits, and end the worker."""
        self._worker.shutdown(wait=True)

    # --- in a thread ---

    def summaries(self) -> list[dict[str, object]]:
        """One line per call, the newest first."""
        found = (self.read(path.name) for path in self._files())
        return [_summary(document) for document in found if document is not None]

    def read(self, name: str) -> dict[str, object] | None:
        """One call by its session id or file name; None where there is none."""
        stem = name.removesuffix(".json").removeprefix(_PREFIX)
        try:
            document = json.loads((self._folder / f"{_PREFIX}{stem}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def add_feedback(self, session_id: str, feedback: dict[str, object]) -> bool:
        """Keep what somebody thought of a call; False where there is none."""
        return self._worker.submit(self._add_feedback, session_id, feedback).result()

    # --- inside ---

    def _say(self, session_id: SessionId, event: TranscriptLine) -> None:
        self._add(session_id, _Line(event.at_ms, event.role, mask(event.text[:MAX_LINE]), event.agent_id))

    def _route(self, session_id: SessionId, event: Routed) -> None:
        step = f"{event.reason}: {event.agent_id}"
        self._add(session_id, _Line(int(self._wall() * 1000), "system", step, event.agent_id, "workflow_step"))

    def _add(self, session_id: SessionId, line: _Line) -> None:
        call = self._open.get(session_id)
        if call is None:
            call = self._open[session_id] = _Open(line.at_ms)
            if len(self._open) > MAX_OPEN:
                del self._open[next(iter(self._open))]
        call.lines.append(line)
        if len(call.lines) > MAX_LINES:
            del call.lines[0]

    def _end(self, session_id: SessionId, end: SessionEnded) -> None:
        call = self._open.pop(session_id, None)
        if call is None or not any(line.kind == "final" for line in call.lines):
            return  # nobody said anything
        if not self._room.acquire(blocking=False):
            logger.warning("history of a call is lost: {} wait to be written", MAX_WAITING)
            return
        document: dict[str, object] = {
            "sessionId": session_id,
            "startTime": _iso(call.began_ms),
            "endTime": _iso(int(self._wall() * 1000)),
            "brainMode": "agents",
            "verdict": end.verdict.value,
            "swaps": end.swaps,
            "transcript": [line.document() for line in call.lines],
            "usage": {},
            "feedback": None,
        }
        self._worker.submit(self._write, session_id, document)

    def _write(self, session_id: str, document: dict[str, object]) -> None:
        try:
            replace_file(self._folder / f"{_PREFIX}{session_id}.json", json.dumps(document, ensure_ascii=False))
            if next(self._written) % PRUNE_EVERY == 0:
                self._prune()
        except OSError as error:
            logger.warning("history of a call could not be written: {}", error)
        finally:
            self._room.release()

    def _add_feedback(self, session_id: str, feedback: dict[str, object]) -> bool:
        document = self.read(session_id)
        if document is None:
            return False
        replace_file(self._folder / f"{_PREFIX}{session_id}.json", json.dumps({**document, "feedback": feedback}))
        return True

    def _prune(self) -> None:
        oldest = self._wall() - self._max_age_s
        for place, path in enumerate(self._files()):
            if place >= self._max_files or path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        dated = []
        for path in self._folder.glob(f"{_PREFIX}*.json"):
            try:
                dated.append((path.stat().st_mtime_ns, path))
            except FileNotFoundError:  # pruned meanwhile
                continue
        return [path for _, path in sorted(dated, reverse=True)]


def _summary(document: dict[str, object]) -> dict[str, object]:
    transcript = document.get("transcript")
    lines = [line for line in transcript if isinstance(line, dict)] if isinstance(transcript, list) else []
    said = [line for line in lines if line.get("type") == "final"]
    first = next((str(line.get("text")) for line in said if line.get("role") == "user"), "")
    return {
        "id": f"{_PREFIX}{document.get('sessionId')}.json",
        "date": document.get("startTime"),
        "summary": first[:120],
        "totalMessages": len(said),
        "finalMessages": len(said),
        "usage": document.get("usage"),
        "sentiment": None,
        "feedback": document.get("feedback"),
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
