"""Certificates in 1.6: CertificateSigned, DeleteCertificate, GetInstalledCertificateIds, InstallCertificate
and SignCertificate (security white paper 5.1 to 5.4, 5.7, 5.8, 5.11, 5.12, 5.17, 5.18)."""

from __future__ import annotations

from controller.csms.rpc import Call
from controller.csms.v16.handler import Handler, statuses
from controller.csms.version import Lookup
from controller.csms.wire import Payload
from controller.domain import commands as ask
from controller.domain.commands import Command, Status, Verdict
from controller.domain.security.certificate import CertificateHash, CertificateUse, HashAlgorithm

_USES = {
    "CentralSystemRootCertificate": CertificateUse.CSMS_ROOT,
    "ManufacturerRootCertificate": CertificateUse.MANUFACTURER_ROOT,
}

LISTED_HASH = HashAlgorithm.SHA256
"""White paper A00.FR.506: SHA256 should be used. DeleteCertificate takes all three."""


def sign_certificate(csr: str) -> Call:
    return Call("SignCertificate", {"csr": csr})


def _signed(payload: Payload, _: Lookup) -> Command:
    return ask.TakeSignedCertificate(payload["certificateChain"])


def _delete(payload: Payload, _: Lookup) -> Command:
    data = payload["certificateHashData"]
    return ask.DeleteCertificate(
        CertificateHash(
            HashAlgorithm(data["hashAlgorithm"]),
            data["issuerNameHash"],
            data["issuerKeyHash"],
            data["serialNumber"],
        )
    )


def _list(payload: Payload, _: Lookup) -> Command:
    return ask.ListCertificates((_USES[payload["certificateType"]],))


def _list_reply(verdict: Verdict) -> Payload:
    rows = [
        {
            "hashAlgorithm": one.algorithm.value,
            "issuerNameHash": one.issuer_name,
            "issuerKeyHash": one.issuer_key,
            "serialNumber": one.serial,
        }
        for stored in verdict.certificates
        for one in stored.facts.hashes
        if one.algorithm is LISTED_HASH
    ]
    return {"status": "Accepted", "certificateHashData": rows} if rows else {"status": "NotFound"}


def _install(payload: Payload, _: Lookup) -> Command:
    return ask.InstallCertificate(_USES[payload["certificateType"]], payload["certificate"])


TABLE: dict[str, Handler] = {
    "CertificateSigned": Handler(_signed, statuses("Rejected", Status.ACCEPTED)),
    "DeleteCertificate": Handler(_delete, statuses("Failed", Status.ACCEPTED, Status.NOT_FOUND)),
    "GetInstalledCertificateIds": Handler(_list, _list_reply),
    "InstallCertificate": Handler(_install, statuses("Failed", Status.ACCEPTED, Status.REJECTED)),
}
