"""What is counted by label, as Prometheus is given it."""

from gateway.labelled import LabelledCounter, LabelledHistogram


def samples(counted):
    return {(sample.name, *sample.labels.values()): sample.value for sample in counted.family().samples}


def test_a_counter_shows_what_was_begun_and_counted():
    counter = LabelledCounter("dials", "Dials.", "agent", "reason")
    counter.begin("idv", "start")
    counter.count("idv", "failover")
    counter.count("idv", "failover")
    counter.begin("idv", "failover")
    name = "understudy_dials_total"
    assert samples(counter) == {(name, "idv", "start"): 0, (name, "idv", "failover"): 2}


def test_a_histogram_shows_cumulative_buckets_with_their_upper_bounds_and_the_sum():
    histogram = LabelledHistogram("gap_seconds", "Gaps.", "reason", (0.5, 1.0))
    for seconds in (0.5, 0.75, 4.0):
        histogram.note("handoff", seconds)
    name = "understudy_gap_seconds"
    assert samples(histogram) == {
        (f"{name}_bucket", "handoff", "0.5"): 1,
        (f"{name}_bucket", "handoff", "1.0"): 2,
        (f"{name}_bucket", "handoff", "+Inf"): 3,
        (f"{name}_count", "handoff"): 3,
        (f"{name}_sum", "handoff"): 5.25,
    }
