"""What the caller sent while no agent could take it, bounded in bytes and in age; pure."""

from __future__ import annotations

from collections import deque
from heapq import merge
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.messages import CallerText

Kept: TypeAlias = "bytes | CallerText | Mapping[str, object]"


class Stash(Struct):
    """Audio drops the oldest, counted; texts and control messages are never dropped."""

    max_bytes: int = 256 * 1024
    max_age_ms: float = 10_000.0
    max_frames: int = 4096
    """Of audio: ten seconds of the shortest that a browser's worklet gives, thrice; empty ones have no bytes."""
    size: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    # Most sessions never stash anything: no containers that are empty.
    _audio: deque[tuple[int, float, bytes]] | None = None
    _texts: list[tuple[int, CallerText | Mapping[str, object]]] | None = None
    _first: int = 0
    _last: int = -1

    def add_audio(self, frame: bytes, now_ms: float) -> None:
        """Keep one frame; the oldest audio gives way to it."""
        if self._audio is None:
            self._audio = deque()
        self._last += 1
        self._audio.append((self._last, now_ms, frame))
        self.size += len(frame)
        self._expire(now_ms)
        self._make_room(0)

    def add_text(self, item: CallerText | Mapping[str, object], size: int) -> bool:
        """Keep a text or control message; False, and nothing kept, when only other texts could make room."""
        self._make_room(size)
        if self.size + size > self.max_bytes:
            return False
        self._last += 1
        self._texts = self._texts or []
        self._texts.append((self._last, item))
        self.size += size
        return True

    def holds(self, text: CallerText) -> bool:
        """Tell whether this very text waits; the same words said again are another one."""
        return any(kept is text for _, kept in self._texts or ())

    def add_first(self, text: CallerText, size: int) -> bool:
        """Keep a text before everything else; False, and nothing kept, when only other texts could make room."""
        self._make_room(size)
        if self.size + size > self.max_bytes:
            return False
        self._first -= 1
        self._texts = self._texts or []
        self._texts.insert(0, (self._first, text))
        self.size += size
        return True

    def take(self, now_ms: float) -> list[Kept]:
        """Hand everything over in order and be empty."""
        self._expire(now_ms)
        if not self._audio and not self._texts:  # as at most beginnings of a call
            return []
        audio = ((place, frame) for place, _, frame in self._audio or ())
        items: list[Kept] = [item for _, item in merge(audio, self._texts or (), key=lambda kept: kept[0])]
        self._audio = self._texts = None
        self.size = 0
        return items

    def _expire(self, now_ms: float) -> None:
        while self._audio and now_ms - self._audio[0][1] > self.max_age_ms:
            self._drop_oldest_audio(self._audio)

    def _make_room(self, size: int) -> None:
        while self._audio and (self.size + size > self.max_bytes or len(self._audio) > self.max_frames):
            self._drop_oldest_audio(self._audio)

    def _drop_oldest_audio(self, audio: deque[tuple[int, float, bytes]]) -> None:
        _, _, frame = audio.popleft()
        self.size -= len(frame)
        self.dropped_frames += 1
        self.dropped_bytes += len(frame)
