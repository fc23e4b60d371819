"""Residual-current input and test output on mock pins."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError
from hal.profile import PinProfile
from hal.raspberry.residual_current import GpioResidualCurrent


def test_fail_safe_wiring_trips_on_a_broken_wire() -> None:
    factory: Any = MockFactory()
    detector = GpioResidualCurrent(PinProfile(24, True, "up"), PinProfile(25), factory)
    assert detector.tripped()  # nothing connected
    factory.pin(24).drive_low()
    assert not detector.tripped()
    factory.pin(24).drive_high()
    assert detector.tripped()
    detector.close()


def test_test_output() -> None:
    factory: Any = MockFactory()
    detector = GpioResidualCurrent(PinProfile(24), PinProfile(25), factory)
    assert not factory.pin(25).state
    detector.set_test(True)
    assert factory.pin(25).state
    detector.set_test(False)
    assert not factory.pin(25).state
    detector.close()


def test_without_test_output_only_off_is_possible() -> None:
    detector = GpioResidualCurrent(PinProfile(24), None, MockFactory())
    detector.set_test(False)
    with pytest.raises(HardwareError, match=r"found no test output, expected evse\.residual_current_test"):
        detector.set_test(True)


def test_input_is_released_when_the_test_output_cannot_be_opened() -> None:
    factory: Any = MockFactory()
    with pytest.raises(HardwareError, match="test output on GPIO24"):
        GpioResidualCurrent(PinProfile(24), PinProfile(24), factory)
    GpioResidualCurrent(PinProfile(24), None, factory)
