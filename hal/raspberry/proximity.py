"""The proximity pilot: the resistor in the plug, read as a divider by a slow ADC channel.

Owns: one channel of the pilot's ADC through the spidev library, and the divider's arithmetic.
Refuses to know: ampacities (IEC 61851-1 Annex B codes them; controller.safety decides).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hal.interface import HardwareError
from hal.profile import AdcProfile
from hal.raspberry.mcp3x0x import data_mask, frame, null_bit

OPEN_FROM_OHM = 4500
"""IEC 61851-1 Annex B: above this there is no plug."""

SPEED_HZ = 500_000
READS = 3


class AdcProximity:
    """``hal.interface.Proximity``: pull-up to the ADC's reference, plug resistor to PE.

    ``open_spi`` makes an unopened ``spidev.SpiDev`` (for tests). Raises ``HardwareError``.
    """

    def __init__(
        self, profile: AdcProfile, root: Path = Path("/"), *, open_spi: Callable[[], Any] | None = None
    ) -> None:
        if profile.proximity_channel is None:
            raise ValueError("a profile without adc.proximity_channel has no proximity pilot")
        path = root / f"dev/spidev{profile.spi}"
        self._where = f"proximity on {path} channel {profile.proximity_channel}"
        self._frame = list(frame(profile.model, profile.proximity_channel))
        self._mask, self._null = data_mask(profile.model), null_bit(profile.model)
        self._resolution = profile.resolution
        self._pullup_ohm = profile.proximity_pullup_ohm
        try:
            self._spi = (open_spi or _spidev)()
            self._spi.open_path(str(path))
            self._spi.mode = 0
            self._spi.max_speed_hz = min(SPEED_HZ, profile.speed_hz)
        except ImportError as error:
            raise HardwareError(
                f"{self._where}: the spidev library is missing; expected it on a board with a proximity "
                f"pilot: install joulepost[pi] or python3-spidev"
            ) from error
        except OSError as error:
            raise HardwareError(
                f"{self._where} cannot be opened: {error.strerror or error}; expected a spidev device: "
                f"add dtparam=spi=on to config.txt, reboot, and join the group spi"
            ) from error

    def resistance_ohm(self) -> int | None:
        """Median of three reads in ohms; None when open (no plug). Raises ``HardwareError``."""
        code = sorted(self._read() for _ in range(READS))[READS // 2]
        remaining = self._resolution - code
        resistance_ohm = self._pullup_ohm * code // remaining
        return resistance_ohm if resistance_ohm <= OPEN_FROM_OHM else None

    def close(self) -> None:
        self._spi.close()

    def _read(self) -> int:
        try:
            _, upper, lower = self._spi.xfer2(list(self._frame))
        except OSError as error:
            raise HardwareError(
                f"{self._where} cannot be read: {error.strerror or error}; expected three bytes: "
                f"check the ADC's wiring"
            ) from error
        if upper & self._null:
            raise HardwareError(
                f"{self._where} does not answer: the null bit is missing; expected a driven data line: "
                f"check supply, chip select and MISO"
            )
        return int((upper & self._mask) << 8 | lower)


def _spidev() -> Any:
    import spidev

    return spidev.SpiDev()
