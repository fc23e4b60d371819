"""The contactor and its mirror contact: what was commanded, what followed, how long it took.

Owns: the deadlines of the feedback, the difference between WELDED and DID_NOT_CLOSE, the counters and the
travel times. Refuses to know: why the contactor is to be closed (``gate`` does), how its coil is fed.

WELDED means closed although commanded open: the plug is live, people are in danger. DID_NOT_CLOSE means
open although commanded closed: nobody is. Calling one by the other's name sends the technician the wrong way.
A mirror contact (IEC 60947-4-1 Annex F) cannot read open while any pole is closed: one welded pole is WELDED.
Without a mirror contact every command is believed at once and neither fault can be seen.

A mirror that contradicts the command again and again is as bad as one that does so for good: a contactor
that chatters burns, and a loose wire proves nothing. So many contradictions within so short a time count as
one that lasts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

TREND_LENGTH = 16
"""So many travels are remembered."""


class Trend(NamedTuple):
    """The last ``travels`` (1..16) measured ones in ms. ``mean_ms`` is rounded down."""

    lowest_ms: int
    mean_ms: int
    highest_ms: int
    travels: int


def trend_of(travels_ms: tuple[int, ...]) -> Trend | None:
    """None while nothing has been measured."""
    count = len(travels_ms)
    return Trend(min(travels_ms), sum(travels_ms) // count, max(travels_ms), count) if count else None


class Phase(IntEnum):
    OPEN = 0
    CLOSING = 1
    CLOSED = 2
    OPENING = 3


@dataclass(frozen=True, slots=True)
class ContactorTimes:
    """Deadlines of the feedback, in ms.

    ``drop_ms``: how long a closed mirror contact may read open. ``rest_ms``: shortest time open before it is
    closed again (wear; well within the 3 s of sequence 4). ``attempts``: failed closings per plug-in.
    ``chatter``: contradictions within ``chatter_ms`` that count as one that lasts.
    """

    close_ms: int = 300
    open_ms: int = 200
    drop_ms: int = 50
    rest_ms: int = 1_000
    attempts: int = 3
    chatter: int = 5
    chatter_ms: int = 1_000

    def __post_init__(self) -> None:
        for name, low, high in (
            ("close_ms", 20, 1_000),
            ("open_ms", 20, 1_000),
            ("drop_ms", 0, 200),
            ("rest_ms", 0, 10_000),
            ("attempts", 1, 10),
            ("chatter", 2, 20),
            ("chatter_ms", 100, 10_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"contactor {name}: found {getattr(self, name)}, expected {low}..{high}")


@dataclass(frozen=True, slots=True)
class Contactor:
    """What is known of one contactor.

    ``wrong_since_ms``: since when the mirror contradicts the command in a phase of rest, ``wrongs`` how often
    it began to since ``wrongs_since_ms``. ``close_travels_ms`` and ``open_travels_ms``: the last measured
    travels, command to mirror, with the resolution of one tick. ``measuring``: the travel that is on its way
    can be measured: it began at the other end and was seen without a gap. ``failures``: closings in a row
    that did not succeed or did not last. ``welded`` and ``did_not_close`` are true while they are seen.
    """

    phase: Phase = Phase.OPEN
    since_ms: int = 0
    wrong_since_ms: int | None = None
    welded: bool = False
    did_not_close: bool = False
    failures: int = 0
    operations: int = 0
    openings_under_load: int = 0
    close_travels_ms: tuple[int, ...] = ()
    open_travels_ms: tuple[int, ...] = ()
    measuring: bool = False
    wrongs: int = 0
    wrongs_since_ms: int = 0

    @property
    def commanded(self) -> bool:
        return self.phase is Phase.CLOSING or self.phase is Phase.CLOSED

    @property
    def close_took_ms(self) -> int | None:
        """The last measured travel, None = not yet."""
        return self.close_travels_ms[-1] if self.close_travels_ms else None

    @property
    def open_took_ms(self) -> int | None:
        """The last measured travel, None = not yet."""
        return self.open_travels_ms[-1] if self.open_travels_ms else None


def observe(state: Contactor, mirror: bool | None, now_ms: int, times: ContactorTimes) -> Contactor:
    """Take in the mirror contact (None = the board has none)."""
    if state.did_not_close:
        state = replace(state, did_not_close=False)
    elapsed = now_ms - state.since_ms
    match state.phase:
        case Phase.CLOSING:
            if mirror is not False:
                travels = _remembered(state, state.close_travels_ms, mirror, elapsed)
                return replace(
                    state,
                    phase=Phase.CLOSED,
                    since_ms=now_ms,
                    close_travels_ms=travels,
                    measuring=False,
                    wrongs=0,
                )
            return _failed(state, now_ms) if elapsed >= times.close_ms else state
        case Phase.CLOSED:
            if mirror is not False:
                return state if state.wrong_since_ms is None else replace(state, wrong_since_ms=None)
            if state.wrong_since_ms is None:
                state = _contradicted(state, now_ms, times)
            return _failed(state, now_ms) if _lasts(state, now_ms, times.drop_ms, times) else state
        case Phase.OPENING:
            if mirror is not True:
                travels = _remembered(state, state.open_travels_ms, mirror, elapsed)
                return replace(
                    state,
                    phase=Phase.OPEN,
                    since_ms=now_ms,
                    open_travels_ms=travels,
                    measuring=False,
                    wrongs=0,
                    welded=False,
                )
            if elapsed >= times.open_ms and not state.welded:
                return replace(state, welded=True, measuring=False)
            return state
        case Phase.OPEN:
            if mirror is not True:
                if state.wrong_since_ms is None and not state.welded:
                    return state
                return replace(state, wrong_since_ms=None, welded=False)
            if state.wrong_since_ms is None:
                state = _contradicted(state, now_ms, times)
            if not state.welded and _lasts(state, now_ms, times.open_ms, times):
                return replace(state, welded=True)
            return state


def _remembered(
    state: Contactor, travels_ms: tuple[int, ...], mirror: bool | None, elapsed_ms: int
) -> tuple[int, ...]:
    if mirror is None or not state.measuring:
        return travels_ms
    return (*travels_ms[1 - TREND_LENGTH :], elapsed_ms)


def _contradicted(state: Contactor, now_ms: int, times: ContactorTimes) -> Contactor:
    """The mirror begins to contradict the command."""
    again = state.wrongs > 0 and now_ms - state.wrongs_since_ms < times.chatter_ms
    return replace(
        state,
        wrong_since_ms=now_ms,
        wrongs=state.wrongs + 1 if again else 1,
        wrongs_since_ms=state.wrongs_since_ms if again else now_ms,
    )


def _lasts(state: Contactor, now_ms: int, limit_ms: int, times: ContactorTimes) -> bool:
    """The mirror has contradicted the command for too long, or too often."""
    since_ms = state.wrong_since_ms
    return since_ms is not None and (now_ms - since_ms >= limit_ms or state.wrongs >= times.chatter)


def unseen(state: Contactor, now_ms: int) -> Contactor:
    """The mirror could not be read: no deadline runs on what is not known, no fault gets a wrong name."""
    if state.phase is Phase.OPEN or state.phase is Phase.CLOSED:
        return state if state.wrong_since_ms is None else replace(state, wrong_since_ms=None)
    return replace(state, since_ms=now_ms, did_not_close=False, measuring=False)


def _failed(state: Contactor, now_ms: int) -> Contactor:
    return replace(
        state,
        phase=Phase.OPENING,
        since_ms=now_ms,
        wrong_since_ms=None,
        wrongs=0,
        measuring=False,  # how long ago it let go is not known
        did_not_close=True,
        failures=state.failures + 1,
    )


def command(
    state: Contactor, close: bool, mirror: bool | None, under_load: bool, now_ms: int, times: ContactorTimes
) -> Contactor:
    """Follow the gate. Opening is immediate in every phase; closing needs a rested contactor that reads open.

    ``under_load``: the vehicle still asks for current, so an opening now is one under load.
    """
    if not close:
        if not state.commanded:
            return state
        return replace(
            state,
            phase=Phase.OPENING,
            since_ms=now_ms,
            wrong_since_ms=None,
            measuring=state.phase is Phase.CLOSED and state.wrong_since_ms is None,
            failures=0 if state.phase is Phase.CLOSED else state.failures,
            openings_under_load=state.openings_under_load + under_load,
        )
    rested = now_ms - state.since_ms >= times.rest_ms
    if state.phase is Phase.OPEN and rested and mirror is not True and not state.welded:
        return replace(
            state,
            phase=Phase.CLOSING,
            since_ms=now_ms,
            wrong_since_ms=None,
            measuring=mirror is False,
            operations=state.operations + 1,
        )
    return state
