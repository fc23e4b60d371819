"""Station to CSMS in 2.0.1: the messages of events, and what their answers teach.

Owns: TransactionEvent, MeterValues, SecurityEventNotification, Authorize, boot; which event is which message.
Domain transaction ids go out as they are.
"""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.v201.notices import notify_event
from controller.csms.v201.tokens import id_token, token_info
from controller.csms.v201.values import meter_values
from controller.csms.version import NOTHING, BootAnswer, Learned, Registered, StationIdentity
from controller.csms.wire import Payload, instant, parse_instant
from controller.domain.commands import TriggerKind, TriggerMessage
from controller.domain.events import (
    Event,
    FaultCleared,
    FaultRaised,
    FirmwareStatusChanged,
    LogStatusChanged,
    MeterValuesTaken,
    ReservationEnd,
    ReservationEnded,
    SecurityEvent,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from controller.domain.inputs import TransactionAnswered
from controller.domain.metering.measurands import MeterSample
from controller.domain.security.events import SECURITY_EVENTS
from controller.domain.views import Progress

# What 2.0.1 has no word for.
_REASONS = {
    StoppedReason.SOFT_RESET: StoppedReason.IMMEDIATE_RESET.value,
    StoppedReason.UNLOCK_COMMAND: StoppedReason.REMOTE.value,
}

# Part 2 appendix 1: pushed are the critical ones (A04.FR.01); these are not.
_NOT_CRITICAL = frozenset(name for name, kind in SECURITY_EVENTS.items() if not kind.critical201)


def boot(identity: StationIdentity, reason: str) -> Call:
    """BootNotificationRequest (B01)."""
    station: Payload = {"vendorName": identity.vendor[:50], "model": identity.model[:20]}
    if identity.serial:
        station["serialNumber"] = identity.serial[:25]
    if identity.firmware:
        station["firmwareVersion"] = identity.firmware[:50]
    modem = {name: text[:20] for name, text in (("iccid", identity.iccid), ("imsi", identity.imsi)) if text}
    if modem:
        station["modem"] = modem
    return Call("BootNotification", {"reason": reason, "chargingStation": station})


def current_time(result: Payload) -> int | None:
    """``currentTime`` of the boot and heartbeat answers, None when it is no date-time."""
    try:
        return parse_instant(result["currentTime"])
    except ValueError:
        return None


def boot_answer(result: Payload) -> BootAnswer:
    return BootAnswer(Registered(result["status"]), result["interval"], current_time(result))


def _transaction_event(
    kind: str, event: TransactionStarted | TransactionUpdated | TransactionEnded
) -> Payload:
    """What the three eventTypes share. ``offline`` only when true: false is its default (E04.FR.03)."""
    payload: Payload = {
        "eventType": kind,
        "timestamp": instant(event.at_ms),
        "triggerReason": event.trigger.value,
        "seqNo": event.seq_no,
        "transactionInfo": {
            "transactionId": event.transaction_id,
            "chargingState": event.charging_state.value,
        },
    }
    if event.offline:
        payload["offline"] = True
    if event.token is not None:
        payload["idToken"] = id_token(event.token)
    values = meter_values(event.samples)
    if values:
        payload["meterValue"] = values
    return payload


def _started(event: TransactionStarted) -> Call:
    """``evse`` goes with the first message only (Part 2 chapter E, sequence rule 16)."""
    payload = _transaction_event("Started", event)
    payload["evse"] = {"id": event.evse_id, "connectorId": event.connector_id}
    if event.remote_start_id is not None:
        payload["transactionInfo"]["remoteStartId"] = event.remote_start_id
    if event.reservation_id is not None:
        payload["reservationId"] = event.reservation_id
    if event.cable_ma is not None:
        payload["cableMaxCurrent"] = event.cable_ma // 1000
    if event.phases is not None:
        payload["numberOfPhasesUsed"] = event.phases
    return Call("TransactionEvent", payload)


def _updated(event: TransactionUpdated) -> Call:
    payload = _transaction_event("Updated", event)
    if event.remote_start_id is not None:
        payload["transactionInfo"]["remoteStartId"] = event.remote_start_id
    return Call("TransactionEvent", payload)


def _ended(event: TransactionEnded) -> Call:
    payload = _transaction_event("Ended", event)
    reason = event.stopped_reason
    payload["transactionInfo"]["stoppedReason"] = _REASONS.get(reason, reason.value)
    return Call("TransactionEvent", payload)


def values(evse_id: int, sample: MeterSample) -> Call | None:
    """MeterValuesRequest (J01), None without values."""
    shown = meter_values((sample,), main=evse_id == 0)
    return Call("MeterValues", {"evseId": evse_id, "meterValue": shown}) if shown else None


def call(event: Event) -> Call | None:
    """The message of a journal entry."""
    match event:
        case TransactionStarted():
            return _started(event)
        case TransactionUpdated():
            return _updated(event)
        case TransactionEnded():
            return _ended(event)
        case MeterValuesTaken():
            return values(event.evse_id, event.sample)
        case FaultRaised() | FaultCleared():
            return notify_event(event)
        case ReservationEnded() if event.why is not ReservationEnd.CANCELLED:
            return Call(
                "ReservationStatusUpdate",
                {"reservationId": event.reservation_id, "reservationUpdateStatus": event.why.value},
            )
        case SecurityEvent() if event.type not in _NOT_CRITICAL:
            payload = {"type": event.type[:50], "timestamp": instant(event.at_ms)}
            if event.info:
                payload["techInfo"] = event.info[:255]
            return Call("SecurityEventNotification", payload)
        case FirmwareStatusChanged() if event.request_id is not None:  # L01.FR.01, FR.20
            return Call(
                "FirmwareStatusNotification",
                {"status": event.status.value, "requestId": event.request_id},
            )
        case LogStatusChanged() if event.request_id is not None:  # N01.FR.07 to FR.10, FR.20
            status: Payload = {"status": event.status.value, "requestId": event.request_id}
            return Call("LogStatusNotification", status)
        case _:
            return None


def learn(event: Event, result: Payload) -> Learned:
    """idTokenInfo of TransactionEventResponse tells of the token that was sent (E05, C10.FR.05)."""
    info = result.get("idTokenInfo")
    if (
        info is None
        or not isinstance(event, TransactionStarted | TransactionUpdated | TransactionEnded)
        or event.token is None
    ):
        return NOTHING
    started = isinstance(event, TransactionStarted)
    answered = TransactionAnswered(event.transaction_id, event.token, token_info(info), started)
    return Learned(inputs=(answered,))


def progress(trigger: TriggerMessage, progress: Progress) -> Call | None:
    """F06.FR.15, F06.FR.16."""
    payload: Payload = {"status": progress.status}
    if progress.request_id is not None:
        payload["requestId"] = progress.request_id
    match trigger.kind:
        case TriggerKind.FIRMWARE_STATUS:
            return Call("FirmwareStatusNotification", payload)
        case TriggerKind.LOG_STATUS:
            return Call("LogStatusNotification", payload)
        case _:
            return None


def sign_certificate(csr: str) -> Call:
    """SignCertificateRequest (2.0.1 A02.FR.03)."""
    return Call("SignCertificate", {"csr": csr, "certificateType": "ChargingStationCertificate"})
