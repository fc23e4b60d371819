"""Every state change and every timing, by the sequence numbers of IEC 61851-1 Table A.6 where it has one."""

from dataclasses import replace
from itertools import pairwise

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.permit import LockWish, Permit
from controller.safety.pilot import Pilot
from hal.interface import LockDrive, PilotSample
from tests.safety.rig import START_MS, Rig, wire

SOCKET = SafetyConfig(
    evse_id=1,
    rating_ma=32_000,
    has_residual_current=True,
    has_self_test=True,
    has_proximity=True,
    has_lock=True,
)


def socket_rig() -> Rig:
    return Rig(SOCKET, resistance_ohm=220)


# --------------------------------------------------------------------------- starting


def test_starts_with_everything_off_and_starting() -> None:
    rig = Rig()
    assert rig.inhibits == {"STARTING"}
    rig.step()
    assert rig.outputs == (1000, False, LockDrive.OFF, False, None)


def test_starting_ends_with_the_first_full_round_of_valid_inputs() -> None:
    rig = Rig()
    assert 290 <= rig.until(lambda rig: not rig.inhibits, 1_000) <= 340


def test_starting_lasts_while_inputs_are_missing() -> None:
    rig = Rig(silent=True).run(5_000)
    assert rig.inhibits == {"STARTING", "BOARD_SILENT"}


def test_a_board_has_a_second_for_its_first_answer_before_it_counts_as_silent() -> None:
    rig = Rig(silent=True).run(990)
    assert rig.inhibits == {"STARTING"}
    rig.silent = False
    rig.run(400)
    assert not rig.inhibits, "and has done nothing wrong"


def test_a_vehicle_that_waits_in_c_at_start_is_not_charged_without_a_fresh_permit() -> None:
    rig = Rig(vehicle="C")
    old = Permit(1, START_MS, 16_000, START_MS + 30_000)
    rig.step(old)
    rig.run(9_000)
    assert not any(outputs.contactor_closed for _, _, outputs in rig.trace)
    assert rig.state.connected and rig.state.plug_no == START_MS + 1
    rig.lease_ma = 16_000
    rig.until(lambda rig: rig.closed, 4_000)


def test_a_permit_of_an_earlier_run_never_fits() -> None:
    earlier = Rig().charging()
    later = Rig(now_ms=earlier.now_ms + 1, vehicle="C").run(4_000)
    later.step(earlier.permit(16_000, 30_000))
    later.run(4_000)
    assert not later.state.held and not later.closed


def test_welded_at_start() -> None:
    rig = Rig(mirror=True, follows=False).run(500)
    assert rig.inhibits == {"STARTING", "CONTACTOR_WELDED"}
    assert rig.outputs.duty_pm == 0, "a plug that is live shows: not available"


# --------------------------------------------------------------------------- the normal ways


def test_IEC_1_1_a_vehicle_is_seen_after_300_ms_and_gets_a_new_number() -> None:
    rig = Rig().idle()
    number = rig.state.plug_no
    rig.vehicle = "B"
    assert rig.until(lambda rig: rig.pilot is Pilot.B, 1_000) == 310
    assert rig.state.plug_no == number + 1


def test_without_a_permit_the_vehicle_is_offered_nothing() -> None:
    rig = Rig().idle()
    rig.vehicle = "C"
    rig.run(5_000)
    assert {outputs.duty_pm for _, _, outputs in rig.trace} == {1000} and not rig.closed


def test_IEC_3_1_a_permit_brings_pwm() -> None:
    rig = Rig().idle()
    rig.vehicle = "B"
    rig.run(500)
    rig.step(rig.permit(16_000))
    assert rig.outputs.duty_pm == 266 and rig.state.offered_ma == 15_960
    assert not rig.run(3_000).closed, "B2: the vehicle does not ask"


def test_IEC_4_supply_within_3_s_of_c2() -> None:
    rig = Rig().idle()
    rig.vehicle = "B"
    rig.run(500)
    rig.lease_ma = 16_000
    rig.run(2_000)
    rig.vehicle = "C"
    assert rig.until(lambda rig: rig.closed, 3_000) <= 320


