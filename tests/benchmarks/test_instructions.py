"""The guard of the hot path: a frame takes no more instructions than it did, and more would be noticed."""

from __future__ import annotations

import pytest

from benchmarks import instructions
from gateway.relay import CallerRelay

SENTENCE = "if it is worth it, `python -m benchmarks.instructions --write` says so, and benchmarks/NOTES.md says why"


class Slowed(CallerRelay):
    """Looks at each frame a little longer on its way to the agent."""

    def on_caller_binary(self, data: bytes) -> None:
        seen = 0
        for _ in range(4):
            seen += len(data)
        super().on_caller_binary(data)


async def test_a_frame_takes_no_more_instructions_than_the_baseline_says():
    before = instructions.baseline()
    if before is None:
        pytest.skip(f"no baseline for Python {instructions.VERSION}")
    assert instructions.grown(await instructions.count(), before) == [], SENTENCE


async def test_the_count_is_the_same_each_time():
    assert await instructions.count() == await instructions.count()


async def test_a_slowed_relay_is_noticed_in_the_direction_that_it_slows():
    before = await instructions.count()
    [complaint] = instructions.grown(await instructions.count(Slowed), before)
    assert complaint.startswith("to_agent: ")


def test_a_tenth_more_passes_and_more_than_that_does_not():
    before = {"to_agent": 100.0, "to_caller": 100.0}
    assert instructions.grown({"to_agent": 110.0, "to_caller": 50.0}, before) == []
    assert instructions.grown({"to_agent": 100.0, "to_caller": 110.1}, before) == [
        "to_caller: 110.1 instructions a frame, not 100.0: +10%"
    ]
