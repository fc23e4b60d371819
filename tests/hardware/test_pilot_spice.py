"""The reference pilot front end in ngspice, over its tolerances, read by the code that ships.

Skipped where the program ngspice is missing: ``apt-get install ngspice`` (.ci/run does).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.safety.pilot import Reading, is_pwm
from hal.interface import HardwareError
from hal.profile_reader import PILOT_HEADROOM_MV
from hardware.pilot.simulate import FOLDER, Corner, SpiceError, Wave, waves
from tests.hardware.pilot_corners import (
    ABSOLUTE_LSB,
    LIMITS,
    NARROW_PM,
    REFERENCE_ADC,
    Converter,
    Outcome,
    code_of,
    rows,
    sensing_corners,
    simulate_all,
    table,
    wave_proven,
    worst_duty_error_pm,
)

pytestmark = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="ngspice is not installed: apt-get install ngspice"
)

VEHICLE_LETTERS = (Reading.A, Reading.B, Reading.C, Reading.D)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Outcome]]:
    found = simulate_all(tmp_path_factory.mktemp("spice"))
    print("\n" + table(rows(found)))
    yield found


def test_every_corner_of_every_state_is_read_right(outcomes: list[Outcome]) -> None:
    wrong = [one for one in outcomes if not one.right and one.case.duty_pm != NARROW_PM]
    assert wrong == []
    assert {one.case.expected for one in outcomes} == set(Reading) - {Reading.OUTSIDE}
    assert len(outcomes) > 10_000


def test_every_row_of_the_table_has_a_margin(outcomes: list[Outcome]) -> None:
    for row in rows(outcomes):
        assert row.letter_margin_mv > 0, row
        assert row.diode_margin_mv is None or row.diode_margin_mv > 200, row


def test_the_wave_is_proven_at_every_duty_a_burst_can_resolve(outcomes: list[Outcome]) -> None:
    swinging = [
        one
        for one in outcomes
        if is_pwm(one.case.duty_pm) and one.case.duty_pm != NARROW_PM and one.case.expected in VEHICLE_LETTERS
    ]
    assert [one for one in swinging if not wave_proven(one)] == []
    assert worst_duty_error_pm(outcomes) < LIMITS.duty_tolerance_pm


def test_at_80_a_a_burst_may_doubt_but_never_reads_more_than_the_vehicle_asks(
    outcomes: list[Outcome],
) -> None:
    """The low part lasts 40 us, the samples are 42 us apart: it can be missed, or met on its slope only."""
    narrow = [one for one in outcomes if one.case.duty_pm == NARROW_PM]
    for one in narrow:
        if one.case.expected is Reading.DIODE:
            assert not wave_proven(one), one  # whatever the letter: the contactor does not close
        elif not one.right:
            assert one.reading in (Reading.DIODE, Reading.OUTSIDE), one
    assert sum(one.right for one in narrow) > 0.9 * len(narrow)


def test_the_committed_table_is_current(outcomes: list[Outcome]) -> None:
    """Numbers of hardware/pilot/README.md within 15 mV, two codes: versions of ngspice differ a little."""
    page = (FOLDER / "README.md").read_text()
    for row, line in zip(rows(outcomes), table(rows(outcomes)).splitlines()[2:], strict=True):
        head = "|".join(line.split("|")[:3]) + "|"
        committed = [one for one in page.splitlines() if one.startswith(head)]
        assert len(committed) == 1, f"{head} is not in the README: python -m tests.hardware.pilot_corners"
        found, expected = _numbers(committed[0]), _numbers(line)
        assert len(found) == len(expected), row
        assert all(abs(one - other) <= 15 for one, other in zip(found, expected, strict=True)), line


def _numbers(line: str) -> list[int]:
    cells = line.split("|")[3:]
    return [int(number) for cell in cells for number in re.findall(r"-?\d+", cell.replace("..", " "))]


# --------------------------------------------------------------------------- range of the ADC


def _codes(corners: list[tuple[Corner, int]], volts: float, folder: Path) -> list[int]:
    """Codes with the open pilot at ``volts``, through the simulated network."""
    level = 1000 if volts > 0 else 0
    driven = [replace(one, vp=abs(volts), vn=-abs(volts)) for one, _ in corners]
    found = waves(driven, level, folder)
    for wave in found:
        assert abs(wave.cp_v(0) - volts) < 0.01
    return [
        int(wave.adc_v(0) / one.v33 * 4096) + error
        for wave, one, (_, error) in zip(found, driven, corners, strict=True)
    ]


@pytest.mark.parametrize("volts", [13.5, -13.5])
def test_the_nominal_network_stays_within_the_range_at_13_5_v(tmp_path: Path, volts: float) -> None:
    corners = [(Corner(), -ABSOLUTE_LSB), (Corner(), ABSOLUTE_LSB)]
    assert all(0 < code < 4095 for code in _codes(corners, volts, tmp_path))


@pytest.mark.parametrize("volts", [LIMITS.beyond_mv / 1000, -13.5])
def test_with_parts_of_one_percent_the_range_reaches_beyond_every_pilot(tmp_path: Path, volts: float) -> None:
    """``beyond_mv`` is where a reading stops being a pilot; PILOT_HEADROOM_MV what a profile has to offer."""
    codes = _codes(list(sensing_corners(Corner())), volts, tmp_path)
    assert all(0 < code < 4095 for code in codes), (min(codes), max(codes))
    assert LIMITS.beyond_mv >= PILOT_HEADROOM_MV


def test_with_parts_of_a_tenth_percent_it_reaches_13_4_v(tmp_path: Path) -> None:
    corners = [
        (replace(one, ra=_tenth(one.ra, 47e3), rb=_tenth(one.rb, 10e3), rc=_tenth(one.rc, 15e3)), error)
        for one, error in sensing_corners(Corner())
    ]
    assert all(0 < code < 4095 for code in _codes(corners, 13.4, tmp_path))


def _tenth(ohm: float, nominal_ohm: float) -> float:
    return nominal_ohm + (ohm - nominal_ohm) / 10


def test_the_worst_corner_at_13_5_v_clips_and_is_refused_instead_of_misread(tmp_path: Path) -> None:
    worst = max(_codes(list(sensing_corners(Corner())), 13.5, tmp_path))
    assert worst > 4095
    converter = Converter(tmp_path)
    with pytest.raises(HardwareError, match="is clipped: 80 of 80 samples"):
        converter.burst(REFERENCE_ADC, [4095] * REFERENCE_ADC.burst_samples)
    converter.close()


def test_the_profile_scales_like_the_nominal_network(tmp_path: Path) -> None:
    for volts in (12.0, -12.0):
        (code,) = _codes([(Corner(), 0)], volts, tmp_path)
        read_mv = code * REFERENCE_ADC.pilot_gain_uv // 1000 + REFERENCE_ADC.pilot_offset_mv
        assert abs(read_mv - 1000 * volts) < 15


# --------------------------------------------------------------------------- edges, sampling


def _edge_us(wave: Wave, low_v: float, high_v: float, rising: bool, duty_pm: int) -> int:
    """From 10 to 90 % (or back), in whole microseconds, counted on the finer side."""
    ten, ninety = low_v + 0.1 * (high_v - low_v), low_v + 0.9 * (high_v - low_v)
    start = 0 if rising else duty_pm - 20
    return sum(ten < wave.cp_v(at) < ninety for at in range(start, start + 100))


def test_edges_are_as_fast_as_the_standard_asks(tmp_path: Path) -> None:
    """IEC 61851-1 Table A.2: rise 10 us in B, 7 us in C, fall 13 us; into cable and vehicle at their most
    (1.5 + 2.4 nF), 1 nF in the station. Open circuit about 2 us, without cable."""
    full = {"cev": 3.9e-9, "cevse": 1e-9}
    corners = [
        Corner(rev=2740, **full),
        Corner(rev=882, **full),
        Corner(cevse=0.5e-9, cev=0.0),
    ]
    b, c, a = waves(corners, 267, tmp_path)
    assert _edge_us(b, -12, 8.95, True, 267) <= 10
    assert _edge_us(c, -12, 5.97, True, 267) <= 7
    assert _edge_us(a, -12, 12, True, 267) <= 3
    for wave, high_v in ((b, 8.95), (c, 5.97)):
        assert _edge_us(wave, -12, high_v, False, 267) <= 13


def test_the_sampling_capacitor_settles_in_its_one_and_a_half_clocks() -> None:
    done = subprocess.run(
        ["ngspice", "-b", "-n", str(FOLDER / "acquisition.cir")],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    found = dict(re.findall(r"^(settled|final)\s*=\s*(\S+)", done.stdout, re.MULTILINE))
    error_codes = (float(found["final"]) - float(found["settled"])) / 3.3 * 4096
    print(f"sampling error {error_codes:.2f} counts")
    assert 0 <= error_codes < 1  # only after a full swing; plateaus leaves that sample out


def test_the_example_netlist_runs_and_agrees_with_the_corners(tmp_path: Path) -> None:
    done = subprocess.run(
        ["ngspice", "-b", "-n", str(FOLDER / "nominal.cir")],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    found = {
        name: float(value) for name, value in re.findall(r"^(\w+)\s*=\s*(\S+)", done.stdout, re.MULTILINE)
    }
    (wave,) = waves([Corner(rev=882, cev=3.9e-9)], 267, tmp_path)
    assert abs(found["c_high"] - wave.cp_v(200)) < 0.005
    assert abs(found["c_adc"] - wave.adc_v(200)) < 0.002
    assert abs(found["low_adc"] - wave.adc_v(900)) < 0.002


def test_a_broken_netlist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpiceError, match=r"ngspice on .*corners-267-0\.cir ended with"):
        waves([Corner(rs=float("nan"))], 267, tmp_path)


def test_codes_are_those_of_a_12_bit_converter() -> None:
    assert [code_of(volts, 3.3, 0) for volts in (-1.0, 0.0, 1.65, 3.3, 5.0)] == [0, 0, 2048, 4095, 4095]
