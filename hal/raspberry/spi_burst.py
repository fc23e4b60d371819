"""Many ADC conversions in one system call: a batch of SPI transfers for Linux' spidev.

Owns: the layout of ``struct spi_ioc_transfer`` and the request numbers (linux/spi/spidev.h).
Refuses to know: what the bytes mean.

The spidev library cannot do this: each of its xfer calls is one transfer with chip select held low, and an
MCP3x0x starts a conversion only with a new falling edge of chip select. ``cs_change`` on every transfer but
the last raises it in between.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from hal.interface import HardwareError

Ioctl = Callable[[int, int, bytearray], int]
"""(file descriptor, request, argument changed in place) -> result; raises ``OSError``."""

TRANSFER = struct.Struct("=QQIIHBBBBBB")
"""tx_buf, rx_buf, len, speed_hz, delay_usecs, bits_per_word, cs_change, tx_nbits, rx_nbits, delay, pad."""

WRITE_MODE = 0x40016B01  # SPI_IOC_WR_MODE: _IOW('k', 1, __u8)
MODE_0 = 0
MOST_TRANSFERS = 511  # the size field of a request has 14 bits, a transfer 32 bytes


def message_request(transfers: int) -> int:
    """SPI_IOC_MESSAGE(N): _IOW('k', 0, char[N * 32]). Raises ``ValueError`` outside 1..511."""
    if not 1 <= transfers <= MOST_TRANSFERS:
        raise ValueError(f"{transfers} SPI transfers in a message; accepted: 1..{MOST_TRANSFERS}")
    return 0x40000000 | (transfers * TRANSFER.size) << 16 | 0x6B00


class SpiBurst:
    """``count`` transfers of the same bytes, prepared once. Raises ``HardwareError``."""

    def __init__(
        self, device: Path, frame: bytes, count: int, speed_hz: int, ioctl: Ioctl | None = None
    ) -> None:
        self._device = device
        self._ioctl: Ioctl = ioctl or fcntl.ioctl
        self._request = message_request(count)
        self._expected = count * len(frame)
        self._tx = ctypes.create_string_buffer(frame, len(frame))
        self._rx = (ctypes.c_ubyte * self._expected)()
        self._received = memoryview(self._rx).cast("B")
        tx_at, rx_at = ctypes.addressof(self._tx), ctypes.addressof(self._rx)
        self._message = bytearray(count * TRANSFER.size)
        for number in range(count):
            to = rx_at + number * len(frame)
            change = int(number < count - 1)
            fields = (tx_at, to, len(frame), speed_hz, 0, 8, change, 0, 0, 0, 0)
            TRANSFER.pack_into(self._message, number * TRANSFER.size, *fields)
        try:
            self._fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise HardwareError(
                f"{device} cannot be opened: {error.strerror}; expected the SPI device of the pilot ADC: "
                f"add dtparam=spi=on to config.txt, reboot, and join the group spi"
            ) from error
        try:
            self._ioctl(self._fd, WRITE_MODE, bytearray([MODE_0]))
        except OSError as error:
            self.close()
            raise HardwareError(
                f"{device} refuses SPI mode 0: {error.strerror}; expected a spidev device: check evse.adc.spi"
            ) from error

    def transfer(self) -> bytes:
        """All transfers now; what came back, one frame after the other. Raises ``HardwareError``."""
        try:
            moved = self._ioctl(self._fd, self._request, self._message)
        except OSError as error:
            raise HardwareError(
                f"{self._device}: the burst failed: {error.strerror}; expected {self._expected} bytes: "
                f"check the wiring of the ADC and that spidev.bufsiz is at least {self._expected}"
            ) from error
        if moved != self._expected:
            raise HardwareError(
                f"{self._device}: the burst moved {moved} bytes, expected {self._expected}: "
                f"see that no other program uses the device, then restart the safety process"
            )
        return self._received.tobytes()

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
