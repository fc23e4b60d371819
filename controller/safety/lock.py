"""The plug lock of a socket outlet: motor pulses and position feedback.

Owns: who gets his wish, the pulse, the retries, when the position counts as reached.
Refuses to know: the contactor (``core`` does: locked before closing, unlocked only when open).

A lock without feedback is believed after its pulse. With feedback a pulse that does not move it is
repeated; after ``attempts`` the lock is at fault and rests for ``rest_ms`` before it is tried again: a jam
costs at most ten pulses a minute. The motor is never held: every pulse ends after ``pulse_ms``.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.safety.permit import LockWish
from hal.interface import LockDrive


@dataclass(frozen=True, slots=True)
class LockTimes:
    """In ms. ``pulse_ms``: drive of the motor. ``pause_ms``: between pulses, while the feedback settles.

    ``settle_ms``: so long after its start the process leaves a lock as it finds it, unless told what to do:
    a restart in the middle of a session does not give the plug away. ``fault_ms``: with ``unlock_on_fault``,
    how long a fault has to last before it releases the plug.
    """

    pulse_ms: int = 600
    pause_ms: int = 200
    attempts: int = 3
    rest_ms: int = 20_000
    settle_ms: int = 5_000
    fault_ms: int = 10_000

    def __post_init__(self) -> None:
        for name, low, high in (
            ("pulse_ms", 50, 5_000),
            ("pause_ms", 0, 2_000),
            ("attempts", 1, 10),
            ("rest_ms", 1_000, 600_000),
            ("settle_ms", 0, 30_000),
            ("fault_ms", 1_000, 600_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"lock {name}: found {getattr(self, name)}, expected {low}..{high}")


@dataclass(frozen=True, slots=True)
class Lock:
    """``target``: True = locked, None = not known yet. ``reached``: the target's position is there.
    ``wrong_since_ms``: since when the feedback of a reached position says otherwise."""

    target: bool | None = None
    reached: bool = False
    drive: LockDrive = LockDrive.OFF
    since_ms: int = 0
    attempts: int = 0
    fault: bool = False
    wrong_since_ms: int | None = None

    @property
    def locked(self) -> bool:
        return self.reached and self.target is True


def wanted(there: bool, wish: LockWish, held: bool, released: bool) -> bool:
    """Should the plug be held? ``there``: a plug is in the socket; ``held``: a permit is;
    ``released``: a fault lasts, and the policy of this station is to give the plug back then."""
    if not there or released:
        return False
    return wish is LockWish.LOCKED or (wish is LockWish.AUTOMATIC and held)


def undecided(state: Lock, wish: LockWish, held: bool, now_ms: int, times: LockTimes) -> bool:
    """Just started and not told anything: leave the lock as it was found."""
    silent = wish is LockWish.AUTOMATIC and not held
    return state.target is None and silent and now_ms - state.since_ms < times.settle_ms


def finish(state: Lock, now_ms: int, times: LockTimes) -> Lock:
    """Nothing may begin now (inputs lost, contactor not open): a running pulse ends in time, no more."""
    if state.drive is LockDrive.OFF or now_ms - state.since_ms < times.pulse_ms:
        return state
    return Lock(state.target, since_ms=now_ms, attempts=state.attempts, fault=state.fault)


def advance(state: Lock, want_locked: bool, feedback: bool | None, now_ms: int, times: LockTimes) -> Lock:
    """One step towards ``want_locked``. Returns ``state`` itself while nothing changes."""
    if state.target is not want_locked:
        if feedback is want_locked:
            return Lock(want_locked, reached=True, since_ms=now_ms)
        return _pulse(want_locked, 1, False, now_ms)
    elapsed = now_ms - state.since_ms
    if state.drive is not LockDrive.OFF:
        if elapsed < times.pulse_ms:
            return state
        return Lock(want_locked, since_ms=now_ms, attempts=state.attempts, fault=state.fault)
    if state.reached:
        if feedback is None or feedback is want_locked:
            return state if state.wrong_since_ms is None else Lock(want_locked, reached=True, since_ms=now_ms)
        if state.wrong_since_ms is None:
            return Lock(want_locked, reached=True, since_ms=state.since_ms, wrong_since_ms=now_ms)
        if now_ms - state.wrong_since_ms < times.pause_ms:
            return state  # a bounce that comes back within the pause costs nothing
        return _pulse(want_locked, 1, False, now_ms)
    if feedback is None or feedback is want_locked:
        return Lock(want_locked, reached=True, since_ms=now_ms)
    if state.attempts >= times.attempts:
        if elapsed < times.rest_ms:
            return (
                state
                if state.fault
                else Lock(want_locked, since_ms=state.since_ms, attempts=state.attempts, fault=True)
            )
        return _pulse(want_locked, 1, True, now_ms)
    if elapsed < times.pause_ms:
        return state
    return _pulse(want_locked, state.attempts + 1, state.fault, now_ms)


def _pulse(want_locked: bool, attempt: int, fault: bool, now_ms: int) -> Lock:
    drive = LockDrive.LOCK if want_locked else LockDrive.UNLOCK
    return Lock(want_locked, drive=drive, since_ms=now_ms, attempts=attempt, fault=fault)
