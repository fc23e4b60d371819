"""The contactor that adds L2 and L3: its coil output and its feedback contact.

Owns: two GPIO lines. Refuses to know: when it may be moved (never under load: ``controller.safety``).
"""

from __future__ import annotations

from typing import Any

from hal.profile import PhaseSwitchProfile
from hal.raspberry.gpio import GpioInput, GpioOutput


class GpioPhaseSwitch:
    """``hal.interface.PhaseSwitch`` on GPIO. One phase when created."""

    def __init__(self, profile: PhaseSwitchProfile, pin_factory: Any = None) -> None:
        self._switch = GpioOutput(profile.switch, "phase switch", pin_factory)
        try:
            feedback = profile.feedback
            self._feedback = GpioInput(feedback, "phase switch feedback", pin_factory) if feedback else None
        except BaseException:
            self._switch.close()
            raise

    def set_three_phase(self, three: bool) -> None:
        """Raises ``HardwareError``."""
        self._switch.set(three)

    def three_phase(self) -> bool | None:
        """Raises ``HardwareError``."""
        return self._feedback.active() if self._feedback else None

    def close(self) -> None:
        self._switch.close()
        if self._feedback:
            self._feedback.close()
