from __future__ import annotations

from typing import Any

import pytest

from controller.csms.v21 import V21
from controller.csms.v201 import V201
from controller.csms.version import NOTHING, BootAnswer, Registered, StationIdentity
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo, TokenType
from controller.domain.commands import TriggerKind, TriggerMessage
from controller.domain.events import (
    ChargingState,
    FirmwareStatus,
    FirmwareStatusChanged,
    MeterValuesTaken,
    SecurityEvent,
    SessionEnded,
    StoppedReason,
    Trigger,
)
from controller.domain.views import Progress
from tests.csms.rig import SAMPLE, T0_MS, TOKEN, ended, started, updated, view
from tests.csms.second_opinion import checked

BOTH = pytest.mark.parametrize("version", [V201(), V21()], ids=["2.0.1", "2.1"])


def nothing(kind: str, key: str) -> str | None:
    return None


def payload(version: V201, event: Any) -> dict[str, Any]:
    return checked(version.subprotocol, version.call(event, nothing))


@BOTH
def test_B01_FR_01_B01_FR_09_boot(version: V201) -> None:
    assert checked(version.subprotocol, version.boot(StationIdentity("V", "M"), "Watchdog")) == {
        "reason": "Watchdog",
        "chargingStation": {"vendorName": "V", "model": "M"},
    }
    long = StationIdentity("v" * 99, "m" * 99, "s" * 99, "f" * 99, "i" * 99, "n" * 99)
    full = checked(version.subprotocol, version.boot(long, "PowerUp"))["chargingStation"]
    assert full["vendorName"] == "v" * 50
    assert full["modem"] == {"iccid": "i" * 20, "imsi": "n" * 20}


def test_boot_and_heartbeat_answers() -> None:
    result = {"status": "Rejected", "interval": 0, "currentTime": "2026-01-01T00:00:00Z"}
    assert V201().boot_answer(result) == BootAnswer(Registered.REJECTED, 0, T0_MS)
    assert V201().heartbeat_answer({"currentTime": "nonsense"}) is None


@BOTH
def test_authorize(version: V201) -> None:
    assert checked(version.subprotocol, version.authorize(TOKEN, 1)) == {
        "idToken": {"idToken": TOKEN.value, "type": "ISO14443"}
    }
    info = {
        "status": "Accepted",
        "cacheExpiryDateTime": "2026-01-01T00:00:00Z",
        "groupIdToken": {"idToken": "G", "type": "Central"},
    }
    assert version.authorize_answer({"idTokenInfo": info}) == TokenInfo(
        AuthorizationStatus.ACCEPTED, T0_MS, IdToken("G")
    )


@pytest.mark.parametrize("kind", TokenType)
def test_every_token_type_fits(kind: TokenType) -> None:
    checked("ocpp2.0.1", V201().authorize(IdToken("x" * 40, kind), None))


@BOTH
def test_E02_started(version: V201) -> None:
    event = started(
        remote_start_id=5, reservation_id=6, cable_ma=32_000, phases=3, samples=(SAMPLE,), offline=True
    )
    assert payload(version, event) == {
        "eventType": "Started",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "triggerReason": "CablePluggedIn",
        "seqNo": 0,
        "offline": True,
        "numberOfPhasesUsed": 3,
        "cableMaxCurrent": 32,
        "reservationId": 6,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "Charging", "remoteStartId": 5},
        "evse": {"id": 1, "connectorId": 1},
        "idToken": {"idToken": TOKEN.value, "type": "ISO14443"},
        "meterValue": [
            {
                "timestamp": "2026-01-01T00:01:00.000Z",
                "sampledValue": [
                    {
                        "value": 1234,
                        "context": "Sample.Periodic",
                        "measurand": "Energy.Active.Import.Register",
                        "unitOfMeasure": {"unit": "Wh"},
                    }
                ],
            }
        ],
    }


@BOTH
def test_updated_and_ended_do_not_repeat_the_evse(version: V201) -> None:
    update = payload(version, updated(remote_start_id=9))
    assert update["eventType"] == "Updated"
    assert update["transactionInfo"]["remoteStartId"] == 9
    end = payload(version, ended(token=TOKEN))
    assert end["eventType"] == "Ended"
    assert end["idToken"]["idToken"] == TOKEN.value
    for message in (update, end):
        assert not {"evse", "offline"} & message.keys()