def test_IEC_3_2_a_vehicle_that_already_asks_is_supplied_after_pwm_is_proven() -> None:
    rig = Rig().idle()
    for rig.vehicle in "BC":
        rig.run(500)
    rig.step(rig.permit(16_000))
    assert rig.outputs.duty_pm == 266 and not rig.closed
    assert 100 <= rig.until(lambda rig: rig.closed, 1_000) <= 120


def test_IEC_A_2_3_a_simplified_vehicle_goes_from_a_to_c() -> None:
    rig = Rig().idle()
    rig.vehicle = "C"
    rig.until(lambda rig: rig.state.connected, 400)
    rig.lease_ma = 10_000
    rig.until(lambda rig: rig.closed, 1_000)


@pytest.mark.parametrize(("vehicle", "sequence"), [("B", "8.1"), ("A", "2.2")])
def test_IEC_8_1_and_2_2_opens_at_once_when_the_vehicle_lets_go(vehicle: str, sequence: str) -> None:
    rig = Rig().charging()
    rig.vehicle = vehicle
    assert rig.until(lambda rig: not rig.closed, 100) == 20, sequence
    assert rig.state.contactor.openings_under_load == 0
    assert rig.until(lambda rig: rig.mirror is False, 100) <= 30


def test_IEC_8_2_opens_at_once_when_the_vehicle_lets_go_in_x1() -> None:
    rig = Rig().charging()
    rig.lease_ma = 0
    rig.renew()
    rig.run(500)
    assert rig.closed and rig.outputs.duty_pm == 1000
    rig.vehicle = "B"
    assert rig.until(lambda rig: not rig.closed, 100) == 20
    assert rig.state.contactor.openings_under_load == 0


def test_after_a_vehicles_pause_it_is_supplied_again_without_a_replug() -> None:
    rig = Rig().charging()
    for _ in range(3):
        rig.vehicle = "B"
        rig.run(2_000)
        assert not rig.closed and rig.state.offered_ma, "a pause does not end the offer"
        rig.vehicle = "C"
        rig.until(lambda rig: rig.closed, 3_000)
        rig.run(500)


def test_unplugging_ends_pwm_and_voids_the_permit() -> None:
    rig = Rig().charging()
    number = rig.state.plug_no
    stale = rig.permit(16_000, 30_000)
    rig.lease_ma = None
    rig.vehicle = "A"
    rig.run(20)
    assert rig.outputs.duty_pm == 1000 and not rig.state.held
    rig.run(4_000)
    rig.vehicle = "C"
    rig.run(2_000)
    assert rig.state.plug_no == number + 1
    rig.step(stale)
    rig.run(5_000)
    assert not rig.closed and rig.outputs.duty_pm == 1000


# --------------------------------------------------------------------------- leases


def test_IEC_10_2_a_lapsed_permit_gives_x1_first_and_6_s_to_let_go() -> None:
    rig = Rig().charging()
    rig.lease_ma = None
    rig.until(lambda rig: rig.outputs.duty_pm == 1000, 10_010)
    assert rig.closed
    took_ms = rig.until(lambda rig: not rig.closed, 6_100)
    assert took_ms == 6_000
    assert rig.state.contactor.openings_under_load == 1


def test_IEC_10_1_a_vehicle_that_lets_go_is_opened_without_load() -> None:
    rig = Rig().charging()
    rig.lease_ma = None
    rig.until(lambda rig: rig.outputs.duty_pm == 1000, 10_010)
    rig.run(2_000)
    rig.vehicle = "B"
    rig.until(lambda rig: not rig.closed, 30)
    assert rig.state.contactor.openings_under_load == 0


@pytest.mark.parametrize("limit_ma", [0, 5_999])
def test_a_withdrawn_permit_and_one_below_6_a_stop_alike(limit_ma: int) -> None:
    rig = Rig().charging()
    rig.step(rig.permit(limit_ma))
    assert rig.outputs.duty_pm == 1000 and rig.closed and rig.state.held


def test_IEC_9_2_at_least_3_s_of_x1_before_pwm_again() -> None:
    rig = Rig().charging()
    rig.lease_ma = 0
    rig.renew()
    rig.step()
    assert rig.outputs.duty_pm == 1000
    rig.lease_ma = 16_000
    rig.renew()
    assert rig.until(lambda rig: rig.state.offered_ma > 0, 4_000) == 3_000


