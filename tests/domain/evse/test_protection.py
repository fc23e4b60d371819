from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.evse.protection import (
    CHECKS,
    Finding,
    Sight,
    Times,
    Watch,
    advance,
    find,
    latched,
    reset,
    times,
    unplugged,
)
from controller.domain.faults import OVER_CURRENT, OVER_VOLTAGE, PHASE_MISSING, UNDER_VOLTAGE
from controller.domain.inputs import EvseFacts, Reading
from tests.domain.conftest import POLICY

CLOSED = EvseFacts(1, 0, "C", True, 7, 16_000, True, 32_000, 32_000, True, True, ())
OPEN = replace(CLOSED, contactor_closed=False, offered_ma=0)
LIMITS = Times(trip_ms=7_000, restart_ms=30_000, tries=2)
BAD, BETWEEN, GOOD, UNKNOWN = (
    Finding(sight) for sight in (Sight.BAD, Sight.BETWEEN, Sight.GOOD, Sight.UNKNOWN)
)


def current(*ma: int | None, facts: EvseFacts | None = CLOSED) -> Sight:
    reading = Reading(1, 0, 0, current_ma=(*ma, None, None, None)[:3])  # type: ignore[arg-type]
    return find(reading, facts, 3, POLICY)[OVER_CURRENT].sight


def voltage(*volts: int | None, phases: int = 3, facts: EvseFacts = CLOSED) -> dict[str, Sight]:
    values = tuple(None if volt is None else volt * 1000 for volt in (*volts, 0, 0, 0)[:3])
    reading = Reading(1, 0, 0, voltage_mv=values)  # type: ignore[arg-type]
    found = find(reading, facts, phases, POLICY)
    return {check: found[check].sight for check in CHECKS if check != OVER_CURRENT}


@pytest.mark.parametrize(
    ("drawn_ma", "sight"),
    [
        (16_000, Sight.GOOD),
        (17_600, Sight.GOOD),
        (17_601, Sight.BETWEEN),
        (18_100, Sight.BETWEEN),  # 16 A + 10 % + 0.5 A is still allowed
        (18_101, Sight.BAD),
    ],
)
def test_over_current_is_ten_percent_and_half_an_ampere_above_the_offer(drawn_ma: int, sight: Sight) -> None:
    assert current(drawn_ma) is sight
    assert current(0, drawn_ma, 1_000) is sight, "the highest phase counts"


def test_over_current_needs_a_closed_contactor_and_a_meter_that_shows_current() -> None:
    assert current(40_000, facts=OPEN) is Sight.GOOD
    assert current(40_000, facts=None) is Sight.UNKNOWN
    assert current(None, None, None) is Sight.UNKNOWN


def test_without_margin_the_band_never_reaches_below_the_offer() -> None:
    strict = replace(POLICY, over_current_percent=0, over_current_margin_ma=0)
    reading = Reading(1, 0, 0, current_ma=(16_000, None, None))
    assert find(reading, CLOSED, 3, strict)[OVER_CURRENT].sight is Sight.GOOD


@pytest.mark.parametrize(
    ("volts", "over", "under", "missing"),
    [
        ((230, 230, 230), Sight.GOOD, Sight.GOOD, Sight.GOOD),
        ((230, 253, 230), Sight.BETWEEN, Sight.GOOD, Sight.GOOD),
        ((230, 254, 230), Sight.BAD, Sight.GOOD, Sight.GOOD),
        ((184, 230, 230), Sight.GOOD, Sight.BETWEEN, Sight.GOOD),
        ((183, 230, 230), Sight.GOOD, Sight.BAD, Sight.GOOD),
        ((230, 230, 45), Sight.GOOD, Sight.GOOD, Sight.BAD),  # coupled in, not there
        ((260, 150, 230), Sight.BAD, Sight.BAD, Sight.GOOD),  # a lost neutral
        ((0, 0, 0), Sight.GOOD, Sight.BAD, Sight.BETWEEN),
    ],
)
def test_voltage(volts: tuple[int, ...], over: Sight, under: Sight, missing: Sight) -> None:
    assert voltage(*volts) == {OVER_VOLTAGE: over, UNDER_VOLTAGE: under, PHASE_MISSING: missing}


