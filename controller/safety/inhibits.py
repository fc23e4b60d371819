"""The names of the reasons not to close the contactor.

Owns: the closed list of inhibits, the set of them that is active, and how each one goes away.
One gate: the contactor may close only while the set is empty.
Refuses to know: how a cause is found, what is done about it.
The order is part of the wire format: append only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Inhibit(IntEnum):
    """A named reason. Values are bit numbers on the wire."""

    STARTING = 0  # the process has not yet seen a full round of valid inputs
    BOARD_SILENT = 1  # inputs too old or driver error
    PILOT_FAULT = 2  # pilot outside all bands
    PILOT_SHORT = 3  # state E: pilot shorted to PE
    DIODE_MISSING = 4  # lower plateau is not near -12 V while PWM runs
    PWM_FAULT = 5  # the duty on the wire is not the duty commanded
    VENTILATION_REQUIRED = 6  # state D without ventilation
    RESIDUAL_CURRENT = 7  # the detector has tripped
    RESIDUAL_CURRENT_TEST = 8  # the detector's self-test failed or has not been passed
    CONTACTOR_WELDED = 9  # mirror contact closed although commanded open
    CONTACTOR_DID_NOT_CLOSE = 10  # mirror contact open although commanded closed
    PROXIMITY_FAULT = 11  # PP shorted, or lost while charging
    LOCK_FAULT = 12  # the plug lock did not reach its position
    LOOP_LATE = 13  # the loop's lateness is over its budget
    OVER_TEMPERATURE = 14  # a sensor is above its stop temperature
    TEMPERATURE_SENSOR_LOST = 15  # a sensor does not answer or says nonsense
    EMERGENCY_STOP = 16  # the emergency stop is pressed, or its wire is broken
    ENCLOSURE_OPEN = 17  # the enclosure is open, or its switch's wire is broken
    PHASE_SWITCH_FAULT = 18  # the phase switch is not in its commanded position


@dataclass(frozen=True, slots=True)
class Clearing:
    """How an inhibit goes away once its cause is gone (while the cause lasts, nothing clears it).

    ``after_ms``: by itself after so long without the cause, None = not by itself. ``unplug``: when nobody is
    connected any more. A reset by a technician or the controller clears every inhibit whose cause is gone.
    ``why`` is for people.
    """

    after_ms: int | None
    unplug: bool
    why: str


CLEARING: dict[Inhibit, Clearing] = {
    Inhibit.STARTING: Clearing(0, False, "the first full round of valid inputs ends it"),
    Inhibit.BOARD_SILENT: Clearing(1_000, False, "inputs are trusted again after a second without an error"),
    Inhibit.PILOT_FAULT: Clearing(1_000, False, "the pilot has to make sense for a second"),
    Inhibit.PILOT_SHORT: Clearing(1_000, False, "the short has to be gone for a second"),
    Inhibit.DIODE_MISSING: Clearing(None, True, "what hangs on the plug is no vehicle: unplug it, or reset"),
    Inhibit.PWM_FAULT: Clearing(10_000, False, "tried again after 10 s; PWM is proven before every closing"),
    Inhibit.VENTILATION_REQUIRED: Clearing(0, False, "the vehicle no longer asks for ventilation"),
    Inhibit.RESIDUAL_CURRENT: Clearing(
        None,
        True,
        "somebody may be hurt: look, then unplug or reset; retries only by a budget in the profile",
    ),
    Inhibit.RESIDUAL_CURRENT_TEST: Clearing(
        60_000, False, "tested again after a minute; no closing without a pass"
    ),
    Inhibit.CONTACTOR_WELDED: Clearing(None, False, "the plug is live whatever we say: repair, then reset"),
    Inhibit.CONTACTOR_DID_NOT_CLOSE: Clearing(60_000, True, "tried again after a minute, three times"),
    Inhibit.PROXIMITY_FAULT: Clearing(1_000, False, "the plug's coding has to be readable for a second"),
    Inhibit.LOCK_FAULT: Clearing(10_000, True, "the lock is tried again after 10 s"),
    Inhibit.LOOP_LATE: Clearing(10_000, False, "10 s on time earn the trust back"),
    Inhibit.OVER_TEMPERATURE: Clearing(0, False, "below the restart temperature: its own hysteresis"),
    Inhibit.TEMPERATURE_SENSOR_LOST: Clearing(10_000, False, "the sensor has to answer for 10 s"),
    Inhibit.EMERGENCY_STOP: Clearing(1_000, False, "released for a second; the button itself latches"),
    Inhibit.ENCLOSURE_OPEN: Clearing(1_000, False, "closed for a second"),
    Inhibit.PHASE_SWITCH_FAULT: Clearing(10_000, False, "in position for 10 s; switched again then"),
}
"""The clearing rules, one per inhibit. Times in ms since the cause was last seen."""

_NEVER = -1
_ALL = tuple(Inhibit)
_NONE = (0,) * len(_ALL)
_GONE_NONE = (_NEVER,) * len(_ALL)
_RULES = tuple(CLEARING[inhibit] for inhibit in _ALL)


@dataclass(frozen=True, slots=True)
class InhibitSet:
    """The active inhibits: bit mask, since when each is active, since when its cause is gone (-1: not)."""

    mask: int = 0
    since_ms: tuple[int, ...] = _NONE
    gone_ms: tuple[int, ...] = _GONE_NONE

    def __contains__(self, inhibit: Inhibit) -> bool:
        return bool(self.mask >> inhibit & 1)

    def active(self) -> dict[Inhibit, int]:
        """Active inhibits with their since-when in ms."""
        return {inhibit: self.since_ms[inhibit] for inhibit in _ALL if self.mask >> inhibit & 1}


def update(
    inhibits: InhibitSet, causes: int, now_ms: int, *, vacant: bool, reset: bool, forgiven: int = 0
) -> InhibitSet:
    """Set what has a cause, clear what may be cleared. ``causes`` is a bit mask, bit = ``Inhibit``.

    ``vacant`` = nobody is connected; ``reset`` = somebody asked to clear latched faults just now;
    ``forgiven`` = bit mask of those whose own rules allow another try now (residual current).
    Returns ``inhibits`` itself when nothing changes.
    """
    if not causes and not inhibits.mask:
        return inhibits
    mask = inhibits.mask
    since, gone = list(inhibits.since_ms), list(inhibits.gone_ms)
    for number, rule in enumerate(_RULES):
        bit = 1 << number
        if causes & bit:
            if not mask & bit:
                mask |= bit
                since[number] = now_ms
            gone[number] = _NEVER
        elif mask & bit:
            if gone[number] == _NEVER:
                gone[number] = now_ms
            by_itself = rule.after_ms is not None and now_ms - gone[number] >= rule.after_ms
            if by_itself or (rule.unplug and vacant) or reset or forgiven & bit:
                mask &= ~bit
                since[number], gone[number] = 0, _NEVER
    updated = InhibitSet(mask, tuple(since), tuple(gone))
    return inhibits if updated == inhibits else updated
