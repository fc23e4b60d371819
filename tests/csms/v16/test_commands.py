from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.csms.rpc import CallRefused, NotAnswered
from controller.csms.schema import Schemas
from controller.csms.v16 import V16
from controller.csms.v16.commands import TABLE
from controller.csms.version import Answer, Query, Registered
from controller.domain import commands as ask
from controller.domain.access.tokens import IdToken
from controller.domain.charging.profiles import ProfileFilter, ProfilePurpose
from controller.domain.commands import Status, Verdict
from tests.csms.desk import plain_desk
from tests.csms.second_opinion import checked_answer, checked_request

V = V16()

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.0}],
    },
}


def domain_key(kind: str, value: str) -> str | None:
    return {("tx16", "7"): "tx-7"}.get((kind, value))


def parsed(action: str, payload: dict[str, Any]) -> Any:
    return V.command(action, checked_request("ocpp1.6", action, payload), domain_key)


@pytest.mark.parametrize(
    ("action", "payload", "command"),
    [
        ("RemoteStartTransaction", {"idTag": "A"}, ask.RemoteStart(IdToken("A"))),
        ("RemoteStartTransaction", {"idTag": "A", "connectorId": 2}, ask.RemoteStart(IdToken("A"), 2)),
        ("RemoteStopTransaction", {"transactionId": 7}, ask.RemoteStop("tx-7")),
        (
            "ChangeAvailability",
            {"connectorId": 0, "type": "Operative"},
            ask.ChangeAvailability(0, True, True),
        ),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, ask.ChangeAvailability(1, False)),
        ("UnlockConnector", {"connectorId": 1}, ask.UnlockConnector(1, stop_transaction=True)),
        ("Reset", {"type": "Soft"}, ask.Reset(ask.ResetKind.SOFT)),
        ("Reset", {"type": "Hard"}, ask.Reset(ask.ResetKind.IMMEDIATE)),
        ("ClearCache", {}, ask.ClearCache()),
        ("CancelReservation", {"reservationId": 4}, ask.CancelReservation(4)),
        (
            "ReserveNow",
            {
                "connectorId": 0,
                "expiryDate": "2026-01-01T01:00:00+01:00",
                "idTag": "A",
                "parentIdTag": "P",
                "reservationId": 4,
            },
            ask.ReserveNow(4, 0, IdToken("A"), 1_767_225_600_000, IdToken("P")),
        ),
        ("ClearChargingProfile", {"id": 3}, ask.ClearProfiles(ProfileFilter(id=3))),
        ("DataTransfer", {"vendorId": "v"}, ask.DataTransfer("v")),
        (
            "DataTransfer",
            {"vendorId": "v", "messageId": "m", "data": "d"},
            ask.DataTransfer("v", "m", "d"),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "StatusNotification"},
            ask.TriggerMessage(ask.TriggerKind.STATUS),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "MeterValues", "connectorId": 2},
            ask.TriggerMessage(ask.TriggerKind.METER_VALUES, 2),
        ),
        (
            "TriggerMessage",
            {"requestedMessage": "DiagnosticsStatusNotification"},
            ask.TriggerMessage(ask.TriggerKind.LOG_STATUS),
        ),
    ],
)
def test_requests_become_commands(action: str, payload: dict[str, Any], command: ask.Command) -> None:
    assert parsed(action, payload) == command


def test_16_TRIG_04_connector_is_ignored_where_it_means_nothing() -> None:
    assert parsed(
        "TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 9}
    ) == ask.TriggerMessage(ask.TriggerKind.HEARTBEAT)


def test_16_CORE_118_remote_start_with_a_profile() -> None:
    command = parsed("RemoteStartTransaction", {"idTag": "A", "chargingProfile": PROFILE})
    assert command.profile.purpose is ProfilePurpose.TX
    assert command.profile.schedule.periods[0].limit_milli == 11_000_000


