"""The contactor and its mirror contact: what was commanded, what followed, how long it took.

Owns: the deadlines of the feedback, the difference between WELDED and DID_NOT_CLOSE, the counters.
Refuses to know: why the contactor is to be closed (``gate`` does).

WELDED means closed although commanded open: the plug is live, people are in danger. DID_NOT_CLOSE means
open although commanded closed: nobody is. Calling one by the other's name sends the technician the wrong way.
Without a mirror contact every command is believed at once and neither fault can be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


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
    """

    close_ms: int = 300
    open_ms: int = 200
    drop_ms: int = 50
    rest_ms: int = 1_000
    attempts: int = 3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("close_ms", 20, 1_000),
            ("open_ms", 20, 1_000),
            ("drop_ms", 0, 200),
            ("rest_ms", 0, 10_000),
            ("attempts", 1, 10),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"contactor {name}: found {getattr(self, name)}, expected {low}..{high}")


@dataclass(frozen=True, slots=True)
class Contactor:
    """What is known of one contactor.

    ``wrong_since_ms``: since when the mirror contradicts the command in a phase of rest. ``close_took_ms``
    and ``open_took_ms``: last measured travel, None = not yet. ``failures``: closings in a row that did not
    succeed or did not last. ``welded`` and ``did_not_close`` are true while they are seen.
    """

    phase: Phase = Phase.OPEN
    since_ms: int = 0
    wrong_since_ms: int | None = None
    welded: bool = False
    did_not_close: bool = False
    failures: int = 0
    operations: int = 0
    openings_under_load: int = 0
    close_took_ms: int | None = None
    open_took_ms: int | None = None

    @property
    def commanded(self) -> bool:
        return self.phase is Phase.CLOSING or self.phase is Phase.CLOSED


def observe(state: Contactor, mirror: bool | None, now_ms: int, times: ContactorTimes) -> Contactor:
    """Take in the mirror contact (None = the board has none)."""
    if state.did_not_close:
        state = replace(state, did_not_close=False)
    elapsed = now_ms - state.since_ms
    match state.phase:
        case Phase.CLOSING:
            if mirror is not False:
                took = state.close_took_ms if mirror is None else elapsed
                return replace(state, phase=Phase.CLOSED, since_ms=now_ms, close_took_ms=took)
            return _failed(state, now_ms) if elapsed >= times.close_ms else state
        case Phase.CLOSED:
            if mirror is not False:
                return state if state.wrong_since_ms is None else replace(state, wrong_since_ms=None)
            if state.wrong_since_ms is None:
                return replace(state, wrong_since_ms=now_ms)
            return _failed(state, now_ms) if now_ms - state.wrong_since_ms >= times.drop_ms else state
        case Phase.OPENING:
            if mirror is not True:
                took = state.open_took_ms if mirror is None else elapsed
                return replace(state, phase=Phase.OPEN, since_ms=now_ms, open_took_ms=took, welded=False)
            if elapsed >= times.open_ms and not state.welded:
                return replace(state, welded=True)
            return state
        case Phase.OPEN:
            if mirror is not True:
                if state.wrong_since_ms is None and not state.welded:
                    return state
                return replace(state, wrong_since_ms=None, welded=False)
            if state.wrong_since_ms is None:
                return replace(state, wrong_since_ms=now_ms)
            if not state.welded and now_ms - state.wrong_since_ms >= times.open_ms:
                return replace(state, welded=True)
            return state


def unseen(state: Contactor, now_ms: int) -> Contactor:
    """The mirror could not be read: no deadline runs on what is not known, no fault gets a wrong name."""
    if state.phase is Phase.OPEN or state.phase is Phase.CLOSED:
        return state if state.wrong_since_ms is None else replace(state, wrong_since_ms=None)
    return replace(state, since_ms=now_ms, did_not_close=False)


def _failed(state: Contactor, now_ms: int) -> Contactor:
    return replace(
        state,
        phase=Phase.OPENING,
        since_ms=now_ms,
        wrong_since_ms=None,
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
            failures=0 if state.phase is Phase.CLOSED else state.failures,
            openings_under_load=state.openings_under_load + under_load,
        )
    rested = now_ms - state.since_ms >= times.rest_ms
    if state.phase is Phase.OPEN and rested and mirror is not True and not state.welded:
        return replace(
            state, phase=Phase.CLOSING, since_ms=now_ms, wrong_since_ms=None, operations=state.operations + 1
        )
    return state
