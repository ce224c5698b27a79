"""The first events and the last ones are kept, with their times, and what gave way is counted."""

import pytest

from gateway.notes import Notes


@pytest.mark.parametrize(
    ("told", "kept", "lost"),
    [
        (0, [], 0),
        (2, [0, 1], 0),
        (3, [0, 1, 2], 0),
        (8, [0, 1, 2, 3, 4, 5, 6, 7], 0),
        (9, [0, 1, 2, 4, 5, 6, 7, 8], 1),
        (100, [0, 1, 2, 95, 96, 97, 98, 99], 92),
    ],
)
def test_the_first_and_the_last_are_kept_in_order(told, kept, lost):
    notes = Notes(3, 5)
    for number in range(told):
        notes.note(number / 2, f"event {number}")
    assert list(notes) == [(number / 2, f"event {number}") for number in kept]
    assert notes.lost == lost


def test_a_time_in_milliseconds_since_1970_is_kept_to_the_millisecond():
    notes = Notes(1, 1)
    notes.note(1_764_119_164_123, "event")
    assert list(notes) == [(1_764_119_164_123, "event")]


def test_what_was_noted_is_not_in_the_representation():
    notes = Notes(1, 1)
    for _ in range(3):
        notes.note(0, "my PIN is 1234")
    assert repr(notes) == "Notes(2 kept, 1 lost)"
