"""Station to CSMS in 1.6: the messages of events, and what their answers teach.

Owns: StartTransaction, StopTransaction, MeterValues, SecurityEventNotification, Authorize, boot.
Integer transaction ids exist only here, as aliases of kind ``TX``.
"""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.v16 import firmware_status as firmware
from controller.csms.v16.values import meter_values
from controller.csms.version import (
    NOTHING,
    BootAnswer,
    Learned,
    Lookup,
    Registered,
    StationIdentity,
)
from controller.csms.wire import Payload, instant, parse_instant
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import TriggerKind, TriggerMessage
from controller.domain.events import (
    Event,
    FirmwareStatusChanged,
    LogStatus,
    LogStatusChanged,
    MeterValuesTaken,
    SecurityEvent,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from controller.domain.inputs import TransactionAnswered
from controller.domain.metering.measurands import MeterSample
from controller.domain.security.events import (
    INVALID_FIRMWARE_SIGNATURE,
    INVALID_FIRMWARE_SIGNING_CERTIFICATE,
    SECURITY_EVENTS,
)
from controller.domain.views import IDLE, EvseView, Progress

TX = "tx16"
"""Kind of the aliases domain transaction id -> transactionId."""

UNKNOWN_TRANSACTION = "-1"
"""For a transaction whose StartTransaction was never answered (errata 3.18)."""

_ID_TAG_LENGTH = 20

_REASONS = {
    StoppedReason.DEAUTHORIZED: "DeAuthorized",
    StoppedReason.EMERGENCY_STOP: "EmergencyStop",
    StoppedReason.EV_DISCONNECTED: "EVDisconnected",
    StoppedReason.GROUND_FAULT: "Other",
    StoppedReason.IMMEDIATE_RESET: "HardReset",
    StoppedReason.LOCAL: "Local",
    StoppedReason.OTHER: "Other",
    StoppedReason.POWER_LOSS: "PowerLoss",
    StoppedReason.REBOOT: "Reboot",
    StoppedReason.REMOTE: "Remote",
    StoppedReason.SOFT_RESET: "SoftReset",
    StoppedReason.UNLOCK_COMMAND: "UnlockCommand",
    StoppedReason.STOPPED_BY_EV: "Other",
    StoppedReason.ENERGY_LIMIT_REACHED: "Other",
}

# Security white paper edition 3, chapter 8: only critical events are pushed (A04.FR.01), and the two that
# L01.FR.02 and L01.FR.03 want sent although chapter 8 does not call them critical.
_PUSHED = {name for name, kind in SECURITY_EVENTS.items() if kind.critical16} | {
    INVALID_FIRMWARE_SIGNATURE,
    INVALID_FIRMWARE_SIGNING_CERTIFICATE,
}


def boot(identity: StationIdentity) -> Call:
    """BootNotification.req (1.6 6.3)."""
    optional = {
        "chargePointSerialNumber": identity.serial[:25],
        "firmwareVersion": identity.firmware[:50],
        "iccid": identity.iccid[:20],
        "imsi": identity.imsi[:20],
        "meterType": identity.meter_type[:25],
        "meterSerialNumber": identity.meter_serial[:25],
    }
    payload: Payload = {
        "chargePointVendor": identity.vendor[:20],
        "chargePointModel": identity.model[:20],
    }
    payload.update({name: text for name, text in optional.items() if text})
    return Call("BootNotification", payload)


def current_time(result: Payload) -> int | None:
    """``currentTime`` of BootNotification.conf and Heartbeat.conf, None when it is no date-time."""
    try:
        return parse_instant(result["currentTime"])
    except ValueError:
        return None


def boot_answer(result: Payload) -> BootAnswer:
    return BootAnswer(Registered(result["status"]), result["interval"], current_time(result))


def id_tag(token: IdToken) -> str:
    """idTag, CiString20: 1.6 has no room for more."""
    return token.value[:_ID_TAG_LENGTH]


def token_info(info: Payload) -> TokenInfo:
    """IdTagInfo (1.6 7.27). An expiry that cannot be read is none: the status still counts."""
    expires_at_ms = None
    if "expiryDate" in info:
        try:
            expires_at_ms = parse_instant(info["expiryDate"])
        except ValueError:
            expires_at_ms = None
    parent = info.get("parentIdTag")
    return TokenInfo(
        status=AuthorizationStatus(info["status"]),
        expires_at_ms=expires_at_ms,
        group=IdToken(parent) if parent else None,
    )


def _transaction_id(transaction_id: str, aliases: Lookup) -> int:
    return int(aliases(TX, transaction_id) or UNKNOWN_TRANSACTION)


def _start(event: TransactionStarted) -> Call:
    """StartTransaction.req (1.6 6.45)."""
    payload: Payload = {
        "connectorId": event.evse_id,
        "idTag": id_tag(event.token) if event.token else "",
        "meterStart": event.register_wh,
        "timestamp": instant(event.at_ms),
    }
    if event.reservation_id is not None:
        payload["reservationId"] = event.reservation_id
    return Call("StartTransaction", payload)


def _stop(event: TransactionEnded, aliases: Lookup) -> Call:
    """StopTransaction.req (1.6 6.49). No transactionData without values (1.6 3.16.5)."""
    payload: Payload = {
        "transactionId": _transaction_id(event.transaction_id, aliases),
        "meterStop": event.register_wh,
        "timestamp": instant(event.at_ms),
        "reason": _REASONS[event.stopped_reason],
    }
    if event.token is not None:
        payload["idTag"] = id_tag(event.token)
    data = meter_values(event.samples)
    if data:
        payload["transactionData"] = data
    return Call("StopTransaction", payload)


def _values(connector_id: int, samples: tuple[MeterSample, ...], transaction_id: int | None) -> Call | None:
    """MeterValues.req (1.6 6.31), None without values."""
    values = meter_values(samples, main=connector_id == 0)
    if not values:
        return None
    payload: Payload = {"connectorId": connector_id, "meterValue": values}
    if transaction_id is not None:
        payload["transactionId"] = transaction_id
    return Call("MeterValues", payload)


def triggered_values(view: EvseView, sample: MeterSample, aliases: Lookup) -> Call | None:
    """The transaction running when the values were taken is named (errata 3.16), once it has a name: these
    values are of this moment and cannot wait for the answer to its StartTransaction."""
    known = aliases(TX, view.transaction_id) if view.transaction_id else None
    return _values(view.evse_id, (sample,), None if known is None else int(known))


def _log_status(event: LogStatusChanged) -> Call | None:
    """1.6 4.4, errata 3.31; white paper N01.FR.07 to N01.FR.10. That an upload was cancelled for a newer one,
    GetLog.conf has said; GetDiagnostics.conf cannot, so there it is a failure."""
    if event.request_id is None:
        going_on = event.status in (LogStatus.UPLOADING, LogStatus.UPLOADED)
        return Call(
            "DiagnosticsStatusNotification", {"status": event.status.value if going_on else "UploadFailed"}
        )
    if event.status is LogStatus.ACCEPTED_CANCELED:
        return None
    return Call("LogStatusNotification", {"status": event.status.value, "requestId": event.request_id})


def call(event: Event, aliases: Lookup) -> Call | None:
    """The message of a journal entry."""
    match event:
        case TransactionStarted():
            return _start(event)
        case TransactionUpdated():
            # Changes of the charging state alone are StatusNotifications in 1.6.
            return _values(event.evse_id, event.samples, _transaction_id(event.transaction_id, aliases))
        case TransactionEnded():
            return _stop(event, aliases)
        case MeterValuesTaken():
            return _values(event.evse_id, (event.sample,), None)
        case FirmwareStatusChanged():
            return firmware.status_notification(event)
        case SecurityEvent() if event.type in _PUSHED:
            payload = {"type": event.type, "timestamp": instant(event.at_ms)}
            if event.info:
                payload["techInfo"] = event.info[:255]
            return Call("SecurityEventNotification", payload)
        case LogStatusChanged():
            return _log_status(event)
        case _:
            return None


def learn(event: Event, result: Payload) -> Learned:
    """StartTransaction.conf names the transaction; idTagInfo tells of the token (1.6 4.8, 4.10)."""
    if not isinstance(event, TransactionStarted | TransactionEnded):
        return NOTHING
    started = isinstance(event, TransactionStarted)
    aliases = {(TX, event.transaction_id): str(result["transactionId"])} if started else {}
    info = result.get("idTagInfo")
    inputs: tuple[TransactionAnswered, ...] = ()
    if info is not None and event.token is not None:
        inputs = (TransactionAnswered(event.transaction_id, event.token, token_info(info), started),)
    return Learned(aliases, inputs)


def given_up(event: Event) -> Learned:
    """Errata 3.18: later messages of a transaction whose start was given up carry -1."""
    if isinstance(event, TransactionStarted):
        return Learned({(TX, event.transaction_id): UNKNOWN_TRANSACTION})
    return NOTHING


def progress(trigger: TriggerMessage, progress: Progress) -> Call | None:
    """1.6 4.4, 4.5, 5.17: Idle only as the answer to a trigger when nothing runs. White paper 5.5: the
    extended trigger asks for the white paper's messages."""
    payload: Payload = {"status": progress.status}
    if trigger.extended:
        if progress.request_id is not None:
            payload["requestId"] = progress.request_id
        else:  # N01.FR.12, L01.FR.10: only Idle comes without; what runs was asked for by the other message
            payload["status"] = IDLE
    match trigger.kind:
        case TriggerKind.FIRMWARE_STATUS if trigger.extended:
            return Call("SignedFirmwareStatusNotification", payload)
        case TriggerKind.FIRMWARE_STATUS:
            return firmware.report(progress)
        case TriggerKind.LOG_STATUS:
            name = "LogStatusNotification" if trigger.extended else "DiagnosticsStatusNotification"
            return Call(name, payload)
        case _:
            return None
