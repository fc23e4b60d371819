"""The pilot's voltages against IEC 61851-1 Annex A's nominal values (hardware facts 1.1, 1.4)."""

from __future__ import annotations

from random import Random

import pytest

from hal.plateaus import plateaus
from hal.simulated.circuit import Diode, Load, Wire, burst, plateau_mv, wire

C_OHM = 882
D_OHM = 246


@pytest.mark.parametrize(
    ("ohm", "low", "high"),
    [(None, 11_400, 12_600), (2740, 8_370, 9_590), (C_OHM, 5_470, 6_530), (D_OHM, 2_590, 3_280)],
    ids=["A", "B", "C", "D"],
)
def test_high_plateau_lies_in_the_standards_band(ohm: int | None, low: int, high: int) -> None:
    assert low <= plateau_mv(12_000, 1000, Load(ohm)) <= high


@pytest.mark.parametrize("ohm", [2740, C_OHM, D_OHM])
def test_a_good_diode_leaves_the_low_plateau_alone(ohm: int) -> None:
    assert plateau_mv(-12_000, 1000, Load(ohm)) == -12_000


def test_without_the_diode_both_plateaus_mirror_each_other() -> None:
    seen = wire(500, 12_000, -12_000, 1000, Load(2740, Diode.MISSING))
    assert seen == Wire(500, 8_791, -8_791)  # 12 V * 2740 / 3740


def test_an_anti_parallel_diode_pulls_up_the_low_plateau() -> None:
    seen = wire(500, 12_000, -12_000, 1000, Load(2740, Diode.PARALLEL))
    assert seen == Wire(500, 8_979, -8_979)


def test_a_short_to_pe_brings_both_plateaus_to_zero() -> None:
    seen = wire(500, 12_000, -12_000, 1000, Load(C_OHM, short_ohm=10))
    assert abs(seen.high_mv) < 200 and abs(seen.low_mv) < 200


@pytest.mark.parametrize("duty", [0, 1000])
def test_steady_levels_have_one_plateau(duty: int) -> None:
    seen = wire(duty, 12_000, -12_000, 1000, Load(2740))
    assert seen.high_mv == seen.low_mv


@pytest.mark.parametrize("duty", [50, 100, 267, 533, 850, 960])
def test_the_shipping_plateaus_find_levels_and_duty_in_a_burst(duty: int) -> None:
    rng = Random(duty)
    seen = wire(duty, 12_000, -12_000, 1000, Load(C_OHM))
    for _ in range(50):
        sample = plateaus(burst(rng, seen, 120))
        assert abs(sample.high_mv - seen.high_mv) < 200
        assert abs(sample.low_mv - seen.low_mv) < 200
        assert abs(sample.high_pm - duty) < 30


def test_bursts_repeat_with_the_seed_and_differ_without() -> None:
    seen = Wire(267, 9_000, -12_000)
    assert burst(Random(7), seen, 80) == burst(Random(7), seen, 80)
    assert burst(Random(7), seen, 80) != burst(Random(8), seen, 80)
