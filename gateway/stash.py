"""What the caller sent while no agent could take it, bounded in bytes and in age; pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.messages import CallerText

Kept: TypeAlias = "bytes | CallerText | Mapping[str, object]"


@dataclass(slots=True)
class Stash:
    """Audio drops the oldest, counted; texts and control messages are never dropped."""

    max_bytes: int = 256 * 1024
    max_age_ms: float = 10_000.0
    size: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    _items: deque[tuple[float, int, Kept]] = field(default_factory=deque)
    _audio: int = 0

    def add_audio(self, frame: bytes, now_ms: float) -> None:
        """Keep one frame; the oldest audio gives way to it."""
        self._items.append((now_ms, len(frame), frame))
        self.size += len(frame)
        self._audio += 1
        self._expire(now_ms)
        while self.size > self.max_bytes and self._audio:
            self._drop_oldest_audio()

    def add_text(self, item: CallerText | Mapping[str, object], size: int, now_ms: float) -> bool:
        """Keep a text or control message; False, and nothing kept, when only other texts could make room."""
        while self.size + size > self.max_bytes and self._audio:
            self._drop_oldest_audio()
        if self.size + size > self.max_bytes:
            return False
        self._items.append((now_ms, size, item))
        self.size += size
        return True

    def take(self, now_ms: float) -> list[Kept]:
        """Hand everything over in order and be empty."""
        self._expire(now_ms)
        items: list[Kept] = [item for _, _, item in self._items]
        self._items.clear()
        self.size = self._audio = 0
        return items

    def _expire(self, now_ms: float) -> None:
        while self._audio:
            at = next(at for at, _, item in self._items if isinstance(item, bytes))
            if now_ms - at <= self.max_age_ms:
                return
            self._drop_oldest_audio()

    def _drop_oldest_audio(self) -> None:
        index = next(i for i, (_, _, item) in enumerate(self._items) if isinstance(item, bytes))
        _, size, _ = self._items[index]
        del self._items[index]
        self.size -= size
        self._audio -= 1
        self.dropped_frames += 1
        self.dropped_bytes += size
