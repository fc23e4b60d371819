"""The phase switch on mock pins."""

from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError, PhaseSwitch
from hal.profile import PhaseSwitchProfile, PinProfile
from hal.raspberry.phase_switch import GpioPhaseSwitch


def test_one_phase_when_created_then_as_commanded() -> None:
    factory: Any = MockFactory()
    switch: PhaseSwitch = GpioPhaseSwitch(
        PhaseSwitchProfile(PinProfile(16), PinProfile(19, False, "up")), factory
    )
    assert not factory.pin(16).state and switch.three_phase() is False
    switch.set_three_phase(True)
    assert factory.pin(16).state
    factory.pin(19).drive_low()
    assert switch.three_phase() is True


def test_without_feedback_the_position_is_not_known() -> None:
    switch = GpioPhaseSwitch(PhaseSwitchProfile(PinProfile(16)), MockFactory())
    assert switch.three_phase() is None
    switch.close()


def test_the_output_is_released_when_the_feedback_cannot_be_opened() -> None:
    factory: Any = MockFactory()
    with pytest.raises(HardwareError, match="phase switch feedback on GPIO16"):
        GpioPhaseSwitch(PhaseSwitchProfile(PinProfile(16), PinProfile(16)), factory)
    GpioPhaseSwitch(PhaseSwitchProfile(PinProfile(16)), factory)
