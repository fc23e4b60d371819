"""The composite schedule: what all profiles and local limits together allow from now on (1.6 5.7; 2.0.1 K08).

Owns: the merging of schedules over time, from one change to the next, and its answer in A or W.
Refuses to know: which profiles exist (it is handed ``Stack``), who asks.

An EVSE without a transaction is reckoned as if one began now (2.0.1 K08.FR.06), so EVSE 0 tells what the
station takes when all its EVSEs charge (1.6 errata 3.30: "the total expected power or current"). Limits of
the hardware are taken as they are now; faults and what may end any moment are left out: the answer is
"indicative for that point in time" (5.7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controller.domain.charging.limits import phases_used
from controller.domain.charging.profiles import CompositeSchedule, RateUnit, SchedulePeriod
from controller.domain.charging.sharing import LEAST_MA, Demand, shares
from controller.domain.charging.stack import Piece, Stack

LONGEST_S = 366 * 86_400
MOST_PERIODS = 1_000
MOST_CHANGES = 2_000
"""A longer answer is cut, and its duration says so: it has to fit into a message and be found in a moment,
also where changes that change nothing leave few periods to tell."""

_STEP_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class EvsePlan:
    """One EVSE. ``cap_ma``: its local limits, per phase. ``stack``: the schedules of its transaction, or of
    the one that would begin now. ``counts``: it takes its share of what is for all."""

    evse_id: int
    cap_ma: int
    stack: Stack
    phases: int = 3
    switchable: bool = False
    since_ms: int = 0
    counts: bool = True


@dataclass(frozen=True, slots=True)
class _Limits:
    """What one EVSE may take for some time: ``milli`` in the unit of the answer, ``ma`` per phase."""

    milli: int
    ma: int
    phases: int


def composite(
    evse_id: int,
    unit: RateUnit,
    from_ms: int,
    duration_s: int,
    plans: Sequence[EvsePlan],
    station: Sequence[Stack],
    voltage_v: int,
) -> CompositeSchedule:
    """From ``from_ms`` (UTC ms, counted from the whole second before) for ``duration_s`` seconds.

    ``evse_id`` 0 = the total. ``station``: the profiles that limit all EVSEs together. Limits are rounded
    down to the tenth that the wire can tell.
    """
    from_ms -= from_ms % 1000
    end_ms = from_ms + min(duration_s, LONGEST_S) * 1000
    periods: list[SchedulePeriod] = []
    changes = 0
    at_ms = from_ms
    while at_ms < end_ms:
        to_ms = min(end_ms, at_ms + _STEP_MS)
        for cell_ms, own, common in _cells(at_ms, to_ms, [plan.stack for plan in plans], station):
            start_s = (cell_ms - from_ms) // 1000
            changes += 1
            if changes > MOST_CHANGES:
                return CompositeSchedule(evse_id, unit, from_ms, start_s, tuple(periods))
            limit = _limit(evse_id, unit, plans, own, common, voltage_v)
            period = SchedulePeriod(start_s, limit.milli // 100 * 100, limit.phases)
            if periods and periods[-1].start_s == start_s:
                periods.pop()  # changes within one second: the last holds
            if periods and (periods[-1].limit_milli, periods[-1].phases) == (
                period.limit_milli,
                period.phases,
            ):
                continue
            if len(periods) == MOST_PERIODS:
                return CompositeSchedule(evse_id, unit, from_ms, start_s, tuple(periods))
            periods.append(period)
        at_ms = to_ms
    return CompositeSchedule(evse_id, unit, from_ms, (end_ms - from_ms) // 1000, tuple(periods))


def _cells(
    from_ms: int, to_ms: int, own: Iterable[Stack], common: Iterable[Stack]
) -> Iterable[tuple[int, list[Piece], list[Piece]]]:
    """The spans in which nothing changes: where each begins, and what prevails in it of each stack."""
    rows = [stack.over(from_ms, to_ms) for stack in own]
    count = len(rows)
    rows.extend(stack.over(from_ms, to_ms) for stack in common)
    places = [0] * len(rows)
    for cell_ms in sorted({piece.from_ms for row in rows for piece in row}):
        for number, row in enumerate(rows):
            place = places[number] + 1
            if place < len(row) and row[place].from_ms <= cell_ms:
                places[number] = place
        now = [row[place] for row, place in zip(rows, places, strict=True)]
        yield cell_ms, now[:count], now[count:]


def _limit(
    evse_id: int,
    unit: RateUnit,
    plans: Sequence[EvsePlan],
    own: Sequence[Piece],
    common: Sequence[Piece],
    voltage_v: int,
) -> _Limits:
    limits = {
        plan.evse_id: _own_limit(unit, plan, piece, voltage_v) for plan, piece in zip(plans, own, strict=True)
    }
    for piece in common:
        if piece.one is not None and piece.period is not None:
            _share(unit, piece.one.profile.schedule.unit, piece.period, plans, limits, voltage_v)
    if evse_id:
        return limits[evse_id]
    counted = [limits[plan.evse_id] for plan in plans if plan.counts]
    phases = max((limit.phases for limit in counted), default=1)
    total = _Limits(sum(limit.milli for limit in counted), sum(limit.ma for limit in counted), phases)
    for piece in common:
        if piece.one is not None and piece.period is not None:
            given, volts = piece.one.profile.schedule.unit, phases * voltage_v
            total = _lowered(total, unit, piece.period.limit_milli, given, volts)
    return total


def _own_limit(unit: RateUnit, plan: EvsePlan, piece: Piece, voltage_v: int) -> _Limits:
    used = phases_used(piece.period, plan.phases, plan.switchable, station_wide=False)
    volts = used * voltage_v
    limit = _Limits(plan.cap_ma if unit is RateUnit.A else plan.cap_ma * volts, plan.cap_ma, used)
    if piece.one is None or piece.period is None:
        return limit
    return _lowered(limit, unit, piece.period.limit_milli, piece.one.profile.schedule.unit, volts)


def _lowered(limit: _Limits, unit: RateUnit, milli: int, given: RateUnit, volts: int) -> _Limits:
    """``limit``, at most ``milli`` of the unit ``given``; exact where that is the unit of the answer."""
    ma = milli if given is RateUnit.A else milli // volts
    if given is not unit:
        milli = ma if unit is RateUnit.A else ma * volts
    return _Limits(min(limit.milli, milli), min(limit.ma, ma), limit.phases)


def _share(
    unit: RateUnit,
    given: RateUnit,
    period: SchedulePeriod,
    plans: Sequence[EvsePlan],
    limits: dict[int, _Limits],
    voltage_v: int,
) -> None:
    """Divide what is for all, as it is divided while charging (``sharing``)."""
    demands, volts = [], {}
    for plan in plans:
        used = phases_used(period, plan.phases, plan.switchable, station_wide=True)
        used = min(used, limits[plan.evse_id].phases) if plan.switchable else used
        volts[plan.evse_id] = used * voltage_v
        cost = 1 if given is RateUnit.A else volts[plan.evse_id]
        demands.append(Demand(plan.evse_id, limits[plan.evse_id].ma, cost, plan.since_ms, plan.counts))
    given_shares = shares(period.limit_milli, demands)
    for evse_id, limit in limits.items():
        # Who cannot charge with what his other limits leave takes no share; they are what is told.
        share = given_shares[evse_id] if limit.ma >= LEAST_MA else period.limit_milli
        limits[evse_id] = _lowered(limit, unit, share, given, volts[evse_id])
