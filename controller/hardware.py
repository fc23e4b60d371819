"""What the rules and the settings need to know of the hardware, from the board profile.

Owns: what each EVSE has; which measurands a meter of that model, or a sensor, can tell.
Refuses to know: readings, settings, drivers.
"""

from __future__ import annotations

from controller.config import StationConfig
from controller.domain.evse.spec import EvseSpec
from controller.domain.metering.measurands import Measurand as M
from hal.board import measured
from hal.profile import BoardProfile, MeterProfile

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


def evse_specs(config: StationConfig, profile: BoardProfile) -> list[EvseSpec]:
    """What the rules know of each EVSE, with the limits of station.toml."""
    return [
        EvseSpec(
            evse_id=evse.evse_id,
            phases=evse.phases,
            limit_ma=config.limit_ma(evse.evse_id),
            has_meter=evse.meter is not None,
            has_lock=evse.lock is not None,
            has_phase_switch=evse.phase_switch is not None,
            has_socket=not evse.tethered,
        )
        for evse in profile.evses
    ]


def measurands(profile: BoardProfile) -> frozenset[M]:
    """What at least one EVSE or the main meter can tell."""
    found = {M.CURRENT_OFFERED, M.POWER_OFFERED}
    for meter in _meters(profile):
        quantities = measured(meter)
        if meter.swap_import_export:
            swapped = {"energy_import": "energy_export", "energy_export": "energy_import"}
            quantities = frozenset(swapped.get(name, name) for name in quantities)
        found |= {one for one, names in _QUANTITIES.items() if quantities.intersection(names)}
    if any(evse.temperatures for evse in profile.evses):
        found.add(M.TEMPERATURE)
    return frozenset(found)


def lines(profile: BoardProfile) -> tuple[str, ...]:
    """The phases that at least one meter measures."""
    quantities = {name for meter in _meters(profile) for name in measured(meter)}
    return tuple(line for line in _LINES if any(name.endswith(f"_{line}") for name in quantities))


def _meters(profile: BoardProfile) -> list[MeterProfile]:
    meters = [profile.main_meter, *(evse.meter for evse in profile.evses)]
    return [meter for meter in meters if meter is not None]
