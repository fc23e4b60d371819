"""What all OCPP versions spell the same way: instants, decimals, charging schedules.

Owns: text and number forms of the wire, both directions.
Refuses to know: messages and actions; those belong to ``v16`` and ``v201``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from controller.domain.charging.profiles import ChargingSchedule, RateUnit, SchedulePeriod

Payload = dict[str, Any]
"""The JSON object of a CALL or CALLRESULT, in wire names."""


class Unacceptable(Exception):
    """A well-formed request asks for something this station does not do: the answer is Rejected.

    ``reason``: reason code of 2.0.1 (appendix 5, up to 20 characters); the text is for people.
    """

    def __init__(self, reason: str, info: str) -> None:
        super().__init__(info)
        self.reason = reason
        self.info = info


def instant(at_ms: int) -> str:
    """UTC ms as RFC 3339 with milliseconds (1.6 3.15; 2.0.1 Part 2, 2.1.4)."""
    seconds, ms = divmod(at_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ms:03d}Z"


def parse_instant(text: str) -> int:
    """RFC 3339 to UTC ms: fractions of any length, ``Z`` or an offset; without a zone it is taken as UTC.

    Raises ``ValueError`` naming the text.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f'found "{text}", expected an RFC 3339 date-time like 2026-01-31T12:00:00Z'
        ) from error
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def optional_instant(payload: Mapping[str, Any], name: str) -> int | None:
    """The instant in ``payload[name]``, None when absent. Raises ``Unacceptable``."""
    text = payload.get(name)
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Unacceptable("InvalidValue", f"{name}: {error}") from error


def milli_text(value_milli: int) -> str:
    """Thousandths as the shortest decimal text: 1500 -> "1.5", 2000 -> "2"."""
    sign = "-" if value_milli < 0 else ""
    whole, rest = divmod(abs(value_milli), 1000)
    return f"{sign}{whole}" if rest == 0 else f"{sign}{whole}.{rest:03d}".rstrip("0")


def milli_number(value_milli: int) -> int | float:
    """Thousandths as a JSON number, an integer when it is whole."""
    whole, rest = divmod(value_milli, 1000)
    return whole if rest == 0 else value_milli / 1000


_PERIOD_FIELDS = {"startPeriod", "limit", "numberPhases", "customData"}


def parse_schedule(schedule: Mapping[str, Any]) -> ChargingSchedule:
    """ChargingSchedule(Type), the part that 1.6 and 2.0.1 share. Raises ``Unacceptable``.

    The first period starts at 0 and starts ascend (1.6 errata 3.45, 2.0.1 K01.FR.31): a schedule
    with a hole at its start would leave open what holds there.
    """
    periods = []
    for period in schedule["chargingSchedulePeriod"]:
        unknown = set(period) - _PERIOD_FIELDS
        if unknown:
            names = ", ".join(sorted(unknown))
            raise Unacceptable("UnsupportedParam", f"chargingSchedulePeriod: {names} is not supported")
        if "limit" not in period:
            raise Unacceptable("MissingParam", "chargingSchedulePeriod without limit is not supported")
        limit_milli = round(period["limit"] * 1000)
        phases = period.get("numberPhases")
        if limit_milli < 0 or (phases is not None and not 1 <= phases <= 3):
            raise Unacceptable("InvalidSchedule", "limit must not be negative, numberPhases must be 1 to 3")
        periods.append(SchedulePeriod(period["startPeriod"], limit_milli, phases))
    starts = [period.start_s for period in periods]
    if not starts or starts[0] != 0 or any(late <= early for early, late in pairwise(starts)):
        raise Unacceptable(
            "InvalidSchedule", f"startPeriod: found {starts[:5]}, expected 0 first, then ascending"
        )
    duration_s = schedule.get("duration")
    if duration_s is not None and duration_s <= 0:
        raise Unacceptable("InvalidSchedule", f"duration: found {duration_s}, expected more than 0 seconds")
    min_rate = schedule.get("minChargingRate")
    return ChargingSchedule(
        unit=RateUnit(schedule["chargingRateUnit"]),
        periods=tuple(periods),
        starts_at_ms=optional_instant(schedule, "startSchedule"),
        duration_s=duration_s,
        min_rate_milli=None if min_rate is None else round(min_rate * 1000),
        id=schedule.get("id", 0),
    )