def test_a_lease_that_comes_back_while_the_vehicle_lets_go_needs_no_opening() -> None:
    rig = Rig().charging()
    rig.lease_ma = 0
    rig.renew()
    rig.step()
    rig.lease_ma = 16_000
    rig.renew()
    rig.run(8_000)
    assert rig.closed and rig.state.contactor.operations == 1
    assert all(outputs.contactor_closed for now, _, outputs in rig.trace if now > rig.now_ms - 8_000)


def test_after_a_forced_stop_charging_starts_again_without_a_replug() -> None:
    rig = Rig().charging()
    rig.lease_ma = 0
    rig.renew()
    rig.run(7_000)
    assert not rig.closed
    rig.lease_ma = 16_000
    rig.until(lambda rig: rig.closed, 4_000)


def test_a_lost_controller_does_not_interrupt_before_the_lease_lapses() -> None:
    rig = Rig().charging()
    rig.run(1_000)
    rig.step(rig.permit(16_000))
    rig.lease_ma = None
    rig.run(9_980)
    assert rig.closed and rig.state.offered_ma == 15_960
    rig.run(20)
    assert rig.state.offered_ma == 0


def test_a_lease_is_cut_to_30_s() -> None:
    rig = Rig().charging()
    rig.lease_ma = None
    rig.step(rig.permit(16_000, 10**9))
    assert 29_990 <= rig.until(lambda rig: rig.outputs.duty_pm == 1000, 40_000) <= 30_000


def test_a_permit_for_another_evse_is_no_permit() -> None:
    rig = Rig().idle()
    rig.vehicle = "B"
    rig.run(500)
    rig.step(Permit(2, rig.state.plug_no, 16_000, rig.now_ms + 10_000))
    assert not rig.state.held


# --------------------------------------------------------------------------- limits


def test_the_rating_is_out_of_reach() -> None:
    rig = Rig(SafetyConfig(evse_id=1, rating_ma=16_000)).charging(80_000)
    assert rig.state.offered_ma == 15_960


def test_a_fixed_cable_lowers_the_offer() -> None:
    rig = Rig(SafetyConfig(evse_id=1, rating_ma=32_000, cable_ma=20_000)).charging(32_000)
    assert rig.state.offered_ma == 19_980


def test_IEC_6_a_falling_limit_is_followed_at_once() -> None:
    rig = Rig().charging(16_000)
    for limit_ma in (15_000, 12_000, 6_000):
        rig.step(rig.permit(limit_ma))
        assert rig.state.offered_ma <= limit_ma and rig.closed


def test_IEC_6_a_rising_limit_waits_5_s_after_the_last_change() -> None:
    rig = Rig().charging(16_000)
    rig.lease_ma = 10_000
    rig.renew()
    rig.step()
    rig.lease_ma = 20_000
    rig.renew()
    assert rig.until(lambda rig: rig.state.offered_ma > 10_000, 6_000) == 5_000


def test_duty_changes_upwards_are_at_least_5_s_apart_whatever_the_controller_does() -> None:
    rig = Rig().charging(6_000)
    begin = rig.now_ms
    for step in range(100):
        rig.lease_ma = 6_000 + step * 200
        rig.renew()
        rig.run(200)
    changes = [
        now
        for (_, before, _), (now, after, _) in pairwise(rig.trace)
        if now > begin and after.duty_pm > before.duty_pm
    ]
    assert changes and all(b - a >= 5_000 for a, b in pairwise(changes))


# --------------------------------------------------------------------------- faults: open, told, recover


FAULTS: dict[str, dict[str, object]] = {
    "PILOT_SHORT": {"vehicle": "E"},
    "PILOT_FAULT": {"sample": PilotSample(-6_000, -12_000, 0)},
    "DIODE_MISSING": {"diode": False},
    "RESIDUAL_CURRENT": {"tripped": True},
    "CONTACTOR_DID_NOT_CLOSE": {"follows": False, "mirror": False},
    "BOARD_SILENT": {"silent": True},
    "LOOP_LATE": {"late": True},
    "VENTILATION_REQUIRED": {"vehicle": "D"},
    "PWM_FAULT": {"sample": PilotSample(5_990, -12_000, 800)},
}


