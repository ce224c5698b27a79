"""The summary: what misses its goal is said to miss it."""

from __future__ import annotations

from benchmarks import report, summary
from benchmarks.relays import FIRST, NODE
from benchmarks.report import OURS, Figures


def frames(ours):
    return Figures("frames 640 B 50", "CPU", "us", {FIRST: [8.0, 10.0, 9.0], NODE: [15.0], OURS: [ours]})


def verdict(*figures):
    return summary.markdown(figures, {"cores": 2}).splitlines()[-1].split("|")[4].strip()


def test_a_figure_is_held_against_the_median_of_a_peer_of_the_same_run():
    assert verdict(frames(11.2)) == "yes"
    assert verdict(frames(11.3)) == "**no**"


def test_a_peer_that_could_not_be_had_is_not_held_against():
    assert verdict(Figures("frames 640 B 50", "CPU", "us", {OURS: [99.0]})) == "yes"


def test_many_sessions_are_compared_with_the_same_relay_with_fifty():
    few = Figures("many 50", "", "us", {FIRST: [10.0], OURS: [10.0]})
    assert verdict(few, Figures("many 9500", "", "us", {FIRST: [20.0], OURS: [13.0]})) == "yes"
    assert verdict(few, Figures("many 9500", "", "us", {FIRST: [20.0], OURS: [13.1]})) == "**no**"


def test_timers_are_compared_with_the_same_base_without_them():
    samples = {f"{OURS}, no timers": [1.0], f"{OURS}, 100,000 timers": [1.2]}
    assert verdict(Figures(f"timers of {OURS}", "", "us", samples)) == "**no**"


def test_the_quantile_is_a_value_that_was_measured():
    assert report.quantile(range(1, 201), 99) == 198
    assert report.quantile([5.0], 99) == 5.0


def test_figures_can_be_read_again():
    found = [frames(10.0)]
    assert report.read(report.document(found, {"cores": 2})) == (found, {"cores": 2})
