"""The arithmetic of a calibration: it undoes what parts do, and refuses what parts cannot do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.calibration import (
    CalibrationError,
    Point,
    Scaling,
    check_third,
    pullup_ohm,
    rescaled,
    rewrite,
    steady_mv,
    two_points,
)
from hal.data import data_path
from hal.profile import load_profile, parse_profile

REFERENCE = Scaling(7117, -15510)


def read_mv(true_mv: float, gain_error: float, shift_mv: float) -> int:
    """What a network reads whose gain and zero are off."""
    code = round((true_mv * (1 + gain_error) + shift_mv - REFERENCE.offset_mv) * 1000 / REFERENCE.gain_uv)
    return code * REFERENCE.gain_uv // 1000 + REFERENCE.offset_mv


@given(
    st.floats(-0.02, 0.02),
    st.integers(-150, 150),
    st.integers(11_400, 12_600),
    st.integers(-12_600, -11_400),
    st.integers(-12_600, 12_600),
)
def test_after_it_every_voltage_is_right(
    gain_error: float, shift_mv: int, high_mv: int, low_mv: int, any_mv: int
) -> None:
    points = [Point(read_mv(true, gain_error, shift_mv), true) for true in (high_mv, low_mv)]
    after = two_points(REFERENCE, *points)
    found = rescaled(read_mv(any_mv, gain_error, shift_mv), REFERENCE, after)
    assert abs(found - any_mv) <= 12  # a count is 7 mV


def test_good_readings_change_nothing() -> None:
    assert two_points(REFERENCE, Point(12_000, 12_000), Point(-12_000, -12_000)) == REFERENCE


GOOD_HIGH, GOOD_LOW = Point(12_000, 12_000), Point(-12_000, -12_000)


@pytest.mark.parametrize(
    ("high", "low", "said"),
    [
        (Point(12_000, 9_000), GOOD_LOW, "high point: the multimeter says 9000 mV; expected 11400 to 12600"),
        (GOOD_HIGH, Point(-12_000, 12_000), "low point: the multimeter says 12000 mV.*swapped lead"),
        (Point(12_700, 12_000), GOOD_LOW, "high point: read 12700 mV.*at most 600 mV apart"),
        (Point(11_400, 12_000), Point(-11_400, -12_000), "gain would change from 7117 to 7492 uV"),
    ],
)
def test_implausible_points_are_refused(high: Point, low: Point, said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        two_points(REFERENCE, high, low)


def test_parts_at_the_end_of_their_tolerance_are_accepted() -> None:
    assert two_points(REFERENCE, Point(12_420, 12_000), Point(-12_300, -12_000)).gain_uv == 6910


def test_readings_must_be_steady() -> None:
    assert steady_mv([11_990, 12_000, 12_010], "high point") == 12_000
    with pytest.raises(CalibrationError, match="high point: readings spread over 3000 mV"):
        steady_mv([9_000, 12_000], "high point")
    with pytest.raises(CalibrationError, match="no readings"):
        steady_mv([], "high point")


def test_a_third_point_proves_the_line() -> None:
    assert check_third(Point(5_990, 6_000), REFERENCE, REFERENCE) == -10
    with pytest.raises(CalibrationError, match="check point: -100 mV off at 6000 mV"):
        check_third(Point(5_900, 6_000), REFERENCE, REFERENCE)


def test_the_pull_up_of_the_proximity_pilot() -> None:
    assert pullup_ohm(1000, ((224, 220), (1530, 1500))) == 981
    with pytest.raises(CalibrationError, match="read 260 ohm with 220 ohm connected"):
        pullup_ohm(1000, ((260, 220), (1530, 1500)))
    with pytest.raises(CalibrationError, match="disagree: factors 965 and 1014"):
        pullup_ohm(1000, ((228, 220), (1480, 1500)))
    with pytest.raises(CalibrationError, match="span of 0"):
        pullup_ohm(1000, ((0, 220), (1480, 1500)))


def test_the_profile_changes_in_its_numbers_only() -> None:
    text = (data_path("boards") / "reference-pi4.toml").read_text()
    changed = rewrite(
        text, 1, {"pilot_gain_uv": 7200, "pilot_offset_mv": -15_700, "proximity_pullup_ohm": 990}
    )
    adc = parse_profile(changed, "changed").evses[0].adc
    assert adc is not None
    assert (adc.pilot_gain_uv, adc.pilot_offset_mv, adc.proximity_pullup_ohm) == (7200, -15_700, 990)
    before, after = text.splitlines(), changed.splitlines()
    assert [at for at in range(len(before)) if before[at] != after[at]] == [
        at
        for at, line in enumerate(before)
        if line.startswith(("pilot_gain", "pilot_offset", "proximity_pullup"))
    ]
    assert "verify: calibrate" in changed, "comments stay"
    back = rewrite(
        changed, 1, {"pilot_gain_uv": 7117, "pilot_offset_mv": -15_510, "proximity_pullup_ohm": 1000}
    )
    assert back == text
    assert parse_profile(back, "x") == load_profile("reference-pi4")


def test_the_right_one_of_two_evses_is_changed_and_missing_keys_are_added() -> None:
    text = "[[evse]]\n[evse.adc]\npilot_gain_uv = 1\n[evse.x]\n[[evse]]\n[evse.adc]\npilot_gain_uv = 1\n"
    first, _, second = text.rpartition("pilot_gain_uv = 1")
    expected = f"{first}new = -3\npilot_gain_uv = 2{second}"
    assert rewrite(text, 2, {"pilot_gain_uv": 2, "new": -3}) == expected


@pytest.mark.parametrize(
    ("text", "evse_id", "said"),
    [
        ("[[evse]]\nadc = {pilot_gain_uv = 1}\n", 1, r"found 0 tables headed \[evse.adc\]"),
        ("[[evse]]\n[evse.adc]\n", 2, r"no \[\[evse\]\] number 2; expected 1..1"),
    ],
)
def test_a_profile_written_otherwise_is_refused(text: str, evse_id: int, said: str) -> None:
    with pytest.raises(CalibrationError, match=said):
        rewrite(text, evse_id, {"pilot_gain_uv": 2})
