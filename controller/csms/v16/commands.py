"""CSMS to station in 1.6: one table, action -> how it is read and how its verdict is written.

Owns: the requests of the Core and Remote Trigger profiles, and the table of all.
Refuses to know: whether the station can do it. Requests that are in the standard but not in the table are
answered NotSupported (OCPP-J 1.6 4.2.3); what is not in the standard, ``rpc`` has answered already.
"""

from __future__ import annotations

from controller.csms.rpc import CallRefused, NotAnswered
from controller.csms.v16 import (
    certificates,
    extended_trigger,
    firmware,
    local_list,
    logs,
    reservation,
    smart_charging,
)
from controller.csms.v16.calls import TX
from controller.csms.v16.handler import Handler, answered, statuses, transaction_of
from controller.csms.v16.profiles import parse_profile
from controller.csms.version import Answer, Desk, Lookup, Query, Registered
from controller.csms.wire import Payload, Unacceptable
from controller.domain import commands as ask
from controller.domain.access.tokens import IdToken
from controller.domain.charging.profiles import ChargingProfile
from controller.domain.commands import Command, Status, Verdict

_ACCEPT_OR_REJECT = statuses("Rejected", Status.ACCEPTED)


def _remote_start(payload: Payload, domain_key: Lookup) -> Command:
    profile = payload.get("chargingProfile")
    return ask.RemoteStart(
        token=IdToken(payload["idTag"]),
        evse_id=payload.get("connectorId"),
        profile=None if profile is None else _profile_of_start(profile, domain_key),
    )


def _profile_of_start(profile: Payload, domain_key: Lookup) -> ChargingProfile:
    """1.6 5.16.2, errata 3.41: a TxProfile, without a transactionId: the transaction is yet to come."""
    if profile.get("transactionId") is not None:
        raise Unacceptable("InvalidProfile", "the profile of a remote start must not name a transactionId")
    return parse_profile(profile, transaction_of(domain_key))


def _remote_stop(payload: Payload, domain_key: Lookup) -> Command:
    transaction_id = domain_key(TX, str(payload["transactionId"]))
    if transaction_id is None:
        raise Unacceptable("UnknownTxId", f"transactionId {payload['transactionId']} is not known here")
    return ask.RemoteStop(transaction_id)


def _change_availability(payload: Payload, _: Lookup) -> Command:
    connector_id = payload["connectorId"]
    return ask.ChangeAvailability(connector_id, payload["type"] == "Operative", every_evse=connector_id == 0)


def _unlock(payload: Payload, _: Lookup) -> Command:
    """1.6 5.18: a running transaction is finished first."""
    return ask.UnlockConnector(payload["connectorId"], stop_transaction=True)


def _reset(payload: Payload, _: Lookup) -> Command:
    return ask.Reset(ask.ResetKind.SOFT if payload["type"] == "Soft" else ask.ResetKind.IMMEDIATE)


def _clear_cache(_payload: Payload, _: Lookup) -> Command:
    return ask.ClearCache()


_TRIGGERS = {
    "BootNotification": ask.TriggerKind.BOOT,
    "DiagnosticsStatusNotification": ask.TriggerKind.LOG_STATUS,
    "FirmwareStatusNotification": ask.TriggerKind.FIRMWARE_STATUS,
    "Heartbeat": ask.TriggerKind.HEARTBEAT,
    "MeterValues": ask.TriggerKind.METER_VALUES,
    "StatusNotification": ask.TriggerKind.STATUS,
}

_PER_CONNECTOR = {ask.TriggerKind.METER_VALUES, ask.TriggerKind.STATUS}


def _trigger(payload: Payload, _: Lookup) -> Command:
    """1.6 5.17: a connectorId that means nothing to the message is ignored."""
    kind = _TRIGGERS.get(payload["requestedMessage"], ask.TriggerKind.OTHER)
    return ask.TriggerMessage(kind, payload.get("connectorId") if kind in _PER_CONNECTOR else None)


def _data_transfer(payload: Payload, _: Lookup) -> Command:
    return ask.DataTransfer(payload["vendorId"], payload.get("messageId"), payload.get("data"))


