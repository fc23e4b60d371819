"""Every named fault shows on the wire: somebody at the board, the meter or the reader sees a difference."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hal.interface import HardwareError, LockDrive
from hal.simulated.board import SimulatedServiceBoard
from hal.simulated.faults import FAULTS
from hal.simulated.world import World, simulated_profile
from tests.hal.simulated.helpers import Hand


def _pilot(hand: Hand) -> Any:
    """Plateaus in half volts and the duty in steps of 5 %, so that plain noise does not count."""
    hand.run(100)
    sample = hand.evse.pilot.sample()
    return round(sample.high_mv / 500), round(sample.low_mv / 500), round(sample.high_pm / 50)


def _spread(hand: Hand) -> Any:
    samples = hand.world.evse(1).burst().samples_mv
    return max(samples) - min(samples) > 20_000


def _adc(hand: Hand) -> Any:
    try:
        hand.evse.pilot.sample()
    except HardwareError:
        return "silent"
    return "fine"


def _closed(hand: Hand) -> Any:
    hand.run(100)
    return hand.evse.contactor.mirror_closed(), hand.current_ma[0] > 0


def _opened(hand: Hand) -> Any:
    hand.evse.contactor.set_closed(False)
    hand.run(100)
    evse = hand.world.evse(1)
    return hand.evse.contactor.mirror_closed(), evse.inlet_mv


def _after_x1(hand: Hand) -> Any:
    hand.evse.pilot.set_duty(1000)
    hand.run(5_000)
    return hand.current_ma


def _in_state_f(hand: Hand) -> Any:
    hand.evse.pilot.set_duty(0)
    hand.run(5_000)
    return hand.current_ma


def _limited(hand: Hand) -> Any:
    hand.evse.pilot.set_duty(100)
    hand.run(6_000)
    return hand.current_ma


def _tripped(hand: Hand) -> Any:
    assert hand.evse.residual_current is not None
    hand.run(100)
    return hand.evse.residual_current.tripped(), hand.evse.contactor.mirror_closed()


def _tested(hand: Hand) -> Any:
    detector = hand.evse.residual_current
    assert detector is not None
    hand.evse.contactor.set_closed(False)
    detector.set_test(True)
    hand.run(100)
    on = detector.tripped()
    detector.set_test(False)
    hand.run(100)
    return on, detector.tripped()


def _proximity(hand: Hand) -> Any:
    assert hand.evse.proximity is not None
    return hand.evse.proximity.resistance_ohm()


def _locked(hand: Hand) -> Any:
    assert hand.evse.lock is not None
    hand.evse.lock.drive(LockDrive.LOCK)
    hand.run(600)
    hand.evse.lock.drive(LockDrive.OFF)
    return hand.evse.lock.locked()


def _meter(hand: Hand) -> Any:
    async def read() -> Any:
        meter = SimulatedServiceBoard(hand.world).meter(1)
        assert meter is not None
        first = await meter.read()
        hand.run(60_000)
        return first.energy_import_wh > 0, (await meter.read()).energy_import_wh - first.energy_import_wh

    try:
        return asyncio.run(read())
    except HardwareError:
        return "silent"


def _volts(hand: Hand) -> Any:
    hand.run(100)
    return hand.world.reading(1).voltage_mv, hand.current_ma


def _card(hand: Hand) -> Any:
    async def read() -> Any:
        reader, _ = SimulatedServiceBoard(hand.world).readers[0]
        hand.world.swipe("04A2B3C4")
        return (await asyncio.wait_for(reader.read(), 0.05)).uid

    try:
        return asyncio.run(read())
    except TimeoutError:
        return "nothing"


def _refresh(hand: Hand) -> Any:
    try:
        hand.board.refresh()
    except HardwareError:
        return "silent"
    return "fine"


def _temperature(hand: Hand) -> Any:
    (sensor,) = hand.evse.temperatures
    try:
        return sensor.read_mdeg_c() > 60_000
    except HardwareError:
        return "lost"


def _one_phase(hand: Hand) -> Any:
    switch = hand.evse.phase_switch
    assert switch is not None
    before = switch.three_phase()
    switch.set_three_phase(False)
    hand.run(5_000)
    return before, switch.three_phase(), hand.current_ma


def _panel(hand: Hand) -> Any:
    assert hand.board.emergency_stop is not None and hand.board.enclosure is not None
    return hand.board.emergency_stop.active(), hand.board.enclosure.active()


SEEN_BY: dict[str, Callable[[Hand], Any]] = {
    "pilot_short": _pilot,
    "pilot_open": _pilot,
    "pilot_leak": _pilot,
    "pilot_noise": _spread,
    "pilot_supply_low": _pilot,
    "pilot_supply_beyond": _pilot,
    "diode_missing": _pilot,
    "diode_parallel": _pilot,
    "pwm_dead": _pilot,
    "pwm_wrong_duty": _pilot,
    "adc_dead": _adc,
    "contactor_welded": _opened,
    "contactor_pole_welded": _opened,
    "contactor_does_not_close": _closed,
    "contactor_slow": _opened,
    "mirror_stuck_open": _closed,
    "mirror_stuck_closed": _opened,
    "rcd_trip": _tripped,
    "rcd_test_dead": _tested,
    "rcd_test_stuck": _tested,
    "proximity_open": _proximity,
    "proximity_short": _proximity,
    "proximity_wrong": _proximity,
    "lock_jam": _locked,
    "lock_feedback_lost": _locked,
    "over_temperature": _temperature,
    "temperature_sensor_lost": _temperature,
    "phase_switch_stuck": _one_phase,
    "phase_feedback_stuck": _one_phase,
    "over_current": _limited,
    "vehicle_ignores_x1": _after_x1,
    "vehicle_ignores_pilot": _in_state_f,
    "meter_silent": _meter,
    "meter_garbage": _meter,
    "meter_frozen": _meter,
    "meter_reset": _meter,
    "phase_missing": _volts,
    "emergency_stop": _panel,
    "enclosure_open": _panel,
    "mains_off": _volts,
    "reader_silent": _card,
    "reader_garbage": _card,
    "watchdog_dead": _closed,
    "board_silent": _refresh,
}


def charging() -> Hand:
    hand = Hand(World(profile=simulated_profile(tethered=False, phase_switch=True)))
    hand.charge()
    return hand


def test_every_fault_has_somebody_who_sees_it() -> None:
    assert SEEN_BY.keys() == FAULTS.keys()
    assert all(fault.description for fault in FAULTS.values())


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_shows_and_its_repair_too(name: str) -> None:
    look = SEEN_BY[name]
    healthy = look(charging())
    broken = charging()
    broken.world.faults.set(name)
    assert look(broken) != healthy
    repaired = charging()
    repaired.world.faults.set(name)
    repaired.world.faults.clear(name)
    repaired.run(6_000)  # the vehicle may have to start again
    if name == "meter_reset":  # the energy is gone for good
        return
    assert look(repaired) == healthy


def test_a_missing_diode_and_a_short_read_as_the_standard_says() -> None:
    hand = charging()
    hand.world.faults.set("diode_missing")
    assert hand.evse.pilot.sample().low_mv > -7_000
    hand.world.faults.clear_all()
    hand.world.faults.set("pilot_short")
    sample = hand.evse.pilot.sample()
    assert abs(sample.high_mv) < 1_000 and abs(sample.low_mv) < 1_000


def test_faults_stay_at_their_evse_and_are_listed() -> None:
    world = World(evses=2)
    world.faults.set("diode_missing", 2)
    world.faults.set("mains_off")
    assert world.faults.list() == [(0, "mains_off"), (2, "diode_missing")]
    assert world.evse(1).faults == set()
    world.faults.clear("diode_missing", 2)
    world.faults.clear("diode_missing", 2)
    world.faults.clear_all()
    assert world.faults.list() == []


@pytest.mark.parametrize(
    ("name", "evse_id", "message"),
    [
        ("gremlins", 1, "unknown; known are pilot_short"),
        ("rcd_trip", 3, "evse 3 does not exist"),
        ("rcd_trip", 0, "evse 0 does not exist"),
    ],
)
def test_a_wrong_fault_is_refused(name: str, evse_id: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        World().faults.set(name, evse_id)


def test_a_vehicle_that_comes_later_has_the_fault_too() -> None:
    world = World()
    world.faults.set("over_current")
    assert world.plug(1).ignores_limit
    world.faults.clear("over_current")
    assert not world.evse(1).vehicle.ignores_limit
