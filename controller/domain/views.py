"""What others see of an EVSE: plain facts from which each OCPP version derives its own status, purely."""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.access.tokens import IdToken
from controller.domain.events import ChargingState

IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a task is that the CSMS gave (firmware update, upload of a log), for a triggered report.

    ``status``: 2.0.1 FirmwareStatusEnumType or UploadLogStatusEnumType; "Idle" = nothing is going on.
    ``request_id``: of that task, None = idle, or asked for in a way that has none.
    """

    status: str = IDLE
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class EvseView:
    """``preparing``: authorized or plugged, waiting for the other. ``finishing``: a transaction ended and
    the vehicle is still connected. ``reserved``: kept for the holder of a reservation, who has not come yet;
    whoever else has plugged in. ``fault``: name of the blocking fault or None. evse_id 0 = the station
    itself (only ``operative``, ``fault`` and the warning mean something)."""

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
    ev_left: bool = False  # the cable was pulled out at the vehicle's side
    about: str = ""  # what the warning is about, in one word
