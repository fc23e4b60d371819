"""What the whole station may take, divided among its EVSEs. Pure.

Owns: who gets how much of a limit for all (1.6 3.13.3: "the combined energy flow of all connectors SHALL NOT
be greater"), and that the sum holds while shares change.
Refuses to know: where the limit comes from, profiles, time.

Everybody gets the same, as long as he can take it; what one cannot take is for the others. Less than the
least offer is of no use to anybody, so when it is not enough for all, those whose transaction began first
charge and the others wait. A vehicle that declined the offer keeps the least offer only, and goes to the end
of the line: it can go on when it wants, and what it leaves is used meanwhile.

A vehicle has 5 s to follow a lowered offer (IEC 61851-1), so nobody is raised by what another may still draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_MA = 6_000
"""IEC 61851-1 Annex A: less cannot be offered."""


@dataclass(frozen=True, slots=True)
class Demand:
    """One EVSE. ``cap_ma``: what all its other limits leave it, per phase. ``cost``: what 1 mA costs of the
    common limit: 1 (mA per phase) or volts x phases (mW).

    ``offered_ma``: offered now. ``occupied_ma``: what its vehicle may draw at this moment.
    """

    evse_id: int
    cap_ma: int
    cost: int
    since_ms: int = 0  # start of its transaction, UTC ms
    wants: bool = True  # False: no transaction that could charge
    declined: bool = False
    offered_ma: int = 0
    occupied_ma: int = 0


def shares(total: int, demands: Sequence[Demand]) -> dict[int, int]:
    """By EVSE id, in the unit of ``total`` (mA per phase or mW). Their sum is never above ``total``."""
    found = dict.fromkeys((one.evse_id for one in demands), 0)
    served: list[tuple[Demand, int, int]] = []  # with the least and the most it gets
    left = total
    for one in sorted(demands, key=_turn):
        least = LEAST_MA * one.cost
        if _could(one) and least <= left:
            served.append((one, least, least if one.declined else one.cap_ma * one.cost))
            left -= least
    if not served:
        first = min((one for one in demands if _could(one)), key=_turn, default=None)
        if first is not None:
            found[first.evse_id] = min(total, first.cap_ma * first.cost)
        return found
    low, high = (
        0,
        min(total, max(most for _one, _least, most in served)),
    )  # the highest level at which everybody's share still fits
    while low < high:
        level = (low + high + 1) // 2
        if sum(min(max(level, least), most) for _one, least, most in served) <= total:
            low = level
        else:
            high = level - 1
    for one, least, most in served:
        found[one.evse_id] = min(max(low, least), most)
    return found


def _could(one: Demand) -> bool:
    return one.wants and one.cap_ma >= LEAST_MA


def _turn(one: Demand) -> tuple[bool, int, int]:
    return one.declined, one.since_ms, one.evse_id


def available_ma(total: int, demands: Sequence[Demand], evse_id: int) -> int:
    """What one EVSE is allowed once all follow: its share; where its other limits are what holds it down, all
    that the others leave."""
    mine = next(one for one in demands if one.evse_id == evse_id)
    share = shares(total, demands)
    free = share[evse_id] < mine.cap_ma * mine.cost  # could take more
    if mine.cap_ma >= LEAST_MA and (mine.declined or free):
        return share[evse_id] // mine.cost
    others = sum(amount for other, amount in share.items() if other != evse_id)
    return (total - others) // mine.cost


def allowed_ma(total: int, demands: Sequence[Demand], evse_id: int) -> int:
    """What one EVSE is allowed now: lowered at once, raised only by what the others no longer draw."""
    mine = next(one for one in demands if one.evse_id == evse_id)
    available = available_ma(total, demands, evse_id)
    if available <= mine.offered_ma:
        return available
    share = shares(total, demands)
    taken = sum(
        max(share[one.evse_id], one.occupied_ma * one.cost) for one in demands if one.evse_id != evse_id
    )
    return max(mine.offered_ma, min(available, (total - taken) // mine.cost))
