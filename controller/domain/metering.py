"""From meter readings to OCPP's sampled values, in integers.

Owns: which values of a reading answer which measurand. Refuses to know: when to sample.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.inputs import Reading
from controller.domain.measurands import Measurand, MeterSample, ReadingContext, SampledValue

_PHASES = ("L1", "L2", "L3")


def sample(
    reading: Reading | None,
    offered_ma: int,
    measurands: Iterable[Measurand],
    context: ReadingContext,
    at_ms: int,
) -> MeterSample | None:
    """One sample with every wanted measurand that can be told, one value per phase where the meter
    measures phases (1.6 3.16.3). None when nothing can be told (a sample without values is not allowed)."""
    values: list[SampledValue] = []
    for measurand in measurands:
        values.extend(_values(reading, offered_ma, measurand))
    if not values:
        return None
    return MeterSample(at_ms, context, tuple(values))


def _values(reading: Reading | None, offered_ma: int, measurand: Measurand) -> list[SampledValue]:
    if measurand is Measurand.CURRENT_OFFERED:
        return [SampledValue(measurand, offered_ma)]
    if reading is None:
        return []
    if measurand is Measurand.ENERGY_IMPORT_REGISTER:
        return [SampledValue(measurand, reading.energy_import_wh * 1000)]
    if measurand is Measurand.ENERGY_EXPORT_REGISTER:
        return _one(measurand, reading.energy_export_wh, 1000)
    if measurand is Measurand.POWER_IMPORT:
        # Import only: a negative power is export (1.6 7.31).
        power_w = None if reading.power_w is None else max(0, reading.power_w)
        return _one(measurand, power_w, 1000)
    if measurand is Measurand.POWER_FACTOR:
        return _one(measurand, reading.power_factor_pm, 1)
    if measurand is Measurand.FREQUENCY:
        return _one(measurand, reading.frequency_mhz, 1)
    if measurand is Measurand.CURRENT_IMPORT:
        return _per_phase(measurand, reading.current_ma, "")
    return _per_phase(measurand, reading.voltage_mv, "-N")


def _one(measurand: Measurand, value: int | None, factor: int) -> list[SampledValue]:
    return [] if value is None else [SampledValue(measurand, value * factor)]


def _per_phase(
    measurand: Measurand, values: tuple[int | None, int | None, int | None], suffix: str
) -> list[SampledValue]:
    return [
        SampledValue(measurand, value, phase + suffix)
        for phase, value in zip(_PHASES, values, strict=True)
        if value is not None
    ]
