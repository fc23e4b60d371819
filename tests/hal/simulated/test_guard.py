"""Residual-current detector, proximity contact, plug lock and watchdog gate by themselves."""

from __future__ import annotations

import pytest

from hal.interface import LockDrive
from hal.simulated.guard import CABLE_OHM, Gate, LockMotor, ProximityContact, ResidualDetector


def test_the_self_test_shows_both_edges() -> None:
    detector = ResidualDetector(set())
    detector.set_test(True, 0)
    detector.update(39_999)
    assert not detector.tripped
    detector.update(40_000)
    assert detector.tripped
    detector.set_test(False, 100_000)
    detector.update(140_000)
    assert not detector.tripped


def test_a_dead_test_never_trips_and_a_stuck_one_never_recovers() -> None:
    dead = ResidualDetector({"rcd_test_dead"})
    dead.set_test(True, 0)
    dead.update(1_000_000)
    assert not dead.tripped
    stuck = ResidualDetector({"rcd_test_stuck"})
    stuck.set_test(True, 0)
    stuck.update(100_000)
    stuck.set_test(False, 100_000)
    stuck.update(10_000_000)
    assert stuck.tripped
    stuck.repaired()
    assert not stuck.tripped


@pytest.mark.parametrize(("cable_ma", "ohm"), CABLE_OHM.items())
def test_the_plug_codes_the_cable(cable_ma: int, ohm: int) -> None:
    contact = ProximityContact(set())
    assert contact.resistance_ohm is None
    contact.cable_ma = cable_ma
    assert contact.resistance_ohm == ohm


def test_the_lock_moves_only_while_driven() -> None:
    lock = LockMotor(set())
    lock.drive(LockDrive.LOCK, 0)
    lock.update(200_000)
    lock.drive(LockDrive.OFF, 200_000)
    lock.update(900_000)
    assert not lock.bolted
    lock.drive(LockDrive.LOCK, 1_000_000)
    lock.update(1_050_000)
    assert lock.bolted and lock.feedback_locked
    lock.drive(LockDrive.UNLOCK, 1_100_000)
    lock.update(1_110_000)
    assert not lock.bolted
    assert lock.longest_drive_us == 200_000


def test_a_jammed_lock_stays_where_it_is() -> None:
    faults: set[str] = set()
    lock = LockMotor(faults)
    lock.drive(LockDrive.LOCK, 0)
    lock.update(600_000)
    faults.add("lock_jam")
    lock.drive(LockDrive.UNLOCK, 700_000)
    lock.update(1_400_000)
    assert lock.bolted
    faults.add("lock_feedback_lost")
    assert not lock.feedback_locked


def test_the_gate_passes_only_within_its_window_after_a_pulse() -> None:
    gate = Gate(set(), 200_000)
    assert not gate.passes(0)
    gate.pulse(0)
    assert gate.passes(199_999)
    assert not gate.passes(200_000) and gate.drops == 1
    gate.pulse(300_000)
    assert gate.passes(300_000)


def test_no_gate_fitted_passes_always() -> None:
    assert Gate(set(), 200_000, fitted=False).passes(10**12)
