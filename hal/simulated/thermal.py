"""The warmth of one EVSE: its terminals follow the square of the current above the ambient temperature.

Owns: one first-order model per EVSE, exact for any step. Refuses to know: sensors, thresholds, who cools
what. It keeps real time: a faster world charges faster, it does not heat faster.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from math import exp

RATED_RISE_MDEG = 25_000
"""Above ambient with three phases at ``RATED_MA``, after a long time (a well-made terminal)."""
RATED_MA = 32_000
TIME_CONSTANT_US = 600_000_000
LOOSE_RISE_MDEG = 60_000
"""What a loose terminal adds at any current: the fault ``over_temperature``."""


class Thermal:
    """``ambient_mdeg_c`` may be set at any time; ``held_mdeg_c`` is a test's hand on the sensor."""

    def __init__(self, faults: AbstractSet[str], ambient_mdeg_c: int = 25_000) -> None:
        self._faults = faults
        self.ambient_mdeg_c = ambient_mdeg_c
        self.held_mdeg_c: int | None = None
        self._rise_mdeg = 0.0

    def integrate(self, dt_us: int, current_ma: tuple[int, int, int]) -> None:
        """The present currents have flowed for ``dt_us``."""
        squares = sum(current * current for current in current_ma)
        if not squares and self._rise_mdeg < 1:
            self._rise_mdeg = 0.0
            return
        final_mdeg = RATED_RISE_MDEG * squares / (3 * RATED_MA * RATED_MA)
        self._rise_mdeg += (final_mdeg - self._rise_mdeg) * (1 - exp(-dt_us / TIME_CONSTANT_US))

    @property
    def mdeg_c(self) -> int:
        """What a sensor at the terminals would show."""
        if self.held_mdeg_c is not None:
            return self.held_mdeg_c
        loose = LOOSE_RISE_MDEG if "over_temperature" in self._faults else 0
        return self.ambient_mdeg_c + round(self._rise_mdeg) + loose
