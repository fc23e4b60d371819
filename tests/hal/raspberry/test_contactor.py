"""Coil and mirror contact on mock pins."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError
from hal.profile import PinProfile
from hal.raspberry.contactor import GpioContactor


def test_open_when_created_and_commanded() -> None:
    factory: Any = MockFactory()
    contactor = GpioContactor(PinProfile(17), PinProfile(27, False, "up"), factory)
    coil, mirror = factory.pin(17), factory.pin(27)
    assert not coil.state and contactor.mirror_closed() is False
    contactor.set_closed(True)
    assert coil.state
    mirror.drive_low()
    assert contactor.mirror_closed() is True
    contactor.set_closed(False)
    assert not coil.state and contactor.mirror_closed() is True  # welded: the mirror is read, not assumed
    contactor.close()
    assert coil.function == "input"


def test_without_mirror_contact() -> None:
    contactor = GpioContactor(PinProfile(17), None, MockFactory())
    assert contactor.mirror_closed() is None


def test_coil_is_released_when_the_mirror_cannot_be_opened() -> None:
    factory: Any = MockFactory()
    with pytest.raises(HardwareError, match="mirror contact on GPIO17"):
        GpioContactor(PinProfile(17), PinProfile(17), factory)
    GpioContactor(PinProfile(17), None, factory)