def strike(rig: Rig, name: str) -> None:
    """Let the fault happen."""
    for attribute, value in FAULTS[name].items():
        setattr(rig, attribute, value)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_while_charging_opens_within_the_bound(name: str) -> None:
    rig = Rig().charging()
    strike(rig, name)
    took_ms = rig.until(lambda rig: not rig.closed, 150)
    bound = {"PWM_FAULT": 120, "PILOT_FAULT": 60, "DIODE_MISSING": 60, "CONTACTOR_DID_NOT_CLOSE": 60}
    quick = 20 if name in ("PILOT_SHORT", "VENTILATION_REQUIRED") else 10
    assert took_ms <= bound.get(name, quick)
    assert rig.inhibits == {name}
    assert rig.state.offered_ma == 0


RECOVERING = {
    "PILOT_SHORT": 1_000,
    "PILOT_FAULT": 1_000,
    "CONTACTOR_DID_NOT_CLOSE": 60_000,
    "BOARD_SILENT": 1_000,
    "LOOP_LATE": 10_000,
    "VENTILATION_REQUIRED": 0,
    "PWM_FAULT": 10_000,
}


@pytest.mark.parametrize(("name", "after_ms"), RECOVERING.items())
def test_after_a_fault_that_went_away_charging_starts_again_without_a_replug(
    name: str, after_ms: int
) -> None:
    rig = Rig().charging()
    strike(rig, name)
    rig.until(lambda rig: not rig.closed, 150)
    rig.run(300)
    rig.vehicle, rig.sample, rig.silent, rig.late, rig.follows = "C", None, False, False, True
    rig.until(lambda rig: not rig.inhibits, after_ms + 1_000)
    rig.until(lambda rig: rig.closed, 5_000)


def test_nonsense_right_after_the_stop_signal_opens_within_100_ms() -> None:
    """The wire may show the old digit for a moment; that and the patience with doubt must fit into 100 ms."""
    rig = Rig().charging()
    rig.lease_ma = 0
    rig.renew()
    rig.step()
    assert rig.closed and rig.outputs.duty_pm == 1000
    rig.sample = PilotSample(0, 1, 0)
    assert rig.until(lambda rig: not rig.closed, 100) <= 100


@pytest.mark.parametrize("name", ["RESIDUAL_CURRENT", "DIODE_MISSING"])
def test_latched_until_unplugged(name: str) -> None:
    rig = Rig().charging()
    strike(rig, name)
    rig.run(500)
    rig.tripped, rig.diode = False, True
    rig.run(120_000)
    assert rig.inhibits == {name} and not rig.closed
    rig.vehicle = "A"
    rig.until(lambda rig: not rig.inhibits, 1_000)


@pytest.mark.parametrize("name", ["RESIDUAL_CURRENT", "DIODE_MISSING"])
def test_a_reset_clears_a_latched_fault_only_once_its_cause_is_gone(name: str) -> None:
    rig = Rig().charging()
    strike(rig, name)
    rig.run(60)
    assert rig.inhibits == {name}
    if name == "RESIDUAL_CURRENT":
        rig.resets += 1
        rig.renew()
        rig.run(20)
        assert rig.inhibits == {name}, "still tripped"
    rig.tripped, rig.diode = False, True
    rig.run(1_000)
    rig.resets += 1
    rig.renew()
    rig.run(20)
    assert not rig.inhibits
    rig.until(lambda rig: rig.closed, 5_000)


