import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from caloserve.wire.series import BUCKETS_S, CountSeries, DurationSeries, LevelSeries

seconds = st.one_of(st.floats(0, 30), st.sampled_from(BUCKETS_S))


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), seconds)), st.integers(0, 20))
def test_durations_are_told_as_prometheus_own_histogram_tells_them(
    observed: list[tuple[str, float]], asked_after: int
) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    series = DurationSeries("waiting_seconds", "Time of waiting", ["where"], ours)
    histogram = Histogram("waiting_seconds", "Time of waiting", ["where"], registry=theirs, buckets=BUCKETS_S)
    for number, (where, duration) in enumerate(observed):
        series.of(where).observe(duration)
        histogram.labels(where).observe(duration)
        if number == asked_after:
            generate_latest(ours)
    for sample in (sample for family in theirs.collect() for sample in family.samples):
        if not sample.name.endswith("_created"):
            assert ours.get_sample_value(sample.name, sample.labels) == pytest.approx(sample.value)


def test_many_durations_are_sorted_before_anybody_asks() -> None:
    registry = CollectorRegistry()
    durations = DurationSeries("waiting_seconds", "Time of waiting", [], registry).of()
    for _ in range(25_000):
        durations.observe(1e-3)
    assert registry.get_sample_value("waiting_seconds_count") == 25_000
    assert np.isclose(registry.get_sample_value("waiting_seconds_sum") or 0, 25)


def test_counts_and_levels_are_shown_from_the_start_with_the_names_that_prometheus_gives_them() -> None:
    registry = CollectorRegistry()
    CountSeries("refusals", "Calls refused", ["code"], registry).of("INTERNAL")
    level = LevelSeries("under_way", "Calls under way", [], registry).of()
    level.inc()
    level.inc()
    level.inc(-1)
    assert registry.get_sample_value("refusals_total", {"code": "INTERNAL"}) == 0
    assert registry.get_sample_value("under_way") == 1
