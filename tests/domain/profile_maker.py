"""Charging profiles in few words, for the tests of smart charging."""

from __future__ import annotations

from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Installed,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)

T0_MS = 1_767_225_600_000
"""2026-01-01T00:00:00Z, a Thursday; where ``Hand`` begins."""
DAY_S = 86_400

MAX = ProfilePurpose.STATION_MAX
DEFAULT = ProfilePurpose.TX_DEFAULT
TX = ProfilePurpose.TX


def periods(*limits: tuple[int, float] | float, phases: int | None = None) -> tuple[SchedulePeriod, ...]:
    """``(start_s, limit)`` or a limit from 0 on; limits in A or W."""
    pairs = [one if isinstance(one, tuple) else (0, one) for one in limits]
    return tuple(SchedulePeriod(start_s, round(limit * 1000), phases) for start_s, limit in pairs)


def profile(
    *limits: tuple[int, float] | float,
    id_: int = 1,
    level: int = 0,
    purpose: ProfilePurpose = DEFAULT,
    starts_s: int | None = 0,
    duration_s: int | None = None,
    every: str | None = None,
    unit: str = "A",
    phases: int | None = None,
    valid_from_s: int | None = None,
    valid_to_s: int | None = None,
    transaction_id: str | None = None,
) -> ChargingProfile:
    """Instants in seconds after ``T0_MS``. ``starts_s`` None: Relative. ``every``: "Daily", "Weekly"."""
    kind = ProfileKind.RELATIVE if starts_s is None else ProfileKind.ABSOLUTE
    if every is not None:
        kind = ProfileKind.RECURRING
    return ChargingProfile(
        id=id_,
        stack_level=level,
        purpose=purpose,
        kind=kind,
        schedule=ChargingSchedule(
            unit=RateUnit(unit),
            periods=periods(*limits, phases=phases),
            starts_at_ms=None if starts_s is None else T0_MS + starts_s * 1000,
            duration_s=duration_s,
        ),
        transaction_id=transaction_id,
        valid_from_ms=None if valid_from_s is None else T0_MS + valid_from_s * 1000,
        valid_to_ms=None if valid_to_s is None else T0_MS + valid_to_s * 1000,
        recurrency=every,
    )


def installed(one: ChargingProfile, evse_id: int = 0, at_ms: int = T0_MS) -> Installed:
    return Installed(evse_id, one, at_ms)
