"""Measured quantities in OCPP's words (MeasurandEnumType, ReadingContextEnumType), integers inside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Measurand(StrEnum):
    ENERGY_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_EXPORT_REGISTER = "Energy.Active.Export.Register"
    ENERGY_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_EXPORT_INTERVAL = "Energy.Active.Export.Interval"
    POWER_IMPORT = "Power.Active.Import"
    POWER_EXPORT = "Power.Active.Export"
    POWER_OFFERED = "Power.Offered"
    POWER_FACTOR = "Power.Factor"
    CURRENT_IMPORT = "Current.Import"
    CURRENT_OFFERED = "Current.Offered"
    VOLTAGE = "Voltage"
    FREQUENCY = "Frequency"
    TEMPERATURE = "Temperature"  # 1.6 only: 2.0.1 has no such measurand


ONLY_16 = frozenset({Measurand.TEMPERATURE})

UNITS: dict[Measurand, str] = {
    Measurand.ENERGY_IMPORT_REGISTER: "Wh",
    Measurand.ENERGY_EXPORT_REGISTER: "Wh",
    Measurand.ENERGY_IMPORT_INTERVAL: "Wh",
    Measurand.ENERGY_EXPORT_INTERVAL: "Wh",
    Measurand.POWER_IMPORT: "W",
    Measurand.POWER_EXPORT: "W",
    Measurand.POWER_OFFERED: "W",
    Measurand.POWER_FACTOR: "",
    Measurand.CURRENT_IMPORT: "A",
    Measurand.CURRENT_OFFERED: "A",
    Measurand.VOLTAGE: "V",
    Measurand.FREQUENCY: "Hz",
    Measurand.TEMPERATURE: "Celsius",
}
"""OCPP unit of each measurand; 1.6 sends Frequency without a unit (errata 3.86)."""

_LINES = ("L1", "L2", "L3")
_TO_NEUTRAL = tuple(f"{line}-N" for line in _LINES)

PHASES: dict[Measurand, tuple[str, ...]] = {
    Measurand.POWER_IMPORT: _LINES,
    Measurand.POWER_EXPORT: _LINES,
    Measurand.CURRENT_IMPORT: _LINES,
    Measurand.VOLTAGE: (*_TO_NEUTRAL, *_LINES),
}
"""The phases each measurand can be asked for. The example of 1.6 9.1.17 is "Voltage.L1", which can only mean
the voltage of L1 against neutral."""


@dataclass(frozen=True, slots=True)
class OnPhase:
    """One measurand on one phase only, as "Voltage.L1-N" asks for (1.6 9.1.17)."""

    measurand: Measurand
    phase: str

    def __str__(self) -> str:
        return f"{self.measurand}.{self.phase}"

    def covers(self, phase: str | None) -> bool:
        """Whether a value measured on ``phase`` is what is asked for."""
        return phase in (self.phase, f"{self.phase}-N")


Wanted = Measurand | OnPhase
"""An item of a list of measurands: on all phases that are measured (1.6 3.16.3), or on one."""


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
