"""Proximity: the divider's arithmetic on a fake chip behind the spidev library's API."""

import errno
import importlib.util
import os
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.profile import AdcProfile
from hal.raspberry.proximity import AdcProximity
from tests.support.fake_spi import FakeSpi, FakeSpiDev

PROFILE = AdcProfile("MCP3208", "0.0", 1_000_000, 0, 7117, -15510, proximity_channel=1)


def code_of(ohm: int, resolution: int = 4096) -> int:
    return round(resolution * ohm / (ohm + 1000))


def open_proximity(chip: FakeSpi, profile: AdcProfile = PROFILE) -> tuple[AdcProximity, FakeSpiDev]:
    spi = FakeSpiDev(chip)
    return AdcProximity(profile, Path("/somewhere"), open_spi=lambda: spi), spi


@pytest.mark.parametrize("ohm", [56, 100, 220, 680, 1500, 2460, 4490])
def test_plug_resistors(ohm: int) -> None:
    chip = FakeSpi(lambda channel, time_us: code_of(ohm) if channel == 1 else 0)
    proximity, _ = open_proximity(chip)
    measured = proximity.resistance_ohm()
    assert measured is not None and abs(measured - ohm) <= max(2, ohm // 100)


@pytest.mark.parametrize("code", [4095, code_of(4600), code_of(47000)])
def test_open_is_none(code: int) -> None:
    assert open_proximity(FakeSpi(lambda channel, time_us: code))[0].resistance_ohm() is None


def test_short_is_zero_ohms() -> None:
    assert open_proximity(FakeSpi(lambda channel, time_us: 0))[0].resistance_ohm() == 0


def test_one_disturbed_read_of_three_does_not_matter() -> None:
    codes = iter([code_of(220), 4095, code_of(220)])
    assert open_proximity(FakeSpi(lambda channel, time_us: next(codes)))[0].resistance_ohm() in range(
        217, 224
    )


def test_ten_bit_converter() -> None:
    profile = AdcProfile("MCP3008", "0.0", 1_000_000, 0, 28467, -15510, proximity_channel=6)
    chip = FakeSpi(lambda channel, time_us: code_of(680, 1024) if channel == 6 else 0, bits=10)
    assert open_proximity(chip, profile)[0].resistance_ohm() in range(670, 690)


def test_path_mode_and_speed() -> None:
    proximity, spi = open_proximity(FakeSpi(lambda channel, time_us: 0))
    assert (spi.path, spi.mode, spi.max_speed_hz) == ("/somewhere/dev/spidev0.0", 0, 500_000)
    proximity.close()
    assert spi.closed


def test_missing_chip_and_lost_device() -> None:
    chip = FakeSpi(lambda channel, time_us: 0)
    proximity, _ = open_proximity(chip)
    chip.absent = True
    with pytest.raises(HardwareError, match=r"spidev0\.0 channel 1 does not answer: the null bit"):
        proximity.resistance_ohm()
    chip.error = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(HardwareError, match="cannot be read: Input/output error"):
        proximity.resistance_ohm()
    with pytest.raises(HardwareError, match=r"cannot be opened: Input/output error.*dtparam=spi=on"):
        open_proximity(chip)


def test_missing_library_is_named() -> None:
    def missing() -> object:
        raise ImportError("No module named 'spidev'")

    with pytest.raises(HardwareError, match=r"spidev library is missing; .* joulepost\[pi\]"):
        AdcProximity(PROFILE, open_spi=missing)


def test_real_library_on_a_missing_device(tmp_path: Path) -> None:
    """With the library its own error is passed on; without it (a desk) the message names the extra."""
    installed = importlib.util.find_spec("spidev") is not None
    expected = "cannot be opened: No such file" if installed else "the spidev library is missing"
    with pytest.raises(HardwareError, match=expected):
        AdcProximity(PROFILE, tmp_path)


def test_profile_without_proximity_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="proximity_channel"):
        AdcProximity(AdcProfile("MCP3208", "0.0", 1_000_000, 0, 7117, -15510))
