import pytest

from controller.safety.residual import (
    RetryBudget,
    SelfTest,
    SelfTestPhase,
    SelfTestTimes,
    Trips,
    advance,
    count,
    retry_at_ms,
    spend,
    unseen,
)

TIMES = SelfTestTimes()


def started() -> SelfTest:
    return advance(SelfTest(), True, False, 1_000, TIMES)


def clearing() -> SelfTest:
    return advance(started(), True, True, 1_200, TIMES)


def test_not_wanted_does_nothing() -> None:
    assert advance(SelfTest(), False, False, 1_000, TIMES) == SelfTest()


def test_both_edges_make_a_pass() -> None:
    state = started()
    assert state.output and state.running
    state = clearing()
    assert not state.output and state.running
    state = advance(state, True, False, 1_400, TIMES)
    assert not state.passed
    state = advance(state, True, False, 1_450, TIMES)
    assert state.passed and not state.running
    assert advance(state, False, False, 9_999, TIMES) is state


def test_a_detector_that_does_not_trip_within_a_second_fails() -> None:
    state = advance(started(), True, False, 1_990, TIMES)
    assert not state.failed
    state = advance(state, True, False, 2_000, TIMES)
    assert state.failed and not state.output
    assert state.running, "an answer that comes too late is no trip"


def test_a_detector_that_does_not_clear_within_two_seconds_fails() -> None:
    state = advance(clearing(), True, True, 3_190, TIMES)
    assert not state.failed
    state = advance(state, True, True, 3_200, TIMES)
    assert state.failed
    state = play(state, True, 3_210, 60_000)
    assert state.failed and state.running, "and stays failed as long as it is stuck: it has not tripped"
    state = play(state, False, 60_010, 60_060)
    assert state == SelfTest()


def test_a_bounce_after_the_test_starts_the_quiet_time_again() -> None:
    state = advance(clearing(), True, False, 1_300, TIMES)
    state = advance(state, True, True, 1_310, TIMES)
    assert state.running
    state = advance(state, True, False, 1_320, TIMES)
    assert not advance(state, True, False, 1_360, TIMES).passed
    assert advance(state, True, False, 1_370, TIMES).passed


def test_a_tripped_detector_is_not_tested() -> None:
    assert advance(SelfTest(), True, True, 1_000, TIMES).phase is SelfTestPhase.NOT_PASSED


def test_one_pass_entitles_to_one_closing() -> None:
    assert not spend(SelfTest(SelfTestPhase.PASSED, 5)).passed
    running = started()
    assert spend(running) is running


def test_a_running_test_is_finished_even_when_no_longer_wanted() -> None:
    assert advance(started(), False, True, 1_100, TIMES).phase is SelfTestPhase.CLEARING


@pytest.mark.parametrize("wrong", [{"trip_ms": 1_001}, {"clear_ms": 2_001}, {"quiet_ms": -1}])
def test_times_outside_their_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"found .* expected"):
        SelfTestTimes(**wrong)


def play(state: SelfTest, tripped: bool, first_ms: int, last_ms: int) -> SelfTest:
    for now_ms in range(first_ms, last_ms + 1, 10):
        state = advance(state, False, tripped, now_ms, TIMES)
    return state


@pytest.mark.parametrize(("answers_ms", "good"), [(10, True), (1_000, True), (1_010, False), (1_600, False)])
@pytest.mark.parametrize(("clears_ms", "clean"), [(10, True), (1_990, True), (2_010, False)])
def test_a_slow_detector_passes_up_to_the_deadlines_and_not_beyond(
    answers_ms: int, good: bool, clears_ms: int, clean: bool
) -> None:
    state, trips, failed, passed = started(), 0, False, False
    released_ms = None
    for now_ms in range(1_010, 8_000, 10):
        if released_ms is None and not state.output:
            released_ms = now_ms
        signals = now_ms - 1_000 >= answers_ms and (
            released_ms is None or now_ms < max(released_ms, 1_000 + answers_ms) + clears_ms
        )
        trips += signals and not state.running
        state = advance(state, False, signals, now_ms, TIMES)
        failed, passed = failed or state.failed, passed or state.passed
    assert passed is (good and clean) and failed is not passed
    assert trips == 0, "too slow is a failed test, not a trip"


