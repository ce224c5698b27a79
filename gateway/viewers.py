"""Whoever looks at a live stream: frames wait for each within a bound, and nobody waits for a viewer."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Bounds:
    """``waiting_bytes``: of one viewer; ``write_s``: for one write, then the viewer is dropped."""

    viewers: int = 16
    waiting_bytes: int = 8 * 1024 * 1024
    """More than a snapshot of ten thousand calls, or a viewer could never have one."""
    write_s: float = 10.0
    quiet_s: float = 15.0
    """After so long without anything to say, a comment is sent: proxies cut what is silent."""


class Viewer:
    """One stream. Where more waits than its bound, all of it is forgotten and a new snapshot is due."""

    def __init__(self, bounds: Bounds, is_gone: Callable[[], bool]) -> None:
        self.is_gone = is_gone
        self.wants_snapshot = True
        self.overrun = 0
        self._bounds = bounds
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._some = asyncio.Event()
        self.over = False

    def __repr__(self) -> str:
        return f"<Viewer {self._size} bytes wait, overrun {self.overrun} times>"

    def put(self, frame: bytes) -> None:
        """Give one frame; nothing is kept for one who waits for a snapshot."""
        if self.wants_snapshot:
            return
        if self._size + len(frame) > self._bounds.waiting_bytes:
            self._waiting.clear()
            self._size = 0
            self.overrun += 1
            self.wants_snapshot = True
            return
        self._waiting.append(frame)
        self._size += len(frame)
        self._some.set()

    async def take(self) -> bytes:
        """Wait for a frame; a comment after a quiet while; empty when the stream is over."""
        try:
            async with asyncio.timeout(self._bounds.quiet_s):
                while not self._waiting and not self.over:
                    self._some.clear()
                    await self._some.wait()
        except TimeoutError:
            return b":\n\n"
        if self.over:
            return b""
        frame = self._waiting.popleft()
        self._size -= len(frame)
        return frame

    def end(self) -> None:
        """Say that the stream is over."""
        self.over = True
        self._some.set()


class Viewers:
    """Those who look now."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.there: set[Viewer] = set()

    def __len__(self) -> int:
        return len(self.there)

    def __iter__(self) -> Iterator[Viewer]:
        return iter(tuple(self.there))

    @property
    def full(self) -> bool:
        """Whether there is no room for another one."""
        return len(self.there) >= self.bounds.viewers

    def add(self, is_gone: Callable[[], bool]) -> Viewer:
        """Somebody begins to look; ``is_gone`` tells whether his connection has ended."""
        viewer = Viewer(self.bounds, is_gone)
        self.there.add(viewer)
        return viewer

    def sweep(self) -> None:
        """End the streams whose connections have ended: who has nothing to write does not notice."""
        for viewer in self.there:
            if viewer.is_gone():
                viewer.end()

    def remove(self, viewer: Viewer) -> None:
        """He looks no more."""
        self.there.discard(viewer)

    def put(self, frame: bytes) -> None:
        """Give one frame to all who have had their snapshot."""
        for viewer in self.there:
            viewer.put(frame)
