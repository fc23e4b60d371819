from collections.abc import Callable

import pytest

from controller.safety.lock import Lock, LockTimes, advance, finish, undecided, wanted
from controller.safety.permit import LockWish
from hal.interface import LockDrive

TIMES = LockTimes()


def play(
    state: Lock, want: bool, feedback: Callable[[Lock, int], bool | None], until_ms: int
) -> list[tuple[int, Lock]]:
    trace = []
    for now_ms in range(0, until_ms, 10):
        state = advance(state, want, feedback(state, now_ms), now_ms, TIMES)
        trace.append((now_ms, state))
    return trace


def pulses(trace: list[tuple[int, Lock]], drive: LockDrive) -> int:
    driven = [state.drive is drive for _, state in trace]
    return sum(now and not before for before, now in zip([False, *driven], driven, strict=False))


def test_a_pulse_of_600_ms_locks() -> None:
    trace = play(Lock(target=False, reached=True), True, lambda state, now: now > 100, 1_000)
    driven = [now for now, state in trace if state.drive is LockDrive.LOCK]
    assert (driven[0], driven[-1]) == (0, 590)
    assert trace[-1][1].locked and not trace[-1][1].fault


def test_without_feedback_it_is_believed_after_the_pulse() -> None:
    trace = play(Lock(), True, lambda state, now: None, 1_000)
    reached = [now for now, state in trace if state.locked]
    assert reached[0] == 610 and pulses(trace, LockDrive.LOCK) == 1


def test_already_there_needs_no_pulse() -> None:
    trace = play(Lock(), False, lambda state, now: False, 100)
    assert trace[0][1].reached and pulses(trace, LockDrive.UNLOCK) == 0


def test_a_jam_is_tried_three_times_then_it_is_a_fault_and_rests() -> None:
    trace = play(Lock(), True, lambda state, now: False, 19_000)
    assert pulses(trace, LockDrive.LOCK) == 3
    assert trace[-1][1].fault and not trace[-1][1].locked and trace[-1][1].drive is LockDrive.OFF


def test_after_a_rest_it_is_tried_again_and_success_ends_the_fault() -> None:
    trace = play(Lock(), True, lambda state, now: now > 22_500, 25_000)
    assert pulses(trace, LockDrive.LOCK) == 4
    assert trace[-1][1].locked and not trace[-1][1].fault


def test_a_bounce_of_the_feedback_is_forgotten() -> None:
    there = Lock(target=True, reached=True)
    trace = play(there, True, lambda state, now: now % 100 != 0, 2_000)
    assert all(state.locked for _, state in trace)


def test_a_lock_that_was_forced_open_is_driven_again() -> None:
    there = Lock(target=True, reached=True)
    trace = play(there, True, lambda state, now: False, 250)
    lost = [now for now, state in trace if not state.locked]
    assert lost[0] == 200 and trace[-1][1].drive is LockDrive.LOCK


def test_a_change_of_mind_drives_the_other_way_at_once() -> None:
    state = advance(Lock(), True, False, 0, TIMES)
    assert state.drive is LockDrive.LOCK
    assert advance(state, False, None, 10, TIMES).drive is LockDrive.UNLOCK


@pytest.mark.parametrize("wrong", [{"pulse_ms": 10}, {"attempts": 0}, {"rest_ms": 0}, {"pause_ms": -1}])
def test_times_outside_their_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"found .* expected"):
        LockTimes(**wrong)


def longest_drive_ms(trace: list[tuple[int, Lock]]) -> int:
    longest = begun = 0
    for now_ms, state in trace:
        begun = now_ms if state.drive is LockDrive.OFF else begun
        longest = max(longest, now_ms - begun)
    return longest


@pytest.mark.parametrize("feedback", [None, True, False])
@pytest.mark.parametrize("want", [True, False])
def test_the_motor_is_never_held_and_a_jam_costs_at_most_ten_pulses_a_minute(
    feedback: bool | None, want: bool
) -> None:
    trace = play(Lock(), want, lambda state, now: feedback, 120_000)
    assert longest_drive_ms(trace) <= TIMES.pulse_ms
    assert pulses(trace, LockDrive.LOCK) + pulses(trace, LockDrive.UNLOCK) <= 20


def test_a_running_pulse_ends_in_time_when_nothing_may_begin() -> None:
    state = advance(Lock(), True, False, 0, TIMES)
    assert finish(state, 590, TIMES) is state
    ended = finish(state, 600, TIMES)
    assert ended.drive is LockDrive.OFF and ended.target is True and not ended.locked
    assert finish(ended, 60_000, TIMES) is ended, "and nothing follows"


@pytest.mark.parametrize("wish", LockWish)
@pytest.mark.parametrize("held", [True, False])
def test_who_gets_his_wish(wish: LockWish, held: bool) -> None:
    locked = wish is LockWish.LOCKED or (wish is LockWish.AUTOMATIC and held)
    assert wanted(True, wish, held, False) is locked
    assert not wanted(False, wish, held, False), "no plug, nothing to hold"
    assert not wanted(True, wish, held, True), "a lasting fault releases it"


def test_a_lock_is_left_as_found_for_5_s_unless_somebody_speaks() -> None:
    found = Lock(since_ms=1_000)
    assert undecided(found, LockWish.AUTOMATIC, False, 5_990, TIMES)
    assert not undecided(found, LockWish.AUTOMATIC, False, 6_000, TIMES)
    assert not undecided(found, LockWish.AUTOMATIC, True, 1_010, TIMES)
    assert not undecided(found, LockWish.UNLOCKED, False, 1_010, TIMES)
    assert not undecided(Lock(target=False, since_ms=1_000), LockWish.AUTOMATIC, False, 1_010, TIMES)
