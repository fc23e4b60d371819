"""The world as a whole: time, energy, welding, the gate, people at the station."""

from __future__ import annotations

import pytest

from hal.interface import LockDrive, TokenKind
from hal.simulated.power import PJ_PER_UWH
from hal.simulated.vehicle import Vehicle
from hal.simulated.world import World, simulated_profile
from tests.hal.simulated.helpers import Hand


def socket_world(evses: int = 1) -> World:
    return World(profile=simulated_profile(evses, tethered=False))


def test_the_register_equals_the_integral_of_power() -> None:
    hand = Hand(World())
    hand.charge()
    meter = hand.world.evse(1).meter
    before_uwh, start_us = meter.total_uwh, hand.world.now_us
    hand.run(900_000)
    power_uw = 3 * 230_000 * 16_020  # mV * mA, steady
    expected = power_uw * (hand.world.now_us - start_us) // PJ_PER_UWH
    assert abs(meter.total_uwh - before_uwh - expected) <= 1  # each end is rounded down
    assert hand.world.reading(1).power_w == round(power_uw / 1_000_000)


def test_what_the_meter_counted_is_what_the_vehicle_took_also_through_ramps_and_limits() -> None:
    hand = Hand(World())
    hand.charge()
    for duty in (533, 100, 400, 1000, 267, 850):
        hand.evse.pilot.set_duty(duty)
        hand.run(7_000)
    evse = hand.world.evse(1)
    assert evse.meter.total_uwh // 1_000_000 == evse.vehicle.energy_taken_wh > 50


