"""The pulse that keeps the hardware gate open.

Owns: one GPIO output that changes level with each pulse (a charge pump passes only changes: a line stuck
high or low feeds nothing). Refuses to know: when a step counts as completed.
"""

from __future__ import annotations

from typing import Any

from hal.profile import PinProfile
from hal.raspberry.gpio import GpioOutput


class GpioWatchdog:
    """``hal.interface.Watchdog`` on GPIO."""

    def __init__(self, profile: PinProfile, pin_factory: Any = None) -> None:
        self._output = GpioOutput(profile, "watchdog pulse", pin_factory)
        self._level = False

    def pulse(self) -> None:
        """Change the level once. Raises ``HardwareError``."""
        self._level = not self._level
        self._output.set(self._level)

    def off(self) -> None:
        """Rest at the off level: the gate drops after its time. Raises ``HardwareError``."""
        self._level = False
        self._output.set(False)

    def close(self) -> None:
        self._output.close()