def test_a_restarted_controller_resets_nothing() -> None:
    rig = Rig(resets=5).charging()
    rig.tripped = True
    rig.run(100)
    rig.tripped = False
    rig.resets = 0
    rig.renew()
    rig.run(1_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"}
    rig.resets = 1
    rig.renew()
    rig.run(20)
    assert not rig.inhibits


def test_IEC_A5_a_fault_is_told_by_at_least_300_ms_of_f() -> None:
    rig = Rig().charging()
    rig.tripped = True
    rig.step()
    assert rig.outputs.duty_pm == 0
    assert rig.until(lambda rig: rig.outputs.duty_pm == 1000, 1_000) == 300
    assert rig.run(5_000).outputs.duty_pm == 1000, "once"


def test_a_pulse_of_f_does_not_change_the_plug_number() -> None:
    rig = Rig().charging()
    number = rig.state.plug_no
    rig.tripped = True
    rig.run(3_000)
    assert rig.pilot is Pilot.C and rig.state.plug_no == number


def test_after_3_s_out_of_sight_a_vehicle_counts_as_another_one() -> None:
    for vehicle, blind_ms, changed in (("E", 2_000, False), ("E", 4_000, True)):
        rig = Rig().charging()
        number = rig.state.plug_no
        rig.vehicle = vehicle
        rig.run(blind_ms)
        rig.vehicle = "B"
        rig.run(1_000)
        assert (rig.state.plug_no != number) is changed
        assert rig.state.connected


def test_a_silent_board_hides_a_vehicle_as_well() -> None:
    rig = Rig().charging()
    number = rig.state.plug_no
    rig.silent = True
    rig.run(3_500)
    assert not rig.state.connected and not rig.state.held
    rig.silent = False
    rig.run(1_000)
    assert rig.state.plug_no == number + 1


def test_did_not_close_is_tried_three_times_then_waits_for_an_unplug() -> None:
    rig = Rig().charging()
    rig.follows, rig.mirror = False, False
    rig.run(600_000)
    assert rig.state.contactor.operations == 3 and rig.inhibits == {"CONTACTOR_DID_NOT_CLOSE"}
    rig.vehicle = "A"
    rig.run(500)
    assert not rig.inhibits


def test_did_not_close_and_welded_are_told_apart() -> None:
    rig = Rig().charging()
    rig.follows = False
    rig.vehicle = "B"
    rig.until(lambda rig: not rig.closed, 100)
    rig.until(lambda rig: bool(rig.inhibits), 300)
    assert rig.inhibits == {"CONTACTOR_WELDED"}
    assert rig.outputs.duty_pm == 0


def test_welded_stays_f_until_a_reset_after_the_repair() -> None:
    rig = Rig().charging()
    rig.follows = False
    rig.vehicle = "B"
    rig.run(60_000)
    assert rig.outputs.duty_pm == 0 and rig.inhibits == {"CONTACTOR_WELDED"}
    rig.resets += 1
    rig.renew()
    rig.run(500)
    assert rig.inhibits == {"CONTACTOR_WELDED"}, "still closed"
    rig.follows, rig.mirror, rig.vehicle = True, False, "A"
    rig.run(60_000)
    assert rig.inhibits == {"CONTACTOR_WELDED"} and rig.outputs.duty_pm == 0
    rig.resets += 1
    rig.renew()
    rig.run(1_000)
    assert not rig.inhibits and rig.outputs.duty_pm == 1000


def test_the_mirrors_delay_at_300_and_200_ms() -> None:
    rig = Rig(travel_ms=190).charging()
    assert rig.state.contactor.close_took_ms == 200
    rig.vehicle = "B"
    rig.run(1_000)
    assert not rig.inhibits and rig.state.contactor.open_took_ms == 200


def test_without_a_mirror_contact_it_charges_and_opens() -> None:
    rig = Rig(mirror=None).charging()
    rig.vehicle = "B"
    rig.until(lambda rig: not rig.closed, 20)


def test_a_residual_current_trip_opens_in_the_same_step() -> None:
    rig = Rig().charging()
    rig.tripped = True
    rig.step()
    assert not rig.closed


def test_the_wave_must_be_on_the_wire_before_closing() -> None:
    """A generator that stays at +12 V: the vehicle's letter is seen, PWM is not."""
    rig = Rig().idle()
    rig.vehicle = "C"
    rig.run(500)
    rig.lease_ma = 16_000
    rig.sample = wire("C", 1000)
    rig.until(lambda rig: bool(rig.inhibits), 1_000)
    assert rig.inhibits == {"PWM_FAULT"}
    rig.run(30_000)
    assert not any(outputs.contactor_closed for _, _, outputs in rig.trace)


def test_a_vehicle_without_a_diode_is_never_supplied() -> None:
    rig = Rig(diode=False).idle()
    rig.vehicle = "C"
    rig.run(500)
    rig.lease_ma = 16_000
    rig.run(5_000)
    assert not any(outputs.contactor_closed for _, _, outputs in rig.trace)
    assert rig.inhibits == {"DIODE_MISSING"}


# --------------------------------------------------------------------------- ventilation, unavailable


def test_d_with_ventilation_is_supplied_and_without_is_not() -> None:
    rig = Rig(SafetyConfig(evse_id=1, rating_ma=32_000, ventilation=True)).charging()
    rig.vehicle = "D"
    assert rig.run(2_000).closed and rig.pilot is Pilot.D
    rig.vehicle = "C"
    assert rig.run(2_000).closed
    rig = Rig().idle()
    rig.vehicle = "D"
    rig.lease_ma = 16_000
    rig.run(5_000)
    assert rig.inhibits == {"VENTILATION_REQUIRED"} and rig.outputs.duty_pm == 1000


def test_unavailable_shows_f_while_nobody_is_connected() -> None:
    rig = Rig(unavailable=True, lease_ma=0).idle()
    assert rig.outputs.duty_pm == 0 and rig.pilot is Pilot.F and not rig.inhibits
    rig.unavailable = False
    rig.renew()
    rig.run(1_000)
    assert rig.outputs.duty_pm == 1000 and rig.pilot.name == "A"


def test_unavailable_lapses_like_everything_else() -> None:
    rig = Rig(unavailable=True, lease_ma=0).idle()
    rig.lease_ma = None
    rig.run(11_000)
    assert rig.outputs.duty_pm == 1000


def test_unavailable_does_not_touch_a_connected_vehicle() -> None:
    rig = Rig().charging()
    rig.unavailable = True
    rig.renew()
    rig.run(2_000)
    assert rig.closed and rig.state.offered_ma


def test_f_is_never_shorter_than_300_ms() -> None:
    rig = Rig(lease_ma=0).idle()
    rig.unavailable = True
    rig.renew()
    rig.step()
    assert rig.outputs.duty_pm == 0
    rig.unavailable = False
    rig.renew()
    assert rig.until(lambda rig: rig.outputs.duty_pm == 1000, 1_000) == 300


# --------------------------------------------------------------------------- socket outlet


def test_a_socket_locks_and_tests_before_pwm() -> None:
    rig = socket_rig().idle()
    rig.vehicle = "B"
    rig.run(500)
    assert rig.locked is False
    rig.lease_ma = 32_000
    rig.until(lambda rig: rig.state.offered_ma > 0, 3_000)
    assert rig.locked is True and rig.state.self_test.passed
    tested = [outputs.residual_test for _, _, outputs in rig.trace]
    assert any(tested) and not rig.closed


def test_IEC_D_6_5_locked_before_closing_and_unlocked_only_when_open() -> None:
    rig = socket_rig().charging(32_000)
    assert rig.locked and rig.state.offered_ma == 31_980
    rig.wish = LockWish.UNLOCKED
    rig.renew()

    def never_unlocked_while_closed(rig: Rig) -> None:
        if rig.outputs.lock is LockDrive.UNLOCK or rig.locked is False:
            assert not rig.closed and rig.mirror is False

    rig.check = never_unlocked_while_closed
    rig.run(2_000)
    assert rig.closed and rig.outputs.duty_pm == 1000, "asked to unlock: the vehicle is told to stop first"
    rig.vehicle = "B"
    rig.until(lambda rig: rig.locked is False, 2_000)


@pytest.mark.parametrize("policy", ["keep", "unlock"])
def test_a_fault_that_lasts_gives_the_plug_back_only_by_policy(policy: str) -> None:
    rig = Rig(replace(SOCKET, unlock_on_fault=policy == "unlock"), resistance_ohm=220).charging()
    rig.tripped = True
    rig.run(9_500)
    assert rig.locked is True, "a fault that passes by does not move the lock"
    rig.run(2_000)
    assert rig.locked is (policy == "keep") and rig.mirror is False
    rig.tripped = False
    rig.run(1_000)
    rig.resets += 1
    rig.renew()
    rig.until(lambda rig: rig.locked is True and not rig.inhibits, 2_000)


def test_a_welded_contactor_keeps_the_plug_whatever_policy_and_wish() -> None:
    rig = Rig(replace(SOCKET, unlock_on_fault=True), resistance_ohm=220).charging()
    rig.follows, rig.wish = False, LockWish.UNLOCKED
    rig.renew()
    rig.run(60_000)
    assert rig.inhibits == {"CONTACTOR_WELDED"} and rig.locked is True, "its pins are live"
    rig.mirror = False
    rig.until(lambda rig: rig.locked is False, 2_000)


def test_a_restarted_process_leaves_a_locked_plug_alone_until_it_is_told() -> None:
    rig = socket_rig()
    rig.vehicle, rig.locked = "C", True
    rig.run(3_000)
    rig.lease_ma = 16_000
    rig.run(8_000)
    assert rig.closed and all(out.lock is LockDrive.OFF for _, _, out in rig.trace)
    rig = socket_rig()
    rig.vehicle, rig.locked = "C", True
    rig.until(lambda rig: rig.locked is False, 5_500)


def test_a_board_that_falls_silent_during_a_pulse_stops_the_motor_in_time() -> None:
    rig = socket_rig()
    rig.lock_moves = False
    rig.idle()
    rig.vehicle, rig.lease_ma = "B", 16_000
    rig.until(lambda rig: rig.outputs.lock is LockDrive.LOCK, 3_000)
    rig.silent = True
    assert rig.until(lambda rig: rig.outputs.lock is LockDrive.OFF, 700) <= 600
    rig.run(10_000)
    assert all(out.lock is LockDrive.OFF for _, _, out in rig.trace[-1_000:]), "blind, nothing begins"


def test_a_lapsed_lease_unlocks_after_opening() -> None:
    rig = socket_rig().charging()
    rig.lease_ma = None
    rig.run(18_000)
    assert not rig.closed and rig.locked is False


def test_a_locked_wish_holds_the_plug_without_a_lease() -> None:
    rig = socket_rig().idle()
    rig.vehicle = "B"
    rig.wish, rig.lease_ma = LockWish.LOCKED, 0
    rig.run(3_000)
    assert rig.locked


def test_an_empty_socket_is_never_locked() -> None:
    rig = socket_rig()
    rig.resistance_ohm = None
    rig.wish, rig.lease_ma = LockWish.LOCKED, 0
    rig.idle()
    assert rig.locked is False and all(out.lock is LockDrive.OFF for _, _, out in rig.trace)


def test_a_jammed_lock_is_a_fault_and_nothing_is_offered() -> None:
    rig = socket_rig()
    rig.lock_moves = False
    rig.idle()
    rig.vehicle = "C"
    rig.lease_ma = 16_000
    rig.run(8_000)
    assert rig.inhibits == {"LOCK_FAULT"}
    assert not any(outputs.contactor_closed for _, _, outputs in rig.trace)
    rig.lock_moves = True
    rig.until(lambda rig: rig.closed, 40_000)


def test_a_lock_forced_open_while_charging_opens_the_contactor() -> None:
    rig = socket_rig().charging()
    rig.lock_moves, rig.locked = False, False
    rig.until(lambda rig: not rig.closed, 300)


@pytest.mark.parametrize(
    ("ohm", "offered_ma"), [(100, 31_980), (220, 31_980), (308, 31_980), (680, 19_980), (1_500, 12_960)]
)
def test_the_cable_lowers_the_offer(ohm: int, offered_ma: int) -> None:
    rig = socket_rig()
    rig.resistance_ohm = ohm
    assert rig.charging(32_000).state.offered_ma == offered_ma


@pytest.mark.parametrize("ohm", [None, 20])
def test_a_lost_or_shorted_proximity_opens(ohm: int | None) -> None:
    rig = socket_rig().charging()
    rig.resistance_ohm = ohm
    assert rig.until(lambda rig: not rig.closed, 100) == 20
    assert rig.inhibits == {"PROXIMITY_FAULT"}
    rig.resistance_ohm = 220
    rig.until(lambda rig: rig.closed, 8_000)


def test_a_lower_coding_while_charging_lowers_the_offer_at_once_and_a_higher_one_waits_for_a_replug() -> None:
    rig = socket_rig().charging(32_000)
    rig.resistance_ohm = 1_500
    assert rig.until(lambda rig: rig.state.offered_ma == 12_960, 100) == 20
    assert rig.closed, "less current needs no opening"
    rig.resistance_ohm = 100
    rig.run(20_000)
    assert rig.state.offered_ma == 12_960 and rig.state.cable_ma == 13_000
    rig.resistance_ohm = None
    rig.until(lambda rig: not rig.closed, 20)
    rig.resistance_ohm = 100
    rig.until(lambda rig: rig.closed, 10_000)
    rig.run(6_000)
    assert rig.state.offered_ma == 12_960, "nor does a broken contact make a better cable"
    rig.vehicle = "A"
    rig.run(1_000)
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 10_000)
    rig.run(6_000)
    assert rig.state.offered_ma == 31_980 or rig.state.simplified


