"""MeterValueType of 2.0.1: values are numbers, the unit stands beside them (J02)."""

from __future__ import annotations

from collections.abc import Iterable

from controller.csms.wire import Payload, instant, milli_number
from controller.domain.metering.measurands import ONLY_16, UNITS, MeterSample, SampledValue


def _sampled(value: SampledValue, context: str, main: bool) -> Payload:
    sampled: Payload = {
        "value": milli_number(value.value_milli),
        "context": context,
        "measurand": value.measurand.value,
    }
    if main:
        sampled["location"] = "Inlet"
    if value.phase is not None:
        sampled["phase"] = value.phase
    unit = UNITS[value.measurand]
    if unit:
        sampled["unitOfMeasure"] = {"unit": unit}
    return sampled


def meter_values(samples: Iterable[MeterSample], main: bool = False) -> list[Payload]:
    """One MeterValueType for each sample that holds at least one value that 2.0.1 has a name for. ``main``:
    of the main meter, at the grid connection."""
    told = []
    for sample in samples:
        values = [value for value in sample.values if value.measurand not in ONLY_16]
        if values:
            sampled = [_sampled(value, sample.context.value, main) for value in values]
            told.append({"timestamp": instant(sample.at_ms), "sampledValue": sampled})
    return told
