import pytest

from controller.safety.residual import SelfTest, SelfTestPhase, SelfTestTimes, advance, spend

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
    assert not advance(state, False, False, 2_010, TIMES).failed


def test_a_detector_that_does_not_clear_within_two_seconds_fails() -> None:
    state = advance(clearing(), True, True, 3_190, TIMES)
    assert not state.failed
    assert advance(state, True, True, 3_200, TIMES).failed


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
