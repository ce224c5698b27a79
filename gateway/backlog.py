"""The last texts that the caller was sent, numbered, so that one who comes back is sent what he missed; pure."""

from __future__ import annotations

from msgspec import Struct, field


class Backlog(Struct):
    """Frames are numbered from 1; the oldest give way when there are too many bytes of them."""

    max_bytes: int = 16 * 1024
    last: int = 0
    """The number of the newest frame, kept or not."""
    _kept: list[bytes] = field(default_factory=list)  # few: an empty deque is larger than all of them
    _size: int = 0

    def add(self, frame: bytes) -> None:
        """Number one frame."""
        self.last += 1
        self._kept.append(frame)
        self._size += len(frame)
        while self._size > self.max_bytes:
            self._size -= len(self._kept.pop(0))

    def after(self, seen: int) -> tuple[int, list[bytes]]:
        """The number before the first frame of the list, and the kept frames that are newer than ``seen``."""
        wanted = min(max(self.last - seen, 0), len(self._kept))
        return self.last - wanted, self._kept[len(self._kept) - wanted :]
