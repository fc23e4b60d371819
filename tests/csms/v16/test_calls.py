from __future__ import annotations

from typing import Any

import pytest

from controller.csms.v16 import V16
from controller.csms.v16.calls import TX
from controller.csms.version import NOTHING, BootAnswer, Registered, StationIdentity
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.commands import TriggerKind, TriggerMessage
from controller.domain.events import MeterValuesTaken, SecurityEvent, SessionEnded, StoppedReason
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.views import Progress
from tests.csms.rig import SAMPLE, T0_MS, TOKEN, ended, started, updated, view
from tests.csms.second_opinion import checked

V = V16()


def known(kind: str, key: str) -> str | None:
    return {("tx16", "tx-1"): "4711"}.get((kind, key))


def nothing(kind: str, key: str) -> str | None:
    return None


def payload(event: Any) -> dict[str, Any]:
    return checked("ocpp1.6", V.call(event, known))


def test_16_CORE_01_boot_keeps_the_length_limits() -> None:
    short = checked("ocpp1.6", V.boot(StationIdentity("V", "M"), "PowerUp"))
    assert short == {"chargePointVendor": "V", "chargePointModel": "M"}
    long = StationIdentity("v" * 99, "m" * 99, "s" * 99, "f" * 99, "i" * 99, "n" * 99, "t" * 99, "z" * 99)
    full = checked("ocpp1.6", V.boot(long, "PowerUp"))
    assert full["firmwareVersion"] == "f" * 50
    assert len(full) == 8


def test_boot_answer() -> None:
    result = {"status": "Pending", "interval": 7, "currentTime": "2026-01-01T00:00:00Z"}
    assert V.boot_answer(result) == BootAnswer(Registered.PENDING, 7, T0_MS)
    assert V.boot_answer({**result, "currentTime": "now"}).utc_ms is None


def test_heartbeat() -> None:
    assert checked("ocpp1.6", V.heartbeat()) == {}
    assert V.heartbeat_answer({"currentTime": "2026-01-01T00:00:01Z"}) == T0_MS + 1000


def test_16_CORE_21_authorize_cuts_the_id_tag_at_20() -> None:
    assert checked("ocpp1.6", V.authorize(IdToken("x" * 36), 1)) == {"idTag": "x" * 20}


def test_authorize_answer_with_group_and_expiry() -> None:
    info = {"status": "Accepted", "expiryDate": "2026-01-01T00:00:00Z", "parentIdTag": "P"}
    assert V.authorize_answer({"idTagInfo": info}) == TokenInfo(
        AuthorizationStatus.ACCEPTED, T0_MS, IdToken("P")
    )
    assert V.authorize_answer({"idTagInfo": {"status": "Blocked", "expiryDate": "soon"}}) == TokenInfo(
        AuthorizationStatus.BLOCKED
    )


def test_16_CORE_37_start_transaction() -> None:
    assert payload(started()) == {
        "connectorId": 1,
        "idTag": TOKEN.value,
        "meterStart": 1000,
        "timestamp": "2026-01-01T00:00:00.000Z",
    }


def test_16_CORE_38_start_transaction_ends_a_reservation() -> None:
    assert payload(started(reservation_id=7))["reservationId"] == 7


def test_16_CORE_39_meter_values_name_the_transaction() -> None:
    values = payload(updated())
    assert values["transactionId"] == 4711
    assert values["connectorId"] == 1
    assert values["meterValue"] == [
        {
            "timestamp": "2026-01-01T00:01:00.000Z",
            "sampledValue": [
                {
                    "value": "1234",
                    "context": "Sample.Periodic",
                    "measurand": "Energy.Active.Import.Register",
                    "location": "Outlet",
                    "unit": "Wh",
                }
            ],
        }
    ]


def test_an_update_without_values_has_no_message() -> None:
    assert V.call(updated(samples=()), known) is None
    assert V.call(updated(samples=(MeterSample(T0_MS, ReadingContext.OTHER, ()),)), known) is None
    assert V.call(SessionEnded(1, T0_MS), known) is None


def test_16_CORE_48_stop_transaction() -> None:
    assert payload(ended(token=TOKEN)) == {
        "transactionId": 4711,
        "meterStop": 2000,
        "timestamp": "2026-01-01T00:02:00.000Z",
        "reason": "EVDisconnected",
        "idTag": TOKEN.value,
    }


def test_16_CORE_57_transaction_data_only_with_values() -> None:
    assert "transactionData" not in payload(ended())
    assert len(payload(ended(samples=(SAMPLE, SAMPLE)))["transactionData"]) == 2


