"""The table of times is complete, is what the configuration uses, and is kept; 5 % duty is never sent."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import pytest

from controller.safety import timing
from controller.safety.config import PilotTimes, SafetyConfig
from controller.safety.pilot import duty_for, is_pwm, offer_of
from controller.safety.timing import TIMINGS, Timing
from controller.safety.wakeup import WakeUpTimes
from hal.simulated.vehicle import offered_ma
from tests.safety.rig import Rig

SETTABLE = [one for one in TIMINGS if one.setting]


def test_every_time_of_the_configuration_is_in_the_table() -> None:
    named = {one.setting for one in SETTABLE}
    assert named == {f"pilot.{one.name}" for one in fields(PilotTimes)} | {
        f"wake_up.{one.name}" for one in fields(WakeUpTimes)
    }
    assert all(isinstance(one, Timing) for one in TIMINGS)
    defined = [value for value in vars(timing).values() if isinstance(value, Timing)]
    assert sorted(defined, key=TIMINGS.index) == list(TIMINGS)


@pytest.mark.parametrize("one", SETTABLE, ids=lambda one: one.setting)
def test_defaults_and_bounds_come_from_the_table(one: Timing) -> None:
    part, name = one.setting.split(".")
    kind = {"pilot": PilotTimes, "wake_up": WakeUpTimes}[part]
    assert getattr(getattr(SafetyConfig(1, 32_000), part), name) == one.value_ms
    for good_ms in (one.low_ms, one.high_ms):
        assert getattr(kind(**{name: good_ms}), name) == good_ms
    for bad_ms in (one.low_ms - 1, one.high_ms + 1):
        with pytest.raises(ValueError, match=f"{part} {name}: found {bad_ms}, expected {one.low_ms}"):
            kind(**{name: bad_ms})


@pytest.mark.parametrize("one", TIMINGS, ids=lambda one: one.name)
def test_a_row_is_whole(one: Timing) -> None:
    assert one.low_ms <= one.value_ms <= one.high_ms
    assert one.name and one.sequence and one.demand


# --------------------------------------------------------------------------- the rows without a setting


def test_IEC_8_1_opening_takes_what_the_table_says() -> None:
    rig = Rig().charging()
    rig.vehicle = "B"
    assert rig.until(lambda rig: not rig.closed, 100) == timing.OPENING.value_ms
    rig = Rig().charging()
    begin_ms = rig.now_ms
    for vehicle in "BCBCBCBC":
        rig.vehicle = vehicle
        rig.step()
        if not rig.closed:
            break
    assert rig.now_ms - begin_ms == timing.OPENING.high_ms, "flapping"


def test_IEC_4_supply_takes_what_the_table_says() -> None:
    rig = Rig().charging()
    rig.vehicle = "B"
    rig.run(5_000)
    rig.vehicle = "C"
    assert rig.until(lambda rig: rig.closed, 3_000) == timing.SUPPLY.value_ms


# --------------------------------------------------------------------------- 5 % is never sent


def test_5_percent_is_never_sent_for_any_limit_there_is() -> None:
    """Nor anything else a vehicle reads as digital communication or as an error (Table A.7, A.8)."""
    for limit_ma in range(-1, 100_001):
        duty_pm = duty_for(limit_ma)
        if is_pwm(duty_pm):
            assert 100 <= duty_pm <= 960, limit_ma
            assert 6_000 <= offer_of(duty_pm) == offered_ma(duty_pm) <= limit_ma, "our table and a vehicle's"
        else:
            assert duty_pm == 1000 and limit_ma < 6_000


def test_the_duties_of_a_whole_life_are_0_1000_or_100_to_960() -> None:
    rig = Rig().idle()
    rig.vehicle = "B"
    rig.run(500)
    for limit_ma in range(0, 80_001, 500):
        rig.lease_ma = limit_ma
        rig.renew()
        rig.run(100)
    rig.vehicle = "C"
    rig.run(1_000)
    rig.tripped = True
    rig.run(5_000)
    duties = {outputs.duty_pm for _, _, outputs in rig.trace}
    assert {0, 1000} < duties and all(duty in (0, 1000) or 100 <= duty <= 960 for duty in duties)


def test_IEC_6_no_two_duties_within_5_s_but_for_a_falling_limit() -> None:
    rig = Rig().charging(20_000)
    begin_ms = rig.now_ms
    for step in range(60):
        rig.lease_ma = (6_000, 20_000, 13_000)[step % 3]
        rig.renew()
        rig.run(700)
    trace = [(now_ms, out.duty_pm) for now_ms, _, out in rig.trace if now_ms > begin_ms]
    moved = [(now_ms, before, after) for (_, before), (now_ms, after) in pairwise(trace) if before != after]
    changed_ms = begin_ms - 5_000
    assert len(moved) > 5
    for now_ms, before, after in moved:
        assert after < before or now_ms - changed_ms >= 5_000
        changed_ms = now_ms
