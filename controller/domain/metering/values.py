"""From meter readings to OCPP's sampled values, in integers.

Owns: which values of a reading answer which measurand. Refuses to know: when to sample.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.domain.inputs import Reading
from controller.domain.metering.measurands import (
    Measurand,
    MeterSample,
    OnPhase,
    ReadingContext,
    SampledValue,
    Wanted,
)

_PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a sample tells besides the meter: the offer to the vehicle, and the hottest sensor. None = no such
    thing there."""

    offered_ma: int | None = 0
    offered_w: int | None = 0
    hottest_mdeg_c: int | None = None


@dataclass(frozen=True, slots=True)
class Registers:
    """The registers at the beginning of an interval, in Wh."""

    import_wh: int
    export_wh: int | None

    @classmethod
    def of(cls, reading: Reading | None) -> Registers | None:
        return None if reading is None else cls(reading.energy_import_wh, reading.energy_export_wh)


def sample(
    reading: Reading | None,
    around: Surroundings,
    wanted: Iterable[Wanted],
    context: ReadingContext,
    at_ms: int,
    since: Registers | None = None,
) -> MeterSample | None:
    """One sample with everything wanted that can be told, one value for each phase where the meter
    measures phases (1.6 3.16.3). None when nothing can be told (a sample without values is not allowed).

    ``since``: what the energy of an interval counts from; None = no interval has begun.
    """
    values: dict[tuple[Measurand, str | None], SampledValue] = {}
    for item in wanted:
        measurand = item.measurand if isinstance(item, OnPhase) else item
        for value in _values(reading, around, measurand, since):
            if not isinstance(item, OnPhase) or item.covers(value.phase):
                values.setdefault((measurand, value.phase), value)
    if not values:
        return None
    return MeterSample(at_ms, context, tuple(values.values()))


def _values(
    reading: Reading | None, around: Surroundings, measurand: Measurand, since: Registers | None
) -> list[SampledValue]:
    match measurand:
        case Measurand.CURRENT_OFFERED:
            return _one(measurand, around.offered_ma, 1)
        case Measurand.POWER_OFFERED:
            return _one(measurand, around.offered_w, 1000)
        case Measurand.TEMPERATURE:
            return _one(measurand, around.hottest_mdeg_c, 1)
        case _:
            return [] if reading is None else _measured(reading, measurand, since)


def _measured(reading: Reading, measurand: Measurand, since: Registers | None) -> list[SampledValue]:
    match measurand:
        case Measurand.ENERGY_IMPORT_REGISTER:
            return _one(measurand, reading.energy_import_wh, 1000)
        case Measurand.ENERGY_EXPORT_REGISTER:
            return _one(measurand, reading.energy_export_wh, 1000)
        case Measurand.ENERGY_IMPORT_INTERVAL:
            begin_wh = since.import_wh if since is not None else None
            return _one(measurand, _within(begin_wh, reading.energy_import_wh), 1000)
        case Measurand.ENERGY_EXPORT_INTERVAL:
            begin_wh = since.export_wh if since is not None else None
            return _one(measurand, _within(begin_wh, reading.energy_export_wh), 1000)
        case Measurand.POWER_IMPORT:
            return _power(measurand, reading, 1)
        case Measurand.POWER_EXPORT:
            return _power(measurand, reading, -1)
        case Measurand.POWER_FACTOR:
            return _one(measurand, reading.power_factor_pm, 1)
        case Measurand.FREQUENCY:
            return _one(measurand, reading.frequency_mhz, 1)
        case Measurand.CURRENT_IMPORT:
            return _per_phase(measurand, reading.current_ma, "", 1)
        case Measurand.VOLTAGE:
            return _per_phase(measurand, reading.voltage_mv, "-N", 1)
        case _:
            raise ValueError(f"no meter measures {measurand}")


def _within(begin_wh: int | None, end_wh: int | None) -> int | None:
    """The amount within an interval (1.6 errata 3.78); unknown when the register was reset in it."""
    if begin_wh is None or end_wh is None or end_wh < begin_wh:
        return None
    return end_wh - begin_wh


def _power(measurand: Measurand, reading: Reading, sign: int) -> list[SampledValue]:
    """The sum without a phase, then the phases. Of one direction only: the other one reads 0 (1.6 7.31)."""

    def directed(power_w: int | None) -> int | None:
        return None if power_w is None else max(0, sign * power_w)

    first, second, third = reading.power_phase_w
    phases = (directed(first), directed(second), directed(third))
    return [*_one(measurand, directed(reading.power_w), 1000), *_per_phase(measurand, phases, "", 1000)]


def _one(measurand: Measurand, value: int | None, factor: int) -> list[SampledValue]:
    return [] if value is None else [SampledValue(measurand, value * factor)]


def _per_phase(
    measurand: Measurand, values: tuple[int | None, int | None, int | None], suffix: str, factor: int
) -> list[SampledValue]:
    return [
        SampledValue(measurand, value * factor, phase + suffix)
        for phase, value in zip(_PHASES, values, strict=True)
        if value is not None
    ]
