"""The histogram is exact in its bounds, fixed in its size; the objective judges the recent past only."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.delay import BOUNDS_US, BUCKETS, LONGEST_US, DelayObjective, Delays, bucket_of, percentile_us, upper_us


@given(st.integers(0, LONGEST_US))
def test_a_value_lies_in_a_bucket_no_wider_than_a_sixteenth_of_it(value):
    bucket = bucket_of(value)
    below = upper_us(bucket - 1) if bucket else 0
    assert below <= value < upper_us(bucket)
    assert upper_us(bucket) - below <= max(1, value / 16)


def test_every_bucket_follows_the_one_before():
    assert [bucket_of(upper_us(bucket)) for bucket in range(BUCKETS - 1)] == list(range(1, BUCKETS))


def test_what_is_off_the_scale_counts_at_its_end():
    assert bucket_of(LONGEST_US * 1000) == BUCKETS - 1
    assert bucket_of(-5) == 0


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_percentiles_are_those_of_the_sorted_values_within_a_sixteenth(values, part):
    counts = Counter(bucket_of(value) for value in values)
    exact = sorted(values)[max(0, -(-len(values) * int(part * 100) // 100) - 1)]
    found = percentile_us([counts[bucket] for bucket in range(BUCKETS)], part)
    assert exact < found <= exact * 17 / 16 + 1


def test_a_call_counts_into_the_process():
    whole = Delays()
    one, two = Delays(whole), Delays(whole)
    one.note(0.001)
    two.note(0.002)
    assert one.describe() == {"measured": 1, "p50_ms": 1.024, "p99_ms": 1.024, "max_ms": 1.024}
    assert whole.describe()["measured"] == 2
    assert whole.sum_us == 3000
    assert Delays().describe() == {"measured": 0, "p50_ms": None, "p99_ms": None, "max_ms": None}


def test_exported_buckets_are_cumulative_and_bounded_exactly():
    delays = Delays()
    for value in (15.5, 16.5, 1023.5, 1024.5, 5_000_000):
        delays.note(value / 1e6)
    rows = dict(delays.exported())
    assert rows["1.6e-05"] == 1
    assert rows[str(1024 / 1e6)] == 3
    assert rows["+Inf"] == 5
    assert list(rows.values()) == sorted(rows.values())
    assert len(rows) == len(BOUNDS_US) + 1


def note(delays, milliseconds, times):
    for _ in range(times):
        delays.note(milliseconds / 1000)


def test_an_objective_is_broken_by_enough_slow_frames_and_kept_again_when_they_are_past():
    delays = Delays()
    objective = DelayObjective(3.0, [delays, Delays()])
    note(delays, 9, 99)
    objective.look()
    assert objective.broken() == ""
    note(delays, 9, 1)
    objective.look()
    assert "objective is 3 ms" in objective.broken()
    for _ in range(DelayObjective.LOOKS + 1):
        objective.look()
    assert objective.broken() == ""
    note(delays, 1, 1000)
    objective.look()
    assert objective.broken() == ""


def test_no_objective_is_never_broken():
    delays = Delays()
    objective = DelayObjective(0, [delays])
    note(delays, 900, 1000)
    objective.look()
    assert objective.broken() == ""
