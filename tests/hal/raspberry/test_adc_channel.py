"""One channel through the spidev library: the median, and what is said when nothing answers."""

import errno
import importlib.util
import os
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.profile import AdcProfile
from hal.raspberry.adc_channel import AdcChannel
from tests.support.fake_spi import FakeSpi, FakeSpiDev

PROFILE = AdcProfile("MCP3208", "0.0", 1_000_000, 0, 7117, -15510)


def channel(chip: FakeSpi, profile: AdcProfile = PROFILE) -> tuple[AdcChannel, FakeSpiDev]:
    spi = FakeSpiDev(chip)
    return AdcChannel("thermometer", profile, 2, Path("/somewhere"), open_spi=lambda: spi), spi


@pytest.mark.parametrize(("model", "bits"), [("MCP3208", 12), ("MCP3204", 12), ("MCP3008", 10)])
def test_the_code_of_its_own_channel(model: str, bits: int) -> None:
    chip = FakeSpi(lambda number, time_us: 321 if number == 2 else 0, bits)
    adc = AdcProfile(model, "0.0", 1_000_000, 0, 7117, -15510)
    assert channel(chip, adc)[0].code() == 321


def test_one_disturbed_read_of_three_does_not_matter() -> None:
    codes = iter([500, 4095, 501])
    assert channel(FakeSpi(lambda number, time_us: next(codes)))[0].code() == 501


def test_the_speed_is_slow_and_the_device_is_released() -> None:
    opened, spi = channel(FakeSpi(lambda number, time_us: 0))
    assert (spi.path, spi.mode, spi.max_speed_hz) == ("/somewhere/dev/spidev0.0", 0, 500_000)
    opened.close()
    assert spi.closed


def test_errors_name_device_channel_and_remedy() -> None:
    chip = FakeSpi(lambda number, time_us: 0)
    opened, _ = channel(chip)
    chip.absent = True
    with pytest.raises(
        HardwareError, match=r"thermometer on /somewhere/dev/spidev0\.0 channel 2 does not answer"
    ):
        opened.code()
    chip.error = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(HardwareError, match="cannot be read: Input/output error; expected three bytes"):
        opened.code()
    with pytest.raises(HardwareError, match="cannot be opened: Input/output error; expected a spidev device"):
        channel(chip)


@pytest.mark.skipif(importlib.util.find_spec("spidev") is not None, reason="spidev is installed here")
def test_a_missing_library_is_named() -> None:
    with pytest.raises(HardwareError, match="the spidev library is missing"):
        AdcChannel("thermometer", PROFILE, 2, Path("/somewhere"))
