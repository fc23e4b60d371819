"""Protection by the meter's readings: over-current, over- and under-voltage, a missing phase. Pure.

Owns: what counts as too much, for how long, when it may be tried again, and how often.
Refuses to know: how the permit is withdrawn (a claim of 0 mA does), who shows the fault.

These checks act through the controller: a reading a second, seconds of patience, then x1, the vehicle lets
go, open. They are no substitute for the circuit breaker and the residual-current device, and they do not
open within 100 ms; the fault catalogue says so in each of their rows.

Per check one ``Watch``: quiet -> (bad for ``trip_ms``) -> active -> (good for ``restart_ms``) -> quiet.
Between bad and good lies a band that is neither: it ends the patience, and it does not count as recovery. A
reading that does not tell leaves all as it is. After ``tries`` returns within one plug-in the watch stays
active until unplugging or a reset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from controller.domain.faults import OVER_CURRENT, OVER_VOLTAGE, PHASE_MISSING, UNDER_VOLTAGE
from controller.domain.inputs import EvseFacts, Reading
from controller.domain.policy import Policy

CHECKS = (OVER_CURRENT, OVER_VOLTAGE, UNDER_VOLTAGE, PHASE_MISSING)
VOLTAGE_BAND_PERMILLE = 20
"""Hysteresis: good begins 2 % of nominal inside the limit."""
CURRENT_BAND_MA = 500
"""Hysteresis: good begins at the offer plus half of an ampere less than the limit, never above the limit."""
DEAD_PERMILLE = 200
"""Below 20 % of nominal a phase is not there: what a meter shows then is coupled in."""


class Sight(Enum):
    """What one reading says of one check."""

    UNKNOWN = "unknown"
    GOOD = "good"
    BETWEEN = "between"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """``detail``: what was measured, in words."""

    sight: Sight
    detail: str = ""


_UNKNOWN = Finding(Sight.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Watch:
    """One check of one EVSE. ``tries``: how often it became active in this plug-in. Instants
    CLOCK_MONOTONIC."""

    active: bool = False
    tries: int = 0
    bad_since_ms: int | None = None
    good_since_ms: int | None = None
    sight: Sight = Sight.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """``trip_ms``: bad for so long. ``restart_ms``: good for so long. ``tries``: returns before it stays."""

    trip_ms: int
    restart_ms: int
    tries: int


def times(check: str, policy: Policy) -> Times:
    restart_ms = policy.protection_restart_s * 1000
    if check == OVER_CURRENT:
        return Times(policy.over_current_s * 1000, restart_ms, policy.over_current_retries)
    return Times(policy.voltage_s * 1000, restart_ms, policy.voltage_retries)


def find(reading: Reading, facts: EvseFacts | None, phases: int, policy: Policy) -> Mapping[str, Finding]:
    """What a reading says of every check. ``phases``: of the EVSE; only those are looked at."""
    volts = reading.voltage_mv[:phases]
    return {OVER_CURRENT: _current(reading, facts, policy), **_voltage(volts, facts, policy)}


def _current(reading: Reading, facts: EvseFacts | None, policy: Policy) -> Finding:
    """Drawn above offered by a percentage and a margin. The vehicle has 5 s to follow the pilot (IEC 61851-1
    Annex A), so patience is longer than that. With the contactor open nothing can be drawn through it."""
    if facts is not None and not facts.contactor_closed:
        return Finding(Sight.GOOD)
    drawn = [current for current in reading.current_ma if current is not None]
    if not drawn or facts is None:
        return _UNKNOWN
    offered_ma = facts.offered_ma
    limit_ma = offered_ma * (100 + policy.over_current_percent) // 100 + policy.over_current_margin_ma
    most_ma = max(drawn)
    detail = f"{most_ma / 1000:.1f} A drawn, {offered_ma / 1000:.1f} A offered"
    if most_ma > limit_ma:
        return Finding(Sight.BAD, detail)
    good_ma = max(offered_ma, limit_ma - CURRENT_BAND_MA)
    return Finding(Sight.GOOD if most_ma <= good_ma else Sight.BETWEEN, detail)


def _voltage(volts: Sequence[int | None], facts: EvseFacts | None, policy: Policy) -> Mapping[str, Finding]:
    unknown = dict.fromkeys((OVER_VOLTAGE, UNDER_VOLTAGE, PHASE_MISSING), _UNKNOWN)
    measured = [volt for volt in volts if volt is not None]
    if not measured or len(measured) < len(volts):
        return unknown  # a meter that shows some of the used phases cannot prove that all is well
    nominal_mv = policy.nominal_voltage_v * 1000
    dead_mv = nominal_mv * DEAD_PERMILLE // 1000
    alive = [volt for volt in measured if volt >= dead_mv]
    if not alive and (facts is None or not facts.contactor_closed):
        return unknown  # a meter behind the contactor sees nothing while it is open
    band_mv = nominal_mv * VOLTAGE_BAND_PERMILLE // 1000
    high_mv = nominal_mv * policy.over_voltage_percent // 100
    low_mv = nominal_mv * policy.under_voltage_percent // 100
    detail = " / ".join(f"{volt / 1000:.0f} V" for volt in measured)
    over, under = max(measured), min(alive, default=0)
    missing = bool(alive) and len(alive) < len(measured)
    return {
        OVER_VOLTAGE: Finding(_side(over > high_mv, over <= high_mv - band_mv), detail),
        UNDER_VOLTAGE: Finding(_side(under < low_mv, under >= low_mv + band_mv), detail),
        PHASE_MISSING: Finding(_side(missing, bool(alive) and not missing), detail),
    }


def _side(bad: bool, good: bool) -> Sight:
    return Sight.BAD if bad else Sight.GOOD if good else Sight.BETWEEN


def advance(watch: Watch, finding: Finding, at_ms: int, limits: Times) -> Watch:
    """Take in one finding of a reading taken at ``at_ms``."""
    match finding.sight:
        case Sight.UNKNOWN:
            return replace(watch, sight=Sight.UNKNOWN)
        case Sight.BAD:
            since_ms = at_ms if watch.bad_since_ms is None else watch.bad_since_ms
            watch = replace(watch, bad_since_ms=since_ms, good_since_ms=None, sight=Sight.BAD)
            if not watch.active and at_ms - since_ms >= limits.trip_ms:
                return replace(watch, active=True, tries=watch.tries + 1, detail=finding.detail)
            return watch
        case Sight.BETWEEN:
            return replace(watch, bad_since_ms=None, good_since_ms=None, sight=Sight.BETWEEN)
        case Sight.GOOD:
            since_ms = at_ms if watch.good_since_ms is None else watch.good_since_ms
            watch = replace(watch, bad_since_ms=None, good_since_ms=since_ms, sight=Sight.GOOD)
            if watch.active and not latched(watch, limits) and at_ms - since_ms >= limits.restart_ms:
                return replace(watch, active=False)
            return watch


def latched(watch: Watch, limits: Times) -> bool:
    """It came back too often: only unplugging or a reset helps."""
    return watch.active and watch.tries > limits.tries


def reset(watch: Watch) -> Watch:
    """Somebody looked and says go on: what has no cause any more ends now, all tries are forgiven."""
    return replace(watch, active=watch.active and watch.sight is not Sight.GOOD, tries=0)


def unplugged(watch: Watch) -> Watch:
    """The next plug-in has all its tries again; the mains are as they are."""
    return replace(watch, tries=0)
