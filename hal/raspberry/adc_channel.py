"""One slow channel of the pilot's ADC through the spidev library: proximity pilot, temperature.

Owns: the device, single conversions, the median of three. Refuses to know: what hangs on the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hal.interface import HardwareError
from hal.profile import AdcProfile
from hal.raspberry.mcp3x0x import data_mask, frame, null_bit

SPEED_HZ = 500_000
READS = 3


class AdcChannel:
    """``what`` names the part in messages. ``open_spi`` makes an unopened ``spidev.SpiDev`` (for tests).

    Three conversions take about 0.3 ms. Raises ``HardwareError``.
    """

    def __init__(
        self,
        what: str,
        profile: AdcProfile,
        channel: int,
        root: Path = Path("/"),
        *,
        open_spi: Callable[[], Any] | None = None,
    ) -> None:
        path = root / f"dev/spidev{profile.spi}"
        self.where = f"{what} on {path} channel {channel}"
        self.resolution = profile.resolution
        self._frame = list(frame(profile.model, channel))
        self._mask, self._null = data_mask(profile.model), null_bit(profile.model)
        try:
            self._spi = (open_spi or _spidev)()
            self._spi.open_path(str(path))
            self._spi.mode = 0
            self._spi.max_speed_hz = min(SPEED_HZ, profile.speed_hz)
        except ImportError as error:
            raise HardwareError(
                f"{self.where}: the spidev library is missing; expected it on a board with a {what}: "
                f"install joulepost[pi] or python3-spidev"
            ) from error
        except OSError as error:
            raise HardwareError(
                f"{self.where} cannot be opened: {error.strerror or error}; expected a spidev device: "
                f"add dtparam=spi=on to config.txt, reboot, and join the group spi"
            ) from error

    def code(self) -> int:
        """Median of three conversions, 0..resolution - 1. Raises ``HardwareError``."""
        return sorted(self._read() for _ in range(READS))[READS // 2]

    def close(self) -> None:
        self._spi.close()

    def _read(self) -> int:
        try:
            _, upper, lower = self._spi.xfer2(list(self._frame))
        except OSError as error:
            raise HardwareError(
                f"{self.where} cannot be read: {error.strerror or error}; expected three bytes: "
                f"check the ADC's wiring"
            ) from error
        if upper & self._null:
            raise HardwareError(
                f"{self.where} does not answer: the null bit is missing; expected a driven data line: "
                f"check supply, chip select and MISO"
            )
        return int((upper & self._mask) << 8 | lower)


def _spidev() -> Any:
    import spidev

    return spidev.SpiDev()
