"""The small guardians of one EVSE: residual-current detector, proximity contact, plug lock; and the
station's hardware watchdog gate.

Owns: how these parts behave in time, electrically. Refuses to know: what anybody makes of them.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hal.interface import LockDrive

TEST_RESPONSE_US = 40_000
"""The detector trips so long after its test input, and recovers so long after the input is released."""
LOCK_TRAVEL_US = 250_000
"""The lock motor needs so much drive to reach the other end (makers give pulses of 300 to 600 ms)."""
CABLE_OHM = {13_000: 1500, 20_000: 680, 32_000: 220, 63_000: 100}
"""IEC 61851-1 Annex B, table B.2: resistor in the plug for the cable's ampacity in mA."""


class ResidualDetector:
    """RDC-DD with a test input; its output also opens the coil's circuit, without software."""

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self._test = False
        self._tripped = False  # by the test
        self._due_us: int | None = None

    def set_test(self, active: bool, now_us: int) -> None:
        if active != self._test:
            self._test = active
            self._due_us = now_us + TEST_RESPONSE_US

    def update(self, now_us: int) -> None:
        if self._due_us is None or now_us < self._due_us:
            return
        self._due_us = None
        if self._test:
            self._tripped = "rcd_test_dead" not in self._faults
        elif "rcd_test_stuck" not in self._faults:
            self._tripped = False

    def repaired(self) -> None:
        """A fault of the detector was cleared: a stuck output falls back."""
        if not self._test:
            self._tripped = False

    def horizon_us(self, now_us: int) -> int | None:
        return None if self._due_us is None else max(1, self._due_us - now_us)

    @property
    def tripped(self) -> bool:
        return self._tripped or "rcd_trip" in self._faults


class ProximityContact:
    """The resistor between PP and PE in the plug that is in the socket."""

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self.cable_ma: int | None = None

    @property
    def resistance_ohm(self) -> int | None:
        if "proximity_short" in self._faults:
            return 0
        if self.cable_ma is None or "proximity_open" in self._faults:
            return None
        if "proximity_wrong" in self._faults:
            return 3300
        return CABLE_OHM[self.cable_ma]


class LockMotor:
    """A motor between two ends; it moves while driven and stays where it is otherwise."""

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self._drive = LockDrive.OFF
        self._since = 0
        self._moved_until = 0
        self._at_us = 0  # 0 = unlocked end .. LOCK_TRAVEL_US = locked end
        self.longest_drive_us = 0  # how long it was ever driven without a pause

    def drive(self, drive: LockDrive, now_us: int) -> None:
        if drive != self._drive:
            self.update(now_us)
            self._drive = drive
            self._since = now_us
            self._moved_until = now_us

    def update(self, now_us: int) -> None:
        if self._drive is LockDrive.OFF:
            return
        self.longest_drive_us = max(self.longest_drive_us, now_us - self._since)
        travel = now_us - self._moved_until
        self._moved_until = now_us
        if "lock_jam" in self._faults:
            return
        if self._drive is LockDrive.LOCK:
            self._at_us = min(LOCK_TRAVEL_US, self._at_us + travel)
        else:
            self._at_us = max(0, self._at_us - travel)

    @property
    def bolted(self) -> bool:
        """Whether the plug is held: only at the locked end."""
        return self._at_us == LOCK_TRAVEL_US

    @property
    def feedback_locked(self) -> bool:
        return self.bolted and "lock_feedback_lost" not in self._faults


class Gate:
    """Retriggerable watchdog circuit: lets coil and pilot through for ``window_us`` after each pulse.
    A station without one (``fitted`` False) lets everything through."""

    def __init__(self, faults: AbstractSet[str], window_us: int, *, fitted: bool = True) -> None:
        self._faults = faults
        self._fitted = fitted
        self.window_us = window_us
        self._open_until: int | None = None
        self.drops = 0

    def pulse(self, now_us: int) -> None:
        self._open_until = now_us + self.window_us

    def passes(self, now_us: int) -> bool:
        if not self._fitted:
            return True
        if self._open_until is not None and now_us >= self._open_until:
            self._open_until = None
            self.drops += 1
        return self._open_until is not None and "watchdog_dead" not in self._faults

    def horizon_us(self, now_us: int) -> int | None:
        return None if self._open_until is None else max(1, self._open_until - now_us)
