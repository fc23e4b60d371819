"""The random delay of the UK Smart Charge Points Regulations 2021. Pure.

Owns: when a change of the charging rate is put off, for how long, and what ends it.
Refuses to know: what is charged with which limit (it is handed the limit of the schedules), the clock, and
where randomness comes from (``draw``).

Put off are changes that happen at the same moment at many stations without anybody's doing: a boundary of a
charging schedule's periods (a tariff, a clock), and the return of power. During the delay the limit from
before holds, whether it was lower or higher. Not put off is what somebody asked for: plugging in, a card, a
command or a new profile of the CSMS; and nothing that protects the installation (ChargingStationMaxProfile,
external constraints, cable, rating, faults): those limits hold at once, beside the delay.
A delay that runs is not begun anew by a second boundary: at its end the limit of that moment holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Draw = Callable[[int], int]
"""``draw(most) -> 0..most``, uniformly: seconds."""

SCHEDULE = "charging schedule"
POWER = "return of power"
NO_LIMIT_MA = 80_000
"""Stands for "no schedule limits it": more than any AC station offers."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """``limit_ma``: what the schedules of a transaction allow now. ``chosen``: who chose them (transaction
    and profiles with their instants); a limit that changes while the choice stays was changed by the
    clock."""

    chosen: tuple[object, ...]
    limit_ma: int


@dataclass(frozen=True, slots=True)
class Delay:
    """One that runs. ``held_ma``: the limit from before. Instants in UTC ms."""

    cause: str
    held_ma: int
    began_at_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class RandomDelay:
    """``accepted``: what held when it was last looked at; None = no transaction."""

    accepted: Scheduled | None = None
    running: Delay | None = None


def remaining_ms(delay: Delay, utc_ms: int, most_s: int) -> int:
    """Never more than the setting allows, wherever the clock jumped meanwhile."""
    return max(0, min(delay.until_ms - utc_ms, most_s * 1000))


def changed_by_clock(state: RandomDelay, now: Scheduled) -> bool:
    before = state.accepted
    return before is not None and before.chosen == now.chosen and before.limit_ma != now.limit_ma


def held_ma(state: RandomDelay, now: Scheduled, utc_ms: int, most_s: int) -> int | None:
    """The limit from before, where it still holds; None = the schedules' own limit holds.

    True also for a boundary that nobody has looked at yet: the moment after it must not leak through.
    """
    running = state.running
    if running is not None:
        replaced = state.accepted is not None and state.accepted.chosen != now.chosen
        return running.held_ma if remaining_ms(running, utc_ms, most_s) > 0 and not replaced else None
    if most_s > 0 and state.accepted is not None and changed_by_clock(state, now):
        return state.accepted.limit_ma
    return None


def begin(cause: str, held_ma: int, utc_ms: int, most_s: int, draw: Draw) -> Delay | None:
    """A delay to the nearest second, None when it is switched off or came out as 0 s."""
    seconds = draw(most_s) if most_s > 0 else 0
    return Delay(cause, held_ma, utc_ms, utc_ms + seconds * 1000) if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Step:
    """``begun``: a delay to begin. ``ended``: why the running one is over, None = it runs on (or none
    ran)."""

    accepted: Scheduled | None
    begun: Delay | None = None
    ended: str | None = None


def follow(state: RandomDelay, now: Scheduled | None, utc_ms: int, most_s: int, draw: Draw) -> Step:
    """Look at the schedules' limit of this moment; ``now`` None = no transaction that could charge."""
    running = state.running
    if now is None:
        return Step(None, ended="the transaction is over" if running is not None else None)
    if running is not None:
        if state.accepted is not None and state.accepted.chosen != now.chosen:
            return Step(now, ended="a new charging profile")
        if remaining_ms(running, utc_ms, most_s) <= 0:
            return Step(now, ended="its time is over")
        return Step(now)
    if changed_by_clock(state, now):
        assert state.accepted is not None
        return Step(now, begun=begin(SCHEDULE, state.accepted.limit_ma, utc_ms, most_s, draw))
    return Step(now)
