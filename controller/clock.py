"""The two clocks of the controller process; the only module outside the safety process that imports ``time``.

Owns: reading CLOCK_MONOTONIC, and UTC corrected by what the CSMS told (a Pi has no battery-backed clock).
Refuses to know: timers (asyncio has them) and who set the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from controller.domain.instant import Now


class Clock(Protocol):
    """Where shells get ``Now`` from; tests hand in one that follows a virtual event loop."""

    def now(self) -> Now: ...

    def set_utc(self, utc_ms: int, sure: bool = True) -> int:
        """Adopt a time. Returns the step in ms (positive = forward). ``sure`` False: an estimate, which the
        next setting of the system's clock replaces."""


STEP_MS = 1_000
"""The kernel's two clocks are slewed together; when they move against each other by more, one was set."""


class SystemClock:
    """Counts with CLOCK_MONOTONIC from the last setting. ``set_utc`` keeps an offset of its own: it needs no
    privilege, and other programs' idea of the time is not its business.

    Until somebody who is sure has told the time, settings of the system's clock (NTP, a person) are followed;
    afterwards they are not: the CSMS bills by its own clock, and two masters would push the time to and fro.
    """

    def __init__(
        self,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        time_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._time_ns = time_ns
        self._told = False
        self._offset_ms = self._system_ms = self._system_offset_ms()

    def now(self) -> Now:
        if not self._told:
            system_ms = self._system_offset_ms()
            if abs(system_ms - self._system_ms) >= STEP_MS:
                self._offset_ms = self._system_ms = system_ms
        mono_ms = self._monotonic_ns() // 1_000_000
        return Now(mono_ms, mono_ms + self._offset_ms)

    def set_utc(self, utc_ms: int, sure: bool = True) -> int:
        step = utc_ms - self.now().utc_ms
        self._offset_ms += step
        self._told = self._told or sure
        return step

    def _system_offset_ms(self) -> int:
        return (self._time_ns() - self._monotonic_ns()) // 1_000_000
