"""What is measured and recorded of one call on its frames themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from gateway.delay import Delays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.blackbox import Recorder

SAMPLE_MASK: Final = 7
"""The first frame of every eight is measured: six a second of 20 ms audio, and next to nothing of a frame's cost."""


class Tally(Struct, gc=False):
    """Frames and bytes that went one way; those of audio are counted by the relay itself."""

    frames: int = 0
    octets: int = 0

    def count(self, size: int) -> None:
        """Add one frame."""
        self.frames += 1
        self.octets += size


class CallMeter(Struct, frozen=True):
    """One call's measures, by direction."""

    to_agent: Delays
    to_caller: Delays
    box: Recorder | None = None

    @classmethod
    def of(cls, whole: CallMeter | None, box: Recorder | None = None) -> CallMeter:
        """Measure a call, and count into the measures of the ``whole`` process."""
        if whole is None:
            return cls(Delays(), Delays(), box)
        return cls(Delays(whole.to_agent), Delays(whole.to_caller), box)

    def sample_to_agent(self, read_at: float, now: float, frames: int, octets: int) -> None:
        """Take a measured frame; so many frames and octets have been forwarded, it included."""
        self.to_agent.note(now - read_at)
        if self.box is not None:
            self.box.frames.note(read_at, frames, octets)

    def sample_to_caller(self, read_at: float, now: float, frames: int, octets: int) -> None:
        """Take a measured frame of the other direction."""
        self.to_caller.note(now - read_at)
        if self.box is not None:
            self.box.frames.note(read_at, -frames, octets)

    def directions(self) -> Iterable[tuple[str, Delays]]:
        """Both, by name."""
        return (("to_agent", self.to_agent), ("to_caller", self.to_caller))
