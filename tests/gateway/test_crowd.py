"""Who makes room: pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.crowd import surplus


def test_the_oldest_of_whoever_has_the_most_go() -> None:
    assert surplus(["b", *"aaaa", "b", "c"], 6) == [1]
    assert surplus(["b", *"a" * 50, "c"], 40) == [1, 2, 3, 4]


@given(st.lists(st.sampled_from("abc")), st.integers(0, 30))
def test_somebody_goes_where_there_are_too_many_and_nobody_else(addresses: list[str], most: int) -> None:
    chosen = surplus(addresses, most)
    assert bool(chosen) == (len(addresses) > most)
    assert len({addresses[place] for place in chosen}) <= 1
