"""Runs the pilot front end (``front-end.sub``) in ngspice with many tolerance corners side by side.

Owns: the corner as data, the netlist that holds hundreds of them, the call of ngspice, its raw file.
Refuses to know: thresholds, states, the driver of the ADC (tests/hardware brings them together).
Standard library only; needs the program ngspice (Debian: ``apt-get install ngspice``).
"""

from __future__ import annotations

import subprocess
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
PERIOD_US = 1000
RISE_US = {"fast": 1.2, "slow": 3.0}
"""Slew of the driver over 24 V: 20 V/us and 8 V/us."""
OPEN_OHM = 1e9
MOST_AT_ONCE = 64
"""Corners in one netlist: all of them share their time steps, so more at once would cost more each."""
DIODE_N_VT = 1.75 * 0.025852  # emission coefficient x thermal voltage at 27 degrees, as in front-end.sub
DIODE_AT_A = 6e-3


class SpiceError(Exception):
    """ngspice failed. The message holds the end of what it said."""


@dataclass(frozen=True, slots=True)
class Corner:
    """One set of parts. Volts, ohms, farads; the defaults are the nominal values.

    ``rev`` is the vehicle's resistor behind its diode, ``rpar`` a resistor from the pilot to PE.
    """

    vp: float = 12.0
    vn: float = -12.0
    rs: float = 1000.0
    rout: float = 10.0
    cevse: float = 1e-9
    rev: float = OPEN_OHM
    diode_v: float = 0.7
    cev: float = 1e-9
    rpar: float = OPEN_OHM
    v33: float = 3.3
    ra: float = 47e3
    rb: float = 10e3
    rc: float = 15e3
    vos: float = 0.0
    ileak: float = 0.0
    slew: str = "fast"

    @property
    def sensing(self) -> tuple[float, ...]:
        """What belongs to the sensing network: corners that share it can share a calibration."""
        return (self.v33, self.ra, self.rb, self.rc, self.vos, self.ileak)


class Wave:
    """One period of one corner; volts at a time within it, interpolated between ngspice's own points."""

    def __init__(self, grid: Sequence[tuple[int, float]] | None, cp: array[float], adc: array[float]) -> None:
        self._grid = grid
        self._cp = cp
        self._adc = adc

    def cp_v(self, microsecond: int) -> float:
        """At the pilot terminal; ``microsecond`` 0..999 from the rising edge."""
        return self._at(self._cp, microsecond)

    def adc_v(self, microsecond: int) -> float:
        """At the pin of the ADC."""
        return self._at(self._adc, microsecond)

    def _at(self, column: array[float], microsecond: int) -> float:
        if self._grid is None:
            return column[-1]
        at, part = self._grid[microsecond]
        return column[at] + (column[at + 1] - column[at]) * part


def waves(corners: Sequence[Corner], duty_pm: int, folder: Path) -> list[Wave]:
    """The second period of each corner at ``duty_pm``, which is 0 (steady low) to 1000 (steady high).

    ``folder`` takes the netlists and raw files. Raises ``SpiceError``.
    """
    found: list[Wave] = []
    for start in range(0, len(corners), MOST_AT_ONCE):
        found += _run(corners[start : start + MOST_AT_ONCE], duty_pm, folder / f"corners-{duty_pm}-{start}")
    return found


def _run(corners: Sequence[Corner], duty_pm: int, stem: Path) -> list[Wave]:
    netlist, raw = stem.with_suffix(".cir"), stem.with_suffix(".raw")
    netlist.write_text(_netlist(corners, duty_pm))
    done = subprocess.run(
        ["ngspice", "-b", "-n", "-r", str(raw), str(netlist)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode or not raw.exists():
        said = (done.stdout + done.stderr)[-800:]
        raise SpiceError(f"ngspice on {netlist} ended with {done.returncode}: {said}")
    columns = _read_raw(raw)
    grid = None if duty_pm in (0, 1000) else _grid(columns["time"])
    return [
        Wave(grid, columns[f"v(cp{number})"], columns[f"v(adc{number})"]) for number in range(len(corners))
    ]


def _netlist(corners: Sequence[Corner], duty_pm: int) -> str:
    lines = [f"pilot corners at {duty_pm} permille", f".include {FOLDER / 'front-end.sub'}"]
    if duty_pm in (0, 1000):
        lines += [f"V{slew} {slew} 0 {duty_pm // 1000}" for slew in RISE_US]
        analysis = ".op"
    else:
        for slew, edge_us in RISE_US.items():
            # From half to half of the edges: that is the duty the PWM has at the driver's threshold.
            lines.append(
                f"V{slew} {slew} 0 PULSE(0 1 0 {edge_us}u {edge_us}u {duty_pm - edge_us}u {PERIOD_US}u)"
            )
        analysis = f".tran 2u {2 * PERIOD_US}u 0 25u"
    saved = []
    for number, one in enumerate(corners):
        cp, adc = f"cp{number}", f"adc{number}"
        isat = DIODE_AT_A * exp(-one.diode_v / DIODE_N_VT)
        lines += [
            f"Xd{number} {one.slew} {cp} pilot_driver vp={one.vp} vn={one.vn} rs={one.rs} rout={one.rout} "
            f"cevse={one.cevse}",
            f"Xv{number} {cp} vehicle rev={one.rev} isat={isat:.6g} cev={one.cev} rpar={one.rpar}",
            f"Xs{number} {cp} {adc} pilot_sense v33={one.v33} ra={one.ra} rb={one.rb} rc={one.rc} "
            f"vos={one.vos} ileak={one.ileak}",
        ]
        saved.append(f"v({cp}) v({adc})")
    lines += [f".save {names}" for names in saved]
    return "\n".join([*lines, ".options reltol=1e-4 method=gear", analysis, ".end", ""])


def _read_raw(path: Path) -> dict[str, array[float]]:
    """The columns of a binary raw file by their lower-case names."""
    data = path.read_bytes()
    head, _, body = data.partition(b"Binary:\n")
    lines = head.decode("ascii", "replace").splitlines()
    start = lines.index("Variables:")
    names = [line.split()[1].lower() for line in lines[start + 1 :] if line.strip()]
    values = array("d")
    values.frombytes(body[: len(body) // (8 * len(names)) * 8 * len(names)])
    return {name: values[at :: len(names)] for at, name in enumerate(names)}


def _grid(times_s: Sequence[float]) -> list[tuple[int, float]]:
    """For each microsecond of the second period: the point before it and the share of the way to the next."""
    found, at = [], 0
    for microsecond in range(PERIOD_US, 2 * PERIOD_US):
        time_s = microsecond * 1e-6
        while times_s[at + 1] < time_s:
            at += 1
        step_s = times_s[at + 1] - times_s[at]
        found.append((at, (time_s - times_s[at]) / step_s if step_s else 0.0))
    return found
