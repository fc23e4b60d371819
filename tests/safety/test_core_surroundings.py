"""Temperature, emergency stop, enclosure and phase switch in the whole step of one EVSE."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.core import Outputs
from controller.safety.phases import PhaseTimes
from controller.safety.pilot import is_pwm
from controller.safety.temperature import Ladder
from tests.safety.rig import Rig

WARM = SafetyConfig(evse_id=1, rating_ma=32_000, has_residual_current=True, ladders=(Ladder("plug"),))
SWITCHED = SafetyConfig(
    evse_id=1,
    rating_ma=32_000,
    has_residual_current=True,
    has_phase_switch=True,
    phase_times=PhaseTimes(to_three_every_ms=60_000),
)


def warm(limit_ma: int = 32_000) -> Rig:
    return Rig(WARM, temperatures=(30_000,)).charging(limit_ma)


# --------------------------------------------------------------------------- temperature


def test_each_rung_lowers_the_offer_at_once_and_cooling_raises_it_again() -> None:
    rig = warm()
    assert rig.state.offered_ma == 31_980 and rig.state.temperature_limit_ma is None
    offers = []
    for mdeg in (65_000, 68_000, 65_000, 62_000):
        rig.temperatures = (mdeg,)
        offers.append(rig.run(8_000).state.offered_ma)
    assert offers == [15_960, 7_980, 15_960, 31_980]
    assert rig.state.contactor.operations == 1 and rig.closed and not rig.inhibits


def test_a_permit_below_the_warm_limit_stays_as_it_is() -> None:
    rig = warm(10_000)
    before = rig.state.offered_ma
    rig.temperatures = (66_000,)
    assert rig.run(3_000).state.offered_ma == before


def test_too_hot_stops_gently_then_has_its_name_and_starts_again_by_itself_when_cool() -> None:
    rig = warm()
    rig.temperatures = (75_000,)
    rig.until(lambda r: not is_pwm(r.outputs.duty_pm), 2_000)
    assert rig.closed and not rig.inhibits, "x1 first: the vehicle may let go"
    rig.vehicle = "B"
    rig.until(lambda r: not r.closed, 50)
    assert rig.state.contactor.openings_under_load == 0
    assert rig.run(100).inhibits == {"OVER_TEMPERATURE"}
    rig.temperatures = (63_000,)
    assert rig.run(20_000).inhibits == {"OVER_TEMPERATURE"}, "hysteresis"
    rig.temperatures = (62_000,)
    rig.until(lambda r: r.state.offered_ma > 0, 4_000)
    rig.vehicle = "C"
    rig.until(lambda r: r.closed, 3_000)
    assert not rig.inhibits


def test_too_hot_and_the_vehicle_does_not_let_go_forced_after_six_seconds() -> None:
    rig = warm()
    rig.temperatures = (75_000,)
    took = rig.until(lambda r: not r.closed, 9_000)
    assert took <= 1_500 + 6_000 + 50
    assert rig.run(100).inhibits == {"OVER_TEMPERATURE"}


@pytest.mark.parametrize("value", [None, -55_000, 151_000])
def test_a_lost_sensor_stops_and_is_trusted_again_after_ten_seconds(value: int | None) -> None:
    rig = warm()
    rig.temperatures = (value,)
    rig.until(lambda r: not is_pwm(r.outputs.duty_pm), 3_100)
    rig.vehicle = "B"
    assert rig.run(200).inhibits == {"TEMPERATURE_SENSOR_LOST"} and not rig.closed
    rig.temperatures = (30_000,)
    rig.run(9_500)
    assert rig.inhibits == {"TEMPERATURE_SENSOR_LOST"}
    rig.until(lambda r: r.state.offered_ma > 0, 5_000)


def test_a_lost_sensor_may_cost_three_quarters_instead() -> None:
    config = replace(WARM, ladders=(Ladder("plug", stop_when_lost=False),))
    rig = Rig(config, temperatures=(30_000,)).charging(32_000)
    rig.temperatures = (None,)
    rig.run(5_000)
    assert rig.state.offered_ma == 7_980 and rig.closed and not rig.inhibits
    report = core.report(rig.state, 1, rig.now_ms)
    assert (report.sensors_lost, report.temperature_limit_ma, report.hottest_mdeg_c) == (1, 8_000, None)


def test_nothing_starts_before_every_sensor_answered() -> None:
    rig = Rig(replace(WARM, ladders=(Ladder("plug"), Ladder("relay"))), temperatures=(30_000, None))
    assert rig.run(2_000).inhibits == {"STARTING"}
    rig.temperatures = (30_000, 31_000)
    assert not rig.run(20).inhibits


def test_the_report_tells_the_hottest_and_the_limit() -> None:
    rig = warm()
    rig.temperatures = (66_500,)
    report = core.report(rig.run(3_000).state, 1, rig.now_ms)
    assert (report.temperature_limit_ma, report.hottest_mdeg_c, report.sensors_lost) == (16_000, 66_500, 0)
    assert report.phases == 3


# --------------------------------------------------------------------------- emergency stop, enclosure


@pytest.mark.parametrize(
    ("attribute", "name"), [("emergency_stop", "EMERGENCY_STOP"), ("enclosure_open", "ENCLOSURE_OPEN")]
)
def test_the_panel_opens_in_the_same_step_and_charging_resumes_a_second_after_release(
    attribute: str, name: str
) -> None:
    rig = Rig().charging()
    setattr(rig, attribute, True)
    rig.step()
    assert not rig.closed and rig.inhibits == {name} and rig.outputs.duty_pm == 1000
    rig.vehicle = "B"
    assert rig.run(60_000).inhibits == {name}
    setattr(rig, attribute, False)
    assert rig.run(900).inhibits == {name}
    rig.until(lambda r: r.state.offered_ma > 0, 4_000)
    rig.vehicle = "C"
    rig.until(lambda r: r.closed, 3_000)


def test_the_panel_counts_even_when_the_pilot_is_not_read() -> None:
    rig = Rig().charging()
    rig.silent = rig.emergency_stop = True
    rig.step()
    assert "EMERGENCY_STOP" in rig.inhibits and not rig.closed


# --------------------------------------------------------------------------- phases


def switched(phases: int = 3, config: SafetyConfig = SWITCHED) -> Rig:
    rig = Rig(config, phases=phases)

    def check(now: Rig) -> None:
        _, before, _ = now.trace[-2] if len(now.trace) > 1 else (0, now.state, None)
        if now.state.phases.three is not before.phases.three:
            assert not now.closed and now.mirror is not True and not is_pwm(now.outputs.duty_pm), (
                "the phase switch moves with the contactor open and nothing offered"
            )

    rig.check = check
    return rig


def test_without_a_switch_it_is_left_alone() -> None:
    rig = Rig().idle()
    assert rig.outputs == Outputs(1000, False, rig.outputs.lock, False, None)
    assert core.report(rig.state, 1, rig.now_ms).phases == 3
    single = Rig(replace(WARM, phases=1), temperatures=(1,)).idle()
    assert core.report(single.state, 1, single.now_ms).phases == 1


def test_three_phases_are_there_before_the_first_vehicle_comes() -> None:
    rig = switched()
    assert core.report(rig.state, 1, 0).phases == 1, "without power it rests on one phase"
    rig.idle()
    assert rig.outputs.three_phase is True and rig.state.phases.ready
    assert core.report(rig.state, 1, 0).phases == 3


def test_under_way_from_three_to_one_and_back() -> None:
    rig = switched().charging()
    rig.phases = 1
    rig.until(lambda r: not is_pwm(r.outputs.duty_pm), 1_100)
    assert rig.closed and rig.outputs.three_phase is True, "x1 first"
    rig.vehicle = "B"
    rig.until(lambda r: not r.closed, 50)
    opened_ms = rig.now_ms
    rig.until(lambda r: r.outputs.three_phase is False, 7_000)
    assert rig.now_ms - opened_ms >= 5_000
    rig.until(lambda r: r.state.offered_ma > 0, 1_000)
    rig.vehicle = "C"
    rig.until(lambda r: r.closed, 1_000)
    assert core.report(rig.state, 1, rig.now_ms).phases == 1 and not rig.three
    assert rig.state.contactor.openings_under_load == 0
    rig.phases = 3
    rig.until(lambda r: not is_pwm(r.outputs.duty_pm), 1_100)
    rig.vehicle = "B"
    rig.until(lambda r: r.outputs.three_phase is True, 7_000)
    rig.until(lambda r: r.state.offered_ma > 0, 1_000)


def test_back_to_three_waits_for_the_pause_while_one_phase_goes_on() -> None:
    rig = switched(phases=1)
    rig.vehicle = "B"
    rig.lease_ma = 16_000
    rig.until(lambda r: r.state.offered_ma > 0, 10_000)
    rig.phases = 3
    rig.until(lambda r: r.outputs.three_phase is True, 8_000)
    first_ms = rig.now_ms
    rig.phases = 1
    rig.until(lambda r: r.outputs.three_phase is False and r.state.offered_ma > 0, 12_000)
    rig.phases = 3
    rig.vehicle = "C"
    rig.run(5_000)
    assert rig.closed and rig.outputs.three_phase is False
    rig.until(lambda r: not r.closed, 60_000)  # x1, forced by 6 s: this vehicle does not let go
    rig.until(lambda r: r.outputs.three_phase is True, 12_000)
    assert rig.now_ms - first_ms >= 60_000


def test_a_vehicle_that_does_not_let_go_is_opened_after_six_seconds_then_the_dead_time() -> None:
    rig = switched().charging()
    rig.phases = 1
    took = rig.until(lambda r: r.outputs.three_phase is False, 14_000)
    assert 11_000 <= took <= 1_000 + 6_000 + 5_000 + 200
    assert rig.state.contactor.openings_under_load == 1


def test_a_stuck_switch_is_a_fault_and_charging_resumes_once_it_follows() -> None:
    rig = switched().charging()
    rig.switch_stuck = True
    rig.phases = 1
    rig.run(1_100)
    rig.vehicle = "B"
    rig.until(lambda r: "PHASE_SWITCH_FAULT" in r.inhibits, 8_000)
    assert rig.run(30_000).inhibits == {"PHASE_SWITCH_FAULT"} and rig.state.offered_ma == 0
    rig.switch_stuck = False
    rig.until(lambda r: r.state.offered_ma > 0, 15_000)


def test_a_position_lost_while_charging_opens() -> None:
    rig = switched().charging()
    rig.switch_stuck, rig.three = True, False
    rig.until(lambda r: not r.closed, 600)
    assert rig.inhibits == {"PHASE_SWITCH_FAULT"}


def test_silence_of_the_controller_moves_no_switch() -> None:
    rig = switched(phases=1)
    rig.vehicle = "B"
    rig.lease_ma = 16_000
    rig.until(lambda r: r.state.offered_ma > 0, 10_000)
    rig.lease_ma = None
    assert rig.run(60_000).outputs.three_phase is False
    rig.vehicle = "A"
    assert rig.run(1_000).outputs.three_phase is True


def test_a_welded_contactor_moves_no_switch() -> None:
    rig = switched().charging()
    rig.phases = 1
    rig.follows = False
    rig.run(1_100)
    rig.vehicle = "B"
    rig.run(30_000)
    assert rig.inhibits == {"CONTACTOR_WELDED"} and rig.outputs.three_phase is True


def test_a_restarted_core_keeps_the_switch_where_it_was() -> None:
    state = core.initial(SWITCHED, 1_000, three=True)
    _, outputs = core.step(state, core.Inputs(None), None, 1_010)
    assert outputs.three_phase is True and core.OFF.three_phase is None


def test_a_single_phase_evse_has_no_switch() -> None:
    with pytest.raises(ValueError, match="found 1 phases with phase switch True"):
        replace(SWITCHED, phases=1)
    with pytest.raises(ValueError, match="found 2 phases"):
        replace(WARM, phases=2)
