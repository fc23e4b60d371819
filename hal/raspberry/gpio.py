"""One GPIO output or input through gpiozero, in terms of a ``PinProfile``.

Owns: polarity and pull of a line, and turning any failure of a pin library into ``HardwareError``.
Refuses to know: what the line does.

gpiozero talks to the line through a pin factory: by default its own choice (lgpio on a Pi 5, and
``GPIOZERO_PIN_FACTORY`` overrides). Inputs are polled, never by edge events: the safety loop reads every
10 ms and needs no second thread.
"""

from __future__ import annotations

from typing import Any

from hal.interface import HardwareError
from hal.profile import PinProfile

PULL_UP = {"up": True, "down": False, "none": None}


class GpioOutput:
    """A digital output, off when opened. ``name`` says in messages what the line is for."""

    def __init__(self, profile: PinProfile, name: str, pin_factory: Any = None) -> None:
        self._where = f"{name} on GPIO{profile.pin}"
        self._device: Any = _open(
            self._where,
            lambda gpiozero: gpiozero.OutputDevice(
                profile.pin, active_high=profile.active_high, initial_value=False, pin_factory=pin_factory
            ),
        )

    def set(self, on: bool) -> None:
        """Raises ``HardwareError``."""
        try:
            if on:
                self._device.on()
            else:
                self._device.off()
        except Exception as error:  # pin libraries share no base class
            raise _failed(self._where, "switched", error) from error

    def close(self) -> None:
        """Give the line back: it becomes an input, and the circuit's own pull resistor decides."""
        self._device.close()


class GpioInput:
    """A digital input, read when asked."""

    def __init__(self, profile: PinProfile, name: str, pin_factory: Any = None) -> None:
        self._where = f"{name} on GPIO{profile.pin}"
        pull_up = PULL_UP[profile.pull]
        # gpiozero ties polarity to the pull; here they are independent (a fail-safe input is pulled to
        # its active level, so that a broken wire reads active).
        self._inverted = (pull_up is not True) != profile.active_high
        active_state = True if pull_up is None else None
        self._device: Any = _open(
            self._where,
            lambda gpiozero: gpiozero.InputDevice(
                profile.pin, pull_up=pull_up, active_state=active_state, pin_factory=pin_factory
            ),
        )

    def active(self) -> bool:
        """Raises ``HardwareError``."""
        try:
            return bool(self._device.value) != self._inverted
        except Exception as error:  # pin libraries share no base class
            raise _failed(self._where, "read", error) from error

    def close(self) -> None:
        self._device.close()


def _open(where: str, make: Any) -> Any:
    try:
        import gpiozero

        return make(gpiozero)
    except Exception as error:  # pin libraries share no base class
        raise HardwareError(
            f"{where} cannot be opened: {type(error).__name__}: {error}; expected a free line and a pin "
            f"library: install joulepost[pi] or python3-lgpio, join the group gpio, and see that no other "
            f"program holds the line"
        ) from error


def _failed(where: str, verb: str, error: Exception) -> HardwareError:
    return HardwareError(
        f"{where} cannot be {verb}: {type(error).__name__}: {error}; "
        f"see that no other program uses the line, then restart the safety process"
    )
