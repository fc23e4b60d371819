"""The lock motor on mock pins: the two halves of the bridge are never on together."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError, LockDrive
from hal.profile import LockProfile, PinProfile
from hal.raspberry.lock import GpioLock

PROFILE = LockProfile(PinProfile(20), PinProfile(21), PinProfile(26, False, "up"))


def test_every_change_keeps_the_halves_apart() -> None:
    factory: Any = MockFactory()
    lock = GpioLock(PROFILE, factory)
    halves = factory.pin(20), factory.pin(21)
    seen: list[tuple[bool, bool]] = []
    for pin in halves:
        original = pin._change_state

        def change(value: bool, original: Any = original) -> Any:
            result = original(value)
            seen.append((bool(halves[0].state), bool(halves[1].state)))
            return result

        pin._change_state = change
    expected = {LockDrive.OFF: (0, 0), LockDrive.LOCK: (1, 0), LockDrive.UNLOCK: (0, 1)}
    for before in LockDrive:
        for after in LockDrive:
            lock.drive(before)
            lock.drive(after)
            assert (halves[0].state, halves[1].state) == expected[after]
    assert len(seen) > 9 and (True, True) not in seen
    lock.close()


def test_feedback() -> None:
    factory: Any = MockFactory()
    lock = GpioLock(PROFILE, factory)
    assert lock.locked() is False
    factory.pin(26).drive_low()
    assert lock.locked() is True
    lock.close()
    assert GpioLock(LockProfile(PinProfile(20), PinProfile(21)), factory).locked() is None


def test_opened_halves_are_released_when_another_line_fails() -> None:
    factory: Any = MockFactory()
    with pytest.raises(HardwareError, match="unlock motor on GPIO20"):
        GpioLock(LockProfile(PinProfile(20), PinProfile(20)), factory)
    GpioLock(PROFILE, factory).close()


def test_off_reaches_the_second_half_when_the_first_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    factory: Any = MockFactory()
    lock = GpioLock(PROFILE, factory)
    lock.drive(LockDrive.UNLOCK)

    def fail(value: bool) -> None:
        raise OSError("line lost")

    monkeypatch.setattr(factory.pin(20), "_change_state", fail)
    with pytest.raises(HardwareError, match="lock motor on GPIO20"):
        lock.drive(LockDrive.OFF)
    assert not factory.pin(21).state
