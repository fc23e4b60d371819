"""The batch of SPI transfers: layout, request number, errors."""

import ctypes
import errno
import os
import struct
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.raspberry.spi_burst import TRANSFER, SpiBurst, message_request
from tests.support.fake_spi import FakeSpi


class SpiIocTransfer(ctypes.Structure):
    """struct spi_ioc_transfer as linux/spi/spidev.h declares it; the compiler's own layout is the judge."""

    _fields_ = [
        ("tx_buf", ctypes.c_uint64),
        ("rx_buf", ctypes.c_uint64),
        ("len", ctypes.c_uint32),
        ("speed_hz", ctypes.c_uint32),
        ("delay_usecs", ctypes.c_uint16),
        ("bits_per_word", ctypes.c_uint8),
        ("cs_change", ctypes.c_uint8),
        ("tx_nbits", ctypes.c_uint8),
        ("rx_nbits", ctypes.c_uint8),
        ("word_delay_usecs", ctypes.c_uint8),
        ("pad", ctypes.c_uint8),
    ]


def device(tmp_path: Path) -> Path:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/spidev0.0").touch()
    return tmp_path / "dev/spidev0.0"


def test_layout_is_the_kernels() -> None:
    assert TRANSFER.size == ctypes.sizeof(SpiIocTransfer) == 32
    packed = TRANSFER.pack(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
    read = SpiIocTransfer.from_buffer_copy(packed)
    assert [getattr(read, name) for name, _ in SpiIocTransfer._fields_] == list(range(1, 12))


@pytest.mark.parametrize(("transfers", "request_"), [(1, 0x40206B00), (80, 0x4A006B00), (511, 0x7FE06B00)])
def test_request_number(transfers: int, request_: int) -> None:
    """_IOW('k', 0, char[n * 32]): direction 1 << 30, size << 16, type << 8, number."""
    assert message_request(transfers) == request_ == 1 << 30 | (transfers * 32) << 16 | ord("k") << 8


@pytest.mark.parametrize("transfers", [0, 512])
def test_size_field_has_14_bits(transfers: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.511"):
        message_request(transfers)


def test_each_transfer_has_its_place_and_chip_select_rises_between(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def ioctl(_fd: int, request: int, argument: bytearray) -> int:
        if request == message_request(3):
            seen.append(bytes(argument))
            return 9
        return 0

    burst = SpiBurst(device(tmp_path), b"\x06\x40\x00", 3, 1_000_000, ioctl)
    assert len(burst.transfer()) == 9
    transfers = list(struct.iter_unpack("=QQIIHBBBBBB", seen[0]))
    first_rx = transfers[0][1]
    assert [t[1] - first_rx for t in transfers] == [0, 3, 6]
    assert {t[0] for t in transfers} == {transfers[0][0]} and ctypes.string_at(
        transfers[0][0], 3
    ) == b"\x06\x40\x00"
    assert [t[6] for t in transfers] == [1, 1, 0]
    assert {t[2:6] for t in transfers} == {(3, 1_000_000, 0, 8)}
    burst.close()


def test_mode_0_is_set(tmp_path: Path) -> None:
    chip = FakeSpi(lambda channel, time_us: 0)
    SpiBurst(device(tmp_path), b"\x06\x00\x00", 4, 1_000_000, chip.ioctl).close()
    assert chip.modes == [0]


def test_missing_device_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        HardwareError, match=r"dev/spidev0\.0 cannot be opened: No such file .* dtparam=spi=on"
    ):
        SpiBurst(tmp_path / "dev/spidev0.0", b"\x06\x00\x00", 4, 1_000_000)


def test_not_a_spi_device_is_refused_by_the_real_ioctl(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match="refuses SPI mode 0: Inappropriate ioctl"):
        SpiBurst(device(tmp_path), b"\x06\x00\x00", 4, 1_000_000)


def test_failed_and_short_bursts(tmp_path: Path) -> None:
    chip = FakeSpi(lambda channel, time_us: 0)
    burst = SpiBurst(device(tmp_path), b"\x06\x00\x00", 4, 1_000_000, chip.ioctl)
    chip.error = OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    with pytest.raises(HardwareError, match="the burst failed: Message too long; expected 12 bytes"):
        burst.transfer()
    chip.error, chip.short_by = None, 3
    with pytest.raises(HardwareError, match="moved 9 bytes, expected 12"):
        burst.transfer()
    burst.close()
