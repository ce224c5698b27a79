"""What is stashed comes out in order, bounded in bytes and age; audio that gives way is counted, text never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.messages import CallerText
from gateway.stash import Stash

MAX_BYTES, MAX_AGE_MS = 64, 1000.0


class Stashing(RuleBasedStateMachine):
    """Any order of putting, waiting and taking, against the list of all that went in."""

    def __init__(self) -> None:
        super().__init__()
        self.stash = Stash(MAX_BYTES, MAX_AGE_MS)
        self.now = 0.0
        self.put: list[tuple[float, bytes | CallerText]] = []
        self.text_bytes = 0
        self.frames = self.octets = 0

    @rule(size=st.integers(0, MAX_BYTES + 8))
    def audio(self, size: int) -> None:
        frame = len(self.put).to_bytes(4, "big") + bytes(size)
        self.stash.add_audio(frame, self.now)
        self.put.append((self.now, frame))
        self.frames += 1
        self.octets += len(frame)

    @rule(size=st.integers(1, MAX_BYTES + 8))
    def text(self, size: int) -> None:
        item = CallerText(str(len(self.put)))
        fits = self.text_bytes + size <= MAX_BYTES
        assert self.stash.add_text(item, size) is fits
        if fits:
            self.put.append((self.now, item))
            self.text_bytes += size

    @rule(ms=st.floats(0, 2 * MAX_AGE_MS))
    def wait(self, ms: float) -> None:
        self.now += ms

    @rule()
    def take(self) -> None:
        taken = self.stash.take(self.now)
        places = [self.place(item) for item in taken]
        assert places == sorted(places)
        texts = [item for _, item in self.put if isinstance(item, CallerText)]
        assert [item for item in taken if isinstance(item, CallerText)] == texts
        audio = [item for item in taken if isinstance(item, bytes)]
        sent = [(at, item) for at, item in self.put if isinstance(item, bytes)]
        assert audio == [item for _, item in sent[len(sent) - len(audio) :]]  # only the oldest gave way
        assert all(self.now - at <= MAX_AGE_MS for at, _ in sent[len(sent) - len(audio) :])
        assert self.stash.dropped_frames == self.frames - len(audio)
        assert self.stash.dropped_bytes == self.octets - sum(map(len, audio))
        assert self.stash.take(self.now) == []
        self.frames, self.octets = self.stash.dropped_frames, self.stash.dropped_bytes
        self.put.clear()
        self.text_bytes = 0

    def place(self, item: object) -> int:
        return next(place for place, (_, put) in enumerate(self.put) if put is item)

    @invariant()
    def bounded(self) -> None:
        assert 0 <= self.stash.size <= MAX_BYTES


TestStashing = Stashing.TestCase


@given(st.lists(st.binary(min_size=1, max_size=16), max_size=40))
def test_the_newest_audio_that_fits_is_kept(frames: list[bytes]) -> None:
    stash = Stash(MAX_BYTES, MAX_AGE_MS)
    for frame in frames:
        stash.add_audio(frame, 0)
    kept = stash.take(0)
    assert kept == frames[len(frames) - len(kept) :]
    if len(kept) < len(frames):
        assert sum(map(len, frames[len(frames) - len(kept) - 1 :])) > MAX_BYTES


def test_audio_of_exactly_the_age_is_kept_and_older_is_counted() -> None:
    stash = Stash(MAX_BYTES, MAX_AGE_MS)
    stash.add_audio(b"old", 0)
    stash.add_audio(b"edge", 1)
    assert stash.take(MAX_AGE_MS + 1) == [b"edge"]
    assert (stash.dropped_frames, stash.dropped_bytes) == (1, 3)


def test_text_outlives_any_age() -> None:
    stash = Stash(MAX_BYTES, MAX_AGE_MS)
    assert stash.add_text({"type": "note"}, 8)
    assert stash.take(MAX_AGE_MS * 1000) == [{"type": "note"}]


def test_a_text_without_room_is_refused_and_the_others_stay() -> None:
    stash = Stash(MAX_BYTES, MAX_AGE_MS)
    assert stash.add_text({"n": 1}, MAX_BYTES)
    assert not stash.add_text({"n": 2}, 1)
    assert stash.take(0) == [{"n": 1}]


@pytest.mark.parametrize("size", [MAX_BYTES, MAX_BYTES - 1])
def test_audio_gives_way_to_text(size: int) -> None:
    stash = Stash(MAX_BYTES, MAX_AGE_MS)
    stash.add_audio(b"ab", 0)
    assert stash.add_text({"n": 1}, size)
    assert stash.take(0) == [{"n": 1}]
    assert (stash.dropped_frames, stash.dropped_bytes) == (1, 2)
