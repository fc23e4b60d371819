"""The residual-current detector's fault output and its test input.

Owns: two GPIO lines. Refuses to know: when to test and what a trip means. The detector itself opens the
contactor's coil circuit in hardware; Linux is only told.
"""

from __future__ import annotations

from typing import Any

from hal.interface import HardwareError
from hal.profile import PinProfile
from hal.raspberry.gpio import GpioInput, GpioOutput


class GpioResidualCurrent:
    """``hal.interface.ResidualCurrent`` on GPIO.

    Wire it fail-safe: pull the input to its active level, let the healthy detector pull it away.
    """

    def __init__(self, fault: PinProfile, test: PinProfile | None, pin_factory: Any = None) -> None:
        self._fault = GpioInput(fault, "residual-current input", pin_factory)
        try:
            self._test = GpioOutput(test, "residual-current test output", pin_factory) if test else None
        except BaseException:
            self._fault.close()
            raise

    def tripped(self) -> bool:
        """Raises ``HardwareError``."""
        return self._fault.active()

    def set_test(self, active: bool) -> None:
        """Drive the test input; without a test output only False is possible. Raises ``HardwareError``."""
        if self._test:
            self._test.set(active)
        elif active:
            raise HardwareError(
                "the residual-current detector cannot be tested: found no test output, expected "
                "evse.residual_current_test in the board profile; add it and wire the detector's test input"
            )

    def close(self) -> None:
        self._fault.close()
        if self._test:
            self._test.close()
