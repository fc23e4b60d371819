from __future__ import annotations

from controller.domain.evse.wear import (
    BASELINE_SAMPLES,
    Trend,
    Wear,
    count,
    renewed,
    travel,
    wear_permille,
)


def test_counters_of_one_run_are_added_once() -> None:
    wear = count(Wear(), 100, 3, 1)
    assert (wear.operations, wear.under_load) == (3, 1)
    assert count(wear, 100, 3, 1) is wear
    wear = count(wear, 100, 5, 1)
    assert (wear.operations, wear.under_load) == (5, 1)


def test_a_new_run_of_the_safety_process_adds_to_the_old() -> None:
    wear = count(count(Wear(), 100, 5, 2), 900, 7, 0)
    assert (wear.operations, wear.under_load) == (12, 2), "more than before, but of another run"
    wear = count(wear, 900, 8, 1)
    assert (wear.operations, wear.under_load) == (13, 3)


def test_counters_that_fall_are_another_run_even_with_the_same_start() -> None:
    assert count(count(Wear(), 100, 5, 2), 100, 1, 0).operations == 6


def test_the_trend_compares_recent_travels_with_the_first() -> None:
    trend = Trend()
    for _ in range(BASELINE_SAMPLES):
        trend = trend.take(20)
    assert (trend.first_us, trend.recent_us, trend.slow) == (20_000, 20_000, False)
    trend = trend.take(90)
    assert not trend.slow, "one slow travel is no trend"
    for _ in range(10):
        trend = trend.take(40)
    assert trend.slow
    assert trend.first_us == 20_000


def test_what_is_not_measured_says_nothing() -> None:
    assert travel(Wear(), True, None) == Wear()
    assert travel(Wear(), True, 21).close.samples == 1
    assert travel(Wear(), False, 15).open.recent_us == 15_000


def test_wear_is_the_sum_of_both_kinds() -> None:
    assert wear_permille(Wear(operations=50_000), 500_000, 50_000) == 100
    assert wear_permille(Wear(operations=50_000, under_load=50_000), 500_000, 50_000) == 1000


def test_a_new_contactor_leaves_the_running_counters_behind() -> None:
    worn = count(Wear(operations=400_000), 100, 5, 2)
    new = renewed(worn)
    assert new.operations == 0
    assert count(new, 100, 6, 2).operations == 1
