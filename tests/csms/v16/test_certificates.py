"""Certificates in 1.6: requests to commands, verdicts to answers, against the package's schemas."""

from __future__ import annotations

from typing import Any

import pytest

from controller.csms.rpc import NotAnswered
from controller.csms.v16 import V16
from controller.csms.version import Registered
from controller.domain import commands as ask
from controller.domain.commands import Status, TriggerKind, Verdict
from controller.domain.security.certificate import (
    CertificateHash,
    CertificateUse,
    HashAlgorithm,
    StoredCertificate,
)
from tests.csms.second_opinion import checked_answer, checked_request
from tests.domain.security.test_certificates import facts

V = V16()


def parsed(action: str, payload: dict[str, Any]) -> Any:
    return V.command(action, checked_request("ocpp1.6", action, payload), lambda _kind, _value: None)


def reply(action: str, verdict: Verdict) -> dict[str, Any]:
    return checked_answer("ocpp1.6", action, V.reply(action, verdict))


def test_16_SEC_23_install() -> None:
    for name, use in (
        ("CentralSystemRootCertificate", CertificateUse.CSMS_ROOT),
        ("ManufacturerRootCertificate", CertificateUse.MANUFACTURER_ROOT),
    ):
        payload = {"certificateType": name, "certificate": "PEM"}
        assert parsed("InstallCertificate", payload) == ask.InstallCertificate(use, "PEM")
    for status in (Status.ACCEPTED, Status.REJECTED, Status.FAILED):
        assert reply("InstallCertificate", Verdict(status)) == {"status": status.value}


def test_16_SEC_22_delete() -> None:
    data = {"hashAlgorithm": "SHA384", "issuerNameHash": "AB", "issuerKeyHash": "cd", "serialNumber": "0f"}
    command = ask.DeleteCertificate(CertificateHash(HashAlgorithm.SHA384, "AB", "cd", "0f"))
    assert parsed("DeleteCertificate", {"certificateHashData": data}) == command
    for status in (Status.ACCEPTED, Status.NOT_FOUND, Status.FAILED):
        assert reply("DeleteCertificate", Verdict(status)) == {"status": status.value}


def test_16_SEC_21_list() -> None:
    payload = {"certificateType": "ManufacturerRootCertificate"}
    command = ask.ListCertificates((CertificateUse.MANUFACTURER_ROOT,))
    assert parsed("GetInstalledCertificateIds", payload) == command
    assert reply("GetInstalledCertificateIds", Verdict(Status.NOT_FOUND)) == {"status": "NotFound"}
    found = tuple(StoredCertificate(CertificateUse.MANUFACTURER_ROOT, facts(name)) for name in "AB")
    answer = reply("GetInstalledCertificateIds", Verdict(Status.ACCEPTED, certificates=found))
    assert answer["status"] == "Accepted"
    assert [row["hashAlgorithm"] for row in answer["certificateHashData"]] == ["SHA256", "SHA256"]


def test_16_SEC_17_signed() -> None:
    assert parsed("CertificateSigned", {"certificateChain": "PEM"}) == ask.TakeSignedCertificate("PEM")
    assert "PEM" not in repr(parsed("CertificateSigned", {"certificateChain": "PEM"}))
    for status, word in ((Status.ACCEPTED, "Accepted"), (Status.REJECTED, "Rejected")):
        assert reply("CertificateSigned", Verdict(status)) == {"status": word}


def test_16_SEC_14_sign() -> None:
    call = V.sign_certificate("PEM")
    assert checked_request("ocpp1.6", call.action, call.payload) == {"csr": "PEM"}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("BootNotification", TriggerKind.BOOT),
        ("FirmwareStatusNotification", TriggerKind.FIRMWARE_STATUS),
        ("Heartbeat", TriggerKind.HEARTBEAT),
        ("LogStatusNotification", TriggerKind.LOG_STATUS),
        ("MeterValues", TriggerKind.METER_VALUES),
        ("SignChargePointCertificate", TriggerKind.SIGN_CERTIFICATE),
        ("StatusNotification", TriggerKind.STATUS),
    ],
)
def test_16_SEC_43_extended_trigger(message: str, kind: TriggerKind) -> None:
    payload = {"requestedMessage": message, "connectorId": 2}
    per_connector = kind in (TriggerKind.METER_VALUES, TriggerKind.STATUS)
    command = ask.TriggerMessage(kind, 2 if per_connector else None, extended=True)
    assert parsed("ExtendedTriggerMessage", payload) == command
    assert parsed("ExtendedTriggerMessage", {"requestedMessage": message}).evse_id is None


def test_16_SEC_44_extended_trigger_answers() -> None:
    unknown = V.command("ExtendedTriggerMessage", {"requestedMessage": "Tea"}, lambda _kind, _value: None)
    assert isinstance(unknown, ask.TriggerMessage) and unknown.kind is TriggerKind.OTHER
    for status in (Status.ACCEPTED, Status.REJECTED, Status.NOT_IMPLEMENTED):
        assert reply("ExtendedTriggerMessage", Verdict(status)) == {"status": status.value}


def test_16_SEC_44_while_rejected_only_a_boot_can_be_triggered() -> None:
    boot = {"requestedMessage": "BootNotification"}
    assert V.before_accepted("ExtendedTriggerMessage", boot, Registered.REJECTED) is None
    with pytest.raises(NotAnswered):
        V.before_accepted("ExtendedTriggerMessage", {"requestedMessage": "Heartbeat"}, Registered.REJECTED)
    assert V.before_accepted("CertificateSigned", {}, Registered.PENDING) is None
