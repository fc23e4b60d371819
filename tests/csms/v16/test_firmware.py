"""UpdateFirmware, SignedUpdateFirmware and their status messages in 1.6."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.csms.rpc import CallRefused
from controller.csms.v16 import V16
from controller.csms.v16.calls import TX
from controller.domain.commands import Status, TriggerKind, TriggerMessage, UpdateFirmware, Verdict
from controller.domain.events import FirmwareStatus, FirmwareStatusChanged, SecurityEvent
from controller.domain.views import Progress
from tests.csms.rig import T0_MS
from tests.csms.second_opinion import checked

V = V16()
AT = "2026-01-01T00:00:00Z"
FIRMWARE = {
    "location": "https://h/f",
    "retrieveDateTime": AT,
    "signingCertificate": "PEM",
    "signature": "c2ln",
}


def no_alias(kind: str, key: str) -> str | None:
    assert kind == TX
    return None


def read(action: str, payload: dict[str, Any]) -> Any:
    return V.command(action, payload, no_alias)


def event(status: FirmwareStatus, request_id: int | None = None, **more: Any) -> FirmwareStatusChanged:
    return FirmwareStatusChanged(status, request_id, T0_MS, **more)


def test_16_FW_01_16_FW_03_the_plain_request() -> None:
    full = {"location": "ftp://u:p@h/f", "retrieveDate": AT, "retries": 2, "retryInterval": 30}
    assert read("UpdateFirmware", full) == UpdateFirmware("ftp://u:p@h/f", T0_MS, None, 2, 30)
    bare = {"location": "http://h/f", "retrieveDate": AT}
    assert read("UpdateFirmware", bare) == UpdateFirmware("http://h/f", T0_MS)
    assert V.reply("UpdateFirmware", Verdict(Status.ACCEPTED)) == {}
    assert V.reply("UpdateFirmware", Verdict(Status.ACCEPTED_CANCELED)) == {}


@pytest.mark.parametrize("name", ["retries", "retryInterval"])
def test_16_FW_03_numbers_that_mean_nothing_are_refused(name: str) -> None:
    for action, payload in (
        ("UpdateFirmware", {"location": "http://h/f", "retrieveDate": AT}),
        ("SignedUpdateFirmware", {"requestId": 1, "firmware": FIRMWARE}),
    ):
        with pytest.raises(CallRefused) as refused:
            read(action, {**payload, name: -1})
        assert refused.value.code == "PropertyConstraintViolation"


def test_16_SEC_41_what_cannot_be_accepted_is_a_callerror() -> None:
    with pytest.raises(CallRefused) as refused:
        V.reply("UpdateFirmware", Verdict(Status.NOT_SUPPORTED, info="only signed firmware"))
    assert refused.value.code == "NotSupported"
    with pytest.raises(CallRefused) as refused:
        V.reply("UpdateFirmware", Verdict(Status.REJECTED, info="firmware is being installed"))
    assert refused.value.code == "GenericError"
    with pytest.raises(CallRefused) as refused:
        V.reply("SignedUpdateFirmware", Verdict(Status.NOT_SUPPORTED, info="no installer"))
    assert refused.value.code == "NotSupported"


def test_16_SEC_33_16_SEC_40_the_signed_request_and_its_answers() -> None:
    payload = {
        "requestId": 7,
        "retries": 1,
        "retryInterval": 9,
        "firmware": {**FIRMWARE, "installDateTime": "2026-01-01T00:01:00Z"},
    }
    assert read("SignedUpdateFirmware", payload) == UpdateFirmware(
        "https://h/f", T0_MS, T0_MS + 60_000, 1, 9, 7, "PEM", "c2ln"
    )
    for status in ("Accepted", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate", "Rejected"):
        assert V.reply("SignedUpdateFirmware", Verdict(Status(status))) == {"status": status}


@pytest.mark.parametrize("status", list(FirmwareStatus))
def test_16_SEC_34_every_status_of_a_signed_update_is_told_with_its_request(status: FirmwareStatus) -> None:
    call = V.call(event(status, 7), no_alias)
    assert call is not None
    assert call.action == "SignedFirmwareStatusNotification"
    assert checked("ocpp1.6", call) == {"status": status.value, "requestId": 7}


def test_16_FW_02_a_plain_update_is_told_with_the_words_of_1_6() -> None:
    told = {
        status.value: None if call is None else checked("ocpp1.6", call)["status"]
        for status in FirmwareStatus
        for call in [V.call(event(status), no_alias)]
    }
    assert told == {
        "Idle": None,
        "DownloadScheduled": None,
        "Downloading": "Downloading",
        "DownloadPaused": None,
        "Downloaded": "Downloaded",
        "DownloadFailed": "DownloadFailed",
        "SignatureVerified": None,
        "InvalidSignature": "InstallationFailed",
        "InstallScheduled": None,
        "Installing": "Installing",
        "InstallRebooting": None,
        "Installed": "Installed",
        "InstallationFailed": "InstallationFailed",
        "InstallVerificationFailed": "InstallationFailed",
    }


def test_16_FW_02_a_download_that_goes_on_is_not_told_a_second_time() -> None:
    again = event(FirmwareStatus.DOWNLOADING, again=True, attempt=1)
    assert V.call(again, no_alias) is None
    signed = V.call(event(FirmwareStatus.DOWNLOADING, 7, again=True), no_alias)
    assert signed is not None, "after DownloadPaused it is a new state (L01.FR.01)"


def test_16_FW_06_16_TRIG_07_every_status_has_a_word_for_a_report() -> None:
    trigger = TriggerMessage(TriggerKind.FIRMWARE_STATUS)
    for status in FirmwareStatus:
        call = V.progress(trigger, Progress(status.value, 7))
        assert call is not None
        assert call.action == "FirmwareStatusNotification"
        checked("ocpp1.6", call)
        signed = V.progress(replace(trigger, extended=True), Progress(status.value, 7))
        assert signed is not None
        assert checked("ocpp1.6", signed) == {"status": status.value, "requestId": 7}
    paused = V.progress(trigger, Progress("DownloadPaused"))
    assert paused is not None and paused.payload == {"status": "Downloading"}


@pytest.mark.parametrize("type_", ["InvalidFirmwareSigningCertificate", "InvalidFirmwareSignature"])
def test_16_SEC_33_16_SEC_35_the_security_events_of_firmware_are_sent(type_: str) -> None:
    call = V.call(SecurityEvent(type_, "why", T0_MS), no_alias)
    assert call is not None
    assert checked("ocpp1.6", call)["type"] == type_
