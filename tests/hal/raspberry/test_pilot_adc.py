"""Bursts through the driver on a fake chip that answers bytes and plays a pilot's waveform."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.profile import AdcProfile
from hal.raspberry.pilot_adc import PilotAdc
from tests.support.fake_spi import FakeSpi, PilotWave

MCP3208 = AdcProfile("MCP3208", "0.0", 1_000_000, 0, 7117, -15510, 80)
MCP3008 = AdcProfile("MCP3008", "0.0", 1_350_000, 0, 28467, -15510, 100)


def open_adc(root: Path, chip: FakeSpi, profile: AdcProfile = MCP3208) -> PilotAdc:
    (root / "dev").mkdir(exist_ok=True)
    (root / f"dev/spidev{profile.spi}").touch()
    return PilotAdc(profile, root, ioctl=chip.ioctl, clock_ns=chip.clock_ns)


def constant(code: int) -> Callable[[int, float], int]:
    return lambda channel, time_us: code


@pytest.mark.parametrize("duty_pm", [80, 100, 266, 533])
@pytest.mark.parametrize("high_mv", [12000, 9000, 6000, 3000])
def test_reads_the_pilot(tmp_path: Path, duty_pm: int, high_mv: int) -> None:
    chip = FakeSpi(PilotWave(duty_pm, high_mv, -12000).code)
    adc = open_adc(tmp_path, chip)
    for _ in range(40):
        chip.time_us += 6637.3
        sample = adc.sample()
        assert abs(sample.high_mv - high_mv) <= 70 and abs(sample.low_mv + 12000) <= 70
        assert abs(sample.high_pm - duty_pm) <= 25
    adc.close()


@pytest.mark.parametrize(("duty_pm", "level_mv"), [(1000, 12000), (1000, 9000), (0, -12000)])
def test_reads_steady_levels(tmp_path: Path, duty_pm: int, level_mv: int) -> None:
    adc = open_adc(tmp_path, FakeSpi(PilotWave(duty_pm, level_mv, level_mv).code))
    sample = adc.sample()
    assert sample.high_mv == sample.low_mv and abs(sample.high_mv - level_mv) <= 40
    assert sample.high_pm == duty_pm
    adc.close()


def test_ten_bit_converter(tmp_path: Path) -> None:
    wave = PilotWave(266, 6000, -12000, gain_uv=28467)
    adc = open_adc(tmp_path, FakeSpi(wave.code, bits=10), MCP3008)
    sample = adc.sample()
    assert abs(sample.high_mv - 6000) <= 90 and abs(sample.low_mv + 12000) <= 90
    assert abs(sample.high_pm - 266) <= 25
    adc.close()


def test_a_burst_spans_three_periods_and_leaves_half_the_tick(tmp_path: Path) -> None:
    chip = FakeSpi(PilotWave(266, 6000, -12000).code)
    adc = open_adc(tmp_path, chip)
    before_us, conversions = chip.time_us, chip.chip_selects
    adc.sample()
    assert 3000 <= chip.time_us - before_us <= 5000
    assert chip.chip_selects - conversions == 80
    assert len({request for request in chip.requests if request != 0x40016B01}) == 1
    adc.close()


@pytest.mark.parametrize(("overhead_us", "taken_us"), [(1.0, 2240), (60.0, 6960)])
def test_a_bus_too_fast_or_too_slow_is_refused(tmp_path: Path, overhead_us: float, taken_us: int) -> None:
    chip = FakeSpi(constant(2179), overhead_us=overhead_us)
    with pytest.raises(HardwareError, match=rf"takes {taken_us} us; expected 3000\.\.5000 us"):
        open_adc(tmp_path, chip)


@pytest.mark.parametrize("overhead_us", [1.0, 60.0])
def test_the_advised_burst_is_accepted(tmp_path: Path, overhead_us: float) -> None:
    chip = FakeSpi(constant(2179), overhead_us=overhead_us)
    with pytest.raises(HardwareError) as caught:
        open_adc(tmp_path, chip)
    advised = int(str(caught.value).rsplit(" ", 1)[1])
    open_adc(tmp_path, chip, dataclasses.replace(MCP3208, burst_samples=advised)).close()


def test_missing_chip_is_told_by_the_null_bit(tmp_path: Path) -> None:
    chip = FakeSpi(constant(2179))
    adc = open_adc(tmp_path, chip)
    chip.absent = True
    with pytest.raises(HardwareError, match="does not answer: 80 of 80 conversions lack the null bit"):
        adc.sample()
    adc.close()


@pytest.mark.parametrize("code", [0, 4095])
def test_clipped_bursts_are_refused(tmp_path: Path, code: int) -> None:
    adc = open_adc(tmp_path, FakeSpi(constant(code)))
    with pytest.raises(HardwareError, match="is clipped: 80 of 80 samples"):
        adc.sample()
    adc.close()


def test_implausible_levels_are_refused(tmp_path: Path) -> None:
    adc = open_adc(tmp_path, FakeSpi(constant(4090)), dataclasses.replace(MCP3208, pilot_gain_uv=8000))
    with pytest.raises(HardwareError, match=r"expected -15000\.\.15000: calibrate"):
        adc.sample()
    adc.close()


def test_two_disturbed_conversions_are_tolerated(tmp_path: Path) -> None:
    wave = PilotWave(1000, 12000, 12000)
    count = 0

    def code(channel: int, time_us: float) -> int:
        nonlocal count
        count += 1
        return 4095 if count % 80 in (7, 50) else wave.code(channel, time_us)

    adc = open_adc(tmp_path, FakeSpi(code))
    assert abs(adc.sample().high_mv - 12000) <= 40
    adc.close()