def test_16_CORE_43_unknown_transaction_is_minus_one() -> None:
    for event in (updated(), ended()):
        assert checked("ocpp1.6", V.call(event, nothing))["transactionId"] == -1


@pytest.mark.parametrize("reason", StoppedReason)
def test_16_CORE_49_every_reason_has_a_16_name(reason: StoppedReason) -> None:
    name = payload(ended(stopped_reason=reason))["reason"]
    expected = {
        "ImmediateReset": "HardReset",
        "GroundFault": "Other",
        "StoppedByEV": "Other",
        "EnergyLimitReached": "Other",
    }
    assert name == expected.get(reason.value, reason.value)


def test_16_CORE_85_values_outside_a_transaction_name_none() -> None:
    values = payload(MeterValuesTaken(2, 1, SAMPLE, T0_MS))
    assert values["connectorId"] == 2
    assert "transactionId" not in values


def test_16_TRIG_05_triggered_values_name_the_running_transaction() -> None:
    idle = checked("ocpp1.6", V.meter_values(view(1), SAMPLE, known))
    busy = checked("ocpp1.6", V.meter_values(view(1, transaction_id="tx-1"), SAMPLE, known))
    assert "transactionId" not in idle
    assert busy["transactionId"] == 4711


def test_16_SEC_27_only_critical_security_events_are_pushed() -> None:
    pushed = payload(SecurityEvent("ResetOrReboot", "i" * 300, T0_MS))
    assert pushed["type"] == "ResetOrReboot"
    assert len(pushed["techInfo"]) == 255
    assert V.call(SecurityEvent("InvalidTLSVersion", "", T0_MS), known) is None


def test_16_CORE_39_start_answer_teaches_the_transaction_id() -> None:
    learned = V.learn(started(), {"transactionId": -5, "idTagInfo": {"status": "ConcurrentTx"}})
    assert learned.aliases == {(TX, "tx-1"): "-5"}  # 16.CORE.44: any integer is an id
    (answered,) = learned.inputs
    assert answered.started
    assert answered.token == TOKEN
    assert answered.info.status is AuthorizationStatus.CONCURRENT_TX


def test_16_CORE_55_stop_answer_tells_of_the_token() -> None:
    (answered,) = V.learn(ended(token=TOKEN), {"idTagInfo": {"status": "Expired"}}).inputs
    assert not answered.started
    assert answered.info.status is AuthorizationStatus.EXPIRED
    assert V.learn(ended(), {"idTagInfo": {"status": "Expired"}}) == NOTHING
    assert V.learn(ended(token=TOKEN), {}) == NOTHING
    assert V.learn(updated(), {}) == NOTHING


def test_16_CORE_43_a_start_given_up_teaches_minus_one() -> None:
    assert V.given_up(started()).aliases == {(TX, "tx-1"): "-1"}
    assert V.given_up(ended()) == NOTHING


def test_16_FW_06_16_FW_14_idle_reports() -> None:
    firmware = V.progress(TriggerMessage(TriggerKind.FIRMWARE_STATUS), Progress())
    diagnostics = V.progress(TriggerMessage(TriggerKind.LOG_STATUS), Progress())
    assert firmware is not None and diagnostics is not None
    assert firmware.action == "FirmwareStatusNotification"
    assert diagnostics.action == "DiagnosticsStatusNotification"
    assert checked("ocpp1.6", firmware) == checked("ocpp1.6", diagnostics) == {"status": "Idle"}
    assert V.progress(TriggerMessage(TriggerKind.HEARTBEAT), Progress()) is None


def test_16_SEC_30_16_SEC_42_the_extended_trigger_asks_for_the_messages_of_the_white_paper() -> None:
    kinds = (TriggerKind.FIRMWARE_STATUS, TriggerKind.LOG_STATUS)
    idle = [V.progress(TriggerMessage(kind, extended=True), Progress()) for kind in kinds]
    busy = V.progress(TriggerMessage(kinds[0], extended=True), Progress("Downloading", 7))
    assert busy is not None
    assert [call.action for call in idle if call] == [
        "SignedFirmwareStatusNotification",
        "LogStatusNotification",
    ]
    # The package's class wants a requestId, which neither the schema nor an idle station has (5.19).
    assert [call.payload for call in idle if call] == [{"status": "Idle"}] * 2
    assert checked("ocpp1.6", busy) == {"status": "Downloading", "requestId": 7}
