"""From tolerance corners in ngspice to what the shipped code reads: the rig of test_pilot_spice.py.

``python -m tests.hardware.pilot_corners`` prints the margins for hardware/pilot/README.md.
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from controller.safety.pilot import Reading, Thresholds, classify, is_pwm, wave_good
from hal.calibration import Point, Scaling, two_points
from hal.interface import PilotSample
from hal.profile import AdcProfile, load_profile
from hal.raspberry.pilot_adc import PilotAdc
from hal.raspberry.spi_burst import TRANSFER, WRITE_MODE
from hardware.pilot.simulate import PERIOD_US, Corner, Wave, waves

DUTIES_PM = (1000, 80, 100, 267, 533, 850, 892, 960, 0)
LIMITS = Thresholds()
INTERVALS_US = (125 / 3, 42.0)
"""24 ksps sharp, which divides the period (the worst case: every period is met alike), and 42 us."""
BURSTS = 3

ABSOLUTE_LSB = 10
"""MCP3208 as bought: offset 3, gain 5, linearity 2 counts."""
LINEARITY_LSB = 1
"""MCP3208-B after calibration."""
METER_PM = 1
"""The multimeter of the calibration, 0.1 %."""
DRIFT_PM = 1
"""What reference and resistors drift after the calibration, together."""

UP, DOWN = 1, -1
SIGNS = (DOWN, UP)
OPEN_EV = 1e9
SHORT_OHM = 47.0
"""A poor short from the pilot to PE; a better one is nearer to 0 V."""
NARROW_PM = 960
"""80 A: the low part lasts 40 us, less than the 42 us between two samples. Judged by itself."""
MAKER_OHM = {Reading.B: 2740.0, Reading.C: 882.0, Reading.D: 246.0}
"""Vehicle resistors of IEC 61851-1 Table A.3, made within 3 %."""
WIDE_OHM = {
    Reading.B: (1870.0, 4610.0),
    Reading.C: (1 / (1 / 1870 + 1 / 909), 1 / (1 / 4610 + 1 / 1723)),
}
"""The widest a station has to accept: R2 1870..4610 ohms, alone (B) or with R3 909..1723 ohms (C)."""


@dataclass(frozen=True, slots=True)
class Case:
    """One corner of parts, what it must be read as, how the ADC is off. ``scaling`` None: not calibrated."""

    corner: Corner
    expected: Reading
    tier: str
    duty_pm: int
    error_lsb: int
    scaling: Scaling | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One burst of a case, read by the shipped code."""

    case: Case
    sample: PilotSample
    reading: Reading

    @property
    def right(self) -> bool:
        return self.reading is self.case.expected

    @property
    def letter_margin_mv(self) -> int:
        """Distance of the upper plateau (the lower one in F) to the nearest threshold of its band."""
        low_mv, high_mv = band_mv(self.case.expected)
        value_mv = self.sample.low_mv if self.case.expected is Reading.F else self.sample.high_mv
        return min(value_mv - low_mv, high_mv - value_mv)

    @property
    def diode_margin_mv(self) -> int:
        """Distance of the lower plateau to the diode threshold, positive on the right side of it."""
        distance_mv = LIMITS.low_ok_mv - self.sample.low_mv
        return -distance_mv if self.case.expected is Reading.DIODE else distance_mv


def band_mv(letter: Reading) -> tuple[int, int]:
    return {
        Reading.A: (LIMITS.a_b_mv, LIMITS.beyond_mv),
        Reading.B: (LIMITS.b_c_mv, LIMITS.a_b_mv),
        Reading.C: (LIMITS.c_d_mv, LIMITS.b_c_mv),
        Reading.D: (LIMITS.d_e_mv, LIMITS.c_d_mv),
        Reading.E: (-LIMITS.d_e_mv, LIMITS.d_e_mv),
        Reading.F: (-LIMITS.beyond_mv, LIMITS.low_ok_mv),
        Reading.DIODE: (LIMITS.d_e_mv, LIMITS.a_b_mv),
    }[letter]


# --------------------------------------------------------------------------- corners