def test_a_stalled_loop_is_no_reason_to_believe_a_late_answer() -> None:
    assert advance(started(), True, True, 2_500, TIMES).failed
    assert advance(clearing(), True, False, 9_000, TIMES).failed


def test_a_detector_that_was_not_seen_has_not_passed() -> None:
    assert unseen(SelfTest(SelfTestPhase.PASSED, 5), 10) == SelfTest()
    assert unseen(SelfTest(), 10) == SelfTest()
    for state in (started(), clearing()):
        gap = unseen(state, 1_300)
        assert gap.running and not gap.output
        assert play(gap, False, 1_310, 1_360) == SelfTest(), "let run out, no pass and no fault"
        assert play(gap, True, 1_310, 3_310).failed
    stuck = advance(clearing(), True, True, 3_200, TIMES)
    assert unseen(advance(stuck, True, False, 3_210, TIMES), 3_220).failed


# --------------------------------------------------------------------------- trips and their budget

BUDGET = RetryBudget(retries=2, wait_ms=60_000)


def trip(trips: Trips, at_ms: int, closed_for_ms: int | None = 10_000, budget: RetryBudget = BUDGET) -> Trips:
    """A new trip of 100 ms; returns what is known once it is gone."""
    trips = count(trips, True, True, closed_for_ms, False, at_ms, budget)
    trips = count(trips, True, False, None, False, at_ms + 90, budget)
    assert retry_at_ms(trips, budget) is None, "the signal is still there"
    return count(trips, False, False, None, False, at_ms + 100, budget)


def test_without_a_budget_a_trip_is_not_retried() -> None:
    assert retry_at_ms(trip(Trips(), 1_000, budget=RetryBudget()), RetryBudget()) is None


def test_the_budget_counts_per_plug_in_and_its_wait_begins_when_the_signal_is_gone() -> None:
    first = trip(Trips(), 1_000)
    assert retry_at_ms(first, BUDGET) == 61_100
    second = trip(first, 100_000)
    assert (second.count, retry_at_ms(second, BUDGET)) == (2, 160_100)
    third = trip(second, 200_000)
    assert retry_at_ms(third, BUDGET) is None, "used up: latched"
    assert count(third, False, False, None, True, 300_000, BUDGET) == Trips()


@pytest.mark.parametrize(("closed_for_ms", "hard"), [(0, True), (1_990, True), (2_000, False), (None, False)])
def test_a_trip_within_2_s_after_closing_is_never_retried(closed_for_ms: int | None, hard: bool) -> None:
    trips = trip(Trips(), 1_000, closed_for_ms)
    assert trips.hard is hard and (retry_at_ms(trips, BUDGET) is None) is hard
    assert trip(trips, 100_000).hard is hard, "and is not forgotten by a later soft one"


def test_a_chattering_detector_is_one_trip_and_its_wait_begins_anew() -> None:
    trips = trip(Trips(), 1_000)
    trips = count(trips, True, False, None, False, 20_000, BUDGET)
    assert trips.count == 1 and retry_at_ms(trips, BUDGET) is None
    trips = count(trips, False, False, None, False, 20_010, BUDGET)
    assert retry_at_ms(trips, BUDGET) == 80_010


def test_nothing_is_forgiven_while_the_signal_is_there() -> None:
    trips = count(Trips(), True, True, 0, True, 1_000, BUDGET)
    assert trips.hard and count(trips, True, False, None, True, 1_010, BUDGET) is trips


@pytest.mark.parametrize("wrong", [{"retries": 7}, {"retries": -1}, {"wait_ms": 59_999}, {"hard_ms": 1_999}])
def test_a_budget_outside_its_range_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"found .* expected"):
        RetryBudget(**wrong)
