"""The proximity contact of a socket outlet: the resistor in the plug codes what the cable carries.

Owns: the coding of IEC 61851-1 Annex B and its debounce. Refuses to know: volts, what a lost plug means.

Resistances in the gaps between the bands give the lower ampacity. Between the 13 A band and open there is
nothing lower than "no plug"; below the 63 A band there is only a short: both give no current at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SHORT = -1
"""The coding of a shorted contact, or one too low to be a plug."""
NO_PLUG = 0

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
    """The accepted coding. A lower one is taken at the second reading, a higher one after ``settle_ms``."""

    value_ma: int = NO_PLUG
    candidate_ma: int | None = None
    candidate_since_ms: int = 0


def observe(state: Coding, resistance_ohm: int | None, fixed: bool, now_ms: int, settle_ms: int) -> Coding:
    """Take in one reading. ``fixed``: a vehicle is connected, so the cable cannot become a better one."""
    coding = coding_ma(resistance_ohm)
    if coding == state.value_ma:
        return state if state.candidate_ma is None else replace(state, candidate_ma=None)
    if coding < state.value_ma and state.candidate_ma is not None and state.candidate_ma < state.value_ma:
        return Coding(coding)  # two readings below the accepted one, whichever they are
    if coding != state.candidate_ma:
        return replace(state, candidate_ma=coding, candidate_since_ms=now_ms)
    if now_ms - state.candidate_since_ms < settle_ms or (fixed and state.value_ma > NO_PLUG):
        return state
    return Coding(coding)
