"""An MCP3x0x behind Linux' spidev, at the level of bytes in memory.

``FakeSpi.ioctl`` decodes the transfers of SPI_IOC_MESSAGE, answers each frame bit by bit as the chip
does, and moves its own clock by what a transfer takes. ``FakeSpiDev`` is the same chip behind the API of the
spidev library.
"""

from __future__ import annotations

import ctypes
import random
import struct
from collections.abc import Callable

TRANSFER_BYTES = 32


class FakeSpi:
    """``volts_to_code``: channel -> code at ``time_us``; ``bits`` 12 (MCP320x) or 10 (MCP3008)."""

    def __init__(
        self, code_at: Callable[[int, float], int], bits: int = 12, overhead_us: float = 15.0
    ) -> None:
        self.code_at = code_at
        self.bits = bits
        self.overhead_us = overhead_us
        self.time_us = 0.0
        self.requests: list[int] = []
        self.modes: list[int] = []
        self.frames: list[bytes] = []
        self.chip_selects = 0
        self.absent = False
        self.short_by = 0
        self.error: OSError | None = None

    def ioctl(self, _fd: int, request: int, argument: bytearray) -> int:
        self.requests.append(request)
        if self.error:
            raise self.error
        if request == 0x40016B01:
            self.modes.append(argument[0])
            return 0
        size = request >> 16 & 0x3FFF
        assert request & ~(0x3FFF << 16) == 0x40006B00
        assert size == len(argument) and size % TRANSFER_BYTES == 0
        moved = 0
        for at in range(0, size, TRANSFER_BYTES):
            tx, rx, length, speed_hz, _delay, bits, cs_change, *rest = struct.unpack_from(
                "=QQIIHBBBBBB", argument, at
            )
            assert bits == 8 and rest == [0, 0, 0, 0]
            last = at + TRANSFER_BYTES == size
            assert cs_change == (0 if last else 1), "chip select must rise between conversions"
            self.chip_selects += 1
            answer = self.answer(ctypes.string_at(tx, length))
            ctypes.memmove(rx, answer, length)
            self.time_us += length * 9 * 1_000_000 / speed_hz + self.overhead_us
            moved += length
        return moved - self.short_by

    def answer(self, frame: bytes) -> bytes:
        """Clock a frame through the chip: start bit, SGL, channel bits, sample bit, null bit, data."""
        self.frames.append(frame)
        if self.absent:
            return b"\xff" * len(frame)
        bits = [byte >> shift & 1 for byte in frame for shift in range(7, -1, -1)]
        start = bits.index(1)
        assert bits[start + 1] == 1, "single-ended"
        channel = bits[start + 2] << 2 | bits[start + 3] << 1 | bits[start + 4]
        code = self.code_at(channel, self.time_us)
        out = [1] * len(bits)  # high impedance, pulled up, until the null bit
        data = [0] + [code >> shift & 1 for shift in range(self.bits - 1, -1, -1)]
        null_at = start + 6
        out[null_at : null_at + len(data)] = data
        assert len(out) == len(bits), "the frame is too short for all data bits"
        return bytes(int("".join(map(str, out[at : at + 8])), 2) for at in range(0, len(out), 8))

    def clock_ns(self) -> int:
        return int(self.time_us * 1000)


class FakeSpiDev:
    """The part of ``spidev.SpiDev`` that is used."""

    def __init__(self, chip: FakeSpi) -> None:
        self.chip = chip
        self.path = ""
        self.mode = 3
        self.max_speed_hz = 0
        self.closed = False

    def open_path(self, path: str) -> None:
        if self.chip.error:
            raise self.chip.error
        self.path = path

    def xfer2(self, frame: list[int]) -> list[int]:
        if self.chip.error:
            raise self.chip.error
        return list(self.chip.answer(bytes(frame)))

    def close(self) -> None:
        self.closed = True


class PilotWave:
    """The pilot as ADC codes: 1 kHz, two levels, slopes of 8 us, noise; other channels read ``other``."""

    def __init__(
        self, duty_pm: int, high_mv: int, low_mv: int, *, gain_uv: int = 7117, offset_mv: int = -15510,
        noise_mv: int = 30, phase_us: float = 0.0, other: int = 0, seed: int = 1,
    ) -> None:  # fmt: skip
        self.duty_pm, self.high_mv, self.low_mv = duty_pm, high_mv, low_mv
        self.gain_uv, self.offset_mv, self.noise_mv, self.phase_us = gain_uv, offset_mv, noise_mv, phase_us
        self.other = other
        self._random = random.Random(seed)

    def millivolts(self, time_us: float) -> int:
        at = (time_us + self.phase_us) % 1000
        if self.duty_pm in (0, 1000):
            level: float = self.high_mv if self.duty_pm else self.low_mv
        elif at < self.duty_pm:
            level = self.low_mv + (self.high_mv - self.low_mv) * min(at / 8, 1)
        else:
            level = self.high_mv + (self.low_mv - self.high_mv) * min((at - self.duty_pm) / 8, 1)
        return round(level + self._random.uniform(-self.noise_mv, self.noise_mv))

    def code(self, channel: int, time_us: float) -> int:
        if channel != 0:
            return self.other
        return round((self.millivolts(time_us) - self.offset_mv) * 1000 / self.gain_uv)
