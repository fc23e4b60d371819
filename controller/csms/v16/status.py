"""The nine statuses of 1.6, derived from facts (1.6 4.9, 7.7, errata 3.19)."""

from __future__ import annotations

from dataclasses import replace

from controller.csms.wire import Payload, instant
from controller.domain.events import ChargingState, FaultRaised
from controller.domain.faults import describe
from controller.domain.views import EvseView

_IN_TRANSACTION = {
    ChargingState.CHARGING: "Charging",
    ChargingState.SUSPENDED_EVSE: "SuspendedEVSE",
    ChargingState.SUSPENDED_EV: "SuspendedEV",
    # Authorized and connected, power path not yet closed: the prerequisites are not yet met (1.6 4.9).
    ChargingState.EV_CONNECTED: "Preparing",
    # Unplugged at the vehicle while the transaction goes on (StopTransactionOnEVSideDisconnect false).
    ChargingState.IDLE: "SuspendedEV",
}

EV_SIDE_DISCONNECTED = "EV side disconnected"
"""1.6 4.9: why charging was suspended or stopped."""


_VEHICLE = "EVCommunicationError"
"""Only with Preparing, SuspendedEV, SuspendedEVSE and Finishing, and never more than a warning (1.6 4.9)."""

_WITH_VEHICLE = ("Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing")


def status(view: EvseView) -> str:
    """ChargePointStatus. Connector 0 knows only Available, Unavailable and Faulted (1.6 4.9)."""
    if view.fault is not None and describe(view.fault).blocking:
        return _with_fault(view, describe(view.fault).code16)
    if view.evse_id == 0:
        return "Available" if view.operative else "Unavailable"
    if view.transaction_id is not None and not (view.ev_left and view.finishing):
        return _IN_TRANSACTION[view.charging_state or ChargingState.EV_CONNECTED]
    if not view.operative:
        return "Unavailable"
    if view.finishing:
        return "Finishing"
    if view.reserved:  # G2: only the holder's token makes it Preparing, not somebody's plug
        return "Reserved"
    return "Preparing" if view.plugged or view.authorized else "Available"


def _with_fault(view: EvseView, code: str) -> str:
    """Trouble with the pilot is the vehicle's as long as there is one: the station withholds and waits."""
    if code == _VEHICLE and view.transaction_id is not None:
        return "SuspendedEVSE"
    if code == _VEHICLE and view.operative:
        if view.finishing:
            return "Finishing"
        if view.plugged or view.authorized:
            return "Preparing"
    return "Faulted"


def status_notification(view: EvseView) -> Payload:
    """StatusNotification.req. A fault that does not block is a warning beside the status (1.6 4.9)."""
    payload: Payload = {
        "connectorId": view.evse_id,
        "errorCode": "NoError",
        "status": status(view),
        "timestamp": instant(view.changed_at_ms),
    }
    if view.ev_left and payload["status"] in ("SuspendedEV", "Finishing"):
        payload["info"] = EV_SIDE_DISCONNECTED
    name = view.fault or view.warning
    if name is not None:
        fault = describe(name)
        faulted_without_vehicle = payload["status"] == "Faulted" and fault.code16 == _VEHICLE
        payload["errorCode"] = "OtherError" if faulted_without_vehicle else fault.code16
        if name == view.warning or fault.code16 != "NoError":
            # A code of ChargeX where there is one: it is what fleets of many makers are compared by.
            payload["info"] = f"{fault.name} {view.about}".rstrip()[:50]
            payload["vendorErrorCode"] = (fault.mrec or fault.name)[:50]
    return payload


def past_error(view: EvseView, error: FaultRaised) -> Payload | None:
    """StatusNotification.req of an error that came and went while offline (1.6 4.9): the present status, that
    error, and when it began. None when 1.6 has no code for it."""
    fault = describe(error.fault)
    if fault.code16 == "NoError":
        return None
    payload = status_notification(replace(view, fault=None, warning=error.fault, about="", ev_left=False))
    if fault.code16 == _VEHICLE and payload["status"] not in _WITH_VEHICLE:
        payload["errorCode"] = "OtherError"
    payload["timestamp"] = instant(error.at_ms)
    return payload
