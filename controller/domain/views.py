"""What others see of an EVSE: plain facts from which each OCPP version derives its own status, purely."""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.events import ChargingState
from controller.domain.tokens import IdToken


@dataclass(frozen=True, slots=True)
class EvseView:
    """``preparing``: authorized or plugged, waiting for the other. ``finishing``: a transaction ended and
    the vehicle is still connected. ``fault``: name of the blocking fault or None. evse_id 0 = the station
    itself (only ``operative`` and ``fault`` mean something)."""

    evse_id: int
    connector_id: int
    operative: bool
    fault: str | None
    plugged: bool
    authorized: bool
    finishing: bool
    reserved: bool
    transaction_id: str | None
    charging_state: ChargingState | None
    changed_at_ms: int  # UTC ms of the last change of this view
    token: IdToken | None = None
    warning: str | None = None  # name of a fault that does not block
