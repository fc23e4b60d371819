"""The control pilot: states A to F from two plateaus, and current to duty and back.

Owns: the thresholds, the classification of one sample, both lines of the duty table.
Refuses to know: time (``debounce`` does), permits, the generator, ADC counts.

IEC 61851-1:2017 Annex A. The letter is what the vehicle does, the digit what we do: x1 = steady, no
current offered; x2 = PWM, current offered. A sample is judged against what was commanded, because
+9 V says something else on a steady pilot than on one that ought to swing to -12 V.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from controller.safety.permit import MINIMUM_OFFER_MA
from hal.interface import DUTY_STEADY_HIGH, DUTY_STEADY_LOW, PilotSample

HIGHEST_OFFER_MA = 80_000
"""IEC 61851-1 Table A.8: 96 % duty, 80 A, is the end of the scale."""
_GAP_BELOW_MA = 51_000
_GAP_ABOVE_MA = 52_500


class Pilot(IntEnum):
    """The vehicle's letter. A pilot that makes no sense has letter E, too (PILOT_FAULT tells them apart)."""

    A = 0  # +12 V: no vehicle
    B = 1  # +9 V: vehicle connected, does not ask for current
    C = 2  # +6 V: vehicle asks for current
    D = 3  # +3 V: vehicle asks for current and for ventilation
    E = 4  # 0 V: pilot shorted to PE
    F = 5  # -12 V steady: we say "not available"


class Reading(IntEnum):
    """What one sample says: a letter (same numbers as ``Pilot``) or a kind of doubt."""

    A = 0
    B = 1
    C = 2
    D = 3
    E = 4
    F = 5
    OUTSIDE = 6  # outside every band
    DIODE = 7  # a vehicle's load without a vehicle's diode: a person, water, a test lead


CONNECTED = frozenset((Pilot.B, Pilot.C, Pilot.D))
"""Letters that say: a vehicle is at the other end."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Boundaries in mV at the pilot terminal.

    A/B 11.0 V separates even the widest vehicle resistor that has to be accepted (R2 4610 ohm gives
    10.56 V) from open circuit at -5 % (11.4 V). B/C 7.5, C/D 4.25 and D/E 1.5 V lie between the bands of
    Table A.4 widened by supply and resistor tolerances. The diode is proven by a lower plateau at or
    below -10.0 V while PWM runs: without it B gives -8.8 V, C -5.6 V.
    """

    a_b_mv: int = 11_000
    b_c_mv: int = 7_500
    c_d_mv: int = 4_250
    d_e_mv: int = 1_500
    low_ok_mv: int = -10_000
    beyond_mv: int = 13_200  # |pilot| above 12 V + 5 % + measuring error: not a pilot
    plateau_gap_mv: int = 2_000  # plateaus closer than this: steady; further apart: PWM
    duty_tolerance_pm: int = 60  # a burst of 80 samples over 3 periods resolves about 40 permille

    def __post_init__(self) -> None:
        edges = (
            -self.beyond_mv,
            self.low_ok_mv,
            0,
            self.d_e_mv,
            self.c_d_mv,
            self.b_c_mv,
            self.a_b_mv,
            self.beyond_mv,
        )
        if list(edges) != sorted(set(edges)):
            raise ValueError(f"pilot thresholds in mV: found {edges}, expected strictly rising values")
        if not 0 < self.plateau_gap_mv < 10_000 or not 0 < self.duty_tolerance_pm < 500:
            raise ValueError(
                f"pilot thresholds: found plateau_gap_mv {self.plateau_gap_mv}, duty_tolerance_pm "
                f"{self.duty_tolerance_pm}, expected 1..9999 and 1..499"
            )


def classify(sample: PilotSample, duty_pm: int, limits: Thresholds) -> Reading:
    """Judge one sample against the commanded duty. No hysteresis here: time is ``debounce``'s business."""
    high, low = sample.high_mv, sample.low_mv
    if high > limits.beyond_mv or low < -limits.beyond_mv or low > high:
        return Reading.OUTSIDE
    if duty_pm == DUTY_STEADY_LOW:
        if high <= limits.low_ok_mv:
            return Reading.F
        if -limits.d_e_mv < low and high < limits.d_e_mv:
            return Reading.E
        return Reading.OUTSIDE
    if high <= -limits.d_e_mv:
        return Reading.OUTSIDE  # we drive high at least part of the time, and nothing of it is seen
    if high < limits.d_e_mv:
        return Reading.E
    letter = _letter(high, limits)
    swings = high - low > limits.plateau_gap_mv
    if duty_pm == DUTY_STEADY_HIGH:
        return Reading.OUTSIDE if swings else letter
    if swings and low > limits.low_ok_mv:
        return Reading.OUTSIDE if letter is Reading.A else Reading.DIODE
    return letter  # a wave that does not swing at all is caught by ``wave_good``


def _letter(high_mv: int, limits: Thresholds) -> Reading:
    if high_mv >= limits.a_b_mv:
        return Reading.A
    if high_mv >= limits.b_c_mv:
        return Reading.B
    if high_mv >= limits.c_d_mv:
        return Reading.C
    return Reading.D


def wave_good(sample: PilotSample, duty_pm: int, limits: Thresholds) -> bool:
    """Is the commanded PWM really on the wire, down to -12 V, with the commanded duty?

    Positive proof, asked before the contactor closes: state C2, not C1 with good intentions.
    """
    return sample.low_mv <= limits.low_ok_mv and abs(sample.high_pm - duty_pm) <= limits.duty_tolerance_pm


def is_pwm(duty_pm: int) -> bool:
    return DUTY_STEADY_LOW < duty_pm < DUTY_STEADY_HIGH


def duty_for(limit_ma: int) -> int:
    """Duty in permille whose meaning is never above ``limit_ma`` (IEC 61851-1 Table A.7), or x1 below 6 A.

    Rounded down. The two lines of the table do not meet: between 51 and 52.5 A the lower one's end is
    offered. Above 80 A the end of the scale.
    """
    if limit_ma < MINIMUM_OFFER_MA:
        return DUTY_STEADY_HIGH
    if limit_ma < _GAP_ABOVE_MA:
        return min(limit_ma, _GAP_BELOW_MA) // 60
    return min(limit_ma, HIGHEST_OFFER_MA) // 250 + 640


def offer_of(duty_pm: int) -> int:
    """What a vehicle may draw at this duty, in mA (IEC 61851-1 Table A.8); 0 where no current is offered.

    3..7 % means digital communication and gives no current by itself; 7..8 % and above 97 % are errors.
    """
    if duty_pm < 80 or duty_pm > 970:
        return 0
    if duty_pm < 100:
        return 6_000
    if duty_pm <= 850:
        return duty_pm * 60
    return min((duty_pm - 640) * 250, HIGHEST_OFFER_MA)