def test_energy_does_not_depend_on_how_time_is_cut() -> None:
    def total(step_us: int) -> int:
        hand = Hand(World())
        hand.charge()
        hand.world.gate.window_us = 10**12
        hand.board.watchdog.pulse()  # type: ignore[union-attr]
        for _ in range(60_000_000 // step_us):
            hand.world.advance(step_us)
        return hand.world.evse(1).meter.total_uwh

    assert total(10_000) == total(1_000_000) == total(60_000_000)


def test_speed_scales_energy_and_nothing_else() -> None:
    slow, fast = Hand(World()), Hand(World(speed=60))
    for hand in (slow, fast):
        hand.charge()
    assert fast.current_ma == slow.current_ma
    taken = [hand.world.evse(1).meter.total_uwh for hand in (slow, fast)]
    assert taken[1] == pytest.approx(taken[0] * 60, abs=60)


def test_a_full_vehicle_stops_on_the_watt_hour() -> None:
    hand = Hand(World())
    hand.charge(energy_wanted_wh=100)
    hand.run(60_000)
    vehicle = hand.world.evse(1).vehicle
    assert vehicle.full and not vehicle.s2 and hand.current_ma == (0, 0, 0)
    assert vehicle.energy_taken_wh in (100, 101)  # the ramp down takes a little more


def test_the_same_seed_gives_the_same_samples() -> None:
    def samples(seed: int) -> list[tuple[int, ...]]:
        hand = Hand(World(seed=seed))
        hand.charge()
        return [hand.world.evse(1).burst().samples_mv for _ in range(20)]

    assert samples(3) == samples(3)
    assert samples(3) != samples(4)


def test_a_welded_contactor_keeps_the_inlet_live_and_a_car_that_ignores_the_pilot_charging() -> None:
    hand = Hand(World())
    hand.charge()
    hand.world.faults.set("contactor_welded")
    hand.world.faults.set("vehicle_ignores_pilot")
    hand.board.outputs_off()
    hand.run(10_000)
    evse = hand.world.evse(1)
    assert evse.inlet_mv == (230_000,) * 3 and min(hand.current_ma) > 0 and evse.mirror_closed()
    before = evse.meter.total_uwh
    hand.run(10_000)
    assert evse.meter.total_uwh > before
    hand.world.faults.clear("contactor_welded")
    hand.run(100)
    assert evse.inlet_mv == (0, 0, 0) and hand.current_ma == (0, 0, 0)


def test_one_welded_pole_feeds_one_phase() -> None:
    hand = Hand(World())
    hand.charge()
    hand.world.faults.set("contactor_pole_welded")
    hand.evse.contactor.set_closed(False)
    hand.run(100)
    assert hand.world.evse(1).inlet_mv == (230_000, 0, 0) and hand.evse.contactor.mirror_closed()


def test_the_gate_drops_contactor_and_pilot_when_it_is_not_fed() -> None:
    hand = Hand(World())
    hand.charge()
    hand.run(190, fed=False)
    assert hand.evse.contactor.mirror_closed() and hand.evse.pilot.sample().high_mv > 5_000
    hand.run(50, fed=False)
    assert not hand.evse.contactor.mirror_closed() and hand.current_ma == (0, 0, 0)
    sample = hand.evse.pilot.sample()
    assert sample.high_mv == sample.low_mv < -11_000
    assert hand.world.evse(1).contactor_commanded  # nobody asked for it
    hand.run(500)
    assert hand.evse.contactor.mirror_closed()  # the circuit retriggers


def test_contacts_open_within_fifteen_milliseconds_of_the_command() -> None:
    hand = Hand(World())
    hand.charge()
    hand.evse.contactor.set_closed(False)
    hand.run(50)
    facts = {fact.what: fact.at_us for fact in hand.world.trace}
    assert facts["contacts open"] - facts["command open"] == 15_000


def test_a_single_phase_evse_feeds_l1_only() -> None:
    hand = Hand(World(profile=simulated_profile(phases=1)))
    hand.charge()
    assert hand.current_ma == (16_020, 0, 0)
    assert hand.world.reading(1).voltage_mv == (230_000, 0, 0)


def test_many_evses_keep_to_themselves() -> None:
    hand = Hand(World(evses=20))
    hand.charge()
    hand.world.plug(20)
    hand.run(1_000)
    assert [evse.evse_id for evse in hand.world.evses if any(evse.meter.current_ma)] == [1]
    assert hand.world.evse(20).vehicle_connected and not hand.world.evse(20).vehicle.s2


def test_a_bolted_plug_can_only_be_pulled_with_force() -> None:
    hand = Hand(socket_world())
    hand.world.plug(1, cable_ma=20_000)
    assert hand.evse.proximity is not None and hand.evse.lock is not None
    assert hand.evse.proximity.resistance_ohm() == 680
    hand.evse.lock.drive(LockDrive.LOCK)
    hand.run(300)
    hand.evse.lock.drive(LockDrive.OFF)
    assert hand.evse.lock.locked()
    with pytest.raises(ValueError, match="plug is locked"):
        hand.world.unplug(1)
    hand.world.unplug(1, force=True)
    assert hand.evse.proximity.resistance_ohm() is None


def test_a_cable_alone_is_seen_by_proximity_and_not_by_the_pilot() -> None:
    hand = Hand(socket_world())
    hand.run(10)
    hand.evse.pilot.set_duty(1000)
    hand.world.insert_cable(1, 32_000)
    assert hand.evse.proximity is not None and hand.evse.proximity.resistance_ohm() == 220
    assert hand.evse.pilot.sample().high_mv > 11_000


def test_pulling_the_plug_under_load_is_counted_and_ends_the_current() -> None:
    hand = Hand(World())
    hand.charge()
    hand.world.unplug(1)
    assert hand.world.evse(1).pulled_under_load == 1 and hand.current_ma == (0, 0, 0)
    assert hand.evse.pilot.sample().high_mv > 11_000


def test_a_swipe_reaches_every_listener_of_that_reader() -> None:
    world = World()
    heard: list[tuple[str, TokenKind]] = []
    world.readers[0].listeners.append(lambda uid, kind: heard.append((uid, kind)))
    world.swipe("04a2b3c4")
    assert heard == [("04A2B3C4", TokenKind.ISO14443)]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda w: w.plug(7), "evse 7 does not exist; expected 1..1"),
        (lambda w: (w.plug(1), w.plug(1)), "plugged in already"),
        (lambda w: w.unplug(1), "nothing is plugged in"),
        (lambda w: w.pull_out(1), "no vehicle on a loose cable"),
        (lambda w: w.insert_cable(1), "tethered"),
        (lambda w: w.set_vehicle(1, colour="red"), "vehicle has no 'colour'; it has wants_charge"),
        (lambda w: w.set_vehicle(1, max_ma="much"), "max_ma: 'much'; expected int"),
        (lambda w: w.set_vehicle(1, max_ma=True), "max_ma: True; expected int"),
        (lambda w: w.set_vehicle(1, phases=4), "expected 1..3"),
        (lambda w: w.set_vehicle(1, r2_ohm=0), "expected 1 or more"),
        (lambda w: w.set_vehicle(1, diode="wet"), "expected ok, missing, parallel"),
        (lambda w: w.set_vehicle(1, s2_forced=3), "expected bool or null"),
        (lambda w: w.swipe("xyz"), "expected 1 to 10 bytes in hex"),
        (lambda w: w.swipe("04", reader=3), "reader 3 does not exist"),
        (lambda w: w.set_speed(0), "expected 0.001"),
        (lambda w: World(evses=2, profile=simulated_profile(1)), "world of 2 EVSEs"),
    ],
)
def test_wrong_orders_say_what_was_found_and_expected(act: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        act(World())  # type: ignore[operator]


def test_a_refused_vehicle_setting_changes_nothing() -> None:
    world = World()
    with pytest.raises(ValueError, match="colour"):
        world.set_vehicle(1, max_ma=6_000, colour="red")
    assert world.evse(1).vehicle.max_ma == 32_000


def test_another_vehicle_may_come() -> None:
    world = World()
    vehicle = Vehicle(max_ma=10_000, phases=1)
    assert world.plug(1, vehicle) is vehicle
    world.unplug(1)
    assert world.evse(1).vehicle is vehicle


def test_the_trace_is_bounded() -> None:
    hand = Hand(World())
    for duty in range(5_000):
        hand.evse.pilot.set_duty(duty % 1000)
    assert len(hand.world.trace) == hand.world.trace.maxlen