def test_only_the_phases_of_the_evse_are_looked_at() -> None:
    assert set(voltage(230, 0, 0, phases=1).values()) == {Sight.GOOD}
    assert voltage(230, 0, 0, phases=3)[PHASE_MISSING] is Sight.BAD


def test_a_meter_that_cannot_tell_proves_nothing() -> None:
    assert set(voltage(230, None, None).values()) == {Sight.UNKNOWN}
    assert set(voltage(0, 0, 0, facts=OPEN).values()) == {Sight.UNKNOWN}, "it may sit behind the contactor"


def run(watch: Watch, *findings: Finding, step_ms: int = 1_000, at_ms: int = 0) -> tuple[Watch, int]:
    for finding in findings:
        watch = advance(watch, finding, at_ms, LIMITS)
        at_ms += step_ms
    return watch, at_ms


def test_it_trips_after_its_time_and_not_before() -> None:
    watch, at_ms = run(Watch(), *[BAD] * 7)
    assert not watch.active
    watch, _ = run(watch, BAD, at_ms=at_ms)
    assert watch.active
    assert watch.tries == 1


@pytest.mark.parametrize("pause", [BETWEEN, GOOD])
def test_a_pause_begins_the_time_anew(pause: Finding) -> None:
    watch, at_ms = run(Watch(), *[BAD] * 7, pause)
    watch, at_ms = run(watch, *[BAD] * 7, at_ms=at_ms)
    assert not watch.active
    assert run(watch, BAD, at_ms=at_ms)[0].active


def test_a_silent_meter_is_no_pause_and_no_recovery() -> None:
    watch, at_ms = run(Watch(), *[BAD] * 5, *[UNKNOWN] * 3, BAD)
    assert watch.active
    watch, at_ms = run(watch, GOOD, *[UNKNOWN] * 100, at_ms=at_ms)
    assert watch.active, "nobody saw that it is good"


def test_it_ends_after_half_a_minute_of_good_and_the_band_between_is_not_good() -> None:
    watch, at_ms = run(Watch(), *[BAD] * 8)
    watch, at_ms = run(watch, *[GOOD] * 30, BETWEEN, *[GOOD] * 30, at_ms=at_ms)
    assert watch.active
    watch, _ = run(watch, GOOD, at_ms=at_ms)
    assert not watch.active


def again(watch: Watch, at_ms: int) -> tuple[Watch, int]:
    return run(watch, *[BAD] * 8, *[GOOD] * 31, at_ms=at_ms)


def test_it_stays_after_its_returns_are_used_up_until_unplugging_or_a_reset() -> None:
    watch, at_ms = again(Watch(), 0)
    watch, at_ms = again(watch, at_ms)
    assert not watch.active
    watch, at_ms = again(watch, at_ms)
    assert latched(watch, LIMITS)
    watch, at_ms = run(watch, *[GOOD] * 1000, at_ms=at_ms)
    assert watch.active
    assert not reset(watch).active
    assert reset(watch).tries == 0
    freed, _ = run(unplugged(watch), GOOD, at_ms=at_ms)
    assert not freed.active


def test_a_reset_does_not_talk_away_what_is_still_there() -> None:
    watch, at_ms = run(Watch(), *[BAD] * 8)
    watch = reset(watch)
    assert watch.active
    assert not run(watch, *[GOOD] * 31, at_ms=at_ms)[0].active


def test_the_settings_give_the_times() -> None:
    assert times(OVER_CURRENT, POLICY) == Times(7_000, 30_000, 3)
    assert times(PHASE_MISSING, POLICY) == Times(5_000, 30_000, 10)
