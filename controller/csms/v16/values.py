"""MeterValue of 1.6: values are texts, frequency and power factor go without unit (1.6 7.33, 7.43)."""

from __future__ import annotations

from collections.abc import Iterable

from controller.csms.wire import Payload, instant, milli_text
from controller.domain.metering.measurands import UNITS, Measurand, MeterSample, SampledValue

_WITHOUT_UNIT = {Measurand.FREQUENCY, Measurand.POWER_FACTOR}  # errata 3.86: Hz is implied
_UNITS = UNITS | {Measurand.TEMPERATURE: "Celcius"}
"""The spelling of the first edition's schemas, which those of the second know too (7.45)."""
_LOCATIONS = {Measurand.TEMPERATURE: "Body"}
"""Where a value was measured (7.30), if not where the meter is."""


def _sampled(value: SampledValue, context: str, location: str) -> Payload:
    sampled: Payload = {
        "value": milli_text(value.value_milli),
        "context": context,
        "measurand": value.measurand.value,
        "location": _LOCATIONS.get(value.measurand, location),
    }
    if value.phase is not None:
        sampled["phase"] = value.phase
    if value.measurand not in _WITHOUT_UNIT:
        sampled["unit"] = _UNITS[value.measurand]
    return sampled


def meter_values(samples: Iterable[MeterSample], main: bool = False) -> list[Payload]:
    """One MeterValue for each sample that holds at least one value. ``main``: of the main meter, at the grid
    connection; each EVSE has its own behind its contactor."""
    location = "Inlet" if main else "Outlet"
    return [
        {
            "timestamp": instant(sample.at_ms),
            "sampledValue": [_sampled(value, sample.context.value, location) for value in sample.values],
        }
        for sample in samples
        if sample.values
    ]
