"""The pilot as read back at its terminal: bursts of an MCP3208, MCP3204 or MCP3008 on SPI.

Owns: taking a burst, turning codes into millivolts, refusing a burst that no pilot can cause.
Refuses to know: the states A to F (hal.plateaus finds the levels).

Cost of a burst, estimated (unverified on hardware): a conversion takes 24 bits at SCLK, 1/8 more for the gaps
between bytes, 10 us of chip-select change and about 5 us in the kernel: 42 us at 1 MHz, so 80 samples take
3.4 ms: 3.4 periods of the pilot, a third of the 10 ms tick. On a Pi Zero 2 W (four A53 cores at 1 GHz) expect
50 to 60 us per conversion, 4.0 to 4.8 ms per burst, during which the SPI driver busy-waits on one core, plus
0.2 to 0.3 ms of Python for the plateaus (0.02 ms on a desktop): about half of one of its four cores. The
driver measures its bursts when it opens and refuses to run outside three periods to half a tick.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from hal.interface import HardwareError, PilotSample
from hal.plateaus import FEWEST, plateaus
from hal.profile import LONGEST_BURST_US, LOWEST_BURST_US, AdcProfile
from hal.raspberry.mcp3x0x import data_mask, frame, null_bit
from hal.raspberry.spi_burst import Ioctl, SpiBurst

TRIALS = 3


class PilotAdc:
    """Measures the pilot of one EVSE. ``ioctl`` and ``clock_ns`` are for tests. Raises ``HardwareError``."""

    def __init__(
        self,
        profile: AdcProfile,
        root: Path = Path("/"),
        *,
        ioctl: Ioctl | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._where = f"ADC {profile.model} on spidev{profile.spi} channel {profile.pilot_channel}"
        self._full_scale = profile.resolution - 1
        mask, null = data_mask(profile.model), null_bit(profile.model)
        self._null_set = bytes(int(byte & null != 0) for byte in range(256))
        millivolts = [
            code * profile.pilot_gain_uv // 1000 + profile.pilot_offset_mv
            for code in range(profile.resolution)
        ]
        # By the second byte received: the 256 values that the third one chooses from.
        self._by_upper = [millivolts[(byte & mask) << 8 : ((byte & mask) << 8) + 256] for byte in range(256)]
        self._lowest_mv, self._highest_mv = millivolts[0], millivolts[-1]
        self._burst = SpiBurst(
            root / f"dev/spidev{profile.spi}",
            frame(profile.model, profile.pilot_channel),
            profile.burst_samples,
            profile.speed_hz,
            ioctl,
        )
        try:
            self._check_duration(profile.burst_samples, clock_ns)
        except BaseException:
            self._burst.close()
            raise

    def sample(self) -> PilotSample:
        """Take a burst now. Raises ``HardwareError`` when it fails or is not that of a pilot."""
        received = self._burst.transfer()
        upper = received[1::3]
        wrong = upper.translate(self._null_set).count(1)
        if wrong >= FEWEST:
            raise HardwareError(
                f"{self._where} does not answer: {wrong} of {len(upper)} conversions lack the null bit; "
                f"expected a driven data line: check supply, chip select and MISO"
            )
        by_upper = self._by_upper
        samples_mv = [by_upper[high][low] for high, low in zip(upper, received[2::3], strict=True)]
        clipped = samples_mv.count(self._lowest_mv) + samples_mv.count(self._highest_mv)
        if clipped >= FEWEST:
            raise HardwareError(
                f"{self._where} is clipped: {clipped} of {len(samples_mv)} samples at {self._lowest_mv} or "
                f"{self._highest_mv} mV; expected a pilot within +-12.6 V: check the sensing network "
                f"and its supply"
            )
        sample = plateaus(samples_mv)
        if sample.high_mv > 15_000 or sample.low_mv < -15_000:
            raise HardwareError(
                f"{self._where} reads {sample.low_mv}..{sample.high_mv} mV; expected -15000..15000: "
                f"calibrate evse.adc.pilot_gain_uv and pilot_offset_mv"
            )
        return sample

    def close(self) -> None:
        self._burst.close()

    def _check_duration(self, samples: int, clock_ns: Callable[[], int]) -> None:
        """The shortest of a few bursts (others may be lengthened by other work) must fit."""
        shortest_us = min(self._timed_us(clock_ns) for _ in range(TRIALS))
        if not LOWEST_BURST_US <= shortest_us <= LONGEST_BURST_US:
            advised = samples * (LOWEST_BURST_US + LONGEST_BURST_US) // 2 // max(shortest_us, 1)
            raise HardwareError(
                f"{self._where}: a burst of {samples} samples takes {shortest_us} us; expected "
                f"{LOWEST_BURST_US}..{LONGEST_BURST_US} us (three pilot periods to half a tick): "
                f"set evse.adc.burst_samples to {advised}"
            )

    def _timed_us(self, clock_ns: Callable[[], int]) -> int:
        start_ns = clock_ns()
        self._burst.transfer()
        return (clock_ns() - start_ns) // 1000
