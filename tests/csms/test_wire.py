from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.csms.wire import (
    Unacceptable,
    instant,
    milli_number,
    milli_text,
    optional_instant,
    parse_instant,
    parse_schedule,
)
from controller.domain.charging.profiles import ChargingSchedule, RateUnit, SchedulePeriod


@pytest.mark.parametrize(
    ("text", "utc_ms"),
    [
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T00:00:00.5Z", 1_767_225_600_500),
        ("2026-01-01T00:00:00.123456789Z", 1_767_225_600_123),
        ("2026-01-01T01:30:00+01:30", 1_767_225_600_000),
        ("2025-12-31T19:00:00-05:00", 1_767_225_600_000),
        ("2026-01-01T00:00:00", 1_767_225_600_000),
    ],
)
def test_16_CONN_22_instants_with_fractions_and_offsets(text: str, utc_ms: int) -> None:
    assert parse_instant(text) == utc_ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30T00:00:00Z", "1767225600"])
def test_what_is_no_instant_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="expected an RFC 3339"):
        parse_instant(text)


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_instants_survive_the_wire(utc_ms: int) -> None:
    assert parse_instant(instant(utc_ms)) == utc_ms


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_decimals_are_exact(value_milli: int) -> None:
    assert round(float(milli_text(value_milli)) * 1000) == value_milli
    assert round(milli_number(value_milli) * 1000) == value_milli


def test_decimals_are_short() -> None:
    assert [milli_text(one) for one in (0, 1500, 2000, -250, 1)] == ["0", "1.5", "2", "-0.25", "0.001"]
    assert milli_number(2000) == 2
    assert isinstance(milli_number(2000), int)


def test_optional_instant() -> None:
    assert optional_instant({}, "validFrom") is None
    with pytest.raises(Unacceptable, match="validFrom"):
        optional_instant({"validFrom": "soon"}, "validFrom")


def _schedule(*periods: dict[str, object], **more: object) -> dict[str, object]:
    return {"chargingRateUnit": "A", "chargingSchedulePeriod": list(periods), **more}


def test_a_whole_schedule() -> None:
    payload = _schedule(
        {"startPeriod": 0, "limit": 16.1, "numberPhases": 3},
        {"startPeriod": 3600, "limit": 0},
        duration=7200,
        startSchedule="2026-01-01T00:00:00Z",
        minChargingRate=6.0,
    )
    assert parse_schedule(payload) == ChargingSchedule(
        RateUnit.A,
        (SchedulePeriod(0, 16_100, 3), SchedulePeriod(3600, 0)),
        starts_at_ms=1_767_225_600_000,
        duration_s=7200,
        min_rate_milli=6000,
    )


@pytest.mark.parametrize(
    "payload",
    [
        _schedule(),
        _schedule({"startPeriod": 1, "limit": 6}),
        _schedule({"startPeriod": 0, "limit": 6}, {"startPeriod": 0, "limit": 7}),
        _schedule(
            {"startPeriod": 0, "limit": 6}, {"startPeriod": 9, "limit": 7}, {"startPeriod": 8, "limit": 7}
        ),
        _schedule({"startPeriod": 0, "limit": -1}),
        _schedule({"startPeriod": 0, "limit": 6, "numberPhases": 4}),
        _schedule({"startPeriod": 0, "limit": 6, "phaseToUse": 1}),
        _schedule({"startPeriod": 0, "setpoint": 6}),
        _schedule({"startPeriod": 0, "limit": 6}, duration=0),
        _schedule({"startPeriod": 0, "limit": 6}, startSchedule="soon"),
    ],
    ids=str,
)
def test_16_SC_11_K01_FR_31_K01_FR_35_bad_schedules_are_refused(payload: dict[str, object]) -> None:
    with pytest.raises(Unacceptable) as refused:
        parse_schedule(payload)
    assert len(refused.value.reason) <= 20
