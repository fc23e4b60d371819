"""The wake-up ladder by itself, and on a rig with volts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.pilot import Pilot
from controller.safety.wakeup import FRESH, Rung, WakeUp, WakeUpTimes, advance
from tests.safety.rig import Rig

TIMES = WakeUpTimes()


def step(
    state: WakeUp,
    now_ms: int,
    *,
    present: bool = True,
    limit: bool = True,
    free: bool = True,
    asked: bool = False,
    unanswered_since_ms: int | None = 0,
    times: WakeUpTimes = TIMES,
) -> WakeUp:
    return advance(
        state,
        present=present,
        limit=limit,
        free=free,
        asked=asked,
        unanswered_since_ms=unanswered_since_ms,
        now_ms=now_ms,
        times=times,
    )


# --------------------------------------------------------------------------- the ladder by itself


def test_the_whole_ladder() -> None:
    state = step(FRESH, 29_999)
    assert state.rung is Rung.ARMED
    for now_ms, rung, count in (
        (30_000, Rung.PAUSE, 0),
        (32_999, Rung.PAUSE, 0),
        (33_000, Rung.PULSE, 1),
        (36_999, Rung.PULSE, 1),
        (37_000, Rung.READY, 1),
        (37_750, Rung.WAITING, 1),
        (47_749, Rung.WAITING, 1),
        (47_750, Rung.SPENT, 1),
        (10_000_000, Rung.SPENT, 1),
    ):
        state = step(state, now_ms, unanswered_since_ms=0)
        assert (state.rung, state.count) == (rung, count), now_ms


def test_without_pwm_in_b_nothing_is_waited_for() -> None:
    assert step(FRESH, 10**9, unanswered_since_ms=None) is FRESH


def test_never_when_switched_off() -> None:
    assert step(FRESH, 10**9, times=WakeUpTimes(after_ms=0)) is FRESH


@pytest.mark.parametrize("rung", list(Rung))
def test_a_vehicle_that_asked_is_left_alone_for_the_rest_of_the_offer(rung: Rung) -> None:
    state = step(WakeUp(rung, 0, 2), 100, asked=True)
    assert state.rung is Rung.SPENT
    assert step(state, 10**9).rung is Rung.SPENT and state.count == 2


@pytest.mark.parametrize("rung", list(Rung))
def test_a_pause_of_the_offer_arms_it_again_and_keeps_the_count(rung: Rung) -> None:
    assert step(WakeUp(rung, 0, 2), 100, limit=False) == WakeUp(Rung.ARMED, 0, 2)


@pytest.mark.parametrize("rung", list(Rung))
def test_another_vehicle_begins_anew(rung: Rung) -> None:
    assert step(WakeUp(rung, 0, 2), 100, present=False) == FRESH


@pytest.mark.parametrize("rung", list(Rung))
def test_a_fault_ends_the_climb_and_begins_no_new_offer(rung: Rung) -> None:
    after = step(WakeUp(rung, 0, 1), 100, free=False).rung
    assert after is (Rung.ARMED if rung <= Rung.PAUSE else Rung.SPENT)


@pytest.mark.parametrize(
    ("name", "value"),
    [("after_ms", 1), ("pause_ms", 2_999), ("pulse_ms", 3_999), ("ready_ms", 499), ("ready_ms", 1_001)],
)
def test_the_standards_times_cannot_be_undercut(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"wake_up {name}: found {value}, expected"):
        WakeUpTimes(**{name: value})


# --------------------------------------------------------------------------- with volts and a permit


def sleeper(rig: Rig | None = None, limit_ma: int = 16_000) -> Rig:
    """A vehicle in B2 that does not answer; now is the tick in which PWM began."""
    rig = (rig or Rig()).idle()
    rig.vehicle = "B"
    rig.run(500)
    rig.lease_ma = limit_ma
    rig.until(lambda rig: rig.state.offered_ma > 0, 8_000)
    return rig


def changes(rig: Rig, since_ms: int) -> list[tuple[int, int]]:
    """(ms since, duty) of every change of the duty."""
    found: list[tuple[int, int]] = []
    for now_ms, _, outputs in rig.trace:
        if now_ms >= since_ms and (not found or found[-1][1] != outputs.duty_pm):
            found.append((now_ms - since_ms, outputs.duty_pm))
    return found


def test_wake_up_30_s_then_x1_then_4_s_of_f_then_750_ms_of_x1_then_pwm() -> None:
    rig = sleeper()
    begin_ms = rig.now_ms
    number = rig.state.plug_no
    rig.run(120_000)
    assert changes(rig, begin_ms) == [(0, 266), (30_000, 1000), (33_000, 0), (37_000, 1000), (37_750, 266)]
    assert rig.pilot is Pilot.B and rig.state.offered_ma == 15_960, "given up: B2, the offer stands"
    assert rig.state.plug_no == number and rig.state.held, "our own pulse does not hide the vehicle"
    assert not rig.inhibits and core.report(rig.state, 1, rig.now_ms).wake_ups == 1


def test_a_vehicle_that_wakes_is_charged() -> None:
    rig = sleeper()
    rig.until(lambda rig: rig.state.wake.rung is Rung.WAITING, 60_000)
    rig.run(2_000)
    rig.vehicle = "C"
    assert rig.until(lambda rig: rig.closed, 3_000) <= 320
    assert rig.state.wake.rung is Rung.SPENT and rig.state.wake.count == 1


def test_a_vehicle_that_wakes_long_after_we_gave_up_is_charged() -> None:
    rig = sleeper()
    rig.run(600_000)
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 3_000)


def test_a_vehicle_that_wakes_in_the_pause_is_not_pulsed() -> None:
    rig = sleeper()
    rig.until(lambda rig: rig.state.wake.rung is Rung.PAUSE, 40_000)
    begin_ms = rig.now_ms
    rig.run(500)
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 8_000)
    assert [duty for _, duty in changes(rig, begin_ms)] == [1000, 266]
    assert rig.state.wake.count == 0


def test_a_full_vehicle_is_never_pulsed_while_the_offer_stands() -> None:
    rig = Rig().charging()
    begin_ms = rig.now_ms
    rig.vehicle = "B"
    rig.run(600_000)
    assert changes(rig, begin_ms) == [(0, 266)] and rig.state.wake.count == 0


def test_a_full_vehicle_is_pulsed_once_after_a_pause_of_the_offer() -> None:
    rig = Rig().charging()
    rig.vehicle = "B"
    rig.run(60_000)
    for pauses in (1, 2):
        rig.lease_ma = 0
        rig.run(20_000)
        rig.lease_ma = 16_000
        rig.run(200_000)
        assert rig.state.wake.count == pauses


def test_a_falling_or_rising_limit_is_no_new_offer() -> None:
    rig = Rig().charging()
    rig.vehicle = "B"
    rig.run(1_000)
    for rig.lease_ma in (6_000, 20_000, 8_000, 32_000):
        rig.run(60_000)
    assert rig.state.wake.count == 0


def test_a_fault_is_no_new_offer() -> None:
    rig = Rig().charging()
    rig.vehicle = "B"
    rig.run(1_000)
    rig.late = True
    rig.run(100)
    rig.late = False
    rig.run(120_000)
    assert not rig.inhibits and rig.state.offered_ma and rig.state.wake.count == 0


@pytest.mark.parametrize("rung", [Rung.PAUSE, Rung.PULSE, Rung.READY, Rung.WAITING])
def test_the_end_of_the_permit_ends_the_climb(rung: Rung) -> None:
    rig = sleeper()
    rig.until(lambda rig: rig.state.wake.rung is rung, 60_000)
    rig.run(100)
    rig.lease_ma = 0
    rig.renew()
    rig.run(1_000)
    assert rig.outputs.duty_pm == 1000 and rig.state.wake.rung is Rung.ARMED
    rig.lease_ma = 16_000
    assert rig.until(lambda rig: rig.state.offered_ma > 0, 4_000) >= 1_900, "9.2: 3 s of x1"


@pytest.mark.parametrize("rung", [Rung.PAUSE, Rung.PULSE, Rung.READY, Rung.WAITING])
def test_unplugged_on_the_ladder(rung: Rung) -> None:
    rig = sleeper()
    number = rig.state.plug_no
    rig.until(lambda rig: rig.state.wake.rung is rung, 60_000)
    rig.run(100)
    rig.vehicle = "A"
    rig.run(6_000)
    assert not rig.state.connected and rig.outputs.duty_pm == 1000 and rig.state.wake == FRESH
    rig.lease_ma = None
    rig.vehicle = "B"
    rig.run(1_000)
    assert rig.state.plug_no == number + 1 and not rig.state.held


@pytest.mark.parametrize("rung", [Rung.PAUSE, Rung.PULSE, Rung.READY])
def test_a_short_on_the_ladder_is_a_fault_and_hides_the_vehicle_after_3_s(rung: Rung) -> None:
    rig = sleeper()
    rig.until(lambda rig: rig.state.wake.rung is rung, 60_000)
    rig.run(50)
    rig.vehicle = "E"
    rig.run(200)
    assert rig.inhibits and not rig.state.wake.climbing
    rig.run(4_000)
    assert not rig.state.connected


def test_nothing_can_close_the_contactor_on_the_ladder() -> None:
    rig = sleeper()

    def never(rig: Rig) -> None:
        assert not (rig.closed and rig.state.wake.climbing)

    rig.check = never
    for vehicle in "BCBCBCB" * 40:
        rig.vehicle = vehicle
        rig.run(1_500)


def test_a_socket_stays_locked_and_tested_on_the_ladder() -> None:
    config = SafetyConfig(
        1, 32_000, has_residual_current=True, has_self_test=True, has_proximity=True, has_lock=True
    )
    rig = sleeper(Rig(config, resistance_ohm=220))
    begin_ms = rig.now_ms
    rig.until(lambda rig: rig.state.wake.rung is Rung.SPENT, 60_000)
    assert all(state.lock.locked for now_ms, state, _ in rig.trace if now_ms >= begin_ms)
    rig.vehicle = "C"
    assert rig.until(lambda rig: rig.closed, 3_000) <= 320


def test_the_ladder_can_be_switched_off() -> None:
    config = replace(Rig().config, wake_up=WakeUpTimes(after_ms=0))
    rig = sleeper(Rig(config))
    begin_ms = rig.now_ms
    rig.run(600_000)
    assert changes(rig, begin_ms) == [(0, 266)]
