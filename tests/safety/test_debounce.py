import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.safety.debounce import Debounce, DebounceTimes, evaluate
from controller.safety.pilot import Pilot, Reading

TIMES = DebounceTimes()
BY_SIGN = {
    "A": Reading.A,
    "B": Reading.B,
    "C": Reading.C,
    "D": Reading.D,
    "E": Reading.E,
    "F": Reading.F,
    "?": Reading.OUTSIDE,
    "d": Reading.DIODE,
}


def feed(letter: str, readings: str, step_ms: int = 10) -> list[Debounce]:
    """States after each reading, the first one at 1000 ms."""
    state, states = Debounce(Pilot[letter]), []
    for index, sign in enumerate(readings):
        state = evaluate(state, BY_SIGN[sign], 1_000 + index * step_ms, TIMES)
        states.append(state)
    return states


def letters(letter: str, readings: str) -> str:
    return "".join(state.letter.name for state in feed(letter, readings))


@pytest.mark.parametrize("change", ["CB", "CA", "BA", "CE", "DB", "DA", "BE", "AE", "CD", "EF", "FE", "DE"])
def test_IEC_8_1_less_power_is_accepted_at_the_second_equal_evaluation(change: str) -> None:
    before, after = change[0], change[1]
    assert letters(before, after * 2) == before + after


def test_one_evaluation_alone_changes_nothing() -> None:
    assert letters("C", "BCCACCECC") == "C" * 9


def test_less_power_that_cannot_decide_which_is_accepted_all_the_same() -> None:
    assert letters("C", "BA") == "CA"
    assert letters("C", "AB") == "CB"


def test_a_flapping_pilot_opens_at_the_fifth_evaluation() -> None:
    assert letters("C", "BCBCB") == "CCCCB"


@pytest.mark.parametrize("change", ["AB", "BC", "AC", "EB", "FA", "FC", "EA", "DC"])
def test_more_power_needs_300_ms_without_a_break(change: str) -> None:
    before, after = change[0], change[1]
    assert letters(before, after * 31) == before * 30 + after
    broken = after * 30 + before + after * 30
    assert letters(before, broken) == before * 61


def test_more_power_through_another_letter_starts_again() -> None:
    """A vehicle that goes from A by B to C (IEC 61851-1 A.2.3, simplified or not) ends in C."""
    assert letters("A", "B" * 10 + "C" * 31)[-1] == "C"
    assert letters("A", "B" * 10 + "C" * 30)[-1] == "A"


def test_a_stalled_loop_does_not_count_as_a_quiet_pilot() -> None:
    state = evaluate(Debounce(Pilot.B), Reading.C, 1_000, TIMES)
    state = evaluate(state, Reading.C, 9_000, TIMES)
    assert state.letter is Pilot.B


def test_a_forgotten_reading_starts_more_power_again_and_keeps_the_letter() -> None:
    state = feed("B", "C" * 20)[-1].forget()
    assert state.letter is Pilot.B and state.candidate is None
    assert state.forget() is state


def test_outside_all_bands_keeps_the_letter_for_50_ms_then_it_is_a_fault() -> None:
    states = feed("C", "?" * 8)
    assert [state.letter.name for state in states] == list("CCCCCEEE")
    assert [state.outside for state in states] == [False] * 5 + [True] * 3
    assert states[-1] is states[-2]


def test_nonsense_half_of_the_time_is_a_fault_as_well() -> None:
    assert letters("C", "?C?C?C?C")[-2] == "E"


def test_two_clean_readings_end_a_doubt() -> None:
    assert letters("C", "??CC??CC??CC" * 5) == "C" * 60


def test_nonsense_between_less_power_does_not_help_it() -> None:
    assert letters("C", "B?B") == "CCB"


def test_a_missing_diode_keeps_the_letter_and_is_told_after_50_ms() -> None:
    states = feed("C", "d" * 7 + "CC")
    assert {state.letter for state in states} == {Pilot.C}
    assert [state.diode_missing for state in states] == [False] * 5 + [True] * 3 + [False]


def test_a_short_after_nonsense_is_a_short() -> None:
    state = feed("C", "?" * 7 + "E" * 3)[-1]
    assert state.letter is Pilot.E and not state.outside


def test_nonsense_that_ends_comes_back_like_any_more_power() -> None:
    assert letters("C", "?" * 7 + "B" * 31)[-2:] == "EB"


@given(st.text("ABEF?d", min_size=12, max_size=80))
def test_without_a_confirming_reading_no_sequence_keeps_c_longer_than_60_ms(readings: str) -> None:
    states = feed("C", readings)
    bad = [state.letter is Pilot.C and not state.diode_missing for state in states]
    assert not any(bad[6:])


@given(st.text("ABCDEF?d", max_size=80))
def test_more_power_is_never_accepted_within_300_ms(readings: str) -> None:
    before = Pilot.A
    changed_ms = -1_000
    for index, state in enumerate(feed("A", readings)):
        if state.letter in (Pilot.B, Pilot.C) and state.letter > before and before is not Pilot.E:
            assert (
                index * 10 - changed_ms >= 300 and readings[index - 29 : index + 1] == state.letter.name * 30
            )
        if state.letter is not before:
            changed_ms = index * 10
        before = state.letter


@pytest.mark.parametrize("wrong", [{"more_power_ms": 100}, {"more_power_count": 1}, {"doubt_ms": 51}])
def test_times_outside_their_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"found .* expected"):
        DebounceTimes(**wrong)
