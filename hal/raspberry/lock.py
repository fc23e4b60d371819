"""The plug lock's motor and its position feedback.

Owns: an H-bridge on two GPIO outputs, and that both are never on together.
Refuses to know: how long a pulse lasts (the safety loop times it) and when to lock.
"""

from __future__ import annotations

from typing import Any

from hal.interface import LockDrive
from hal.profile import LockProfile
from hal.raspberry.gpio import GpioInput, GpioOutput


class GpioLock:
    """``hal.interface.Lock`` on GPIO. The motor is off when created."""

    def __init__(self, profile: LockProfile, pin_factory: Any = None) -> None:
        self._opened: list[GpioOutput | GpioInput] = []
        try:
            self._lock = GpioOutput(profile.lock_pin, "lock motor", pin_factory)
            self._opened.append(self._lock)
            self._unlock = GpioOutput(profile.unlock_pin, "unlock motor", pin_factory)
            self._opened.append(self._unlock)
            self._feedback = None
            if profile.feedback:
                self._feedback = GpioInput(profile.feedback, "lock feedback", pin_factory)
                self._opened.append(self._feedback)
        except BaseException:
            self.close()
            raise

    def drive(self, drive: LockDrive) -> None:
        """Drive the motor; the other direction goes off first. Raises ``HardwareError``."""
        if drive is LockDrive.LOCK:
            self._unlock.set(False)
            self._lock.set(True)
        elif drive is LockDrive.UNLOCK:
            self._lock.set(False)
            self._unlock.set(True)
        else:
            try:
                self._lock.set(False)
            finally:  # never leave the second half of the bridge on because of the first
                self._unlock.set(False)

    def locked(self) -> bool | None:
        """Position feedback; None when there is none. Raises ``HardwareError``."""
        return self._feedback.active() if self._feedback else None

    def close(self) -> None:
        for device in self._opened:
            device.close()
