"""Sleeping vehicles: one ladder from "no answer to our PWM" to a pulse of state F, and when not to climb it.

Owns: the rungs, how long each lasts, that an offer climbs at most once, and the count of this plug-in.
Refuses to know: volts, duties, permits, the contactor. It says what the pilot should show; ``core`` decides
whether it may.

The ladder: 30 s of PWM in B2 without an answer; x1 for 3 s (sequence 9.2); state F for 4 s; x1 for 0.75 s;
PWM again; after 10 s without C or D it gives up, PWM stays on and a vehicle that wakes later is charged.

When: once per offer that follows a pause. An offer begins when the limit has risen from nothing: after the
plug-in, after a permit that lapsed, was withdrawn or was below 6 A. As soon as the vehicle has asked for
current once, it is awake, and the rest of the offer is its own business: a vehicle that has charged to full
and lets go is never pulsed. A fault does not begin a new offer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum

from controller.safety import timing


class Rung(IntEnum):
    ARMED = 0  # nothing tried in this offer, the vehicle has not asked
    PAUSE = 1  # x1
    PULSE = 2  # state F
    READY = 3  # x1, short
    WAITING = 4  # PWM again
    SPENT = 5  # the vehicle has asked, or the ladder has been climbed: no more in this offer


@dataclass(frozen=True, slots=True)
class WakeUp:
    """``since_ms``: on this rung since. ``count``: pulses in this plug-in."""

    rung: Rung = Rung.ARMED
    since_ms: int = 0
    count: int = 0

    @property
    def climbing(self) -> bool:
        """The pilot is ours to play with: x1, F, x1."""
        return self.rung is Rung.PAUSE or self.rung is Rung.PULSE or self.rung is Rung.READY


@dataclass(frozen=True, slots=True)
class WakeUpTimes:
    """In ms: defaults and bounds stand in ``timing``. ``after_ms`` 0: vehicles are never woken.

    Raises ``ValueError``.
    """

    after_ms: int = timing.WAKE_AFTER.value_ms
    pause_ms: int = timing.WAKE_PAUSE.value_ms
    pulse_ms: int = timing.WAKE_PULSE.value_ms
    ready_ms: int = timing.WAKE_READY.value_ms
    give_up_ms: int = timing.WAKE_GIVE_UP.value_ms

    def __post_init__(self) -> None:
        for one in timing.TIMINGS:
            part, _, name = one.setting.partition(".")
            if part == "wake_up" and not (name == "after_ms" and self.after_ms == timing.NEVER_MS):
                one.check(getattr(self, name))


FRESH = WakeUp()


def advance(
    state: WakeUp,
    *,
    present: bool,
    limit: bool,
    free: bool,
    asked: bool,
    unanswered_since_ms: int | None,
    now_ms: int,
    times: WakeUpTimes,
) -> WakeUp:
    """One step. Returns ``state`` itself while nothing changes.

    ``present``: the same vehicle is connected as before. ``limit``: a valid permit allows 6 A or more.
    ``free``: no inhibit. ``asked``: the pilot is in C or D. ``unanswered_since_ms``: PWM in state B since,
    None = not so.
    """
    if not present:
        return FRESH
    if not limit:
        return state if state.rung is Rung.ARMED else WakeUp(count=state.count)
    if state.rung is Rung.SPENT:
        return state
    if asked:
        return replace(state, rung=Rung.SPENT, since_ms=now_ms)
    if not free:
        # Before the pulse nothing was tried; after it this offer has had its chance.
        rung = Rung.ARMED if state.rung <= Rung.PAUSE else Rung.SPENT
        return state if rung is state.rung else replace(state, rung=rung, since_ms=now_ms)
    stood_ms = now_ms - state.since_ms
    match state.rung:
        case Rung.ARMED:
            if (
                times.after_ms != timing.NEVER_MS
                and unanswered_since_ms is not None
                and now_ms - unanswered_since_ms >= times.after_ms
            ):
                return replace(state, rung=Rung.PAUSE, since_ms=now_ms)
        case Rung.PAUSE:
            if stood_ms >= times.pause_ms:
                return WakeUp(Rung.PULSE, now_ms, state.count + 1)
        case Rung.PULSE:
            if stood_ms >= times.pulse_ms:
                return replace(state, rung=Rung.READY, since_ms=now_ms)
        case Rung.READY:
            if stood_ms >= times.ready_ms:
                return replace(state, rung=Rung.WAITING, since_ms=now_ms)
        case Rung.WAITING:
            if stood_ms >= times.give_up_ms:
                return replace(state, rung=Rung.SPENT, since_ms=now_ms)
    return state
