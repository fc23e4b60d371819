"""ExtendedTriggerMessage (security white paper 5.5, 5.6, 6.16, 6.17): TriggerMessage with the messages of the
white paper. It is the same command of the domain, marked as extended."""

from __future__ import annotations

from controller.csms.v16.handler import Handler, statuses
from controller.csms.version import Lookup
from controller.csms.wire import Payload
from controller.domain import commands as ask
from controller.domain.commands import Command, Status, TriggerKind

_KINDS = {
    "BootNotification": TriggerKind.BOOT,
    "FirmwareStatusNotification": TriggerKind.FIRMWARE_STATUS,
    "Heartbeat": TriggerKind.HEARTBEAT,
    "LogStatusNotification": TriggerKind.LOG_STATUS,
    "MeterValues": TriggerKind.METER_VALUES,
    "SignChargePointCertificate": TriggerKind.SIGN_CERTIFICATE,
    "StatusNotification": TriggerKind.STATUS,
}

_PER_CONNECTOR = {TriggerKind.METER_VALUES, TriggerKind.STATUS}


def _trigger(payload: Payload, _: Lookup) -> Command:
    """A connectorId that means nothing to the message is ignored (as 1.6 5.17)."""
    kind = _KINDS.get(payload["requestedMessage"], TriggerKind.OTHER)
    connector_id = payload.get("connectorId") if kind in _PER_CONNECTOR else None
    return ask.TriggerMessage(kind, connector_id, extended=True)


TABLE: dict[str, Handler] = {
    "ExtendedTriggerMessage": Handler(
        _trigger, statuses("Rejected", Status.ACCEPTED, Status.NOT_IMPLEMENTED)
    ),
}
