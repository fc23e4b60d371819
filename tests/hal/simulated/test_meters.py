"""The simulated meters against the real driver, on a pseudo-terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hal.interface import HardwareError, MeterReading
from hal.profile import MeterProfile
from hal.raspberry.meter import models, open_meter
from hal.simulated.meters import MeterBus, SimulatedModbusMeter

READING = MeterReading(
    energy_import_wh=1_234_567,
    energy_export_wh=0,
    power_w=11_054,
    power_phase_w=(3_685, 3_685, 3_684),
    voltage_mv=(230_000, 231_000, 229_000),
    current_ma=(16_020, 16_020, 16_020),
    frequency_mhz=50_000,
    power_factor_pm=1000,
)


def profile(model: str, unit: int = 1) -> MeterProfile:
    return MeterProfile(model=model, link="rtu:/dev/meter1", unit=unit, timeout_ms=60)


def on_bus(tmp_path: Path, meters: list[SimulatedModbusMeter], use: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        bus = MeterBus(tmp_path / "dev/meter1", meters)
        await bus.start()
        try:
            await use()
        finally:
            await bus.close()

    asyncio.run(main())


@pytest.mark.parametrize("model", models())
def test_the_real_driver_reads_every_model_the_bench_can_play(model: str, tmp_path: Path) -> None:
    async def use() -> None:
        meter = open_meter(profile(model), tmp_path)
        try:
            found = await meter.read()
        finally:
            await meter.close()
        assert found.energy_import_wh == pytest.approx(READING.energy_import_wh, abs=100)
        if found.power_w is not None:
            assert found.power_w == pytest.approx(11_054, abs=10)

    on_bus(tmp_path, [SimulatedModbusMeter(profile(model), lambda: READING, set())], use)


def test_two_meters_share_a_bus_and_other_units_stay_silent(tmp_path: Path) -> None:
    model = "Carlo Gavazzi EM340"
    meters = [
        SimulatedModbusMeter(profile(model, 3), lambda: MeterReading(energy_import_wh=3000), set()),
        SimulatedModbusMeter(profile(model, 4), lambda: MeterReading(energy_import_wh=4000), set()),
    ]

    async def use() -> None:
        for unit in (3, 4):
            meter = open_meter(profile(model, unit), tmp_path)
            assert (await meter.read()).energy_import_wh == unit * 1000
            await meter.close()
        meter = open_meter(profile(model, 9), tmp_path)
        with pytest.raises(HardwareError):
            await meter.read()
        await meter.close()

    on_bus(tmp_path, meters, use)


@pytest.mark.parametrize("fault", ["meter_silent", "meter_garbage"])
def test_a_fault_on_the_bus_is_an_error_of_the_driver_and_heals(fault: str, tmp_path: Path) -> None:
    faults: set[str] = set()

    async def use() -> None:
        meter = open_meter(profile("Eastron SDM630 v2"), tmp_path)
        assert (await meter.read()).power_w == 11_054
        faults.add(fault)
        with pytest.raises(HardwareError):
            await meter.read()
        faults.clear()
        assert (await meter.read()).power_w == 11_054
        await meter.close()

    on_bus(tmp_path, [SimulatedModbusMeter(profile("Eastron SDM630 v2"), lambda: READING, faults)], use)
