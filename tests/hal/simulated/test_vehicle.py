"""The vehicle by itself: a wave on the pilot pin and volts on the inlet in, resistance and current out."""

from __future__ import annotations

import pytest

from hal.simulated.circuit import DEAD, Wire
from hal.simulated.vehicle import Vehicle, offered_ma

LIVE = (230_000, 230_000, 230_000)
OFF = (0, 0, 0)
X1 = Wire(1000, 6_000, 6_000)
F = Wire(0, -12_000, -12_000)


def pwm(duty_pm: int) -> Wire:
    return Wire(duty_pm, 6_000, -12_000)


class Drive:
    """Lets a vehicle live in 10 ms steps."""

    def __init__(self, vehicle: Vehicle) -> None:
        self.vehicle = vehicle
        self.now_us = 1_000_000
        vehicle.plugged_in(self.now_us)

    def run(self, ms: int, pilot: Wire, inlet: tuple[int, int, int] = LIVE) -> None:
        for _ in range(ms // 10):
            self.now_us += 10_000
            self.vehicle.update(self.now_us, pilot, inlet)

    @property
    def ma(self) -> int:
        return self.vehicle.current_ma[0]


@pytest.mark.parametrize(
    ("duty_pm", "ma"),
    [
        (0, 0),
        (29, 0),
        (50, 0),  # digital communication wanted
        (79, 0),
        (80, 6_000),
        (99, 6_000),
        (100, 6_000),
        (167, 10_020),
        (267, 16_020),
        (333, 19_980),
        (533, 31_980),
        (850, 51_000),
        (892, 63_000),
        (960, 80_000),
        (970, 80_000),
        (971, 0),
        (1000, 0),
    ],
)
def test_reads_the_duty_as_table_a8_says(duty_pm: int, ma: int) -> None:
    assert offered_ma(duty_pm) == ma


@pytest.mark.parametrize("duty_pm", [90, 100, 167, 267, 533, 850, 900, 960])
def test_draws_what_the_duty_allows_within_five_seconds(duty_pm: int) -> None:
    drive = Drive(Vehicle(max_ma=80_000))
    drive.run(5_000 + drive.vehicle.s2_close_ms + 10, pwm(duty_pm))
    assert drive.vehicle.current_ma == (offered_ma(duty_pm),) * 3


def test_its_own_charger_limits_too() -> None:
    drive = Drive(Vehicle(max_ma=10_000, phases=1))
    drive.run(6_000, pwm(533))
    assert drive.vehicle.current_ma == (10_000, 0, 0)


@pytest.mark.parametrize("obey_ms", [500, 3000, 5000])
def test_obeys_a_lower_duty_gradually_and_in_time(obey_ms: int) -> None:
    drive = Drive(Vehicle(obey_ms=obey_ms))
    drive.run(6_000, pwm(533))
    drive.run(obey_ms // 2, pwm(100))
    assert 6_000 < drive.ma < 31_980
    drive.run(obey_ms // 2 + 20, pwm(100))
    assert drive.ma == 6_000


def test_a_duty_that_changes_all_the_time_is_still_obeyed() -> None:
    drive = Drive(Vehicle())
    drive.run(6_000, pwm(533))
    for duty in (300, 290, 280, 270, 260, 250, 240):
        drive.run(500, pwm(duty))
    assert drive.ma < 20_000


def test_closes_s2_only_after_pwm_is_offered() -> None:
    drive = Drive(Vehicle())
    drive.run(5_000, Wire(1000, 9_000, 9_000))
    assert drive.vehicle.load().resistance_ohm == 2740
    drive.run(490, pwm(267))
    assert not drive.vehicle.s2
    drive.run(20, pwm(267))
    assert drive.vehicle.load().resistance_ohm == 881


def test_ventilation_puts_270_ohm_in_parallel() -> None:
    drive = Drive(Vehicle(ventilation=True))
    drive.run(1_000, pwm(267))
    assert drive.vehicle.load().resistance_ohm == 245


def test_after_x1_it_stops_and_lets_go_within_about_a_second() -> None:
    drive = Drive(Vehicle())
    drive.run(6_000, pwm(267))
    drive.run(610, X1)
    assert drive.vehicle.s2 and drive.ma == 0
    drive.run(400, X1)
    assert not drive.vehicle.s2


def test_a_vehicle_that_ignores_x1_holds_on() -> None:
    drive = Drive(Vehicle(ignores_x1=True))
    drive.run(6_000, pwm(267))
    drive.run(10_000, X1)
    assert drive.vehicle.s2 and drive.ma == 16_020


def test_when_the_driver_stops_current_falls_before_s2_opens() -> None:
    drive = Drive(Vehicle())
    drive.run(6_000, pwm(267))
    drive.vehicle.wants_charge = False
    drive.run(300, pwm(267))
    assert drive.vehicle.s2 and 0 < drive.ma < 16_020
    drive.run(400, pwm(267))
    assert not drive.vehicle.s2
    drive.vehicle.wants_charge = True
    drive.run(600, pwm(267))
    assert drive.vehicle.s2


def test_current_ends_at_once_when_the_inlet_goes_dead_and_starts_gently_again() -> None:
    drive = Drive(Vehicle())
    drive.run(6_000, pwm(267))
    drive.run(10, pwm(267), OFF)
    assert drive.vehicle.current_ma == (0, 0, 0) and drive.vehicle.s2
    drive.run(500, pwm(267))
    assert drive.ma == 0
    drive.run(3_000, pwm(267))
    assert drive.ma == 16_020


def test_full_after_the_energy_wanted_then_lets_go() -> None:
    drive = Drive(Vehicle(energy_wanted_wh=2))
    drive.run(6_000, pwm(267))
    drive.vehicle.take(2 * 3_600_000_000_000_000)
    drive.run(1_000, pwm(267))
    assert drive.vehicle.full and not drive.vehicle.s2 and drive.ma == 0
    drive.vehicle.pulled_out(drive.now_us)
    drive.vehicle.plugged_in(drive.now_us)
    assert not drive.vehicle.full


def test_lost_pilot_opens_s2_quickly() -> None:
    drive = Drive(Vehicle())
    drive.run(6_000, pwm(267))
    drive.run(70, DEAD)
    assert not drive.vehicle.s2


def test_a_sleeping_vehicle_wakes_after_three_seconds_of_state_f() -> None:
    drive = Drive(Vehicle(asleep=True))
    drive.run(30_000, pwm(267))
    assert not drive.vehicle.s2
    drive.run(2_900, F)
    assert drive.vehicle.asleep
    drive.run(200, F)
    assert not drive.vehicle.asleep
    drive.run(1_000, pwm(267))
    assert drive.vehicle.s2


def test_a_vehicle_falls_asleep_without_an_offer_and_wakes_by_state_f() -> None:
    drive = Drive(Vehicle(sleeps_after_ms=20_000))
    drive.run(19_000, X1)
    assert not drive.vehicle.asleep
    drive.run(2_000, X1)
    assert drive.vehicle.asleep
    drive.run(60_000, pwm(267))
    assert drive.vehicle.asleep and not drive.vehicle.s2, "PWM alone does not wake it"
    drive.run(4_000, F)
    drive.run(750, X1)
    assert not drive.vehicle.asleep
    drive.run(1_000, pwm(267))
    assert drive.vehicle.s2


def test_a_deaf_vehicle_sleeps_through_state_f() -> None:
    drive = Drive(Vehicle(asleep=True, deaf=True))
    drive.run(10_000, F)
    drive.run(10_000, pwm(267))
    assert drive.vehicle.asleep and not drive.vehicle.s2


def test_over_current_and_ignored_pilot() -> None:
    drive = Drive(Vehicle(ignores_limit=True, max_ma=32_000))
    drive.run(6_000, pwm(100))
    assert drive.ma == 32_000
    drive = Drive(Vehicle(ignores_pilot=True, max_ma=20_000))
    drive.run(6_000, F)
    assert not drive.vehicle.s2 and drive.ma == 20_000


@pytest.mark.parametrize("hand", [True, False])
def test_a_hand_on_s2_wins(hand: bool) -> None:
    drive = Drive(Vehicle(s2_forced=hand))
    drive.run(2_000, pwm(267) if not hand else X1)
    assert drive.vehicle.s2 is hand


def test_the_horizon_never_passes_the_moment_it_is_full() -> None:
    vehicle = Vehicle(energy_wanted_wh=10)
    drive = Drive(vehicle)
    drive.run(6_000, pwm(267))
    power_uw = 3 * 230_000 * 16_020
    vehicle.take(10 * 3_600_000_000_000_000 - power_uw * 1234)
    assert vehicle.horizon_us(drive.now_us) == 1235
