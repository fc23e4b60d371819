"""One charging profile over time: which period holds at an instant, and until when.

Owns: validity, duration and the three kinds of schedule (1.6 3.13, 7.8 to 7.14; 2.0.1 K01).
Refuses to know: other profiles (``stack``), cables, ratings and phases of the installation (``limits``).

Recurring schedules count in UTC. Errata 3.79 says "every 24 hours" (every 7 days), "at the same time as in
the startSchedule", and startSchedule is an instant: a station knows neither the zone of its CSMS nor the hour
at which that zone changes. So a tariff that begins at 08:00 in winter begins at 09:00 on the wall clock in
summer, unless the CSMS sends another profile, as 3.13.7 advises ("on days on which DST goes into or out of
effect, a special profile might be needed").
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from controller.domain.charging.profiles import (
    STATION_WIDE,
    ChargingProfile,
    Installed,
    ProfileKind,
    SchedulePeriod,
)

_DAY_MS = 86_400_000
_RECURRENCY_MS = {"Daily": _DAY_MS, "Weekly": 7 * _DAY_MS}


@dataclass(frozen=True, slots=True)
class Stretch:
    """``period`` holds from the instant asked about up to ``until_ms`` (UTC ms, excluded; None = for ever).

    ``period`` None: the profile does not apply, at least so long.
    """

    period: SchedulePeriod | None
    until_ms: int | None


def start_ms(one: Installed, transaction_started_ms: int | None) -> int | None:
    """UTC ms from which the schedule's seconds count; None = it has no start, so it does not apply.

    Relative, or without startSchedule: the start of the transaction (1.6 7.9, 7.13). What limits the whole
    station has no transaction to count from; 7.9 leaves the start to the station: the instant from which the
    profile is there and valid.
    """
    profile = one.profile
    if profile.kind is not ProfileKind.RELATIVE and profile.schedule.starts_at_ms is not None:
        return profile.schedule.starts_at_ms
    if profile.purpose in STATION_WIDE:
        return max(one.at_ms, profile.valid_from_ms or one.at_ms)
    return transaction_started_ms


def stretch(profile: ChargingProfile, starts_ms: int | None, utc_ms: int) -> Stretch:
    """What ``profile`` says at ``utc_ms``, and until when. ``starts_ms``: see ``start_ms``.

    A period lasts until the next begins, the last until the schedule's duration ends; what lies beyond the
    duration or the recurrence is not executed (1.6 5.16.4, errata 3.43, 3.44).
    """
    if starts_ms is None or (profile.valid_to_ms is not None and utc_ms >= profile.valid_to_ms):
        return Stretch(None, None)
    if profile.valid_from_ms is not None and utc_ms < profile.valid_from_ms:
        return Stretch(None, profile.valid_from_ms)
    if utc_ms < starts_ms:
        return Stretch(None, starts_ms)
    schedule = profile.schedule
    ends_ms = None if schedule.duration_s is None else starts_ms + schedule.duration_s * 1000
    if profile.kind is ProfileKind.RECURRING:
        cycle_ms = _RECURRENCY_MS[profile.recurrency or "Daily"]
        starts_ms = utc_ms - (utc_ms - starts_ms) % cycle_ms
        next_ms = starts_ms + cycle_ms
        ends_ms = next_ms if schedule.duration_s is None else starts_ms + schedule.duration_s * 1000
        if utc_ms >= ends_ms:
            return Stretch(None, next_ms)
        ends_ms = min(ends_ms, next_ms)
    elif ends_ms is not None and utc_ms >= ends_ms:
        return Stretch(None, None)
    periods = schedule.periods
    following = bisect_right(periods, (utc_ms - starts_ms) // 1000, key=_start_s)
    if following < len(periods):
        turns_ms = starts_ms + periods[following].start_s * 1000
        ends_ms = turns_ms if ends_ms is None else min(ends_ms, turns_ms)
    if profile.valid_to_ms is not None:
        ends_ms = profile.valid_to_ms if ends_ms is None else min(ends_ms, profile.valid_to_ms)
    return Stretch(periods[following - 1], ends_ms)


def _start_s(period: SchedulePeriod) -> int:
    return period.start_s


def windows(
    profile: ChargingProfile, starts_ms: int | None, from_ms: int, to_ms: int
) -> Iterator[tuple[int, int]]:
    """The spans within [from_ms, to_ms) in which ``profile`` applies, in order, without their periods."""
    if starts_ms is None:
        return
    schedule = profile.schedule
    least_ms = max(from_ms, starts_ms, profile.valid_from_ms or from_ms)
    most_ms = to_ms if profile.valid_to_ms is None else min(to_ms, profile.valid_to_ms)
    length_ms = None if schedule.duration_s is None else schedule.duration_s * 1000
    if profile.kind is ProfileKind.RECURRING:
        cycle_ms = _RECURRENCY_MS[profile.recurrency or "Daily"]
        if length_ms is not None and length_ms < cycle_ms:
            begins_ms = least_ms - (least_ms - starts_ms) % cycle_ms
            while begins_ms < most_ms:
                span = max(least_ms, begins_ms), min(most_ms, begins_ms + length_ms)
                if span[0] < span[1]:
                    yield span
                begins_ms += cycle_ms
            return
    elif length_ms is not None:
        most_ms = min(most_ms, starts_ms + length_ms)
    if least_ms < most_ms:
        yield least_ms, most_ms
