"""Charging profiles over time: which period of which profile holds at an instant.

Owns: validity, stacking and the three kinds of schedule (1.6 3.13, 7.9; 2.0.1 K01).
Refuses to know: cables, ratings, phases of the installation: ``limits`` puts those beside it.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.profiles import ChargingProfile, ProfileKind, RateUnit, SchedulePeriod

_DAY_S = 86_400
_RECURRENCY_S = {"Daily": _DAY_S, "Weekly": 7 * _DAY_S}


def period_at(
    profile: ChargingProfile, utc_ms: int, transaction_started_ms: int | None
) -> SchedulePeriod | None:
    """The period of ``profile`` that holds at ``utc_ms``, or None when the profile does not apply then.

    Relative schedules count from the start of the transaction; without one they do not apply.
    A period lasts until the next begins, the last until the schedule's duration ends (1.6 5.16.4).
    """
    if profile.valid_from_ms is not None and utc_ms < profile.valid_from_ms:
        return None
    if profile.valid_to_ms is not None and utc_ms >= profile.valid_to_ms:
        return None
    schedule = profile.schedule
    if profile.kind is ProfileKind.RELATIVE:
        starts_at_ms = transaction_started_ms
    else:
        starts_at_ms = schedule.starts_at_ms
        if starts_at_ms is None:
            starts_at_ms = transaction_started_ms
    if starts_at_ms is None or utc_ms < starts_at_ms:
        return None
    elapsed_s = (utc_ms - starts_at_ms) // 1000
    if profile.kind is ProfileKind.RECURRING:
        elapsed_s %= _RECURRENCY_S[profile.recurrency or "Daily"]
    if schedule.duration_s is not None and elapsed_s >= schedule.duration_s:
        return None
    current: SchedulePeriod | None = None
    for period in schedule.periods:
        if period.start_s > elapsed_s:
            break
        current = period
    return current


def winner(
    profiles: Iterable[ChargingProfile], utc_ms: int, transaction_started_ms: int | None
) -> tuple[ChargingProfile, SchedulePeriod] | None:
    """Of profiles with one purpose, the highest stack level that applies now (1.6 3.13.2)."""
    for profile in sorted(profiles, key=lambda one: -one.stack_level):
        period = period_at(profile, utc_ms, transaction_started_ms)
        if period is not None:
            return profile, period
    return None


def period_limit_ma(
    profile: ChargingProfile, period: SchedulePeriod, phases: int, nominal_voltage_v: int
) -> int:
    """The period's limit in mA per phase, rounded down.

    A is per phase. W is the total over the phases in use: the period's numberPhases when given
    (default 3, 1.6 7.12), never more than the station has.
    """
    if profile.schedule.unit is RateUnit.A:
        return period.limit_milli
    used = min(period.phases or 3, phases)
    return period.limit_milli // (used * nominal_voltage_v)