def test_set_charging_profile() -> None:
    command = parsed("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE})
    assert command == ask.InstallProfile(1, command.profile)


def test_16_SC_26_the_profile_of_a_remote_start_names_no_transaction() -> None:
    """1.6 5.16.2: "the transactionId SHALL NOT be set"."""
    answer = parsed(
        "RemoteStartTransaction", {"idTag": "A", "chargingProfile": {**PROFILE, "transactionId": 1}}
    )
    assert answer == Answer({"status": "Rejected"})


def test_16_CORE_119_unknown_transaction_is_rejected() -> None:
    assert parsed("RemoteStopTransaction", {"transactionId": 8}) == Answer({"status": "Rejected"})


STATION_ACTIONS = [
    "CancelReservation",
    "ChangeAvailability",
    "ClearCache",
    "ClearChargingProfile",
    "DataTransfer",
    "GetCompositeSchedule",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "ReserveNow",
    "Reset",
    "SendLocalList",
    "SetChargingProfile",
    "TriggerMessage",
    "UnlockConnector",
]

SMART_CHARGING = {"ClearChargingProfile", "GetCompositeSchedule", "SetChargingProfile"}


@pytest.mark.parametrize("action", STATION_ACTIONS)
@pytest.mark.parametrize("status", Status)
def test_every_verdict_has_an_answer_that_fits_the_schema(action: str, status: Status) -> None:
    verdict = Verdict(status, "Unspecified", "info", data="d")
    if action == "SetChargingProfile" and status is Status.UNKNOWN_CONNECTOR:
        with pytest.raises(CallRefused, match="PropertyConstraintViolation"):  # 16.SC.22
            V.reply(action, verdict)
    elif action in SMART_CHARGING and status is Status.NOT_SUPPORTED:
        with pytest.raises(CallRefused, match="NotSupported"):
            V.reply(action, verdict)
    else:
        answer = checked_answer("ocpp1.6", action, V.reply(action, verdict))
        assert (answer["status"] == "Accepted") <= (status is Status.ACCEPTED)


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("ChangeAvailability", Status.SCHEDULED, "Scheduled"),  # 16.CORE.129
        ("ClearChargingProfile", Status.UNKNOWN, "Unknown"),
        ("UnlockConnector", Status.UNLOCKED, "Unlocked"),  # 16.CORE.121
        ("UnlockConnector", Status.UNLOCK_FAILED, "UnlockFailed"),
        ("UnlockConnector", Status.UNKNOWN_CONNECTOR, "NotSupported"),  # 16.CORE.122
        ("TriggerMessage", Status.NOT_IMPLEMENTED, "NotImplemented"),  # 16.TRIG.02
        ("DataTransfer", Status.UNKNOWN_VENDOR, "UnknownVendorId"),  # 16.CORE.135
        ("DataTransfer", Status.UNKNOWN_MESSAGE, "UnknownMessageId"),  # 16.CORE.136
        ("RemoteStartTransaction", Status.REJECTED, "Rejected"),
    ],
)
def test_status_names(action: str, status: Status, expected: str) -> None:
    assert V.reply(action, Verdict(status))["status"] == expected


def test_16_CONN_11_what_is_known_but_not_done_is_not_supported() -> None:
    for action in Schemas.installed("ocpp1.6").actions - TABLE.keys():
        with pytest.raises(CallRefused) as refused:
            V.command(action, {}, domain_key)
        assert refused.value.code == "NotSupported"


def test_16_CORE_99_16_CORE_100_get_configuration(tmp_path: Path) -> None:
    desk = plain_desk(tmp_path)

    def ask_for(payload: dict[str, Any]) -> dict[str, Any]:
        query = parsed("GetConfiguration", payload)
        assert isinstance(query, Query)
        return checked_answer("ocpp1.6", "GetConfiguration", query.answer(desk).payload)

    every = ask_for({})
    assert every == ask_for({"key": []})
    rows = {row["key"]: row for row in every["configurationKey"]}
    assert rows["NumberOfConnectors"] == {"key": "NumberOfConnectors", "readonly": True, "value": "2"}
    assert rows["HeartbeatInterval"]["readonly"] is False
    assert "value" not in rows.get("AuthorizationKey", {})
    some = ask_for({"key": ["heartbeatinterval", "Nonsense"]})
    assert [row["key"] for row in some["configurationKey"]] == ["HeartbeatInterval"]
    assert some["unknownKey"] == ["Nonsense"]


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("HeartbeatInterval", "77", "Accepted"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_16_CORE_102_change_configuration(tmp_path: Path, key: str, value: str, status: str) -> None:
    query = parsed("ChangeConfiguration", {"key": key, "value": value})
    answer = query.answer(plain_desk(tmp_path)).payload
    assert checked_answer("ocpp1.6", "ChangeConfiguration", answer) == {"status": status}


def test_16_CORE_05_rejected_stations_do_not_answer() -> None:
    with pytest.raises(NotAnswered):
        V.before_accepted("GetConfiguration", {}, Registered.REJECTED)
    boot = {"requestedMessage": "BootNotification"}  # 16.CORE.08
    assert V.before_accepted("TriggerMessage", boot, Registered.REJECTED) is None
    with pytest.raises(NotAnswered):
        V.before_accepted("TriggerMessage", {"requestedMessage": "Heartbeat"}, Registered.REJECTED)


@pytest.mark.parametrize("status", [None, Registered.PENDING])
def test_16_CORE_06_16_CORE_07_pending_answers_all_but_remote_transactions(status: Registered | None) -> None:
    for action in TABLE:
        early = V.before_accepted(action, {"requestedMessage": "Heartbeat"}, status)
        if action in ("RemoteStartTransaction", "RemoteStopTransaction"):
            assert early is not None
            assert checked_answer("ocpp1.6", action, early.payload) == {"status": "Rejected"}
        else:
            assert early is None
