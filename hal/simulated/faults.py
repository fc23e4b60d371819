"""The faults the simulated world can have, as data.

Owns: their names, the part each belongs to and one line that says what then happens physically; and the
book of those that are active. Refuses to know: how a part behaves under a fault (the part asks the book),
and what anybody should conclude from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

STATION = 0
"""The ``evse_id`` of faults that belong to the station as a whole."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A named fault. ``station`` faults are set with ``evse_id`` 0, all others per EVSE."""

    name: str
    part: str
    description: str
    station: bool = False


_ALL = (
    Fault("pilot_short", "pilot", "control pilot shorted to PE through 10 ohm: both plateaus near 0 V"),
    Fault("pilot_open", "pilot", "control pilot wire broken towards the vehicle: looks like no vehicle"),
    Fault("pilot_leak", "pilot", "wet plug: 470 ohm from control pilot to PE, plateaus pulled towards 0 V"),
    Fault("pilot_noise", "pilot", "1.5 V rms of noise on what the pilot ADC reads"),
    Fault("pilot_supply_low", "pilot", "the +12 V supply of the pilot generator has fallen to 9.5 V"),
    Fault("pilot_supply_beyond", "pilot", "the -12 V supply of the pilot generator has run away to -15 V"),
    Fault("diode_missing", "pilot", "vehicle's pilot diode shorted: the lower plateau is pulled up"),
    Fault(
        "diode_parallel", "pilot", "a second diode anti-parallel to the vehicle's: both plateaus are loaded"
    ),
    Fault("pwm_dead", "pilot", "the generator stays at steady +12 V whatever duty is commanded"),
    Fault("pwm_wrong_duty", "pilot", "the duty on the wire is 10 percentage points above the commanded one"),
    Fault("adc_dead", "pilot", "the pilot ADC does not answer"),
    Fault("contactor_welded", "contactor", "all main contacts stay closed whatever the coil does"),
    Fault("contactor_pole_welded", "contactor", "the main contact of L1 stays closed whatever the coil does"),
    Fault("contactor_does_not_close", "contactor", "the coil is broken: main contacts never close"),
    Fault("contactor_slow", "contactor", "main contacts need 300 ms to open"),
    Fault("mirror_stuck_open", "contactor", "mirror contact always tells open"),
    Fault("mirror_stuck_closed", "contactor", "mirror contact always tells closed"),
    Fault("rcd_trip", "residual_current", "a residual current flows: the detector trips and drops the coil"),
    Fault("rcd_test_dead", "residual_current", "the detector does not answer to its test input"),
    Fault("rcd_test_stuck", "residual_current", "once tested, the detector stays tripped"),
    Fault("proximity_open", "proximity", "proximity wire broken: no plug is seen"),
    Fault("proximity_short", "proximity", "proximity contact shorted to PE"),
    Fault("proximity_wrong", "proximity", "proximity resistor of 3300 ohm: no cable has this coding"),
    Fault("lock_jam", "lock", "the plug lock does not move"),
    Fault("lock_feedback_lost", "lock", "the feedback of the plug lock always tells unlocked"),
    Fault("over_temperature", "temperature", "a loose terminal: every sensor is 60 K warmer"),
    Fault("temperature_sensor_lost", "temperature", "the wires of the temperature sensors are broken"),
    Fault("phase_switch_stuck", "phase_switch", "the contactor of L2 and L3 stays where it is"),
    Fault("phase_feedback_stuck", "phase_switch", "the phase switch's feedback always tells one phase"),
    Fault("over_current", "vehicle", "the vehicle draws its maximum whatever the duty says"),
    Fault("vehicle_ignores_x1", "vehicle", "the vehicle goes on drawing and holds S2 when the PWM stops"),
    Fault("vehicle_ignores_pilot", "vehicle", "the vehicle draws its maximum whenever there is voltage"),
    Fault("meter_silent", "meter", "the energy meter does not answer"),
    Fault("meter_garbage", "meter", "the energy meter's answers are damaged on the bus"),
    Fault("meter_frozen", "meter", "the energy meter answers, but its values stand still"),
    Fault("meter_reset", "meter", "the energy meter's registers fall to zero once, then count on"),
    Fault("phase_missing", "mains", "L3 of the mains is missing (L1 of a single-phase EVSE)"),
    Fault("emergency_stop", "panel", "the emergency stop is pressed", station=True),
    Fault("enclosure_open", "panel", "the enclosure's door is open", station=True),
    Fault("mains_off", "mains", "no mains voltage at the station's terminals", station=True),
    Fault("reader_silent", "reader", "the card readers see no card", station=True),
    Fault("reader_garbage", "reader", "the card readers' frames are damaged", station=True),
    Fault("watchdog_dead", "watchdog", "the hardware gate stays off although it is fed", station=True),
    Fault("board_silent", "board", "no measurements come from the board any more", station=True),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _ALL}


class FaultBook:
    """Which faults are active. Parts hold ``active(evse_id)``, a live set of names, and look into it."""

    def __init__(self, evse_ids: tuple[int, ...], changed: Callable[[int, str, bool], None]) -> None:
        self._active: dict[int, set[str]] = {STATION: set(), **{evse_id: set() for evse_id in evse_ids}}
        self._changed = changed

    def active(self, evse_id: int) -> set[str]:
        """The live set of this EVSE's faults (of the station's with ``evse_id`` 0)."""
        return self._active[evse_id]

    def set(self, name: str, evse_id: int = 1) -> None:
        """Let the fault happen. Raises ``ValueError`` for an unknown name or EVSE."""
        self._change(name, evse_id, True)

    def clear(self, name: str, evse_id: int = 1) -> None:
        """Repair it. Clearing what is not set is no error. Raises ``ValueError`` as ``set`` does."""
        self._change(name, evse_id, False)

    def clear_all(self) -> None:
        """Repair everything."""
        for evse_id, name in self.list():
            self._change(name, evse_id, False)

    def list(self) -> list[tuple[int, str]]:
        """The active faults as (evse_id, name), sorted; evse_id 0 = the station."""
        return sorted((evse_id, name) for evse_id, names in self._active.items() for name in names)

    def _change(self, name: str, evse_id: int, on: bool) -> None:
        fault = FAULTS.get(name)
        if fault is None:
            raise ValueError(f"fault {name!r}: unknown; known are {', '.join(FAULTS)}")
        where = STATION if fault.station else evse_id
        names = self._active.get(where)
        if names is None or (where == STATION and not fault.station):
            raise ValueError(
                f"fault {name!r}: evse {evse_id} does not exist; expected 1..{len(self._active) - 1}"
            )
        if on:
            names.add(name)
        else:
            names.discard(name)
        self._changed(where, name, on)
