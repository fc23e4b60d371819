"""The warmth of an EVSE: rises with the square of the current, falls back, the same in any steps."""

from __future__ import annotations

import pytest

from hal.simulated.thermal import Thermal
from hal.simulated.world import World

HOUR_US = 3_600_000_000
FULL = (32_000, 32_000, 32_000)


def test_it_rises_to_the_rated_temperature_and_falls_back() -> None:
    thermal = Thermal(set(), 40_000)
    assert thermal.mdeg_c == 40_000
    thermal.integrate(HOUR_US, FULL)
    assert 64_000 < thermal.mdeg_c <= 65_000
    thermal.integrate(2 * HOUR_US, (0, 0, 0))
    assert thermal.mdeg_c == 40_000


def test_half_the_current_is_a_quarter_of_the_warmth() -> None:
    full, half = Thermal(set()), Thermal(set())
    full.integrate(10 * HOUR_US, FULL)
    half.integrate(10 * HOUR_US, (16_000, 16_000, 16_000))
    assert (full.mdeg_c - 25_000, half.mdeg_c - 25_000) == (25_000, 6_250)


def test_one_phase_warms_a_third() -> None:
    thermal = Thermal(set(), 0)
    thermal.integrate(10 * HOUR_US, (32_000, 0, 0))
    assert thermal.mdeg_c == 8_333


def test_steps_of_any_size_give_the_same() -> None:
    coarse, fine = Thermal(set()), Thermal(set())
    coarse.integrate(100_000_000, FULL)
    for _ in range(10_000):
        fine.integrate(10_000, FULL)
    assert abs(coarse.mdeg_c - fine.mdeg_c) <= 1


def test_the_world_charges_faster_but_heats_in_real_time() -> None:
    worlds = [World(speed=speed) for speed in (1.0, 1000.0)]
    for world in worlds:
        world.evse(1).meter.current_ma = FULL
        world.evse(1).integrate(60_000_000)
    first, second = (world.evse(1).thermal.mdeg_c for world in worlds)
    assert first == second > 25_000


def test_ambient_per_evse_or_for_all_and_within_bounds() -> None:
    world = World(evses=2)
    world.set_ambient(45_000)
    world.set_ambient(50_000, 2)
    assert [evse["temperature_mdeg_c"] for evse in world.status()["evses"]] == [45_000, 50_000]
    with pytest.raises(ValueError, match="expected -60000"):
        world.set_ambient(200_000)
    with pytest.raises(ValueError, match="evse 3 does not exist"):
        world.set_ambient(0, 3)


def test_a_hand_on_the_sensor_wins() -> None:
    world = World()
    world.evse(1).thermal.held_mdeg_c = 66_500
    assert world.evse(1).temperature_mdeg_c() == 66_500
