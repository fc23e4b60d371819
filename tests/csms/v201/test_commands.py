from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.csms.rpc import CallRefused
from controller.csms.schema import Schemas
from controller.csms.v21 import V21
from controller.csms.v201 import V201
from controller.csms.v201.commands import TABLE
from controller.csms.version import Answer, Query, Registered
from controller.domain import commands as ask
from controller.domain.access.tokens import (
    AuthorizationStatus,
    IdToken,
    ListEntry,
    ListState,
    TokenInfo,
    TokenType,
)
from controller.domain.charging.profiles import ProfileFilter, ProfilePurpose
from controller.domain.commands import Status, Verdict
from tests.csms.desk import plain_desk
from tests.csms.second_opinion import checked_answer, checked_request

V = V201()
TOKEN = {"idToken": "A", "type": "Central"}
PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": [
        {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}]}
    ],
}


def parsed(
    action: str, payload: dict[str, Any], subprotocols: tuple[str, ...] = ("ocpp2.0.1", "ocpp2.1")
) -> Any:
    for subprotocol in subprotocols:
        checked_request(subprotocol, action, payload)
    return V.command(action, payload, lambda _kind, _value: None)


def start(**more: Any) -> dict[str, Any]:
    return {"idToken": TOKEN, "remoteStartId": 5, **more}


@pytest.mark.parametrize(
    ("action", "payload", "command"),
    [
        ("RequestStartTransaction", start(), ask.RemoteStart(IdToken("A"), None, 5)),
        (
            "RequestStartTransaction",
            start(evseId=2, groupIdToken={"idToken": "G", "type": "Local"}),
            ask.RemoteStart(IdToken("A"), 2, 5, IdToken("G", TokenType.LOCAL)),
        ),
        ("RequestStopTransaction", {"transactionId": "tx-7"}, ask.RemoteStop("tx-7")),
        ("ChangeAvailability", {"operationalStatus": "Operative"}, ask.ChangeAvailability(0, True)),
        (
            "ChangeAvailability",
            {"operationalStatus": "Inoperative", "evse": {"id": 1, "connectorId": 1}},
            ask.ChangeAvailability(1, False),
        ),
        ("UnlockConnector", {"evseId": 1, "connectorId": 2}, ask.UnlockConnector(1, 2)),
        ("Reset", {"type": "Immediate"}, ask.Reset(ask.ResetKind.IMMEDIATE)),
        ("Reset", {"type": "OnIdle", "evseId": 1}, ask.Reset(ask.ResetKind.ON_IDLE, 1)),
        ("ClearCache", {}, ask.ClearCache()),
        ("CancelReservation", {"reservationId": 4}, ask.CancelReservation(4)),
        (
            "ReserveNow",
            {
                "id": 4,
                "evseId": 2,
                "expiryDateTime": "2026-01-01T00:00:00Z",
                "idToken": {"idToken": "A", "type": "ISO14443"},
                "groupIdToken": {"idToken": "G", "type": "Central"},
            },
            ask.ReserveNow(4, 2, IdToken("A", TokenType.ISO14443), 1_767_225_600_000, IdToken("G")),
        ),
        (
            "ReserveNow",
            {
                "id": 4,
                "expiryDateTime": "2026-01-01T00:00:00Z",
                "idToken": {"idToken": "A", "type": "Central"},
            },
            ask.ReserveNow(4, 0, IdToken("A"), 1_767_225_600_000),
        ),
        ("ClearChargingProfile", {"chargingProfileId": 3}, ask.ClearProfiles(ProfileFilter(id=3))),
        ("DataTransfer", {"vendorId": "v", "data": {"a": [1]}}, ask.DataTransfer("v", None, '{"a":[1]}')),
        ("DataTransfer", {"vendorId": "v", "messageId": "m", "data": "d"}, ask.DataTransfer("v", "m", "d")),
        (
            "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
            ask.TriggerMessage(ask.TriggerKind.STATUS, 1),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "TransactionEvent"},
            ask.TriggerMessage(ask.TriggerKind.TRANSACTION),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "SignV2GCertificate"},
            ask.TriggerMessage(ask.TriggerKind.OTHER),
        ),
    ],
)
def test_requests_become_commands(action: str, payload: dict[str, Any], command: ask.Command) -> None:
    assert parsed(action, payload) == command


