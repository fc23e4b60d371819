"""One phase or three: when the phase switch may move, and what waits for it.

Owns: the order x1, vehicle lets go, open, dead time, switch, feedback, close; the pause between two
changes from one phase to three; when the switch is at fault.
Refuses to know: who wants how many phases and why; how the contactor opens.

The switch never moves under load: only with the contactor open, its mirror not contradicting, for the whole
dead time. While nobody is connected half a second without a contradiction is enough. A wish for fewer
phases is followed at once, one for more as often as the pause allows; until then charging goes on with one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PhaseTimes:
    """In ms. ``dead_ms``: open before the switch moves. ``travel_ms``: it has arrived by then."""

    dead_ms: int = 5_000
    travel_ms: int = 500
    to_three_every_ms: int = 300_000

    def __post_init__(self) -> None:
        for name, low, high in (
            ("dead_ms", 5_000, 60_000),
            ("travel_ms", 50, 2_000),
            ("to_three_every_ms", 0, 86_400_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"phases {name}: found {getattr(self, name)}, expected {low}..{high}")


@dataclass(frozen=True, slots=True)
class Phases:
    """``three``: what is commanded; a switch without power rests on one phase. ``moved_ms``: since when.

    ``to_three_ms``: last change to three with a vehicle connected. ``rested_ms``: contactor open since.
    ``pending``: another position is wanted and may be had: nothing is offered until it is reached.
    ``ready``: the switch is where it should be.
    """

    three: bool = False
    moved_ms: int | None = None
    to_three_ms: int | None = None
    rested_ms: int | None = None
    wrong_since_ms: int | None = None
    pending: bool = False
    ready: bool = False
    fault: bool = False

    def settled(self, closed: bool) -> bool:
        """Whether the contactor may be closed: a bounce of the feedback keeps it open, but opens none."""
        return self.ready and (closed or self.wrong_since_ms is None)


def observe(state: Phases, feedback: bool | None, now_ms: int, times: PhaseTimes) -> Phases:
    """Take in the feedback (None = the switch has none: believed once its travel time has passed).

    The first look after a start finds the switch where the last run left it: that is its position, and
    nothing has to move for it.
    """
    if (
        feedback is not None
        and not (state.ready or state.fault or state.wrong_since_ms)
        and state.moved_ms is None
    ):
        return replace(state, three=feedback, ready=True)
    arrived = state.moved_ms is None or now_ms - state.moved_ms >= times.travel_ms
    if feedback is None:
        return _seen(state, None, arrived, False)
    if feedback is state.three:
        return _seen(state, None, True, False)
    since = now_ms if state.wrong_since_ms is None else state.wrong_since_ms
    fault = arrived and now_ms - since >= times.travel_ms
    return _seen(state, since, state.ready and not fault, fault)  # a bounce costs nothing


def _seen(state: Phases, wrong_since: int | None, ready: bool, fault: bool) -> Phases:
    if (wrong_since, ready, fault) == (state.wrong_since_ms, state.ready, state.fault):
        return state
    return replace(state, wrong_since_ms=wrong_since, ready=ready, fault=fault)


def advance(
    state: Phases, three: bool | None, vacant: bool, at_rest: bool, now_ms: int, times: PhaseTimes
) -> Phases:
    """One step towards the wish. Returns ``state`` itself while nothing changes.

    ``three`` None: nobody has a wish, the switch stays. ``vacant``: nobody is connected, and that was seen.
    ``at_rest``: nothing is offered, the contactor is open and says so.
    """
    rested = None if not at_rest else now_ms if state.rested_ms is None else state.rested_ms
    pending = three is not None and three is not state.three
    if pending and three and not vacant and state.to_three_ms is not None:
        pending = now_ms - state.to_three_ms >= times.to_three_every_ms
    if pending and rested is not None and now_ms - rested >= (times.travel_ms if vacant else times.dead_ms):
        return Phases(
            not state.three,
            moved_ms=now_ms,
            to_three_ms=now_ms if three and not vacant else state.to_three_ms,
            rested_ms=rested,
        )
    if (rested, pending) == (state.rested_ms, state.pending):
        return state
    return replace(state, rested_ms=rested, pending=pending)
