"""Measured quantities in OCPP's words (MeasurandEnumType, ReadingContextEnumType), integers inside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Measurand(StrEnum):
    ENERGY_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_EXPORT_REGISTER = "Energy.Active.Export.Register"
    POWER_IMPORT = "Power.Active.Import"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"


UNITS: dict[Measurand, str] = {
    Measurand.ENERGY_IMPORT_REGISTER: "Wh",
    Measurand.ENERGY_EXPORT_REGISTER: "Wh",
    Measurand.POWER_IMPORT: "W",
    Measurand.POWER_FACTOR: "",
    Measurand.CURRENT_IMPORT: "A",
    Measurand.CURRENT_OFFERED: "A",
    Measurand.VOLTAGE: "V",
    Measurand.FREQUENCY: "Hz",
}
"""OCPP unit of each measurand; 1.6 sends Frequency without a unit (errata 3.86)."""


class ReadingContext(StrEnum):
    TRANSACTION_BEGIN = "Transaction.Begin"
    TRANSACTION_END = "Transaction.End"
    SAMPLE_PERIODIC = "Sample.Periodic"
    SAMPLE_CLOCK = "Sample.Clock"
    INTERRUPTION_BEGIN = "Interruption.Begin"
    INTERRUPTION_END = "Interruption.End"
    TRIGGER = "Trigger"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class SampledValue:
    """One value in thousandths of the measurand's unit (``UNITS``). ``phase``: "L1", "L1-N" ... or None."""

    measurand: Measurand
    value_milli: int
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class MeterSample:
    """Values taken at one instant (UTC ms)."""

    at_ms: int
    context: ReadingContext
    values: tuple[SampledValue, ...]
