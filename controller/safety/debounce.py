"""From single readings to a letter that can be acted on: quick towards less power, slow towards more.

Owns: how many evaluations or how much time a change of the pilot needs.
Refuses to know: volts, permits, what follows from a letter.

Four rules, each bounded for every possible sequence of readings:

* less power (C to B, anything to A or E): two equal evaluations. A pilot that flaps counts as well: every
  reading below the accepted letter adds two points of suspicion, every confirming one removes one,
  four points are enough. Two in a row: accepted at the second. B, C, B, C, B: accepted at the fifth.
* more power (A to B, B to C, E or F to anything): the same reading without a break for ``more_power_ms``
  and at least ``more_power_count`` times, so that a stalled loop does not count as a quiet pilot.
* doubt (outside all bands, diode missing): the letter is kept for ``doubt_ms``, then it is a fault. One
  clean reading does not end a doubt, two in a row do: a pilot that is nonsense half of the time is a fault.
* the letter of a pilot outside all bands is E.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.safety.pilot import Pilot, Reading

_RANK = (1, 2, 4, 3, 0, 0)
"""Power rank of A, B, C, D, E, F. D is below C: it may ask for ventilation we lack, so C to D is quick."""
_PILOTS = tuple(Pilot)
_TRIP = 4


@dataclass(frozen=True, slots=True)
class DebounceTimes:
    """``more_power_ms`` 200..500 (IEC 61851-1 leaves it open, peers use 250 to 500), ``doubt_ms`` 0..50."""

    more_power_ms: int = 300
    more_power_count: int = 5
    doubt_ms: int = 50

    def __post_init__(self) -> None:
        if not 200 <= self.more_power_ms <= 500:
            raise ValueError(f"more_power_ms: found {self.more_power_ms}, expected 200..500")
        if not 2 <= self.more_power_count <= 20:
            raise ValueError(f"more_power_count: found {self.more_power_count}, expected 2..20")
        if not 0 <= self.doubt_ms <= 50:
            raise ValueError(f"doubt_ms: found {self.doubt_ms}, expected 0..50")


@dataclass(frozen=True, slots=True)
class Debounce:
    """``letter`` is the accepted one. ``outside`` and ``diode_missing`` are doubts that have matured."""

    letter: Pilot = Pilot.F
    outside: bool = False
    diode_missing: bool = False
    suspicion: int = 0
    candidate: Reading | None = None
    candidate_since_ms: int = 0
    candidate_count: int = 0
    doubt_since_ms: int | None = None
    clean_count: int = 0

    def forget(self) -> Debounce:
        """No reading this time: what was being counted starts again, the letter stays."""
        if self.candidate is None:
            return self
        return replace(self, candidate=None, candidate_count=0)


def evaluate(state: Debounce, reading: Reading, now_ms: int, times: DebounceTimes) -> Debounce:
    """Take in one reading. Returns ``state`` itself while nothing changes, which is nearly always."""
    if reading >= Reading.OUTSIDE:
        return _doubt(state, reading, now_ms, times)
    if state.doubt_since_ms is not None:
        if state.clean_count == 0:
            state = replace(state, clean_count=1)
        else:
            state = replace(state, doubt_since_ms=None, clean_count=0, diode_missing=False)
    letter = state.letter
    if int(reading) == int(letter):
        if state.suspicion == 0 and state.candidate is None:
            if letter is Pilot.E and state.outside and reading is Reading.E:
                return replace(state, outside=False)  # no longer nonsense: a plain short
            return state
        return replace(state, suspicion=max(0, state.suspicion - 1), candidate=None, candidate_count=0)
    if _RANK[reading] <= _RANK[letter]:
        suspicion = state.suspicion + 2
        if suspicion >= _TRIP:
            return _accept(state, reading)
        return replace(state, suspicion=suspicion, candidate=None, candidate_count=0)
    return _more_power(state, reading, now_ms, times)


def _doubt(state: Debounce, reading: Reading, now_ms: int, times: DebounceTimes) -> Debounce:
    since = now_ms if state.doubt_since_ms is None else state.doubt_since_ms
    matured = now_ms - since >= times.doubt_ms
    diode_missing = state.diode_missing or (matured and reading is Reading.DIODE)
    if matured and reading is Reading.OUTSIDE:
        if state.outside and state.clean_count == 0 and state.candidate is None:
            return state
        return Debounce(Pilot.E, True, diode_missing, doubt_since_ms=since)
    if (
        since == state.doubt_since_ms
        and state.clean_count == 0
        and state.candidate is None
        and diode_missing == state.diode_missing
    ):
        return state
    return replace(
        state,
        doubt_since_ms=since,
        clean_count=0,
        candidate=None,
        candidate_count=0,
        diode_missing=diode_missing,
    )


def _more_power(state: Debounce, reading: Reading, now_ms: int, times: DebounceTimes) -> Debounce:
    if state.candidate is not reading:
        return replace(
            state,
            suspicion=max(0, state.suspicion - 1),
            candidate=reading,
            candidate_since_ms=now_ms,
            candidate_count=1,
        )
    count = state.candidate_count + 1
    if count >= times.more_power_count and now_ms - state.candidate_since_ms >= times.more_power_ms:
        return _accept(state, reading)
    # Counting further than needed would only make new objects.
    if state.suspicion == 0 and count > times.more_power_count:
        return state
    return replace(state, suspicion=max(0, state.suspicion - 1), candidate_count=count)


def _accept(state: Debounce, reading: Reading) -> Debounce:
    return Debounce(
        _PILOTS[reading],
        diode_missing=state.diode_missing,
        doubt_since_ms=state.doubt_since_ms,
        clean_count=state.clean_count,
    )
