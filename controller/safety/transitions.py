"""Every change between the ten states of the pilot as data: who makes it, its sequence number, what we do.

Owns: the table. Refuses to know: how ``core`` decides. The tests drive ``core.step`` through each of the 90
changes and compare; ``docs/transitions.md`` prints them.

IEC 61851-1:2017 Annex A, Table A.6. The letter is the vehicle's (A nobody, B connected, C asks, D asks and
needs ventilation) or a fault's (E), the digit the station's (1 steady, 2 PWM), F is the station's. A letter
and a digit that change in the same moment are two changes whose order cannot be seen: no sequence describes
them, they happen by chance, and the outcome must be safe in either order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import permutations

STATES = ("A1", "A2", "B1", "B2", "C1", "C2", "D1", "D2", "E", "F")


class Maker(StrEnum):
    """Who makes a change."""

    VEHICLE = "vehicle"
    STATION = "station"
    BOTH = "both at once"
    FAULT = "fault"


class Action(StrEnum):
    """What the contactor does. A station without ventilation takes D for a fault: it opens within 100 ms."""

    STAYS_OPEN = "-"
    OPENS = "o"  # within 100 ms, if it was closed
    CLOSES = "c"  # within 3 s of x2, if it was not closed
    LETS_GO = "g"  # stays closed for at most 6 s, while the vehicle stops drawing
    KEEPS = "="  # stays as it was
    RECOVERS = "r"  # closes after the fault has cleared and 3 s of x1


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` to ``after``. ``sequence``: of Table A.6, "" = it has no number there.

    ``legal``: the standard provides for it; an illegal one is survived all the same. ``made``: by the station
    or a fault or the vehicle it may happen here; False = this controller never makes it.
    """

    before: str
    after: str
    maker: Maker
    sequence: str
    legal: bool
    made: bool
    action: Action
    meaning: str


_SEQUENCES: dict[tuple[str, str], tuple[str, str]] = {
    ("A1", "A2"): ("", "PWM without a vehicle: by chance only, ended as soon as nobody is seen"),
    ("A1", "B1"): ("1.1", "plug-in"),
    ("A2", "B2"): ("1.1", "plug-in with PWM on"),
    ("A1", "C1"): ("1.2", "plug-in of a vehicle without S2"),
    ("A2", "C2"): ("1.2", "plug-in of a vehicle without S2, PWM on"),
    ("A1", "D1"): ("1.2", "plug-in of a vehicle without S2"),
    ("A2", "D2"): ("1.2", "plug-in of a vehicle without S2, PWM on"),
    ("B1", "A1"): ("2.1", "unplugged"),
    ("B2", "A2"): ("2.1", "unplugged with PWM on"),
    ("C1", "A1"): ("2.2", "unplugged while it asks"),
    ("C2", "A2"): ("2.2", "unplugged while charging"),
    ("D1", "A1"): ("2.2", "unplugged while it asks"),
    ("D2", "A2"): ("2.2", "unplugged while charging"),
    ("B1", "B2"): ("3.1", "current is offered"),
    ("C1", "C2"): ("3.2", "current is offered to a vehicle that asks"),
    ("D1", "D2"): ("3.2", "current is offered to a vehicle that asks"),
    ("B2", "C2"): ("4", "the vehicle asks"),
    ("B2", "D2"): ("4", "the vehicle asks"),
    ("C2", "B2"): ("7, 8.1", "the vehicle lets go"),
    ("D2", "B2"): ("7, 8.1", "the vehicle lets go"),
    ("C1", "B1"): ("8.2, 10.1", "the vehicle lets go, most often because of x1"),
    ("D1", "B1"): ("8.2, 10.1", "the vehicle lets go, most often because of x1"),
    ("C2", "C1"): ("9.1, 10.2", "the station asks the vehicle to stop"),
    ("D2", "D1"): ("9.1, 10.2", "the station asks the vehicle to stop"),
    ("B2", "B1"): ("9.2", "the offer ends"),
    ("A2", "A1"): ("9.3", "the offer ends, nobody is there"),
    ("B1", "C1"): ("11", "the vehicle asks before anything is offered"),
    ("B1", "D1"): ("11", "the vehicle asks before anything is offered"),
    ("C1", "D1"): ("", "ventilation is needed now"),
    ("C2", "D2"): ("", "ventilation is needed now"),
    ("D1", "C1"): ("", "ventilation is no longer needed"),
    ("D2", "C2"): ("", "ventilation is no longer needed"),
}

_ACTIONS = """
      A1 A2 B1 B2 C1 C2 D1 D2 E F
  A1  .  -  -  -  -  -  -  -  - -
  A2  -  .  -  -  -  c  -  c  - -
  B1  -  -  .  -  -  c  -  c  - -
  B2  -  -  -  .  -  c  -  c  - -
  C1  o  o  o  o  .  c  =  c  o o
  C2  o  o  o  o  g  .  g  =  o o
  D1  o  o  o  o  =  c  .  c  o o
  D2  o  o  o  o  g  =  g  .  o o
  E   -  -  -  -  -  r  -  r  . -
  F   -  -  -  -  -  -  -  -  - .
"""
"""Row: before, column: after. A1 and F to x2: the permit of an earlier plug-in does not fit the new one. A2
lasts for the 20 ms in which it is not yet seen that nobody is there: a bounce is no unplugging."""


def _maker(before: str, after: str) -> Maker:
    if "E" in (before, after):
        return Maker.FAULT
    if "F" in (before, after) or before[0] == after[0]:
        return Maker.STATION
    return Maker.VEHICLE if before[1] == after[1] else Maker.BOTH


def _of_fault_or_station(before: str, after: str) -> tuple[bool, bool, str]:
    """(legal, made, meaning) of a change that E or F takes part in."""
    if after == "E":
        return True, True, "pilot shorted to PE, or the supply is gone"
    if after == "F":
        return True, True, "not available, a fault is told, or a sleeping vehicle is woken"
    digit_1 = after.endswith("1")
    if before == "E":
        return True, digit_1 or after == "F", "the short is gone; PWM comes after 3 s of x1 only"
    return digit_1, digit_1, "available again: what is there is seen anew, in x1"


def _changes() -> tuple[Change, ...]:
    rows = [line.split() for line in _ACTIONS.strip().splitlines()]
    actions = {
        (row[0], after): cell for row in rows[1:] for after, cell in zip(rows[0], row[1:], strict=True)
    }
    found = []
    for before, after in permutations(STATES, 2):
        maker = _maker(before, after)
        sequence, meaning = _SEQUENCES.get((before, after), ("", ""))
        if before in ("E", "F") or after in ("E", "F"):
            sequence = "12"
            legal, made, meaning = _of_fault_or_station(before, after)
        else:
            legal, made = (before, after) in _SEQUENCES, True
            meaning = meaning or "by chance in the same moment"
        found.append(
            Change(before, after, maker, sequence, legal, made, Action(actions[before, after]), meaning)
        )
    return tuple(found)


CHANGES = _changes()
"""All 90, in the order of ``STATES``."""
