"""The two clocks of the controller process; the only module outside the safety process that imports ``time``.

Owns: reading CLOCK_MONOTONIC, and UTC corrected by what the CSMS told (a Pi has no battery-backed clock).
Refuses to know: timers (asyncio has them) and who set the time.
"""

from __future__ import annotations

import time
from typing import Protocol

from controller.domain.instant import Now


class Clock(Protocol):
    """Where shells get ``Now`` from; tests hand in one that follows a virtual event loop."""

    def now(self) -> Now: ...

    def set_utc(self, utc_ms: int) -> int:
        """Adopt the CSMS's time. Returns the step in ms (positive = forward)."""


class SystemClock:
    """Reads the kernel's clocks. ``set_utc`` keeps an offset of its own: it needs no privilege and
    other programs' idea of the time is not its business."""

    def __init__(self) -> None:
        self._offset_ms = 0

    def now(self) -> Now:
        return Now(time.monotonic_ns() // 1_000_000, time.time_ns() // 1_000_000 + self._offset_ms)

    def set_utc(self, utc_ms: int) -> int:
        step = utc_ms - self.now().utc_ms
        self._offset_ms += step
        return step