def test_a_contact_that_comes_and_goes_while_charging_opens() -> None:
    rig = socket_rig().charging()
    for rig.resistance_ohm in (None, 220, None, 220, None):
        rig.step()
    assert not rig.closed and rig.inhibits == {"PROXIMITY_FAULT"}


def test_a_cable_in_the_socket_is_no_vehicle() -> None:
    rig = socket_rig().idle()
    assert rig.state.cable_ma == 32_000 and not rig.state.connected and not rig.inhibits


def test_the_self_test_is_repeated_before_every_closing() -> None:
    rig = socket_rig().charging()
    for _ in range(3):
        rig.vehicle = "B"
        rig.until(lambda rig: not rig.closed, 100)
        assert not rig.state.self_test.passed
        rig.vehicle = "C"
        rig.until(lambda rig: rig.closed, 3_000)
        rig.run(500)
    edges = [outputs.residual_test for _, _, outputs in rig.trace]
    assert sum(b and not a for a, b in pairwise(edges)) == 4


def test_a_failed_self_test_blocks_and_is_tried_again_after_a_minute() -> None:
    rig = socket_rig()
    rig.test_works = False
    rig.idle()
    rig.vehicle = "C"
    rig.lease_ma = 16_000
    rig.until(lambda rig: rig.inhibits == {"RESIDUAL_CURRENT_TEST"}, 3_000)
    rig.run(50_000)
    assert not any(outputs.contactor_closed for _, _, outputs in rig.trace)
    rig.test_works = True
    rig.until(lambda rig: rig.closed, 20_000)


