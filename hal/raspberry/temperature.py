"""Temperature sensors: a Pt1000 or NTC on a channel of the pilot's ADC, or a sysfs file.

Owns: resistance to degrees, and that a broken or shorted wire is no temperature.
Refuses to know: what is too hot.

The ADC is read at most once a second (about 0.3 ms); files are read by a helper (``sysfs_reader``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

from hal.interface import HardwareError
from hal.profile import AdcProfile, TemperatureProfile
from hal.raspberry.adc_channel import AdcChannel
from hal.raspberry.sysfs_reader import SysfsReader

READ_EVERY_NS = 1_000_000_000
LOWEST_MDEG, HIGHEST_MDEG = -40_000, 125_000
"""Outside of this nothing is measured here: the wire is broken or shorted."""

Curve = tuple[tuple[float, float], ...]
"""(ohm, degree Celsius), in the order of degrees."""


def pt1000() -> Curve:
    """IEC 60751 between -50 and 150 degrees: R = 1000 (1 + A t + B t^2), the term below zero left out (the
    error at -50 is 0.1 degree)."""
    return tuple((1000 * (1 + 3.9083e-3 * c - 5.775e-7 * c * c), float(c)) for c in range(-50, 151, 5))


def degrees_mdeg(curve: Curve, ohm: float, logarithmic: bool) -> int | None:
    """Between the points of the curve: straight in ohms, or in their logarithm (an NTC). None outside."""
    for (low_ohm, low_c), (high_ohm, high_c) in pairwise(curve):
        if min(low_ohm, high_ohm) <= ohm <= max(low_ohm, high_ohm):
            if logarithmic:
                part = log(ohm / low_ohm) / log(high_ohm / low_ohm)
            else:
                part = (ohm - low_ohm) / (high_ohm - low_ohm)
            return round((low_c + part * (high_c - low_c)) * 1000)
    return None


class AdcTemperature:
    """``hal.interface.TemperatureSensor``: pull-up to the ADC's reference, sensor to ground.

    Raises ``HardwareError``.
    """

    def __init__(
        self,
        profile: TemperatureProfile,
        adc: AdcProfile,
        root: Path = Path("/"),
        *,
        open_spi: Callable[[], Any] | None = None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if profile.adc_channel is None:
            raise ValueError(f"temperature sensor {profile.name} has no adc_channel")
        self.name = profile.name
        self._channel = AdcChannel(
            f"temperature sensor {profile.name}", adc, profile.adc_channel, root, open_spi=open_spi
        )
        self._pullup_ohm = profile.pullup_ohm
        self._ntc = profile.element == "ntc"
        self._curve = tuple((float(ohm), float(c)) for ohm, c in profile.table) if self._ntc else pt1000()
        self._monotonic_ns = monotonic_ns
        self._read_ns: int | None = None
        self._latest: int | HardwareError | None = None

    def read_mdeg_c(self) -> int:
        """Raises ``HardwareError`` when the resistance is not one of a sensor between -40 and 125 degrees."""
        now_ns = self._monotonic_ns()
        if self._latest is None or self._read_ns is None or now_ns - self._read_ns >= READ_EVERY_NS:
            self._read_ns = now_ns
            try:
                self._latest = self._measure()
            except HardwareError as error:
                self._latest = error
        if isinstance(self._latest, HardwareError):
            raise self._latest
        return self._latest

    def close(self) -> None:
        self._channel.close()

    def _measure(self) -> int:
        code = self._channel.code()
        ohm = self._pullup_ohm * code / (self._channel.resolution - code)
        mdeg = degrees_mdeg(self._curve, ohm, self._ntc) if ohm > 0 else None
        if mdeg is None or not LOWEST_MDEG <= mdeg <= HIGHEST_MDEG:
            kind = "an NTC within its table" if self._ntc else "a Pt1000"
            raise HardwareError(
                f"{self._channel.where}: found {ohm:.0f} ohm; expected {kind} (-40 to 125 degrees): "
                f"check for a broken or shorted wire, pullup_ohm and element"
            )
        return mdeg


class SysfsTemperature:
    """``hal.interface.TemperatureSensor``: file number ``index`` of a ``SysfsReader``."""

    def __init__(self, name: str, reader: SysfsReader, index: int) -> None:
        self.name = name
        self._reader = reader
        self._index = index

    def read_mdeg_c(self) -> int:
        """Raises ``HardwareError`` when the file gives nothing, or nothing new for 10 s."""
        return self._reader.mdeg_c(self._index)
