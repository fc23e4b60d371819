"""ConnectorStatusEnumType of 2.0.1, derived from facts (G01)."""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.wire import instant
from controller.domain.faults import describe
from controller.domain.views import EvseView


def status(view: EvseView) -> str:
    if view.fault is not None and describe(view.fault).blocking:
        return "Faulted"
    if not view.operative:
        return "Unavailable"
    if view.reserved:  # plugged in or not, until the holder's token comes (H03, errata 2.32)
        return "Reserved"
    return "Occupied" if view.plugged else "Available"


def status_notification(view: EvseView) -> Call | None:
    """StatusNotificationRequest; the station itself (EVSE 0) has no connector and so no status."""
    if view.evse_id == 0:
        return None
    return Call(
        "StatusNotification",
        {
            "timestamp": instant(view.changed_at_ms),
            "connectorStatus": status(view),
            "evseId": view.evse_id,
            "connectorId": view.connector_id,
        },
    )
