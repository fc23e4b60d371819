"""Resistance to degrees on a fake chip; a file's number through the reader; nothing from a broken wire."""

from pathlib import Path

import pytest

from hal.interface import HardwareError, TemperatureSensor
from hal.profile import AdcProfile, TemperatureProfile
from hal.raspberry.temperature import AdcTemperature, SysfsTemperature, degrees_mdeg, pt1000
from tests.support.fake_spi import FakeSpi, FakeSpiDev

ADC = AdcProfile("MCP3208", "0.0", 1_000_000, 0, 7117, -15510)
PT = TemperatureProfile("plug", adc_channel=2)
NTC = TemperatureProfile(
    "plug",
    adc_channel=2,
    element="ntc",
    pullup_ohm=10_000,
    table=((32_650, 0), (19_900, 10), (10_000, 25), (3_603, 50), (1_481, 75), (733, 100)),
)


class Bench:
    """A sensor whose resistance and clock a test sets."""

    def __init__(self, profile: TemperatureProfile = PT, ohm: float = 1000.0) -> None:
        self.ohm = ohm
        self.now_ns = 0
        self.chip = FakeSpi(lambda channel, time_us: self.code(profile.pullup_ohm) if channel == 2 else 0)
        self.sensor = AdcTemperature(
            profile,
            ADC,
            Path("/somewhere"),
            open_spi=lambda: FakeSpiDev(self.chip),
            monotonic_ns=lambda: self.now_ns,
        )

    def code(self, pullup_ohm: int) -> int:
        return min(4095, round(4096 * self.ohm / (self.ohm + pullup_ohm)))

    def read(self) -> int:
        self.now_ns += 1_000_000_000
        sensor: TemperatureSensor = self.sensor
        return sensor.read_mdeg_c()


@pytest.mark.parametrize(
    ("ohm", "degrees"), [(842.7, -40), (1000, 0), (1097.3, 25), (1270.8, 70), (1385.1, 100), (1479.5, 125)]
)
def test_pt1000_of_iec_60751(ohm: float, degrees: int) -> None:
    exact = degrees_mdeg(pt1000(), ohm, logarithmic=False)
    assert exact is not None and abs(exact - degrees * 1000) <= 100
    if -40 < degrees < 125:
        assert abs(Bench(PT, ohm).read() - degrees * 1000) <= 400  # one code is 0.3 degrees


@pytest.mark.parametrize(
    ("ohm", "degrees"), [(32_000, 0), (10_000, 25), (5_325, 40), (2_488, 60), (1_870, 68)]
)
def test_ntc_between_the_points_of_its_table(ohm: float, degrees: int) -> None:
    assert abs(Bench(NTC, ohm).read() - degrees * 1000) <= 700


@pytest.mark.parametrize("profile", [PT, NTC])
@pytest.mark.parametrize("ohm", [0, 10_000_000])
def test_a_broken_or_shorted_wire_is_no_temperature(profile: TemperatureProfile, ohm: float) -> None:
    with pytest.raises(HardwareError, match=r"plug on .* channel 2: found .* ohm; expected .* wire"):
        Bench(profile, ohm).read()


def test_the_adc_is_read_once_a_second_whoever_asks_how_often() -> None:
    bench = Bench()
    first = bench.read()
    frames = len(bench.chip.frames)
    bench.ohm = 1271.0
    for _ in range(99):
        bench.now_ns += 10_000_000
        assert bench.sensor.read_mdeg_c() == first
    assert len(bench.chip.frames) == frames
    bench.now_ns += 10_000_000
    assert bench.sensor.read_mdeg_c() > first + 60_000
    assert len(bench.chip.frames) == frames + 3


def test_an_error_too_is_asked_for_once_a_second_and_goes_away() -> None:
    bench = Bench(ohm=0)
    for _ in range(2):
        with pytest.raises(HardwareError, match="found 0 ohm"):
            bench.sensor.read_mdeg_c()
    assert len(bench.chip.frames) == 3
    bench.ohm = 1000
    assert abs(bench.read()) < 500


def test_a_sensor_needs_a_channel() -> None:
    with pytest.raises(ValueError, match="plug has no adc_channel"):
        AdcTemperature(TemperatureProfile("plug"), ADC)


def test_a_file_gives_what_the_reader_has() -> None:
    class Reader:
        def mdeg_c(self, index: int) -> int:
            return 20_000 + index

    sensor: TemperatureSensor = SysfsTemperature("air", Reader(), 3)  # type: ignore[arg-type]
    assert (sensor.name, sensor.read_mdeg_c()) == ("air", 20_003)
