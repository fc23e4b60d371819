"""The residual-current detector in the life of a whole EVSE."""

from dataclasses import replace

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.residual import RetryBudget
from tests.safety.rig import Rig

PLAIN = SafetyConfig(evse_id=1, rating_ma=32_000, has_residual_current=True, has_self_test=True)
RETRYING = replace(PLAIN, residual=RetryBudget(retries=2, wait_ms=60_000))


def trip(rig: Rig, ms: int = 200) -> None:
    rig.tripped = True
    rig.run(ms)
    rig.tripped = False


def pulses(rig: Rig) -> int:
    outputs = [outputs.residual_test for _, _, outputs in rig.trace]
    return sum(now and not before for before, now in zip([False, *outputs], outputs, strict=False))


def test_the_budget_is_used_up_then_it_is_latched() -> None:
    rig = Rig(RETRYING).charging().run(3_000)
    for number in (1, 2):
        trip(rig)
        assert not rig.closed and rig.inhibits == {"RESIDUAL_CURRENT"}
        assert core.report(rig.state, 1, rig.now_ms).residual_trips == number
        rig.run(59_000)
        assert rig.inhibits == {"RESIDUAL_CURRENT"}
        before = pulses(rig)
        rig.until(lambda rig: rig.closed, 10_000)
        assert pulses(rig) == before + 1, "self-tested before it is tried again"
        rig.run(5_000)
    trip(rig)
    assert core.report(rig.state, 1, rig.now_ms).residual_retry_at_ms is None
    rig.run(100_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"} and not rig.closed
    rig.vehicle = "A"
    rig.run(500)
    assert not rig.inhibits
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 10_000)
    assert rig.state.trips.count == 0, "a new plug-in has a new budget"


def test_a_reset_gives_a_new_budget() -> None:
    rig = Rig(RETRYING).charging().run(3_000)
    trip(rig)
    rig.run(1_000)
    rig.resets += 1
    rig.renew()
    rig.run(30)
    assert not rig.inhibits and rig.state.trips.count == 0


def test_the_report_says_when_it_is_tried_again() -> None:
    rig = Rig(RETRYING).charging().run(3_000)
    trip(rig)
    rig.step()
    report = core.report(rig.state, 1, rig.now_ms)
    assert (report.residual_trips, report.residual_retry_at_ms) == (1, rig.now_ms + 60_000)
    rig.until(lambda rig: not rig.inhibits, 61_000)
    assert core.report(rig.state, 2, rig.now_ms).residual_retry_at_ms is None


def test_a_trip_right_after_closing_is_latched_whatever_the_budget() -> None:
    rig = Rig(RETRYING).idle()
    rig.vehicle, rig.lease_ma = "C", 16_000
    rig.until(lambda rig: rig.closed, 10_000)
    rig.run(1_500)
    trip(rig)
    rig.run(100_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"} and rig.state.contactor.operations == 1


def test_a_trip_that_drops_the_coil_in_hardware_is_no_fault_of_the_contactor() -> None:
    """The detector's relay opens the coil; its signal arrives up to 40 ms after the mirror has opened."""
    for lag_ms in (0, 10, 40):
        rig = Rig(RETRYING).charging().run(3_000)
        rig.follows, rig.mirror = False, False
        rig.run(lag_ms)
        rig.tripped, rig.follows = True, True
        rig.run(1_000)
        assert rig.inhibits == {"RESIDUAL_CURRENT"}, lag_ms
        assert rig.state.contactor.failures == 0


def test_a_trip_while_nobody_is_connected_blocks_as_long_as_it_lasts() -> None:
    rig = Rig(RETRYING).idle()
    trip(rig, 5_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"} and not rig.closed
    rig.run(20)
    assert not rig.inhibits, "nobody to protect, and the next closing begins with a self-test"
    rig.vehicle, rig.lease_ma = "C", 16_000
    rig.until(lambda rig: rig.closed, 10_000)
    assert pulses(rig) == 1


def test_a_trip_while_a_vehicle_waits_counts_like_one_while_it_charges() -> None:
    rig = Rig(RETRYING).idle()
    rig.vehicle = "B"
    rig.run(500)
    trip(rig)
    rig.run(30_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"} and rig.state.trips.count == 1
    rig.until(lambda rig: not rig.inhibits, 31_000)


def test_a_detector_stuck_active_before_the_test_is_a_trip() -> None:
    rig = Rig(PLAIN).idle()
    rig.vehicle, rig.lease_ma, rig.tripped = "C", 16_000, True
    rig.run(30_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT"} and pulses(rig) == 0


def test_a_detector_that_stays_active_after_its_test_fails_the_test_and_has_not_tripped() -> None:
    rig = Rig(PLAIN).idle()
    rig.vehicle, rig.lease_ma = "C", 16_000
    rig.until(lambda rig: rig.outputs.residual_test, 5_000)
    rig.tripped = True
    rig.until(lambda rig: bool(rig.inhibits), 3_200)
    rig.run(70_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT_TEST"} and not rig.closed and pulses(rig) == 1
    rig.tripped = False
    rig.run(55_000)
    assert rig.inhibits == {"RESIDUAL_CURRENT_TEST"}
    rig.until(lambda rig: rig.closed, 15_000)


def test_a_board_that_falls_silent_during_the_test_is_named_by_its_own_name() -> None:
    rig = Rig(PLAIN).idle()
    rig.vehicle, rig.lease_ma = "C", 16_000
    rig.until(lambda rig: rig.outputs.residual_test, 5_000)
    rig.tripped, rig.silent = True, True
    rig.step()
    assert not rig.outputs.residual_test
    rig.silent = False
    rig.run(1_000)
    rig.tripped = False  # the detector needs a second to let go
    rig.run(100)
    assert not rig.inhibits & {"RESIDUAL_CURRENT", "RESIDUAL_CURRENT_TEST"}
    rig.until(lambda rig: rig.closed, 10_000)
    assert pulses(rig) == 2, "the interrupted test was no pass"


@pytest.mark.parametrize("ms", [0, 500, 1_900])
def test_a_test_that_a_restart_cut_short_is_no_trip(ms: int) -> None:
    rig = Rig(PLAIN, vehicle="C", tripped=True).run(ms)
    rig.tripped = False
    rig.run(500)
    assert not rig.inhibits


def test_a_detector_that_is_active_at_the_start_and_stays_so_has_tripped() -> None:
    rig = Rig(PLAIN, vehicle="C", tripped=True).run(3_000)
    assert rig.inhibits == {"STARTING", "RESIDUAL_CURRENT"}
    rig = Rig(replace(PLAIN, has_self_test=False), vehicle="C", tripped=True).run(20)
    assert "RESIDUAL_CURRENT" in rig.inhibits, "without a test output there is no test to wait for"
