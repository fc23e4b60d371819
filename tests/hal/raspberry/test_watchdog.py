"""The watchdog pulse on a mock pin."""

from typing import Any

from gpiozero.pins.mock import MockFactory

from hal.profile import PinProfile
from hal.raspberry.watchdog import GpioWatchdog


def test_every_pulse_changes_the_level_once_and_off_rests() -> None:
    factory: Any = MockFactory()
    watchdog = GpioWatchdog(PinProfile(22), factory)
    pin = factory.pin(22)
    levels = []
    for _ in range(5):
        watchdog.pulse()
        levels.append(bool(pin.state))
    assert levels == [True, False, True, False, True]
    watchdog.off()
    assert not pin.state
    watchdog.pulse()
    assert pin.state
    watchdog.close()
