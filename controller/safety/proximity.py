"""The proximity contact of a socket outlet: the resistor in the plug codes what the cable carries.

Owns: the coding of IEC 61851-1 Annex B and its debounce. Refuses to know: volts, what a lost plug means.

Resistances in the gaps between the bands give the lower ampacity. Between the 13 A band and open there is
nothing lower than "no plug"; below the 63 A band there is only a short: both give no current at all.
"""

from __future__ import annotations

from dataclasses import dataclass

SHORT = -1
"""The coding of a shorted contact, or one too low to be a plug."""
NO_PLUG = 0
_TRIP = 4

_BANDS = ((80, SHORT), (141, 63_000), (309, 32_000), (937, 20_000), (2_461, 13_000))
"""Below so many ohms: the coding in mA. 63 A 80..140, 32 A 164..308, 20 A 400..936, 13 A 1100..2460 ohm."""


def coding_ma(resistance_ohm: int | None) -> int:
    """Ampacity in mA, ``NO_PLUG`` or ``SHORT``."""
    if resistance_ohm is None:
        return NO_PLUG
    for below_ohm, coding in _BANDS:
        if resistance_ohm < below_ohm:
            return coding
    return NO_PLUG


@dataclass(frozen=True, slots=True)
class Coding:
    """The accepted coding. ``suspicion`` counts readings below it, ``best_ma`` is the lowest coding of a
    cable since a vehicle is connected: what the same cable can never exceed again."""

    value_ma: int = NO_PLUG
    candidate_ma: int | None = None
    candidate_since_ms: int = 0
    suspicion: int = 0
    best_ma: int | None = None


def observe(state: Coding, resistance_ohm: int | None, fixed: bool, now_ms: int, settle_ms: int) -> Coding:
    """Take in one reading. Returns ``state`` itself while nothing changes.

    A lower coding is taken at the second reading in a row; a wire that comes and goes is found by suspicion
    (two points for a lower reading, one less for a confirming one, four are enough). A higher one is taken
    after ``settle_ms`` without a break. ``fixed``: a vehicle is connected, so this is one cable; whatever it
    reads, it does not become a better one before the vehicle was unplugged.
    """
    coding = coding_ma(resistance_ohm)
    if not fixed:
        best_ma = None
    elif state.value_ma > NO_PLUG:
        best_ma = state.value_ma if state.best_ma is None else min(state.best_ma, state.value_ma)
    else:
        best_ma = state.best_ma
    if best_ma is not None:
        coding = min(coding, best_ma)
    if coding == state.value_ma:
        if state.candidate_ma is None and state.suspicion == 0 and state.best_ma == best_ma:
            return state
        return Coding(state.value_ma, suspicion=max(0, state.suspicion - 1), best_ma=best_ma)
    if coding < state.value_ma:
        suspicion = state.suspicion + 2
        if suspicion >= _TRIP:
            return Coding(coding, best_ma=best_ma)
        return Coding(state.value_ma, suspicion=suspicion, best_ma=best_ma)
    if coding != state.candidate_ma:
        return Coding(state.value_ma, coding, now_ms, max(0, state.suspicion - 1), best_ma)
    if now_ms - state.candidate_since_ms < settle_ms:
        return state
    return Coding(coding, best_ma=best_ma)
