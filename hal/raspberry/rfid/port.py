"""Opening a serial port, and saying plainly why that failed.

Owns: pyserial. Refuses to know: what is at the other end.
"""

from __future__ import annotations

import os
import termios
from pathlib import Path
from typing import TYPE_CHECKING

from hal.interface import HardwareError

if TYPE_CHECKING:
    import serial


def open_port(path: Path, baud: int, parity: str) -> serial.Serial:
    """The port, 8 data bits, 1 stop bit, opened for this process alone, reads never block.

    Raises ``HardwareError`` naming the path and what to do.
    """
    import serial

    try:
        port = serial.Serial(str(path), baudrate=baud, parity=parity, timeout=0, exclusive=True)
    except (termios.error, ValueError) as error:
        raise _not_taken(path, baud, parity, str(error)) from error
    except (OSError, serial.SerialException) as error:
        raise HardwareError(f"card reader port {path}: {_why(path, error)}") from error
    # Some drivers drop what they cannot do without a word.
    control_flags = termios.tcgetattr(port.fileno())[2]
    if bool(control_flags & termios.PARENB) != (parity != "N"):
        port.close()
        raise _not_taken(path, baud, parity, "the parity bit does not stay set")
    os.set_blocking(port.fileno(), False)
    return port


def _not_taken(path: Path, baud: int, parity: str, why: str) -> HardwareError:
    return HardwareError(
        f"card reader port {path}: does not take {baud} 8{parity}1 ({why}); "
        f"check baud and parity in the board profile"
    )


def _why(path: Path, error: Exception) -> str:
    if not path.exists():
        return "no such device; check the cable (present: ls /dev/serial/by-id)"
    if not os.access(path, os.R_OK | os.W_OK):
        return "no permission; add the user of this service to the group dialout"
    return f"cannot be opened as a serial port; is another program using it? ({error})"