def test_F06_FR_03_an_evse_is_ignored_where_it_means_nothing() -> None:
    asked = parsed("TriggerMessage", {"requestedMessage": "Heartbeat", "evse": {"id": 9}})
    assert asked == ask.TriggerMessage(ask.TriggerKind.HEARTBEAT)


def test_F01_FR_08_request_start_with_a_profile() -> None:
    command = parsed("RequestStartTransaction", start(evseId=1, chargingProfile=PROFILE))
    assert command.profile.purpose is ProfilePurpose.TX
    assert command.profile.schedule.periods[0].limit_milli == 6500


def test_K01_set_charging_profile() -> None:
    profile = {**PROFILE, "transactionId": "tx-1"}
    command = parsed("SetChargingProfile", {"evseId": 1, "chargingProfile": profile})
    assert command == ask.InstallProfile(1, command.profile)
    assert command.profile.transaction_id == "tx-1"


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [
        ("RequestStartTransaction", start(evseId=0), "UnknownEvse"),
        (
            "RequestStartTransaction",
            start(chargingProfile={**PROFILE, "chargingProfilePurpose": "TxDefaultProfile"}),
            "InvalidProfile",  # F01.FR.26
        ),
        (
            "ChangeAvailability",
            {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}},
            "UnknownConnectorId",
        ),
        ("SetChargingProfile", {"evseId": 1, "chargingProfile": PROFILE}, "MissingParam"),  # K01.FR.03
    ],
)
def test_what_cannot_be_is_rejected_with_a_reason(action: str, payload: dict[str, Any], reason: str) -> None:
    answer = parsed(action, payload, ("ocpp2.0.1",))  # 2.1's schema already forbids evseId 0
    assert isinstance(answer, Answer)
    checked_answer("ocpp2.0.1", action, answer.payload)
    assert answer.payload["status"] == "Rejected"
    assert answer.payload["statusInfo"]["reasonCode"] == reason


def test_B13_FR_01_what_only_2_1_has_is_rejected() -> None:
    version = V21()
    reset = checked_request("ocpp2.1", "Reset", {"type": "ImmediateAndResume"})
    answer = version.command("Reset", reset, lambda _kind, _value: None)
    assert isinstance(answer, Answer)
    assert checked_answer("ocpp2.1", "Reset", answer.payload)["status"] == "Rejected"
    started = checked_request(
        "ocpp2.1",
        "RequestStartTransaction",
        {"idToken": {"idToken": "V", "type": "VIN"}, "remoteStartId": 1},
    )
    refused = version.command("RequestStartTransaction", started, lambda _kind, _value: None)
    assert isinstance(refused, Answer)
    assert refused.payload["statusInfo"]["reasonCode"] == "InvalidIdToken"


STATION_ACTIONS = [
    "CancelReservation",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "RequestStartTransaction",
    "RequestStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "TriggerMessage",
    "UnlockConnector",
]


@pytest.mark.parametrize("action", STATION_ACTIONS)
@pytest.mark.parametrize("status", Status)
def test_every_verdict_has_an_answer_that_fits_the_schema(action: str, status: Status) -> None:
    reply = V.reply(action, Verdict(status, "r" * 30, "i" * 600, data="d"))
    answer = checked_answer("ocpp2.0.1", action, reply)
    checked_answer("ocpp2.1", action, reply)
    assert (answer["status"] == "Accepted") <= (status is Status.ACCEPTED)
    assert answer["statusInfo"]["reasonCode"] == "r" * 20


@pytest.mark.parametrize(
    ("action", "verdict", "expected"),
    [
        ("Reset", Verdict(Status.SCHEDULED), {"status": "Scheduled"}),  # B12.FR.01
        ("UnlockConnector", Verdict(Status.ONGOING_TRANSACTION), {"status": "OngoingAuthorizedTransaction"}),
        ("UnlockConnector", Verdict(Status.UNKNOWN_CONNECTOR), {"status": "UnknownConnector"}),
        ("UnlockConnector", Verdict(Status.UNLOCKED), {"status": "Unlocked"}),
        ("ClearChargingProfile", Verdict(Status.UNKNOWN), {"status": "Unknown"}),  # K10.FR.01
        ("TriggerMessage", Verdict(Status.NOT_IMPLEMENTED), {"status": "NotImplemented"}),  # F06.FR.08
        (
            "RequestStartTransaction",  # F01.FR.13
            Verdict(Status.ACCEPTED, transaction_id="tx-1"),
            {"status": "Accepted", "transactionId": "tx-1"},
        ),
        ("DataTransfer", Verdict(Status.UNKNOWN_VENDOR), {"status": "UnknownVendorId"}),
    ],
)
def test_status_names(action: str, verdict: Verdict, expected: dict[str, Any]) -> None:
    assert V.reply(action, verdict) == expected


