"""What the settings need to know of the hardware, from the board profile.

Owns: which measurands a meter of that model, or a sensor, can tell.
Refuses to know: readings, settings, drivers.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.measurands import Measurand as M
from hal.board import measured
from hal.profile import EvseProfile

_LINES = ("L1", "L2", "L3")

_QUANTITIES: dict[M, tuple[str, ...]] = {
    M.ENERGY_IMPORT_REGISTER: ("energy_import",),
    M.ENERGY_EXPORT_REGISTER: ("energy_export",),
    M.ENERGY_IMPORT_INTERVAL: ("energy_import",),
    M.ENERGY_EXPORT_INTERVAL: ("energy_export",),
    M.POWER_IMPORT: ("power_total", "power_import", *(f"power_{line}" for line in _LINES)),
    M.POWER_EXPORT: ("power_total", "power_export", *(f"power_{line}" for line in _LINES)),
    M.POWER_FACTOR: ("power_factor_total",),
    M.CURRENT_IMPORT: tuple(f"current_{line}" for line in _LINES),
    M.VOLTAGE: tuple(f"voltage_{line}" for line in _LINES),
    M.FREQUENCY: ("frequency",),
}
"""The registers of which one is enough for a measurand."""


def measurands(evses: Iterable[EvseProfile]) -> frozenset[M]:
    """What at least one EVSE can tell."""
    found = {M.CURRENT_OFFERED, M.POWER_OFFERED}
    for evse in evses:
        quantities = measured(evse)
        if evse.meter is not None and evse.meter.swap_import_export:
            swapped = {"energy_import": "energy_export", "energy_export": "energy_import"}
            quantities = frozenset(swapped.get(name, name) for name in quantities)
        found |= {one for one, names in _QUANTITIES.items() if quantities.intersection(names)}
        if evse.temperatures:
            found.add(M.TEMPERATURE)
    return frozenset(found)


def lines(evses: Iterable[EvseProfile]) -> tuple[str, ...]:
    """The phases that at least one meter measures."""
    quantities = {name for evse in evses for name in measured(evse)}
    return tuple(line for line in _LINES if any(name.endswith(f"_{line}") for name in quantities))
