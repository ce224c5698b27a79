"""What is measured and recorded of one call on its frames themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.delay import Delays

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.blackbox import Recorder

SAMPLE_MASK: Final = 7
"""Every eighth frame is measured: six a second of 20 ms audio, and next to nothing of a frame's cost."""


@dataclass(frozen=True, slots=True)
class CallMeter:
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

    def directions(self) -> Iterable[tuple[str, Delays]]:
        """Both, by name."""
        return (("to_agent", self.to_agent), ("to_caller", self.to_caller))