@pytest.mark.parametrize("version", [V201(), V21()], ids=["2.0.1", "2.1"])
def test_what_is_known_but_not_done_is_not_supported(version: V201) -> None:
    for action in Schemas.installed(version.subprotocol).actions - TABLE.keys():
        with pytest.raises(CallRefused) as refused:
            version.command(action, {}, lambda _kind, _value: None)
        assert refused.value.code == "NotSupported"


@pytest.mark.parametrize(
    ("asked", "ongoing", "queued"),
    [
        (None, None, True),  # E14.FR.06, FR.07
        ("never", False, False),  # E14.FR.01
        ("running", True, True),  # E14.FR.02, FR.04
        ("over", False, False),  # E14.FR.03, FR.05
    ],
)
def test_E14_transaction_status(
    tmp_path: Path, asked: str | None, ongoing: bool | None, queued: bool
) -> None:
    desk = plain_desk(tmp_path)
    desk.running, desk.queued = ("running",), ("running",)
    query = parsed("GetTransactionStatus", {} if asked is None else {"transactionId": asked})
    assert isinstance(query, Query)
    answer = checked_answer("ocpp2.0.1", "GetTransactionStatus", query.answer(desk).payload)
    assert answer.get("ongoingIndicator") == ongoing
    assert answer["messagesInQueue"] is queued


def test_D01_a_local_list_becomes_entries() -> None:
    entries = [
        {
            "idToken": {"idToken": "A", "type": "ISO14443"},
            "idTokenInfo": {
                "status": "Accepted",
                "cacheExpiryDateTime": "2026-01-01T00:00:00Z",
                "groupIdToken": {"idToken": "G", "type": "Central"},
            },
        },
        {"idToken": {"idToken": "B", "type": "Central"}},
    ]
    payload = {"versionNumber": 3, "updateType": "Differential", "localAuthorizationList": entries}
    known = TokenInfo(AuthorizationStatus.ACCEPTED, 1_767_225_600_000, IdToken("G"))
    assert parsed("SendLocalList", payload) == ask.UpdateLocalList(
        3,
        False,
        (ListEntry(IdToken("A", TokenType.ISO14443), known), ListEntry(IdToken("B"), None)),
    )


def test_D02_the_version_of_an_emptied_list_is_told_and_0_without_a_list() -> None:
    assert parsed("GetLocalListVersion", {}) == ask.GetLocalListVersion()
    for verdict, version in (
        (Verdict(Status.NOT_SUPPORTED), 0),
        (Verdict(Status.ACCEPTED, local_list=ListState(0, 0)), 0),
        (Verdict(Status.ACCEPTED, local_list=ListState(5, 0)), 5),
    ):
        answer = checked_answer("ocpp2.0.1", "GetLocalListVersion", V.reply("GetLocalListVersion", verdict))
        assert answer == {"versionNumber": version}


def test_B03_FR_08_rejected_stations_answer_security_error() -> None:
    for action in TABLE:
        with pytest.raises(CallRefused) as refused:
            V.before_accepted(action, {}, Registered.REJECTED)
        assert refused.value.code == "SecurityError"


@pytest.mark.parametrize("status", [None, Registered.PENDING])
def test_B02_FR_01_B02_FR_05_pending_answers_all_but_remote_transactions(status: Registered | None) -> None:
    for action in TABLE:
        early = V.before_accepted(action, {}, status)
        if action in ("RequestStartTransaction", "RequestStopTransaction"):
            assert early is not None
            answer = checked_answer("ocpp2.0.1", action, early.payload)
            assert answer["statusInfo"]["reasonCode"] == "CSNotAccepted"
        else:
            assert early is None