def driver_corners(base: Corner, ohm: tuple[float, float]) -> Iterable[Corner]:
    """Supplies 5 %, 1 kOhm 1 %, output 0..20 ohms, diode 0.55..0.85 V, capacitance, slew, vehicle's resistor.

    All parts that raise the upper plateau go together, and all that lower it; the lower supply both ways.
    """
    for level, low, slow in itertools.product(SIGNS, SIGNS, (False, True)):
        yield replace(
            base,
            vp=12 * (1 + 0.05 * level),
            vn=-12 * (1 + 0.05 * low),
            rs=1000 * (1 - 0.01 * level),
            rout=0.0 if level == UP else 20.0,
            rev=ohm[level == UP],
            diode_v=0.7 + 0.15 * level if base.diode_v else 0.0,
            cevse=1.6e-9 if slow else 0.3e-9,
            cev=1.5e-9 * slow + (2.4e-9 * slow if ohm[0] < OPEN_EV else 0.0),
            slew="slow" if slow else "fast",
        )


def sensing_corners(base: Corner) -> Iterable[tuple[Corner, int]]:
    """47k, 10k, 15k 1 % and the reference 0.2 % each way; offset, leakage and ADC follow the reference."""
    for a, b, c, up in itertools.product(SIGNS, SIGNS, SIGNS, SIGNS):
        yield (
            replace(
                base,
                ra=base.ra * (1 + 0.01 * a),
                rb=base.rb * (1 + 0.01 * b),
                rc=base.rc * (1 + 0.01 * c),
                v33=base.v33 * (1 - 0.002 * up),
                vos=5e-3 * up,
                ileak=-1e-6 * up,
            ),
            up * ABSOLUTE_LSB,
        )


def loads(wide: bool) -> Iterable[tuple[Reading, Corner, tuple[float, float]]]:
    """State, corner and vehicle resistors. ``Reading.DIODE``: vehicle loads without a diode."""
    yield Reading.A, Corner(), (OPEN_EV, OPEN_EV)
    for letter, ohm in MAKER_OHM.items():
        bounds = WIDE_OHM.get(letter) if wide else None
        yield letter, Corner(), bounds or (0.97 * ohm, 1.03 * ohm)
    if wide:
        return  # shorts and missing diodes have no other range
    yield Reading.E, Corner(rpar=SHORT_OHM), (OPEN_EV, OPEN_EV)
    for ohm in MAKER_OHM.values():
        # Straight to PE, both ways: the drop of 0 marks it.
        yield Reading.DIODE, Corner(diode_v=0.0), (0.97 * ohm, 1.03 * ohm)


def cases(duty_pm: int, calibrations: dict[tuple[float, ...], dict[int, Scaling]]) -> list[Case]:
    """All cases at a duty: parts as bought, and calibrated with vehicles over the whole range."""
    found = []
    for wide in (False, True):
        tier = "calibrated" if wide else "as built"
        for letter, base, ohm in loads(wide):
            if letter is Reading.DIODE and not is_pwm(duty_pm):
                continue  # a steady pilot says nothing about a diode
            if duty_pm == 0 and letter is not Reading.E:
                letter = Reading.F
            for driver in driver_corners(base, ohm):
                if not base.diode_v:
                    driver = replace(driver, rpar=driver.rev, rev=OPEN_EV)
                if wide:
                    for sensing, up in calibrated_corners():
                        corner = replace(driver, **_sensing(drifted(sensing, up)))
                        found.append(
                            Case(
                                corner,
                                letter,
                                tier,
                                duty_pm,
                                ABSOLUTE_LSB + up * LINEARITY_LSB,
                                calibrations[sensing.sensing][up],
                            )
                        )
                else:
                    for corner, error_lsb in sensing_corners(driver):
                        found.append(Case(corner, letter, tier, duty_pm, error_lsb))
    return found


def calibrated_corners() -> Iterable[tuple[Corner, int]]:
    """Sensing networks that get a calibration, each with its errors up and down: two far from nominal, for
    the network is linear and a calibration takes its tolerance away."""
    for bend, up in itertools.product(SIGNS, SIGNS):
        yield (
            Corner(
                ra=47e3 * (1 + 0.01 * bend),
                rb=10e3 * (1 - 0.01 * bend),
                rc=15e3 * (1 + 0.01 * bend),
                v33=3.3 * (1 + 0.002 * bend),
                vos=5e-3 * bend,
                ileak=1e-6 * bend,
            ),
            up,
        )


