"""Hears one caller: cuts his audio into utterances and has them recognised, off the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.speech.endpoint import Endpointer, Found, Onset, Segment
from agents.speech.recogniser import GRAMMARS, Recogniser, shared_recogniser

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from concurrent.futures import Future

MAX_PENDING = 4
"""Utterances of one caller that wait for the recogniser; beyond it the oldest is reported as not understood."""
MAX_UNREAD = 64
"""Reports nobody has read; beyond it the oldest goes: its reader has stopped reading."""
STALL_S = 1.0  # audio that stops without end_of_speech: longer than a network hiccup, shorter than patience


@dataclass(frozen=True, slots=True)
class Heard:
    """One report: ``started`` at the onset, ``final`` at the end, with text '' where nothing was understood."""

    text: str = ""
    final: bool = False
    started: bool = False


class SphinxEar:
    """One caller's ear. Lives on one event loop; use it from there only."""

    def __init__(self, recogniser: Recogniser | None = None) -> None:
        self._recogniser = recogniser or shared_recogniser()
        self._endpointer = Endpointer()
        self._grammar = "open"
        self._pending: deque[Segment] = deque()
        self._reports: deque[Heard | BaseException | None] = deque(maxlen=MAX_UNREAD)
        self._news = asyncio.Event()
        self._work: Future[str] | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def __repr__(self) -> str:
        return f"<SphinxEar expecting {self._grammar}, {len(self._pending)} pending, {len(self._reports)} unread>"

    def expect(self, grammar: str) -> None:
        """Say what is likely to be said next: open, digits, yes_no or answers."""
        if grammar not in GRAMMARS:
            raise ValueError(f"there is no grammar {grammar!r}; choose one of {', '.join(GRAMMARS)}")
        self._grammar = grammar

    def feed(self, pcm16k: bytes) -> None:
        """Take audio in pieces of any length."""
        if self._closed:
            return
        self._take(self._endpointer.feed(pcm16k))
        self._cancel_stall()
        if self._endpointer.in_speech:
            self._stall = self._loop.call_later(STALL_S, self.end_of_speech)

    def end_of_speech(self) -> None:
        """End the utterance now."""
        self._cancel_stall()
        if not self._closed:
            self._take(self._endpointer.end())

    async def utterances(self) -> AsyncIterator[Heard]:
        """Report until closed; raises what broke the recogniser."""
        while True:
            while self._reports:
                report = self._reports.popleft()
                if report is None:
                    return
                if isinstance(report, BaseException):
                    raise report
                yield report
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Stop: what is pending is dropped, `utterances` ends."""
        self._closed = True
        self._cancel_stall()
        self._pending.clear()
        if self._work:
            self._work.cancel()
        self._report(None)

    def _take(self, found: list[Found]) -> None:
        for event in found:
            if isinstance(event, Onset):
                self._report(Heard(started=True))
                continue
            if len(self._pending) >= MAX_PENDING:
                self._pending.popleft()
                self._report(Heard(final=True))
            self._pending.append(event)
            self._recognise_next()

    def _recognise_next(self) -> None:
        if self._work is None and self._pending:
            self._work = self._recogniser.submit(self._pending.popleft().pcm, self._grammar)
            self._work.add_done_callback(self._on_recognised_elsewhere)

    def _on_recognised_elsewhere(self, work: Future[str]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._on_recognised, work)

    def _on_recognised(self, work: Future[str]) -> None:
        self._work = None
        if self._closed or work.cancelled():
            return
        error = work.exception()
        self._report(error or Heard(work.result(), final=True))
        self._recognise_next()

    def _report(self, report: Heard | BaseException | None) -> None:
        self._reports.append(report)
        self._news.set()

    def _cancel_stall(self) -> None:
        if self._stall:
            self._stall.cancel()
            self._stall = None