def _data_transfer_reply(verdict: Verdict) -> Payload:
    payload = statuses("Rejected", Status.ACCEPTED, Status.UNKNOWN_VENDOR, Status.UNKNOWN_MESSAGE)(verdict)
    if verdict.data is not None:
        payload["data"] = verdict.data
    return payload


def _get_configuration(payload: Payload, _: Lookup) -> Query:
    """1.6 5.8: without keys (absent or empty) all readable ones."""
    keys = payload.get("key")

    def answer(desk: Desk) -> Answer:
        found, unknown = desk.settings.get_configuration(keys)
        rows: list[Payload] = []
        for key, readonly, value in found:
            row: Payload = {"key": key, "readonly": readonly}
            if value is not None:
                row["value"] = value
            rows.append(row)
        result: Payload = {"configurationKey": rows}
        if unknown:
            result["unknownKey"] = unknown
        return Answer(result)

    return Query(answer)


def _change_configuration(payload: Payload, _: Lookup) -> Query:
    return Query(
        lambda desk: Answer(
            {"status": desk.settings.change_configuration(payload["key"], payload["value"]).value}
        )
    )


TABLE: dict[str, Handler] = {
    "ChangeAvailability": Handler(
        _change_availability, statuses("Rejected", Status.ACCEPTED, Status.SCHEDULED)
    ),
    "ChangeConfiguration": Handler(_change_configuration, answered),
    "ClearCache": Handler(_clear_cache, _ACCEPT_OR_REJECT),
    "DataTransfer": Handler(_data_transfer, _data_transfer_reply),
    "GetConfiguration": Handler(_get_configuration, answered),
    "RemoteStartTransaction": Handler(_remote_start, _ACCEPT_OR_REJECT),
    "RemoteStopTransaction": Handler(_remote_stop, _ACCEPT_OR_REJECT),
    "Reset": Handler(_reset, _ACCEPT_OR_REJECT),
    "TriggerMessage": Handler(_trigger, statuses("Rejected", Status.ACCEPTED, Status.NOT_IMPLEMENTED)),
    "UnlockConnector": Handler(
        _unlock,
        # Errata 3.87: unknown connector and fixed cable are NotSupported.
        statuses(
            "UnlockFailed",
            Status.UNLOCKED,
            Status.NOT_SUPPORTED,
            renamed={Status.ACCEPTED: "Unlocked", Status.UNKNOWN_CONNECTOR: "NotSupported"},
        ),
    ),
    # one line a block
    **local_list.TABLE,
    **certificates.TABLE,
    **extended_trigger.TABLE,
    **logs.TABLE,
    **reservation.TABLE,
    **smart_charging.TABLE,
    **firmware.TABLE,
}


def handler(action: str) -> Handler:
    """Raises ``CallRefused`` for a request of 1.6 that is not done here."""
    found = TABLE.get(action)
    if found is None:
        raise CallRefused("NotSupported", f"{action} is not supported by this station")
    return found


def command(action: str, payload: Payload, domain_key: Lookup) -> Command | Query | Answer:
    """The domain's command, or an answer that needs no station."""
    one = handler(action)
    try:
        return one.parse(payload, domain_key)
    except Unacceptable as refusal:
        refused = Verdict(Status.REJECTED, refusal.reason, refusal.info)
        return Answer(one.reply(refused), why=refusal.info or refusal.reason)


def before_accepted(action: str, payload: Payload, status: Registered | None) -> Answer | None:
    """1.6 4.2. Rejected: nothing is answered, but for the trigger of the next boot ("unless requested to do
    so with a TriggerMessage.req"). Pending, or not yet answered: remote start and stop are refused."""
    triggers = action in ("TriggerMessage", "ExtendedTriggerMessage")
    triggers_boot = triggers and payload.get("requestedMessage") == "BootNotification"
    if status is Registered.REJECTED and not triggers_boot:
        raise NotAnswered(f"{action}: rejected by the CSMS, requests are not answered (1.6 4.2)")
    if action in ("RemoteStartTransaction", "RemoteStopTransaction"):
        return Answer({"status": "Rejected"}, why="not before the CSMS accepts BootNotification (1.6 4.2)")
    return None
