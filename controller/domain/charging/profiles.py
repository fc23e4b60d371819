"""Charging profiles in 2.0.1's shape (K01; 1.6 SetChargingProfile is the subset without several schedules).

Owns: the data. ``limits`` turns it into milliamperes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProfilePurpose(StrEnum):
    STATION_MAX = "ChargingStationMaxProfile"  # 1.6: ChargePointMaxProfile
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"
    EXTERNAL = "ChargingStationExternalConstraints"


STATION_WIDE = (ProfilePurpose.EXTERNAL, ProfilePurpose.STATION_MAX)
"""Purposes that limit what all EVSEs take together."""


class ProfileKind(StrEnum):
    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class RateUnit(StrEnum):
    A = "A"
    W = "W"


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """From ``start_s`` seconds after the schedule's start. ``limit_milli``: thousandths of A or W."""

    start_s: int
    limit_milli: int
    phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """``starts_at_ms`` UTC ms, None = relative to the start of the transaction (or to installation)."""

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    starts_at_ms: int | None = None
    duration_s: int | None = None
    min_rate_milli: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    id: int
    stack_level: int
    purpose: ProfilePurpose
    kind: ProfileKind
    schedule: ChargingSchedule
    transaction_id: str | None = None
    valid_from_ms: int | None = None
    valid_to_ms: int | None = None
    recurrency: str | None = None  # "Daily" | "Weekly"


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile as accepted: ``evse_id`` 0 = the station. ``at_ms``: UTC ms."""

    evse_id: int
    profile: ChargingProfile
    at_ms: int


@dataclass(frozen=True, slots=True)
class CompositeSchedule:
    """What is allowed from ``starts_at_ms`` (UTC ms, a whole second) on for ``duration_s`` seconds, on one
    EVSE or in total (0). The periods count from there."""

    evse_id: int
    unit: RateUnit
    starts_at_ms: int
    duration_s: int
    periods: tuple[SchedulePeriod, ...]


@dataclass(frozen=True, slots=True)
class ProfileFilter:
    """ClearChargingProfile: ``id`` alone when given, else all given fields (1.6 errata 3.25, K10)."""

    id: int | None = None
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None