def drifted(corner: Corner, up: int) -> Corner:
    return replace(corner, v33=corner.v33 * (1 - DRIFT_PM / 1000 * up))


def _sensing(corner: Corner) -> dict[str, float]:
    names = ("v33", "ra", "rb", "rc", "vos", "ileak")
    return {name: getattr(corner, name) for name in names}


# --------------------------------------------------------------------------- reading with the shipped code


def reference_adc() -> AdcProfile:
    """The ADC of the reference board as it is delivered."""
    adc = load_profile("reference-pi4").evses[0].adc
    assert adc is not None
    return adc


REFERENCE_ADC = reference_adc()


def code_of(volts: float, v33: float, error_lsb: int) -> int:
    """The converter: 12 bits of its reference, rounded down, ``error_lsb`` off."""
    return max(0, min(4095, int(volts / v33 * 4096) + error_lsb))


class Converter:
    """MCP3208 on SPI with its real driver on top; ``wave`` is what its pin sees."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._codes: Sequence[int] = ()
        self._time_ns = 0
        self._drivers: dict[AdcProfile, PilotAdc] = {}
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev/spidev0.0").touch()

    def burst(self, profile: AdcProfile, codes: Sequence[int]) -> PilotSample:
        self._codes = codes
        driver = self._drivers.get(profile)
        if driver is None:
            driver = PilotAdc(profile, self._root, ioctl=self._ioctl, clock_ns=lambda: self._time_ns)
            self._drivers[profile] = driver
        return driver.sample()

    def close(self) -> None:
        for driver in self._drivers.values():
            driver.close()

    def _ioctl(self, _fd: int, request: int, argument: bytearray) -> int:
        if request == WRITE_MODE:
            return 0
        count = len(argument) // TRANSFER.size
        assert count == len(self._codes)
        answer = b"".join(bytes((0xFF, 0xE0 | code >> 8, code & 0xFF)) for code in self._codes)
        received_at = TRANSFER.unpack_from(argument, 0)[1]
        ctypes.memmove(received_at, answer, len(answer))
        self._time_ns += count * 42_000
        return len(answer)


def run(case: Case, wave: Wave, converter: Converter, rng: Random) -> list[Outcome]:
    """Bursts at unsynchronised phases, through ``PilotAdc``, ``plateaus`` and ``classify``."""
    profile = REFERENCE_ADC
    if case.scaling is not None:
        profile = replace(profile, pilot_gain_uv=case.scaling.gain_uv, pilot_offset_mv=case.scaling.offset_mv)
    found = []
    for number in range(BURSTS if is_pwm(case.duty_pm) else 1):
        at_us, step_us = rng.uniform(0, PERIOD_US), INTERVALS_US[number % len(INTERVALS_US)]
        codes = [
            code_of(wave.adc_v(int(at_us + step_us * sample) % PERIOD_US), case.corner.v33, case.error_lsb)
            for sample in range(profile.burst_samples)
        ]
        sample = converter.burst(profile, codes)
        found.append(Outcome(case, sample, classify(sample, case.duty_pm, LIMITS)))
    return found


def calibrate(folder: Path) -> dict[tuple[float, ...], dict[int, Scaling]]:
    """Calibrate each network on the simulated circuit, with the shipped arithmetic, as a technician would.

    The multimeter is off by METER_PM, the ADC by its linearity, both against the later error's direction.
    """
    networks = list(calibrated_corners())
    high = waves([one for one, _ in networks], 1000, folder)
    low = waves([one for one, _ in networks], 0, folder)
    adc = REFERENCE_ADC
    before = Scaling(adc.pilot_gain_uv, adc.pilot_offset_mv)
    found: dict[tuple[float, ...], dict[int, Scaling]] = {}
    for (network, up), top, bottom in zip(networks, high, low, strict=True):
        points = []
        for wave in (top, bottom):
            code = code_of(wave.adc_v(0), network.v33, ABSOLUTE_LSB - up * LINEARITY_LSB)
            read_mv = code * before.gain_uv // 1000 + before.offset_mv
            points.append(Point(read_mv, round(wave.cp_v(0) * (1000 + METER_PM * up))))
        found.setdefault(network.sensing, {})[up] = two_points(before, *points)
    return found


def simulate_all(folder: Path) -> list[Outcome]:
    """All duties, two ngspice at a time, every burst of every corner."""
    calibrations = calibrate(folder)
    planned = {duty_pm: cases(duty_pm, calibrations) for duty_pm in DUTIES_PM}
    rng = Random(61851)
    outcomes: list[Outcome] = []
    converter = Converter(folder)
    with ThreadPoolExecutor(max_workers=2) as pool:
        running = {
            duty_pm: pool.submit(waves, [case.corner for case in these], duty_pm, folder)
            for duty_pm, these in planned.items()
        }
        for duty_pm, these in planned.items():
            for case, wave in zip(these, running[duty_pm].result(), strict=True):
                outcomes += run(case, wave, converter, rng)
    converter.close()
    return outcomes


# --------------------------------------------------------------------------- the table


@dataclass(frozen=True, slots=True)
class Row:
    """The worst of one state in one tier. Plateaus as read, in mV."""

    tier: str
    state: Reading
    bursts: int
    lowest_mv: int
    highest_mv: int
    letter_margin_mv: int
    diode_margin_mv: int | None


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """One per tier and state, over all duties but ``NARROW_PM``."""
    found = []
    wide = [one for one in outcomes if one.case.duty_pm != NARROW_PM]
    for tier, state in itertools.product(("as built", "calibrated"), Reading):
        these = [one for one in wide if one.case.tier == tier and one.case.expected is state]
        if not these:
            continue
        levels = [one.sample.low_mv if state is Reading.F else one.sample.high_mv for one in these]
        swinging = [one for one in these if is_pwm(one.case.duty_pm) and state not in (Reading.E, Reading.F)]
        found.append(
            Row(
                tier,
                state,
                len(these),
                min(levels),
                max(levels),
                min(one.letter_margin_mv for one in these),
                min(one.diode_margin_mv for one in swinging) if swinging else None,
            )
        )
    return found


def table(found: Sequence[Row]) -> str:
    """As it stands in hardware/pilot/README.md."""
    lines = [
        "| parts | state | bursts | plateau read, mV | band, mV | margin, mV | diode margin, mV |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        low_mv, high_mv = band_mv(row.state)
        name = "no diode" if row.state is Reading.DIODE else row.state.name
        diode = "" if row.diode_margin_mv is None else str(row.diode_margin_mv)
        lines.append(
            f"| {row.tier} | {name} | {row.bursts} | {row.lowest_mv}..{row.highest_mv} | {low_mv}..{high_mv} "
            f"| {row.letter_margin_mv} | {diode} |"
        )
    return "\n".join(lines)


def worst_duty_error_pm(outcomes: Sequence[Outcome]) -> int:
    return max(
        abs(one.sample.high_pm - one.case.duty_pm)
        for one in outcomes
        if is_pwm(one.case.duty_pm)
        and one.case.duty_pm != NARROW_PM
        and one.case.expected in (Reading.A, Reading.B, Reading.C, Reading.D)
    )


def wave_proven(one: Outcome) -> bool:
    return wave_good(one.sample, one.case.duty_pm, LIMITS)


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        results = simulate_all(Path(place))
    sys.stdout.write(table(rows(results)) + "\n")
    wrong = [one for one in results if not one.right and one.case.duty_pm != NARROW_PM]
    narrow = [one for one in results if one.case.duty_pm == NARROW_PM]
    sys.stdout.write(f"{len(results) - len(narrow)} bursts, {len(wrong)} read wrongly; ")
    sys.stdout.write(f"duty within {worst_duty_error_pm(results)} permille\n")
    doubt = sum(not one.right for one in narrow)
    sys.stdout.write(f"at {NARROW_PM} permille {doubt} of {len(narrow)} in doubt\n")
    for one in wrong[:10]:
        sys.stdout.write(f"{one}\n")
