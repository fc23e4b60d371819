"""CSMS to station in 2.0.1: one table, action -> how it is read and how its verdict is written.

Owns: the meaning of each request and the status names of each answer.
Refuses to know: whether the station can do it. Requests that are in the standard but not in the table are
answered NotSupported (Part 4, 4.3); what is not in the standard, ``rpc`` has answered already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.csms.rpc import CallRefused
from controller.csms.v201 import variables
from controller.csms.v201.profiles import parse_filter, parse_profile
from controller.csms.v201.tokens import parse_entry, parse_token
from controller.csms.version import Answer, Desk, Query, Registered
from controller.csms.wire import Payload, Unacceptable, optional_instant
from controller.domain import commands as ask
from controller.domain.commands import Command, Status, Verdict

Parse = Callable[[Payload], Command | Query | Answer]
Reply = Callable[[Verdict], Payload]


@dataclass(frozen=True, slots=True)
class Handler:
    parse: Parse
    reply: Reply


def _statuses(otherwise: str, *same: Status, renamed: Mapping[Status, str] | None = None) -> Reply:
    """A reply with status and, when the verdict has a reason, statusInfo.

    ``same`` keep their name, ``renamed`` get another, the rest is ``otherwise``.
    """
    names = {status: status.value for status in same} | dict(renamed or {})

    def reply(verdict: Verdict) -> Payload:
        payload: Payload = {"status": names.get(verdict.status, otherwise)}
        if verdict.reason:
            payload["statusInfo"] = {"reasonCode": verdict.reason[:20]}
            if verdict.info:
                payload["statusInfo"]["additionalInfo"] = verdict.info[:512]
        return payload

    return reply


_ACCEPT_OR_REJECT = _statuses("Rejected", Status.ACCEPTED)
_ACCEPT_REJECT_OR_LATER = _statuses("Rejected", Status.ACCEPTED, Status.SCHEDULED)


def _request_start(payload: Payload) -> Command:
    evse_id = payload.get("evseId")
    if evse_id is not None and evse_id < 1:
        raise Unacceptable("UnknownEvse", f"evseId: found {evse_id}, expected 1 or more")
    group = payload.get("groupIdToken")
    profile = payload.get("chargingProfile")
    return ask.RemoteStart(
        token=parse_token(payload["idToken"]),
        evse_id=evse_id,
        remote_start_id=payload["remoteStartId"],
        group=None if group is None else parse_token(group),
        profile=None if profile is None else parse_profile(profile, None),
    )


def _request_start_reply(verdict: Verdict) -> Payload:
    payload = _ACCEPT_OR_REJECT(verdict)
    if verdict.transaction_id is not None:  # F01.FR.13
        payload["transactionId"] = verdict.transaction_id
    return payload


def _request_stop(payload: Payload) -> Command:
    return ask.RemoteStop(payload["transactionId"])


def _change_availability(payload: Payload) -> Command:
    """G03, G04: without ``evse`` the whole station. EVSEs have one connector here."""
    evse = payload.get("evse", {"id": 0})
    if evse.get("connectorId", 1) != 1:
        raise Unacceptable("UnknownConnectorId", f"connectorId: found {evse['connectorId']}, expected 1")
    return ask.ChangeAvailability(evse["id"], payload["operationalStatus"] == "Operative")


def _unlock(payload: Payload) -> Command:
    return ask.UnlockConnector(payload["evseId"], payload["connectorId"])


_RESETS = {"Immediate": ask.ResetKind.IMMEDIATE, "OnIdle": ask.ResetKind.ON_IDLE}


def _reset(payload: Payload) -> Command:
    kind = _RESETS.get(payload["type"])
    if kind is None:  # 2.1 ImmediateAndResume: B13.FR.01
        raise Unacceptable("UnsupportedParam", f"type {payload['type']} is not supported")
    return ask.Reset(kind, payload.get("evseId"))


def _set_profile(payload: Payload) -> Command:
    evse_id = payload["evseId"]
    return ask.InstallProfile(evse_id, parse_profile(payload["chargingProfile"], evse_id))


def _clear_profile(payload: Payload) -> Command:
    return ask.ClearProfiles(parse_filter(payload))


def _clear_cache(_payload: Payload) -> Command:
    return ask.ClearCache()


_TRIGGERS = {
    kind.value: kind
    for kind in (
        ask.TriggerKind.BOOT,
        ask.TriggerKind.HEARTBEAT,
        ask.TriggerKind.STATUS,
        ask.TriggerKind.METER_VALUES,
        ask.TriggerKind.TRANSACTION,
        ask.TriggerKind.FIRMWARE_STATUS,
        ask.TriggerKind.LOG_STATUS,
    )
}
_PER_EVSE = {ask.TriggerKind.METER_VALUES, ask.TriggerKind.STATUS, ask.TriggerKind.TRANSACTION}


def _trigger(payload: Payload) -> Command:
    """F06. An EVSE that means nothing to the message is ignored (F06.FR.03); none = all (F06.FR.11)."""
    kind = _TRIGGERS.get(payload["requestedMessage"], ask.TriggerKind.OTHER)
    evse = payload.get("evse")
    return ask.TriggerMessage(kind, evse["id"] if evse is not None and kind in _PER_EVSE else None)


def _data_transfer(payload: Payload) -> Command:
    """P01. ``data`` may be any JSON; the domain gets its text."""
    data = payload.get("data")
    if data is not None and not isinstance(data, str):
        data = json.dumps(data, separators=(",", ":"))
    return ask.DataTransfer(payload["vendorId"], payload.get("messageId"), data)


def _data_transfer_reply(verdict: Verdict) -> Payload:
    payload = _statuses("Rejected", Status.ACCEPTED, Status.UNKNOWN_VENDOR, Status.UNKNOWN_MESSAGE)(verdict)
    if verdict.data is not None:
        payload["data"] = verdict.data
    return payload


def _transaction_status(payload: Payload) -> Query:
    """E14."""
    transaction_id = payload.get("transactionId")

    def answer(desk: Desk) -> Answer:
        result: Payload = {"messagesInQueue": desk.in_queue(transaction_id)}
        if transaction_id is not None:
            result["ongoingIndicator"] = desk.ongoing(transaction_id)
        return Answer(result)

    return Query(answer)


def _send_local_list(payload: Payload) -> Command:
    """D01."""
    entries = payload.get("localAuthorizationList") or ()
    return ask.UpdateLocalList(
        version=payload["versionNumber"],
        full=payload["updateType"] == "Full",
        entries=tuple(parse_entry(data) for data in entries),
    )


def _local_list_version(_payload: Payload) -> Command:
    return ask.GetLocalListVersion()


def _local_list_version_reply(verdict: Verdict) -> Payload:
    """D02: 0 = no list was ever sent, or it is switched off (D02.FR.03). An emptied one keeps its version."""
    return {"versionNumber": verdict.local_list.version if verdict.local_list is not None else 0}


def _get_log(payload: Payload) -> Command:
    """N01."""
    kind, wanted = payload["logType"], payload["log"]
    if kind not in list(ask.LogKind):  # 2.1 DataCollectorLog
        raise Unacceptable("UnsupportedParam", f"logType {kind} is not supported")
    return ask.GetLog(
        ask.LogKind(kind),
        wanted["remoteLocation"],
        payload["requestId"],
        payload.get("retries"),
        payload.get("retryInterval"),
        optional_instant(wanted, "oldestTimestamp"),
        optional_instant(wanted, "latestTimestamp"),
    )


def _get_log_reply(verdict: Verdict) -> Payload:
    """N01.FR.01, N01.FR.05, N01.FR.12."""
    payload = _statuses("Rejected", Status.ACCEPTED, Status.ACCEPTED_CANCELED)(verdict)
    if verdict.file_name is not None:
        payload["filename"] = verdict.file_name
    return payload


def _reserve(payload: Payload) -> Command:
    """H01. Without evseId any EVSE."""
    if "connectorType" in payload:
        raise Unacceptable(
            "UnsupportedParam", "a connector type cannot be reserved, only an EVSE or any EVSE"
        )
    expires_at_ms = optional_instant(payload, "expiryDateTime")
    if expires_at_ms is None:
        raise Unacceptable("MissingParam", "expiryDateTime is required (H01)")
    group = payload.get("groupIdToken")
    return ask.ReserveNow(
        reservation_id=payload["id"],
        evse_id=payload.get("evseId", 0),
        token=parse_token(payload["idToken"]),
        expires_at_ms=expires_at_ms,
        group=None if group is None else parse_token(group),
    )


def _cancel_reservation(payload: Payload) -> Command:
    return ask.CancelReservation(payload["reservationId"])


def _answered(_verdict: Verdict) -> Payload:
    raise AssertionError("a query needs no verdict")


TABLE: dict[str, Handler] = {
    "CancelReservation": Handler(_cancel_reservation, _ACCEPT_OR_REJECT),
    "ChangeAvailability": Handler(_change_availability, _ACCEPT_REJECT_OR_LATER),
    "ClearCache": Handler(_clear_cache, _ACCEPT_OR_REJECT),
    "ClearChargingProfile": Handler(_clear_profile, _statuses("Unknown", Status.ACCEPTED)),
    "DataTransfer": Handler(_data_transfer, _data_transfer_reply),
    "GetBaseReport": Handler(variables.get_base_report, _answered),
    "GetLocalListVersion": Handler(_local_list_version, _local_list_version_reply),
    "GetLog": Handler(_get_log, _get_log_reply),
    "GetTransactionStatus": Handler(_transaction_status, _answered),
    "GetVariables": Handler(variables.get_variables, _answered),
    "RequestStartTransaction": Handler(_request_start, _request_start_reply),
    "RequestStopTransaction": Handler(_request_stop, _ACCEPT_OR_REJECT),
    "ReserveNow": Handler(
        _reserve,
        _statuses("Rejected", Status.ACCEPTED, Status.FAULTED, Status.OCCUPIED, Status.UNAVAILABLE),
    ),
    "Reset": Handler(_reset, _ACCEPT_REJECT_OR_LATER),
    "SendLocalList": Handler(_send_local_list, _statuses("Failed", Status.ACCEPTED, Status.VERSION_MISMATCH)),
    "SetChargingProfile": Handler(_set_profile, _ACCEPT_OR_REJECT),
    "SetVariables": Handler(variables.set_variables, _answered),
    "TriggerMessage": Handler(_trigger, _statuses("Rejected", Status.ACCEPTED, Status.NOT_IMPLEMENTED)),
    "UnlockConnector": Handler(
        _unlock,
        _statuses(
            "UnlockFailed",
            Status.UNLOCKED,
            Status.ONGOING_TRANSACTION,
            Status.UNKNOWN_CONNECTOR,
            renamed={Status.ACCEPTED: "Unlocked"},
        ),
    ),
}


def handler(action: str) -> Handler:
    """Raises ``CallRefused`` for a request of the standard that is not done here."""
    found = TABLE.get(action)
    if found is None:
        raise CallRefused("NotSupported", f"{action} is not supported by this station")
    return found


def command(action: str, payload: Payload) -> Command | Query | Answer:
    """The domain's command, or an answer that needs no station."""
    one = handler(action)
    try:
        return one.parse(payload)
    except Unacceptable as refusal:
        return Answer(one.reply(Verdict(Status.REJECTED, refusal.reason, refusal.info)))


def before_accepted(action: str, status: Registered | None) -> Answer | None:
    """B03.FR.08: while Rejected every request is a SecurityError. B02.FR.05: while Pending, remote start and
    stop are Rejected; before the first answer the same caution holds."""
    if status is Registered.REJECTED:
        raise CallRefused("SecurityError", "this station was rejected by the CSMS (B03.FR.08)")
    if action in ("RequestStartTransaction", "RequestStopTransaction"):
        return Answer(
            {
                "status": "Rejected",
                "statusInfo": {
                    "reasonCode": "CSNotAccepted",
                    "additionalInfo": "not accepted yet (B02.FR.05)",
                },
            }
        )
    return None
