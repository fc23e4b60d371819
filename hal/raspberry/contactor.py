"""The contactor's coil output and its mirror contact.

Owns: two GPIO lines. Refuses to know: when closing is allowed and how long a contactor takes to follow.
"""

from __future__ import annotations

from typing import Any

from hal.profile import PinProfile
from hal.raspberry.gpio import GpioInput, GpioOutput


class GpioContactor:
    """``hal.interface.Contactor`` on GPIO. Open when created; a mirror profile of None = none fitted."""

    def __init__(self, coil: PinProfile, mirror: PinProfile | None, pin_factory: Any = None) -> None:
        self._coil = GpioOutput(coil, "contactor coil", pin_factory)
        try:
            self._mirror = GpioInput(mirror, "mirror contact", pin_factory) if mirror else None
        except BaseException:
            self._coil.close()
            raise

    def set_closed(self, closed: bool) -> None:
        """Command the coil. Raises ``HardwareError``."""
        self._coil.set(closed)

    def mirror_closed(self) -> bool | None:
        """True = main contacts closed, False = open, None = no mirror contact. Raises ``HardwareError``."""
        return self._mirror.active() if self._mirror else None

    def close(self) -> None:
        self._coil.close()
        if self._mirror:
            self._mirror.close()
