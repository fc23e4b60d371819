"""Lines on gpiozero's mock pins: every combination of polarity and pull, and failing pins."""

from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError
from hal.profile import PinProfile
from hal.raspberry.gpio import GpioInput, GpioOutput


@pytest.fixture
def factory() -> Iterator[Any]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.mark.parametrize("active_high", [True, False])
def test_output_is_off_when_opened_and_follows(factory: Any, active_high: bool) -> None:
    output = GpioOutput(PinProfile(17, active_high), "coil", factory)
    pin = factory.pin(17)
    assert pin.function == "output" and pin.state == (not active_high)
    output.set(True)
    assert pin.state == active_high
    output.set(False)
    assert pin.state == (not active_high)
    output.close()
    assert pin.function == "input"


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("pull", ["up", "down", "none"])
def test_input_polarity_and_pull_are_independent(factory: Any, pull: str, active_high: bool) -> None:
    line = GpioInput(PinProfile(24, active_high, pull), "fault", factory)
    pin = factory.pin(24)
    assert pin.pull == {"up": "up", "down": "down", "none": "floating"}[pull]
    if pull != "none":  # an unconnected wire reads as its pull
        assert line.active() == ((pull == "up") == active_high)
    pin.drive_high()
    assert line.active() == active_high
    pin.drive_low()
    assert line.active() == (not active_high)
    line.close()


def test_pin_in_use_is_named(factory: Any) -> None:
    holder = GpioOutput(PinProfile(17), "contactor coil", factory)
    with pytest.raises(HardwareError, match="lock motor on GPIO17 cannot be opened: GPIOPinInUse"):
        GpioOutput(PinProfile(17), "lock motor", factory)
    holder.close()


def test_no_pin_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none-such")
    with pytest.raises(
        HardwareError, match=r"coil on GPIO17 cannot be opened: BadPinFactory.*joulepost\[pi\]"
    ):
        GpioOutput(PinProfile(17), "coil")


def test_failing_lines_become_hardware_errors(factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    output = GpioOutput(PinProfile(17), "coil", factory)
    line = GpioInput(PinProfile(24), "fault", factory)

    class LineGone(Exception):
        """Pin libraries raise exceptions of their own."""

    def fail(*_: object) -> None:
        raise LineGone("line lost")

    for number in (17, 24):
        monkeypatch.setattr(type(factory.pin(number)), "_get_state", fail)
        monkeypatch.setattr(type(factory.pin(number)), "_set_state", fail)
    with pytest.raises(HardwareError, match="coil on GPIO17 cannot be switched: LineGone: line lost"):
        output.set(True)
    with pytest.raises(HardwareError, match="fault on GPIO24 cannot be read: LineGone: line lost"):
        line.active()