def test_the_test_output_is_only_driven_with_the_contactor_open() -> None:
    rig = socket_rig()

    def check(rig: Rig) -> None:
        assert not (rig.outputs.residual_test and (rig.closed or rig.mirror))

    rig.check = check
    rig.charging()
    for vehicle in "BCBCAB":
        rig.vehicle = vehicle
        rig.run(3_000)


# --------------------------------------------------------------------------- the report


def test_the_report_tells_what_is() -> None:
    rig = socket_rig().charging(20_000)
    report = core.report(rig.state, 7, rig.now_ms, 3, 400)
    assert (report.pilot, report.pwm, report.offered_ma, report.duty_pm) == ("C", True, 19_980, 333)
    assert report.contactor_commanded and report.mirror_closed and report.permit_held and report.locked
    assert (report.cable_ma, report.rating_ma, report.operations) == (32_000, 32_000, 1)
    assert (report.seq, report.overruns, report.worst_lateness_us) == (7, 3, 400)
    assert report.close_took_ms == 40 and report.open_took_ms is None and not report.inhibits
    rig.tripped = True
    rig.step()
    assert {i.name: ms for i, ms in core.report(rig.state, 8, rig.now_ms).inhibits.items()} == {
        "RESIDUAL_CURRENT": rig.now_ms
    }


def test_a_change_is_visible_and_volts_alone_are_not() -> None:
    rig = Rig().charging()
    before = core.visible(rig.state)
    rig.sample = PilotSample(6_100, -11_900, 266)
    rig.step()
    assert core.visible(rig.state) == before
    rig.tripped = True
    rig.step()
    assert core.visible(rig.state) != before


def test_the_same_inputs_give_the_same_outputs() -> None:
    rig = Rig().charging()
    again = core.step(rig.state, rig.inputs(), None, rig.now_ms + 10)
    assert core.step(rig.state, rig.inputs(), None, rig.now_ms + 10) == again
