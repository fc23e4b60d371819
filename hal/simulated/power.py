"""The power path of one EVSE: mains, contactor with mirror contact, phase switch, energy meter.

Owns: when contacts move, which poles are live behind them, and energy as exact integers.
Refuses to know: the pilot, the vehicle, and why somebody commands the coil.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from hal.interface import MeterReading

CLOSE_US = 20_000
OPEN_US = 15_000
SLOW_OPEN_US = 300_000
BOUNCE_US = 3_000
"""Times of a small modular contactor with its interposing relay (hardware facts 7.3)."""

PJ_PER_UWH = 3_600_000_000
UWH_PER_WH = 1_000_000

NO_POLES = (False, False, False)
ALL_POLES = (True, True, True)


@dataclass(slots=True)
class Mains:
    """Voltages L-N in mV and frequency in mHz at the station's terminals."""

    voltage_mv: tuple[int, int, int] = (230_000, 230_000, 230_000)
    frequency_mhz: int = 50_000


class Contactor:
    """Coil, main contacts, mirror contact. ``poles`` are the main contacts of L1, L2, L3."""

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self._coil = False
        self._contacts = False  # where the armature is
        self._due_us: int | None = None
        self._bounce_until = 0
        self.operations = 0

    @property
    def poles(self) -> tuple[bool, bool, bool]:
        if self._contacts or "contactor_welded" in self._faults:
            return ALL_POLES
        return (True, False, False) if "contactor_pole_welded" in self._faults else NO_POLES

    @property
    def coil(self) -> bool:
        """Whether the coil is energised (after gate and detector, not what is commanded)."""
        return self._coil

    def drive(self, coil: bool, now_us: int) -> None:
        """The coil's circuit is closed or opened."""
        if coil == self._coil:
            return
        self._coil = coil
        if coil == self._contacts:  # changed its mind before the armature moved
            self._due_us = None
        elif coil:
            self._due_us = now_us + CLOSE_US
        else:
            self._due_us = now_us + (SLOW_OPEN_US if "contactor_slow" in self._faults else OPEN_US)

    def update(self, now_us: int) -> None:
        """Move what is due."""
        if "contactor_does_not_close" in self._faults:
            if self._contacts:
                self._contacts = False
                self._bounce_until = now_us + BOUNCE_US
            self._due_us = None
        elif self._due_us is None:
            if self._coil != self._contacts:  # a broken coil was repaired
                self._due_us = now_us + CLOSE_US
        elif now_us >= self._due_us:
            self._contacts = self._coil
            self._due_us = None
            self._bounce_until = now_us + BOUNCE_US
            self.operations += 1

    def horizon_us(self, now_us: int) -> int | None:
        return None if self._due_us is None else max(1, self._due_us - now_us)

    def mirror_closed(self, now_us: int) -> bool:
        """The mirror contact. IEC 60947-4-1 Annex F: it cannot tell open while any pole is closed."""
        if "mirror_stuck_open" in self._faults:
            return False
        if "mirror_stuck_closed" in self._faults:
            return True
        closed = any(self.poles)
        if now_us < self._bounce_until and (now_us // 500) % 2:
            return not closed
        return closed


class PhaseContactor:
    """The contactor that adds L2 and L3. Without power it rests on L1 alone.

    ``moved_live``: how often its contacts moved while current flowed through the main contactor.
    """

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self._coil = False
        self._due_us: int | None = None
        self.three = False
        self.operations = 0
        self.moved_live = 0

    def drive(self, coil: bool, now_us: int) -> None:
        """The coil is energised or not."""
        if coil != self._coil:
            self._coil = coil
            self._due_us = now_us + (CLOSE_US if coil else OPEN_US)

    def update(self, now_us: int, live: bool) -> None:
        """Move what is due. ``live``: current flows in this moment."""
        if self._due_us is not None and now_us >= self._due_us:
            self._due_us = None
        if self._due_us is None and self.three != self._coil and "phase_switch_stuck" not in self._faults:
            self.three = self._coil
            self.operations += 1
            self.moved_live += live

    def horizon_us(self, now_us: int) -> int | None:
        return None if self._due_us is None else max(1, self._due_us - now_us)

    @property
    def feedback_three(self) -> bool:
        return self.three and "phase_feedback_stuck" not in self._faults


class Meter:
    """Integrates energy per phase exactly: picojoules are mV times mA times us, all integers."""

    def __init__(self, faults: AbstractSet[str]) -> None:
        self._faults = faults
        self._energy_pj = [0, 0, 0]
        self._frozen: MeterReading | None = None
        self.voltage_mv: tuple[int, int, int] = (0, 0, 0)
        self.current_ma: tuple[int, int, int] = (0, 0, 0)
        self.frequency_mhz = 0

    def integrate(self, dt_us: int, speed_pm: int = 1000) -> int:
        """The present currents flow for ``dt_us`` times ``speed_pm`` permille. Returns the energy in pJ."""
        total = 0
        for phase, (voltage, current) in enumerate(zip(self.voltage_mv, self.current_ma, strict=True)):
            if current:
                energy = voltage * current * dt_us * speed_pm // 1000
                self._energy_pj[phase] += energy
                total += energy
        return total

    def reset(self) -> None:
        """The registers fall to zero."""
        self._energy_pj = [0, 0, 0]

    def preset(self, energy_wh: int) -> None:
        """Start from a register of ``energy_wh``, as an old meter would."""
        self._energy_pj = [energy_wh * UWH_PER_WH * PJ_PER_UWH, 0, 0]

    @property
    def energy_uwh(self) -> tuple[int, int, int]:
        """Energy per phase in micro-Wh, rounded down."""
        first, second, third = (energy // PJ_PER_UWH for energy in self._energy_pj)
        return first, second, third

    @property
    def total_uwh(self) -> int:
        """Energy of all phases in micro-Wh, rounded down."""
        return sum(self._energy_pj) // PJ_PER_UWH

    def reading(self) -> MeterReading:
        """What the meter would show now."""
        if "meter_frozen" not in self._faults:
            self._frozen = None
            return self._measure()
        if self._frozen is None:
            self._frozen = self._measure()
        return self._frozen

    def _measure(self) -> MeterReading:
        microwatts = [v * i for v, i in zip(self.voltage_mv, self.current_ma, strict=True)]
        return MeterReading(
            energy_import_wh=self.total_uwh // UWH_PER_WH,
            energy_export_wh=0,
            power_w=round(sum(microwatts) / 1_000_000),
            power_phase_w=(
                round(microwatts[0] / 1_000_000),
                round(microwatts[1] / 1_000_000),
                round(microwatts[2] / 1_000_000),
            ),
            voltage_mv=self.voltage_mv,
            current_ma=self.current_ma,
            frequency_mhz=self.frequency_mhz,
            power_factor_pm=1000,
        )
