"""The contactor through gpiozero's RPi.GPIO pin factory, which runs for real on top of fake-rpi."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from hal.interface import HardwareError
from hal.profile import PinProfile
from hal.raspberry.contactor import GpioContactor
from tests.support import fake_rpi_gpio

COIL, MIRROR = 17, 27


@pytest.fixture
def rpi(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    gpio, factory = fake_rpi_gpio.install(monkeypatch)
    yield gpio, factory
    factory.close()


@pytest.mark.parametrize("active_high", [True, False])
def test_coil_starts_off_without_a_glitch_and_follows(rpi: tuple[Any, Any], active_high: bool) -> None:
    gpio, factory = rpi
    contactor = GpioContactor(PinProfile(COIL, active_high), None, factory)
    off, on = int(not active_high), int(active_high)
    contactor.set_closed(True)
    contactor.set_closed(False)
    assert gpio.functions[COIL] == gpio.OUT
    assert [level for channel, level in gpio.outputs if channel == COIL] == [off, on, off]
    contactor.close()
    assert gpio.functions[COIL] == gpio.IN


def test_mirror_contact_with_pull_up(rpi: tuple[Any, Any]) -> None:
    gpio, factory = rpi
    contactor = GpioContactor(PinProfile(COIL), PinProfile(MIRROR, False, "up"), factory)
    assert gpio.pulls[MIRROR] == gpio.PUD_UP
    assert contactor.mirror_closed() is False
    gpio.set_input(MIRROR, 0)
    assert contactor.mirror_closed() is True


def test_a_pin_in_use_is_refused(rpi: tuple[Any, Any]) -> None:
    _, factory = rpi
    first = GpioContactor(PinProfile(COIL), None, factory)
    with pytest.raises(HardwareError, match="contactor coil on GPIO17 cannot be opened: GPIOPinInUse"):
        GpioContactor(PinProfile(COIL), None, factory)
    first.close()


def test_the_shim_leaves_no_trace() -> None:
    assert "RPi" not in sys.modules
    assert fake_rpi_gpio.FACTORY_MODULE not in sys.modules
