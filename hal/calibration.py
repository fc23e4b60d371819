"""Calibration of the pilot's and the proximity pilot's ADC channel: pure arithmetic on two known points each.

Owns: from what was read and what a multimeter said to gain, offset and pull-up; what is too far off to be
believed; putting the numbers into the text of a board profile without touching the rest of it.
Refuses to know: boards, files, people. Standard library only.

The pilot is read through a linear network, so two points fix it. They are taken with the pilot open: steady
high (x1, about +12 V) and steady low (F, about -12 V): far apart, no load, no diode. The proximity pilot is a
divider with one unknown, its pull-up; its second point proves the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SUPPLY_MV = (11_400, 12_600)
"""IEC 61851-1 Annex A: the open pilot is +-12 V within 5 %. Outside, the driver is to be repaired."""
MOST_GAIN_CHANGE_PM = 50
MOST_SHIFT_MV = 600
"""Parts of 1 % make 420 mV at 12 V at the very worst: more is a wrong part, not a tolerance."""
MOST_SPREAD_MV = 100
"""Bursts of a steady pilot agree within this (14 codes); more is ripple or a loose wire."""
MOST_CHECK_MV = 60
"""A third point may miss by this: linearity of the ADC, the multimeter and the load together."""
MOST_PULLUP_CHANGE_PM = 50
MOST_DISAGREEMENT_PM = 30


class CalibrationError(ValueError):
    """A point or its result is not plausible. The message says what was found, expected, and what to do."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """mV at the pilot terminal = code * ``gain_uv`` / 1000 + ``offset_mv``, as in ``AdcProfile``."""

    gain_uv: int
    offset_mv: int


@dataclass(frozen=True, slots=True)
class Point:
    """``read_mv``: through the present scaling; ``true_mv``: what the multimeter shows at the terminal."""

    read_mv: int
    true_mv: int

    @property
    def error_mv(self) -> int:
        return self.read_mv - self.true_mv


def steady_mv(readings_mv: list[int], what: str) -> int:
    """The median of readings of a steady level. Raises ``CalibrationError`` when they disagree."""
    if not readings_mv:
        raise CalibrationError(f"{what}: no readings; take at least one burst")
    ordered = sorted(readings_mv)
    spread_mv = ordered[-1] - ordered[0]
    if spread_mv > MOST_SPREAD_MV:
        raise CalibrationError(
            f"{what}: readings spread over {spread_mv} mV; expected at most {MOST_SPREAD_MV}: check the "
            f"supply's ripple, the ground of the ADC and that nothing is plugged in"
        )
    return ordered[len(ordered) // 2]


def two_points(before: Scaling, high: Point, low: Point) -> Scaling:
    """The scaling that makes both points right (within a millivolt). Raises ``CalibrationError``."""
    for name, point, sign in (("high", high, 1), ("low", low, -1)):
        if not SUPPLY_MV[0] <= sign * point.true_mv <= SUPPLY_MV[1]:
            raise CalibrationError(
                f"{name} point: the multimeter says {point.true_mv} mV; expected {sign * SUPPLY_MV[0]} to "
                f"{sign * SUPPLY_MV[1]} mV with the pilot open: unplug the vehicle or repair the supply "
                f"of the pilot driver first; a wrong sign is a swapped lead"
            )
        if abs(point.error_mv) > MOST_SHIFT_MV:
            raise CalibrationError(
                f"{name} point: read {point.read_mv} mV where the multimeter says {point.true_mv} mV; "
                f"expected at most {MOST_SHIFT_MV} mV apart: look for a wrong or badly soldered part of the "
                f"sensing network (hardware/wiring.md), or correct the number typed"
            )
    span_read_mv, span_true_mv = high.read_mv - low.read_mv, high.true_mv - low.true_mv
    gain_uv = _rounded(before.gain_uv * span_true_mv, span_read_mv)
    if abs(gain_uv - before.gain_uv) * 1000 > MOST_GAIN_CHANGE_PM * before.gain_uv:
        raise CalibrationError(
            f"gain would change from {before.gain_uv} to {gain_uv} uV; expected at most "
            f"{MOST_GAIN_CHANGE_PM / 10:g} %: look for a wrong part of the sensing network "
            f"(hardware/wiring.md)"
        )
    # The middle of both points is met exactly; the rounding of the gain is then shared between them.
    middle_codes_uv = (high.read_mv + low.read_mv - 2 * before.offset_mv) * gain_uv
    offset_mv = _rounded((high.true_mv + low.true_mv) * before.gain_uv - middle_codes_uv, 2 * before.gain_uv)
    return Scaling(gain_uv, offset_mv)


def rescaled(read_mv: int, before: Scaling, after: Scaling) -> int:
    """What a reading taken with ``before`` would have been with ``after``, in mV."""
    return _rounded((read_mv - before.offset_mv) * after.gain_uv, before.gain_uv) + after.offset_mv


def check_third(point: Point, before: Scaling, after: Scaling) -> int:
    """The remaining error in mV of a point that was not used. Raises ``CalibrationError`` when too large."""
    error_mv = rescaled(point.read_mv, before, after) - point.true_mv
    if abs(error_mv) > MOST_CHECK_MV:
        raise CalibrationError(
            f"check point: {error_mv} mV off at {point.true_mv} mV after calibration; expected at most "
            f"{MOST_CHECK_MV} mV: measure all three points again; if it stays, the sensing is not linear "
            f"(clamp, follower or ADC)"
        )
    return error_mv


def pullup_ohm(before_ohm: int, points: tuple[tuple[int, int], tuple[int, int]]) -> int:
    """The pull-up from two known resistors; each point is (read, true) ohms. Raises ``CalibrationError``.

    A divider reads pull-up x (code / rest): every reading is off by the same factor, that of the pull-up.
    """
    ratios_pm = [_rounded(1000 * true_ohm, read_ohm) for read_ohm, true_ohm in points]
    for ratio_pm, (read_ohm, true_ohm) in zip(ratios_pm, points, strict=True):
        if abs(ratio_pm - 1000) > MOST_PULLUP_CHANGE_PM:
            raise CalibrationError(
                f"proximity: read {read_ohm} ohm with {true_ohm} ohm connected; expected at most "
                f"{MOST_PULLUP_CHANGE_PM / 10:g} % apart: check the resistor, the plug's contacts, "
                f"the pull-up"
            )
    if abs(ratios_pm[0] - ratios_pm[1]) > MOST_DISAGREEMENT_PM:
        raise CalibrationError(
            f"proximity: the two resistors disagree: factors {ratios_pm[0]} and {ratios_pm[1]} permille; "
            f"expected at most {MOST_DISAGREEMENT_PM} apart: check the resistors and for leakage at the input"
        )
    return _rounded(before_ohm * sum(ratios_pm), 2000)


def rewrite(text: str, evse_id: int, values: dict[str, int]) -> str:
    """A board profile's text with ``values`` in ``[evse.adc]`` of that EVSE; everything else stays as it is.

    Comments on a changed line stay. Keys that are missing are added below the table's head. Raises
    ``CalibrationError`` when the table is not written as ``[evse.adc]``.
    """
    lines = text.splitlines(keepends=True)
    heads = [at for at, line in enumerate(lines) if re.match(r"\s*\[\[\s*evse\s*\]\]", line)]
    if len(heads) < evse_id:
        raise CalibrationError(f"the profile has no [[evse]] number {evse_id}; expected 1..{len(heads)}")
    first = heads[evse_id - 1]
    end = heads[evse_id] if evse_id < len(heads) else len(lines)
    tables = [at for at in range(first, end) if re.match(r"\s*\[\s*evse\s*\.\s*adc\s*\]", lines[at])]
    if len(tables) != 1:
        raise CalibrationError(
            f"EVSE {evse_id}: found {len(tables)} tables headed [evse.adc] in the profile; expected one, on "
            f"a line of its own: write it so, or enter the numbers by hand: {values}"
        )
    start = tables[0] + 1
    stop = next((at for at in range(start, end) if re.match(r"\s*\[", lines[at])), end)
    added = []
    for key, value in values.items():
        pattern = re.compile(rf"(\s*{key}\s*=\s*)[-+0-9_]+")
        found = [at for at in range(start, stop) if pattern.match(lines[at])]
        if found:
            lines[found[0]] = pattern.sub(rf"\g<1>{value}", lines[found[0]], count=1)
        else:
            added.append(f"{key} = {value}\n")
    lines[start:start] = added
    return "".join(lines)


def _rounded(numerator: int, denominator: int) -> int:
    """Integer division to the nearest. Raises ``CalibrationError`` for a denominator of zero or less."""
    if denominator <= 0:
        raise CalibrationError(
            f"found a span of {denominator}; expected two different points: measure both again"
        )
    return (2 * numerator + denominator) // (2 * denominator)
