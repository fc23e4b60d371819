"""The control pilot as a circuit: generator, 1 kOhm, cable, vehicle; and what an ADC sees of it.

Owns: Ohm's law on the pilot, and bursts of noisy samples with the edges of the wave.
Refuses to know: states A to F, duty tables, who looks. Values from IEC 61851-1 Annex A: generator
+-12 V behind 1 kOhm, 1 kHz.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import exp
from random import Random

PERIOD_US = 1000.0
RISE_TAU_US = 1.7
FALL_TAU_US = 2.2
"""Time constants that give the 4 to 5 us edges of a 1 kOhm source on 2 to 4 nF."""

SAMPLE_INTERVAL_US = 42.0
"""MCP3208 at 1 MHz, three bytes and one chip-select edge per conversion (not a divisor of 1 ms)."""
ADC_STEP_UV = 7118
"""One count of 12 bit behind the 47k/10k/15k network, at the pilot terminal."""
NOISE_MV = 15.0


class Diode(StrEnum):
    """The vehicle's pilot diode."""

    OK = "ok"
    MISSING = "missing"  # shorted: conducts both ways
    PARALLEL = "parallel"  # a second diode the other way round: conducts both ways with its drop


@dataclass(frozen=True, slots=True)
class Load:
    """What hangs on the pilot behind the cable. ``resistance_ohm`` None = nothing (no vehicle)."""

    resistance_ohm: int | None = None
    diode: Diode = Diode.OK
    drop_mv: int = 700
    short_ohm: int | None = None  # from the pilot to PE on the station's side


@dataclass(frozen=True, slots=True)
class Wire:
    """The wave at one point of the pilot: share of high time (0 = steady low, 1000 = steady high) and
    the two plateaus in mV. ``DEAD`` is a wire that leads nowhere."""

    duty_pm: int
    high_mv: int
    low_mv: int


DEAD = Wire(0, 0, 0)


def plateau_mv(source_mv: int, source_ohm: int, load: Load) -> int:
    """Voltage at the terminal while the generator is at ``source_mv``."""
    volts, ohms = float(source_mv), float(source_ohm)
    if load.short_ohm is not None:  # Thevenin equivalent of generator and short
        volts *= load.short_ohm / (ohms + load.short_ohm)
        ohms = ohms * load.short_ohm / (ohms + load.short_ohm)
    if load.resistance_ohm is None:
        return round(volts)
    sign = 1 if volts > 0 else -1
    if load.diode is Diode.MISSING:
        drop = 0.0
    elif load.diode is Diode.PARALLEL or sign > 0:
        drop = float(load.drop_mv)
    else:
        return round(volts)  # the diode blocks the negative half wave
    if abs(volts) <= drop:
        return round(volts)
    current_ma = (abs(volts) - drop) / (ohms + load.resistance_ohm)
    return round(sign * (abs(volts) - current_ma * ohms))


def wire(duty_pm: int, high_source_mv: int, low_source_mv: int, source_ohm: int, load: Load) -> Wire:
    """The wave at the station's terminal for a generator that runs at ``duty_pm``."""
    high = plateau_mv(high_source_mv, source_ohm, load)
    low = plateau_mv(low_source_mv, source_ohm, load)
    if duty_pm <= 0:
        return Wire(0, low, low)
    if duty_pm >= 1000:
        return Wire(1000, high, high)
    return Wire(duty_pm, high, low)


def burst(
    rng: Random, seen: Wire, samples: int, noise_mv: float = NOISE_MV, interval_us: float = SAMPLE_INTERVAL_US
) -> tuple[int, ...]:
    """``samples`` conversions in mV at the terminal, from a random point of the wave."""
    gauss = rng.gauss
    high, low = seen.high_mv, seen.low_mv
    step = ADC_STEP_UV / 1000
    if seen.duty_pm in (0, 1000) or high == low:
        return tuple(round(round((high + gauss(0.0, noise_mv)) / step) * step) for _ in range(samples))
    on_us = seen.duty_pm * PERIOD_US / 1000
    at_us = rng.uniform(0.0, PERIOD_US)
    taken: list[int] = []
    for _ in range(samples):
        phase = at_us % PERIOD_US
        if phase < on_us:
            level = high - (high - low) * exp(-phase / RISE_TAU_US)
        else:
            level = low + (high - low) * exp((on_us - phase) / FALL_TAU_US)
        taken.append(round(round((level + gauss(0.0, noise_mv)) / step) * step))
        at_us += interval_us
    return tuple(taken)