def test_an_update_without_values_is_told_too() -> None:
    assert "meterValue" not in payload(V201(), updated(samples=(), trigger=Trigger.CHARGING_STATE_CHANGED))


@pytest.mark.parametrize("reason", StoppedReason)
def test_every_stopped_reason_fits(reason: StoppedReason) -> None:
    info = payload(V201(), ended(stopped_reason=reason))["transactionInfo"]
    renamed = {"SoftReset": "ImmediateReset", "UnlockCommand": "Remote"}
    assert info["stoppedReason"] == renamed.get(reason.value, reason.value)


@pytest.mark.parametrize("trigger", Trigger)
def test_every_trigger_reason_fits(trigger: Trigger) -> None:
    assert payload(V201(), updated(trigger=trigger))["triggerReason"] == trigger.value


@pytest.mark.parametrize("state", ChargingState)
def test_every_charging_state_fits(state: ChargingState) -> None:
    assert payload(V201(), updated(charging_state=state))["transactionInfo"]["chargingState"] == state.value


@BOTH
def test_J01_meter_values(version: V201) -> None:
    taken = payload(version, MeterValuesTaken(2, 1, SAMPLE, T0_MS))
    triggered = checked(version.subprotocol, version.meter_values(view(2), SAMPLE, nothing))
    assert taken == triggered
    assert taken["evseId"] == 2


def test_A04_FR_01_only_critical_security_events_are_pushed() -> None:
    pushed = payload(V201(), SecurityEvent("InvalidTLSVersion", "why", T0_MS))
    assert pushed["techInfo"] == "why"
    assert V201().call(SecurityEvent("InvalidMessages", "", T0_MS), nothing) is None
    assert V201().call(SessionEnded(1, T0_MS), nothing) is None


def test_the_answer_tells_of_the_token_that_was_sent() -> None:
    result = {"idTokenInfo": {"status": "Invalid"}}
    (answered,) = V201().learn(started(), result).inputs
    assert answered.started
    assert answered.info.status is AuthorizationStatus.INVALID
    (late,) = V201().learn(updated(token=TOKEN), result).inputs
    assert not late.started
    assert V201().learn(updated(), result) == NOTHING
    assert V201().learn(started(), {}) == NOTHING
    assert V201().given_up(started()) == NOTHING


@BOTH
def test_F06_FR_15_F06_FR_16_idle_reports(version: V201) -> None:
    firmware, log = (
        version.progress(TriggerMessage(kind), Progress())
        for kind in (TriggerKind.FIRMWARE_STATUS, TriggerKind.LOG_STATUS)
    )
    assert firmware is not None and firmware.action == "FirmwareStatusNotification"
    assert log is not None and log.action == "LogStatusNotification"
    assert checked(version.subprotocol, firmware) == checked(version.subprotocol, log) == {"status": "Idle"}
    assert version.progress(TriggerMessage(TriggerKind.BOOT), Progress()) is None


@BOTH
def test_A02_FR_03_sign_certificate(version: V201) -> None:
    call = version.sign_certificate("PEM")
    assert checked(version.subprotocol, call) == {
        "csr": "PEM",
        "certificateType": "ChargingStationCertificate",
    }


@BOTH
@pytest.mark.parametrize("status", list(FirmwareStatus))
def test_L01_FR_01_L01_FR_20_firmware_statuses_carry_the_id_of_their_request(
    version: V201, status: FirmwareStatus
) -> None:
    call = version.call(FirmwareStatusChanged(status, 5, T0_MS), nothing)
    assert call is not None and call.action == "FirmwareStatusNotification"
    assert checked(version.subprotocol, call) == {"status": status.value, "requestId": 5}
    # Of an update that came by 1.6's UpdateFirmware 2.0.1 cannot tell: the id is mandatory.
    assert version.call(FirmwareStatusChanged(status, None, T0_MS), nothing) is None
