"""What is fixed about an EVSE, as its hardware was built and installed.

Owns: ``EvseSpec``. Refuses to know: files, pins, what happens at the EVSE.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvseSpec:
    """What is fixed about an EVSE. ``limit_ma``: installer's limit from station.toml or None."""

    evse_id: int
    connector_id: int = 1
    phases: int = 3
    limit_ma: int | None = None
    has_meter: bool = True
    has_lock: bool = False
    has_phase_switch: bool = False
    has_socket: bool = False  # a socket outlet: the cable is the driver's
