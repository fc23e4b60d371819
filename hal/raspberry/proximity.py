"""The proximity pilot: the resistor in the plug, read as a divider by a slow ADC channel.

Owns: the divider's arithmetic. Refuses to know: the channel's bytes (``adc_channel`` does), ampacities
(IEC 61851-1 Annex B codes them; controller.safety decides).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hal.profile import AdcProfile
from hal.raspberry.adc_channel import AdcChannel

OPEN_FROM_OHM = 4500
"""IEC 61851-1 Annex B: above this there is no plug."""


class AdcProximity:
    """``hal.interface.Proximity``: pull-up to the ADC's reference, plug resistor to PE.

    ``open_spi`` makes an unopened ``spidev.SpiDev`` (for tests). Raises ``HardwareError``.
    """

    def __init__(
        self, profile: AdcProfile, root: Path = Path("/"), *, open_spi: Callable[[], Any] | None = None
    ) -> None:
        if profile.proximity_channel is None:
            raise ValueError("a profile without adc.proximity_channel has no proximity pilot")
        self._channel = AdcChannel("proximity", profile, profile.proximity_channel, root, open_spi=open_spi)
        self._pullup_ohm = profile.proximity_pullup_ohm

    def resistance_ohm(self) -> int | None:
        """Median of three reads in ohms; None when open (no plug). Raises ``HardwareError``."""
        code = self._channel.code()
        resistance_ohm = self._pullup_ohm * code // (self._channel.resolution - code)
        return resistance_ohm if resistance_ohm <= OPEN_FROM_OHM else None

    def close(self) -> None:
        self._channel.close()
