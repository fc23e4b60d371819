"""From words to a reading: rounding, quirks, what is absurd."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.interface import HardwareError, MeterReading
from hal.raspberry.meter.maps import load, models
from hal.raspberry.meter.reading import LEAP_MARGIN_WH, MAX_ENERGY_WH, leapt, make_reading
from tests.hal.raspberry.meter.bus import SAMPLE, Image, csv_image


def reading_of(model: str, image: Image, base: int = 0, swap: bool = False) -> MeterReading:
    return make_reading(load(model), image, base=base, swap=swap, where="meter")


def with_float(image: Image, function: int, address: int, value: float) -> Image:
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return image | {(function, address): high, (function, address + 1): low}


@pytest.mark.parametrize(
    ("kwh", "wh"),
    [(0.0, 0), (0.0004, 0), (0.0006, 1), (0.0125, 13), (1234.567, 1234567), (99999.9, 99999898)],
)
def test_energy_is_the_exact_value_of_the_float_rounded_once(kwh: float, wh: int) -> None:
    image = with_float(csv_image("Eastron SDM120"), 4, 72, kwh)
    assert reading_of("Eastron SDM120", image).energy_import_wh == wh


@given(st.integers(0, 10**9))
def test_decimal_registers_are_exact(raw: int) -> None:
    image = csv_image("ABB B23") | {(3, 20480 + i): (raw >> 16 * (3 - i)) & 0xFFFF for i in range(4)}
    assert reading_of("ABB B23", image).energy_import_wh == raw * 10


def test_negative_power_keeps_its_sign_and_halves_go_away_from_zero() -> None:
    image = with_float(csv_image("Eastron SDM630 v2"), 4, 52, -1500.5)
    assert reading_of("Eastron SDM630 v2", image).power_w == -1501


def test_a_tenfold_frequency_is_put_right_where_it_is_known() -> None:
    for model, expected in (("Eastron SDM630 v2", 50000), ("Eastron SDM120", 500000)):
        assert reading_of(model, with_float(csv_image(model), 4, 70, 500.0)).frequency_mhz == expected


def test_nonsense_in_what_only_informs_is_no_value() -> None:
    image = with_float(with_float(csv_image("Eastron SDM120"), 4, 30, 37.0), 4, 70, -5.0)
    reading = reading_of("Eastron SDM120", image)
    assert reading.power_factor_pm is None
    assert reading.frequency_mhz is None


@pytest.mark.parametrize(("address", "quantity"), [(0, "voltage_L1"), (6, "current_L1"), (12, "power_total")])
def test_nonsense_in_what_limits_is_an_error(address: int, quantity: str) -> None:
    with pytest.raises(HardwareError, match=f"{quantity} .register {address}. reads 1e\\+09"):
        reading_of("Eastron SDM120", with_float(csv_image("Eastron SDM120"), 4, address, 1e9))


def test_separate_import_and_export_power() -> None:
    image = csv_image("DZG DVH4013", {**SAMPLE, "power_import": "0", "power_export": "1234"})
    assert reading_of("DZG DVH4013", image).power_w == -1234


def test_a_sunspec_scale_factor_out_of_range_is_an_error() -> None:
    image = csv_image("SunSpec 203") | {(3, 54): 11}
    with pytest.raises(HardwareError, match=r"scale factor of energy_import .* reads 11, expected -10 to 10"):
        reading_of("SunSpec 203", image)


def test_sunspec_values_and_scale_factors_that_are_not_implemented() -> None:
    image = csv_image("SunSpec 203") | {(3, 9): 0x8000, (3, 22): 0x8000, (3, 38): 0, (3, 39): 0}
    reading = reading_of("SunSpec 203", image)
    assert reading.voltage_mv == (230100, None, 229900)
    assert reading.power_w is None
    assert reading.energy_export_wh is None  # acc32 0: not accumulated


def test_a_new_sunspec_meter_starts_at_zero() -> None:
    image = csv_image("SunSpec 203", {**SAMPLE, "energy_import": "0"})
    assert reading_of("SunSpec 203", image).energy_import_wh == 0


def test_the_swapped_register_must_have_a_value() -> None:
    image = with_float(csv_image("Eastron SDM120"), 4, 74, float("nan"))
    with pytest.raises(HardwareError, match="no value in energy_export, nothing can be billed"):
        reading_of("Eastron SDM120", image, swap=True)


@given(st.sampled_from(models()), st.data())
def test_any_words_give_a_sensible_reading_or_an_error(model: str, data: st.DataObject) -> None:
    meter_map = load(model)
    word = st.integers(0, 0xFFFF) | st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7F80, 0x7FC0, 0x4479])
    image: Image = {}
    for register in meter_map.registers:
        for i in range(register.count):
            image[register.function, register.address + i] = data.draw(word)
        if register.scale_address is not None:
            image[register.function, register.scale_address] = data.draw(
                st.sampled_from([0, 1, 0xFFFF, 0x8000, 50])
            )
    try:
        reading = reading_of(model, image)
    except HardwareError:
        return
    assert 0 <= reading.energy_import_wh <= MAX_ENERGY_WH
    assert reading.energy_export_wh is None or 0 <= reading.energy_export_wh <= MAX_ENERGY_WH


@pytest.mark.parametrize(
    ("before", "after", "elapsed_s", "wrong"),
    [
        (1000, 1000, 1, False),
        (1000, 1007, 1, False),
        (1000, 999, 1, True),
        (1000, 1000 + LEAP_MARGIN_WH, 0, False),
        (1000, 1001 + LEAP_MARGIN_WH, 0, True),
        (1000, 1_000_000, 3600, False),
        (1000, 1_003_000, 3600, True),
    ],
)
def test_leaps(before: int, after: int, elapsed_s: float, wrong: bool) -> None:
    assert leapt(MeterReading(before), MeterReading(after), elapsed_s) is wrong
    assert leapt(MeterReading(0, before), MeterReading(0, after), elapsed_s) is wrong


def test_an_export_register_that_comes_and_goes_is_no_leap() -> None:
    assert not leapt(MeterReading(5), MeterReading(5, 7000), 0)
    assert not leapt(MeterReading(5, 7000), MeterReading(5), 0)
