"""Certificates on the wire: white paper A02, A03, M03 to M05, and the extended trigger."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.certificates import store as store_module
from controller.certificates.store import StoreFailed
from controller.domain.events import SecurityEvent, SigningEnded, SigningOutcome
from controller.local.commands.status import render
from tests.support import csms as does
from tests.support import pki
from tests.support.cabin import Cabin
from tests.support.csms import UTC_MS, CallError, FakeCsms
from tests.support.virtual_time import run_virtual

OPERATOR = "Joule & Söhne"
SERIAL = "JP-0042"
CENTRAL, MAKER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"
Payload = dict[str, Any]


def build(tmp_path: Path, csms: FakeCsms, **more: Any) -> Cabin:
    """Security profile 1: the least over which certificates are installed."""
    settings = {"SecurityCtrlr.OrganizationName": OPERATOR, **more.pop("settings", {})}
    options = {"password": "0123456789abcdef", "serial": SERIAL, **more}
    return Cabin.build(tmp_path, csms, "ocpp1.6", settings=settings, **options)


async def install(csms: FakeCsms, pem: str, use: str = CENTRAL) -> str:
    answer = await csms.call("InstallCertificate", {"certificateType": use, "certificate": pem})
    return str(answer["status"])


async def listed(csms: FakeCsms, use: str = CENTRAL) -> list[Payload]:
    answer = await csms.call("GetInstalledCertificateIds", {"certificateType": use})
    assert (answer["status"] == "Accepted") is ("certificateHashData" in answer)
    return list(answer.get("certificateHashData", []))


async def delete(csms: FakeCsms, data: Payload) -> str:
    return str((await csms.call("DeleteCertificate", {"certificateHashData": data}))["status"])


async def trigger(csms: FakeCsms, message: str = "SignChargePointCertificate", **more: Any) -> str:
    return str((await csms.call("ExtendedTriggerMessage", {"requestedMessage": message, **more}))["status"])


async def csr(csms: FakeCsms, count: int = 1) -> str:
    return str((await csms.wait("SignCertificate", count)).payload["csr"])


async def give(csms: FakeCsms, chain: str) -> str:
    return str((await csms.call("CertificateSigned", {"certificateChain": chain}))["status"])


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: Any) -> Payload:
    """CertificateHashDataType by way of the OCSP request of ``cryptography``."""
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm()).build()
    return {
        "hashAlgorithm": algorithm.name.upper(),
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{request.serial_number:x}",
    }


def files(tmp_path: Path, pattern: str) -> list[Path]:
    return sorted((tmp_path / "certificates").glob(pattern))


def security(cabin: Cabin) -> list[str]:
    return [event.type for event in cabin.happened(SecurityEvent)]


# ---------------------------------------------------------------------- M03, M04, M05


@pytest.mark.parametrize("evses", [1, 2])
@pytest.mark.parametrize("use", [CENTRAL, MAKER])
def test_16_SEC_21_16_SEC_22_16_SEC_23_install_list_and_delete_over_a_reboot(
    tmp_path: Path, use: str, evses: int
) -> None:
    root, other = pki.root("Root A"), pki.root("Root B", key=pki.rsa_key())

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, evses=evses) as cabin:
            await cabin.online()
            assert await listed(csms, use) == []
            assert await install(csms, root.pem, use) == "Accepted"
            assert await install(csms, other.pem, use) == "Accepted"
            assert await install(csms, root.pem.replace("\n", "\r\n"), use) == "Accepted"
            found = await listed(csms, use)
            expected = [hash_data(one.certificate, one.certificate, hashes.SHA256) for one in (root, other)]
            assert sorted(one["issuerNameHash"] for one in found) == sorted(
                one["issuerNameHash"] for one in expected
            )
            assert {one["serialNumber"].lower() for one in found} == {one["serialNumber"] for one in expected}
            assert await listed(csms, MAKER if use == CENTRAL else CENTRAL) == []
            await cabin.restart(reboot=True)
            await cabin.online()
            assert await listed(csms, use) == found
            wanted = hash_data(root.certificate, root.certificate, hashes.SHA512)
            wanted["serialNumber"] = "00" + wanted["serialNumber"].upper()
            if len(wanted["serialNumber"]) <= 40:
                assert await delete(csms, wanted) == "Accepted"
            else:
                assert (
                    await delete(csms, {**wanted, "serialNumber": wanted["serialNumber"][2:]}) == "Accepted"
                )
            assert await delete(csms, found[0] if found[0] not in await listed(csms, use) else found[1]) == (
                "NotFound"
            )
            assert len(await listed(csms, use)) == 1
            assert await delete(csms, (await listed(csms, use))[0]) == "Accepted"
            assert await listed(csms, use) == []
            assert security(cabin).count("ReconfigurationOfSecurityParameters") == 4

    run_virtual(main())


def bad_roots() -> dict[str, str]:
    ca, rsa_key = pki.root(), pki.rsa_key()
    return {
        "garbage": "garbage",
        "empty": "",
        "broken": ca.pem[:200] + "\n-----END CERTIFICATE-----\n",
        "expired": pki.root(begins=pki.T0 - 9 * pki.DAY, ends=pki.T0 - pki.DAY).pem,
        "not yet valid": pki.root(begins=pki.T0 + 9 * pki.DAY).pem,
        "no CA": pki.issue(pki.name("Operator", "leaf")).pem,
        "no basic constraints": pki.root(ca=None).pem,
        "may not sign": pki.root(may_sign=False).pem,
        "weak key": pki.root(key=pki.rsa_key(1024)).pem,
        "weak hash": pki.sha1(pki.root(key=rsa_key), rsa_key).pem,
        "signature not its own": pki.sha1(pki.root(key=rsa_key), pki.rsa_key()).pem,
        "forged": pki.forged(pki.root()).pem,
        "two": ca.pem + pki.root("B").pem,
        "with its key": ca.pem + ca.key_pem,
        "a request": pki.root().pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
    }


def test_16_SEC_23_what_is_no_good_root_is_rejected_and_nothing_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            for what, pem in bad_roots().items():
                if len(pem) <= 5500:
                    assert await install(csms, pem) == "Rejected", what
            assert files(tmp_path, "**/*.pem") == []
            assert await install(csms, pki.root(may_sign=True).pem) == "Accepted"
            assert cabin.app is not None

    run_virtual(main())


def test_16_SEC_23_full_is_rejected_and_a_disk_that_fails_is_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            keys = (await csms.call("GetConfiguration", {"key": ["CertificateStoreMaxLength"]}))[
                "configurationKey"
            ]
            most = int(keys[0]["value"])

            def broken(*_args: object) -> None:
                raise StoreFailed("csms-roots/x.pem: cannot be written: No space left on device")

            monkeypatch.setattr(store_module.Store, "_write", broken)
            assert await install(csms, pki.root().pem) == "Failed"
            monkeypatch.undo()
            assert any("No space left" in line for line in cabin.said)
            for number in range(most):
                use = MAKER if number % 2 else CENTRAL
                assert await install(csms, pki.root(f"Root {number}").pem, use) == "Accepted"
            assert await install(csms, pki.root("One more").pem) == "Rejected"
            assert len(await listed(csms)) + len(await listed(csms, MAKER)) == most

    run_virtual(main())


def test_16_SEC_23_an_owner_may_put_a_hundred_there_and_the_csms_sees_them(tmp_path: Path) -> None:
    place = tmp_path / "certificates" / "csms-roots"
    place.mkdir(parents=True)
    roots = [pki.root(f"Root {number}") for number in range(100)]
    for number, root in enumerate(roots):
        (place / f"owner-{number}.pem").write_text(root.pem)
    (place / "README").write_text("not ours")

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            assert len(await listed(csms)) == 100
            assert await install(csms, pki.root("One more").pem) == "Rejected"
            wanted = hash_data(roots[77].certificate, roots[77].certificate, hashes.SHA384)
            assert await delete(csms, wanted) == "Accepted"
            assert not (place / "owner-77.pem").exists() and len(list(place.iterdir())) == 100
            assert any("README" in line for line in cabin.said)

    run_virtual(main())


def test_certificates_are_installed_over_a_secured_profile_only(tmp_path: Path) -> None:
    """Without a profile anybody who answers in the CSMS's place could plant a root."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, password=None) as cabin:
            await cabin.online()
            for use in (CENTRAL, MAKER):
                assert await install(csms, pki.root().pem, use) == "Rejected"
            assert files(tmp_path, "**/*") == []

    run_virtual(main())


def test_16_SEC_22_a_root_in_use_cannot_be_deleted(tmp_path: Path) -> None:
    used, idle = pki.root("Used"), pki.root("Idle")

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await install(csms, used.pem)
            await install(csms, idle.pem)
            keeper = cabin.app.certificates  # type: ignore[union-attr]
            path = next(one for one in keeper.central_roots() if one.name.startswith(used.fingerprint[:32]))
            keeper.connected([path])  # what the connection reports after a TLS handshake
            data = hash_data(used.certificate, used.certificate, hashes.SHA256)
            assert await delete(csms, data) == "Failed"
            assert path.exists()
            other = hash_data(idle.certificate, idle.certificate, hashes.SHA256)
            assert await delete(csms, other) == "Accepted"
            keeper.connected([])
            assert await delete(csms, data) == "Accepted"

    run_virtual(main())


def test_16_SEC_24_the_successor_of_a_root(tmp_path: Path) -> None:
    """A self-signed stranger is refused; one that the old root signed is tried, then replaces it."""
    old, stranger = pki.root("Root 1"), pki.root("Stranger")
    new = pki.root("Root 2", issuer=old)
    settings = {"SecurityCtrlr.AdditionalRootCertificateCheck": True}

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            assert await install(csms, old.pem) == "Accepted"
            assert await install(csms, stranger.pem) == "Rejected"
            assert await install(csms, new.pem) == "Accepted"
            data = hash_data(new.certificate, old.certificate, hashes.SHA256)
            await cabin.restart(reboot=True)
            await cabin.online()

            def groups() -> list[list[str]]:
                assert cabin.app is not None
                return [[path.stem for path in group] for group in cabin.app.certificates.trust()]

            assert groups() == [[new.fingerprint[:32]], [old.fingerprint[:32]]]
            keeper = cabin.app.certificates  # type: ignore[union-attr]
            keeper.connected(keeper.trust()[1])
            assert len(groups()) == 2, "the old one still worked: the fallback stays"
            keeper.connected(keeper.trust()[0])
            await cabin.until(lambda: groups() == [[new.fingerprint[:32]]], "the old root goes")
            (row,) = await listed(csms)
            assert {**row, "serialNumber": row["serialNumber"].lower()} == data, "by the key that signed it"
            assert files(tmp_path, "csms-roots/*.pem") == list(keeper.central_roots())

    run_virtual(main())


# ---------------------------------------------------------------------- A02


@pytest.mark.parametrize("evses", [1, 2])
def test_16_SEC_14_16_SEC_15_16_SEC_18_from_trigger_to_certificate(tmp_path: Path, evses: int) -> None:
    ca = pki.root()
    middle = pki.issue(pki.name("Operator", "Sub CA"), ca, ca=True)

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, evses=evses) as cabin:
            await cabin.online()
            await install(csms, ca.pem)
            assert await trigger(csms) == "Accepted"
            first = await csr(csms)
            answer = next(
                i for i, one in enumerate(csms.frames) if one.startswith("< [3") and '"Accepted"' in one
            )
            message = next(i for i, one in enumerate(csms.frames) if "SignCertificate" in one)
            assert answer < message, "answer first, then the message"
            request = x509.load_pem_x509_csr(first.encode())
            assert request.is_signature_valid
            assert request.subject == pki.name(OPERATOR, SERIAL)
            leaf = pki.sign_request(first, middle)
            assert await give(csms, leaf.pem + middle.pem) == "Accepted"
            assert cabin.app is not None
            chain, key = cabin.app.certificates.client_certificate() or (None, None)
            assert chain is not None and key is not None
            assert chain.read_text() == leaf.pem + middle.pem
            assert key.stat().st_mode & 0o777 == 0o600
            assert "2027-01-01" in render(cabin.app.facade.status())
            assert await give(csms, leaf.pem + middle.pem) == "Accepted", "the answer was lost, say"
            await cabin.restart(reboot=True)
            await cabin.online()
            assert cabin.app.certificates.client_certificate() == (chain, key)
            assert await trigger(csms) == "Accepted"
            second = await csr(csms, 2)
            public = x509.load_pem_x509_csr(second.encode()).public_key()
            assert public != request.public_key(), "a new pair each time"
            newer = pki.sign_request(second, ca, begins=pki.T0)
            assert await give(csms, newer.pem) == "Accepted"
            best = cabin.app.certificates.client_certificates()
            assert [one.fingerprint for one in best] == [newer.fingerprint, leaf.fingerprint]
            data = hash_data(newer.certificate, ca.certificate, hashes.SHA256)
            assert await delete(csms, data) == "Failed", "M04.FR.05"

    run_virtual(main())


def bad_certificates(ca: pki.Issued) -> dict[str, Callable[[str], str]]:
    stranger = pki.root("Stranger")
    weak = pki.issue(pki.name("Operator", "Sub"), ca, ca=True, key=pki.rsa_key(1024))
    no_ca = pki.issue(pki.name("Operator", "Sub"), ca)
    rsa_ca = pki.issue(pki.name("Operator", "Sub"), ca, ca=True, key=pki.rsa_key())

    def signed(issuer: pki.Issued = ca, **more: Any) -> Callable[[str], str]:
        return lambda csr: pki.sign_request(csr, issuer, **more).pem

    return {
        "garbage": lambda _csr: "garbage",
        "empty": lambda _csr: "",
        "broken": lambda csr: signed()(csr)[:-60],
        "the request itself": lambda csr: csr,
        "expired": signed(begins=pki.T0 - 9 * pki.DAY, ends=pki.T0 - pki.DAY),
        "another key": lambda _csr: pki.issue(pki.name(OPERATOR, SERIAL), ca).pem,
        "another root": signed(stranger),
        "itself": lambda _csr: pki.issue(pki.name(OPERATOR, SERIAL)).pem,
        "another operator": signed(subject=pki.name("Else", SERIAL)),
        "no operator": signed(subject=pki.name(None, SERIAL)),
        "another station": signed(subject=pki.name(OPERATOR, "JP-0043")),
        "SHA-1": lambda csr: pki.sha1(pki.sign_request(csr, rsa_ca), rsa_ca.key).pem + rsa_ca.pem,
        "weak CA": lambda csr: pki.sign_request(csr, weak).pem + weak.pem,
        "a CA": signed(ca=True),
        "a server": signed(usage=(ExtendedKeyUsageOID.SERVER_AUTH,)),
        "signed by no CA": lambda csr: pki.sign_request(csr, no_ca).pem + no_ca.pem,
        "CA missing": lambda csr: pki.sign_request(csr, rsa_ca).pem,
        "unrelated CA": lambda csr: signed()(csr) + stranger.pem,
        "with a key": lambda csr: signed()(csr) + stranger.key_pem,
    }


@pytest.mark.parametrize("part", [0, 1])
def test_16_SEC_17_every_bad_certificate_is_rejected_discarded_and_logged(tmp_path: Path, part: int) -> None:
    """In two parts, because more than ten events of a kind in a minute are counted, not told one by one."""
    ca = pki.root(OPERATOR)
    bad = list(bad_certificates(ca).items())[part::2]
    assert 5 < len(bad) <= 10

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await install(csms, ca.pem)
            await trigger(csms)
            request = await csr(csms)
            for what, make in bad:
                before = security(cabin).count("InvalidChargingStationCertificate")
                assert await give(csms, make(request)) == "Rejected", what
                assert security(cabin).count("InvalidChargingStationCertificate") == before + 1, what
            assert files(tmp_path, "client/*.pem") == []
            told = [one.payload["type"] for one in csms.of("SecurityEventNotification")]
            assert "InvalidChargePointCertificate" not in told, "logged, not pushed (white paper chapter 8)"
            assert await give(csms, pki.sign_request(request, ca).pem) == "Accepted", "the key still waits"

    run_virtual(main())


def test_16_SEC_17_a_certificate_that_nobody_asked_for(tmp_path: Path) -> None:
    ca = pki.root()

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await give(csms, pki.issue(pki.name(OPERATOR, SERIAL), ca).pem) == "Rejected"
            assert "InvalidChargingStationCertificate" in security(cabin)

    run_virtual(main())


def test_16_SEC_18_used_once_it_is_valid(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await trigger(csms)
            later = pki.sign_request(await csr(csms), pki.root(), begins=pki.T0 + timedelta(seconds=60))
            assert await give(csms, later.pem) == "Accepted"
            assert cabin.app is not None
            assert cabin.app.certificates.client_certificate() is None
            await cabin.sleep(60)
            assert [one.fingerprint for one in cabin.app.certificates.client_certificates()] == [
                later.fingerprint
            ]

    run_virtual(main())


def test_16_SEC_19_a_chain_longer_than_the_limit(tmp_path: Path) -> None:
    settings = {"SecurityCtrlr.MaxCertificateChainSize": 2000}

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await trigger(csms)
            ca = pki.root()
            leaf = pki.sign_request(await csr(csms), ca)
            long = leaf.pem + "\n" * (2001 - len(leaf.pem))
            assert await give(csms, long) == "Rejected"
            assert await give(csms, long[:2000]) == "Accepted"
            with pytest.raises(CallError) as caught:  # the schema's own limit
                await csms.call("CertificateSigned", {"certificateChain": "x" * 10_001}, check=False)
            assert caught.value.code == "PropertyConstraintViolation"

    run_virtual(main())


@pytest.mark.parametrize("answer", ["Rejected", "CALLERROR", "never", "hang up"])
def test_16_SEC_14_a_csms_that_does_not_take_the_request(tmp_path: Path, answer: str) -> None:
    steps = {
        "Rejected": does.answer({"status": "Rejected"}),
        "CALLERROR": does.error("InternalError"),
        "never": does.never(),
        "hang up": does.hang_up(),
    }

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            csms.script("SignCertificate", steps[answer])
            await trigger(csms)
            request = await csr(csms)
            if answer in ("never", "hang up"):
                assert await csr(csms, 2) == request, "the same request goes out again"
                outcome = SigningOutcome.ASKED
            else:
                outcome = SigningOutcome.REFUSED
            await cabin.until(lambda: cabin.happened(SigningEnded), "the request ends")
            assert [event.outcome for event in cabin.happened(SigningEnded)] == [outcome]
            assert await trigger(csms) == "Accepted", "the operator may try again"

    run_virtual(main())


def test_16_SEC_14_the_connection_breaks_before_the_answer_to_the_trigger(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.delivered()
            request = {"requestedMessage": "SignChargePointCertificate"}
            await csms.raw(json.dumps([2, "x", "ExtendedTriggerMessage", request]))
            await csms.hang_up()
            leaf = pki.sign_request(await csr(csms), pki.root())
            assert await give(csms, leaf.pem) == "Accepted"
            assert cabin.app is not None

    run_virtual(main())


def test_16_SEC_14_pending_at_the_boot_the_csms_may_get_the_certificate_first(tmp_path: Path) -> None:
    """White paper A00.FR.806."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            csms.answers["BootNotification"] = lambda _p: csms.boot("Pending", 600)
            await csms.wait("BootNotification")
            await cabin.sleep(1)
            assert await trigger(csms) == "Accepted"
            leaf = pki.sign_request(await csr(csms), pki.root())
            assert await give(csms, leaf.pem) == "Accepted"

    run_virtual(main())


def test_16_SEC_14_a_reboot_between_request_and_certificate(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await trigger(csms)
            request = await csr(csms)
            await cabin.restart(reboot=True)
            await cabin.online()
            assert await give(csms, pki.sign_request(request, pki.root()).pem) == "Accepted"
            await cabin.sleep(60)
            assert len(csms.of("SignCertificate")) <= 2

    run_virtual(main())


# ---------------------------------------------------------------------- A03


def test_16_SEC_20_renewed_a_month_before_expiry_over_reboots(tmp_path: Path) -> None:
    ca = pki.root()

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await trigger(csms)
            month = timedelta(days=30, seconds=100)
            first = pki.sign_request(await csr(csms), ca, ends=pki.T0 + month)
            assert await give(csms, first.pem) == "Accepted"
            await cabin.restart(reboot=True)
            await cabin.online()
            await cabin.until(lambda: cabin.clock.now().utc_ms >= UTC_MS + 95_000, "the day before")
            assert len(csms.of("SignCertificate")) == 1
            second = await csr(csms, 2)
            assert 1100 <= csms.of("SignCertificate")[1].at_s < 1103
            request = x509.load_pem_x509_csr(second.encode())
            assert request.subject == pki.name(OPERATOR, SERIAL)
            assert request.public_key() != first.certificate.public_key()
            await cabin.sleep(1)
            await cabin.restart(reboot=True)
            await cabin.online()
            await cabin.sleep(60)
            assert len(csms.of("SignCertificate")) == 2, "not at each start"
            newer = pki.sign_request(second, ca, begins=pki.T0)
            assert await give(csms, newer.pem) == "Accepted"
            await cabin.sleep(60)
            assert len(csms.of("SignCertificate")) == 2

    run_virtual(main())


# ---------------------------------------------------------------------- extended trigger


def test_16_SEC_43_every_message_is_sent_after_the_answer(tmp_path: Path) -> None:
    expected = {
        "LogStatusNotification": "LogStatusNotification",
        "FirmwareStatusNotification": "SignedFirmwareStatusNotification",
        "Heartbeat": "Heartbeat",
        "MeterValues": "MeterValues",
        "SignChargePointCertificate": "SignCertificate",
        "StatusNotification": "StatusNotification",
    }

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.delivered()
            await cabin.sleep(5)
            for message, action in expected.items():
                before, mark = len(csms.of(action)), len(csms.frames)
                assert await trigger(csms, message) == "Accepted", message
                await csms.wait(action, before + 1)
                frames = csms.frames[mark:]
                answer = next(i for i, one in enumerate(frames) if one.startswith("< [3"))
                sent = next(i for i, one in enumerate(frames) if f'"{action}"' in one)
                assert answer < sent, message
                await cabin.sleep(2)
            for action in ("LogStatusNotification", "SignedFirmwareStatusNotification"):
                (one,) = csms.of(action)
                assert one.payload == {"status": "Idle"}

    run_virtual(main())


def test_16_SEC_43_one_connector_or_all(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.sleep(5)

            async def connectors(action: str, **more: Any) -> list[int]:
                before = len(csms.of(action))
                await trigger(csms, action, **more)
                await cabin.sleep(2)
                return [one.payload["connectorId"] for one in csms.of(action)[before:]]

            assert await connectors("StatusNotification", connectorId=2) == [2]
            assert await connectors("StatusNotification") == [0, 1, 2]
            assert await connectors("MeterValues", connectorId=1) == [1]
            assert await connectors("MeterValues") == [1, 2]

    run_virtual(main())


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_16_SEC_43_16_SEC_44_a_boot_only_while_it_is_not_accepted(tmp_path: Path, status: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            csms.answers["BootNotification"] = lambda _p: csms.boot(status, 6000)
            await csms.wait("BootNotification")
            await cabin.sleep(1)
            csms.answers["BootNotification"] = lambda _p: csms.boot("Accepted")
            assert await trigger(csms, "BootNotification") == "Accepted"
            await csms.wait("BootNotification", 2, timeout_s=10)
            await cabin.online()
            assert await trigger(csms, "BootNotification") == "Rejected"
            await cabin.sleep(10)
            assert len(csms.of("BootNotification")) == 2

    run_virtual(main())


def test_16_SEC_44_unknown_is_not_implemented_and_not_now_is_rejected(tmp_path: Path) -> None:
    async def main() -> None:
        async with (
            FakeCsms("ocpp1.6") as csms,
            build(tmp_path, csms, settings={"SecurityCtrlr.OrganizationName": ""}) as cabin,
        ):
            await cabin.online()
            for message in ("SignV2GCertificate", "TransactionEvent", ""):
                answer = await csms.call("ExtendedTriggerMessage", {"requestedMessage": message}, check=False)
                assert answer == {"status": "NotImplemented"}
            assert await trigger(csms, "MeterValues", connectorId=9) == "Rejected"
            assert await trigger(csms, "StatusNotification", connectorId=9) == "Rejected"
            assert await trigger(csms) == "Rejected", "CpoName is empty"
            await csms.call("ChangeConfiguration", {"key": "CpoName", "value": OPERATOR})
            assert await trigger(csms) == "Accepted"
            with pytest.raises(CallError) as caught:
                await csms.call("ExtendedTriggerMessage", {"requestedMessage": 5}, check=False)
            assert caught.value.code == "TypeConstraintViolation"

    run_virtual(main())


def test_16_SEC_15_without_a_serial_number_there_is_no_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, serial="") as cabin:
            await cabin.online()
            assert await trigger(csms) == "Rejected"
            await cabin.sleep(10)
            assert csms.of("SignCertificate") == [] and files(tmp_path, "**/*") == []

    run_virtual(main())


# ---------------------------------------------------------------------- keys, and the station beside it


def test_16_SEC_16_private_keys_appear_nowhere_but_in_their_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in a frame, nor the journal, the settings, the log, what is printed, or the local API."""
    caplog.set_level("DEBUG")
    ca = pki.root()

    async def main() -> tuple[list[str], list[str]]:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            shown: list[str] = []
            assert cabin.app is not None
            lines = _Lines()
            cabin.app.facade.subscribe(lines)
            await install(csms, ca.pem)
            for count in (1, 2):
                await trigger(csms)
                leaf = pki.sign_request(await csr(csms, count), ca, begins=pki.T0)
                await give(csms, leaf.pem[:-80])
                await give(csms, leaf.pem)
            await csms.call("GetConfiguration", {})
            facade = cabin.app.facade
            for part in (facade.status(), facade.settings_list(), facade.journal_tail(1000, 0)):
                shown.append(json.dumps(part, default=str))
            shown.extend(lines.texts)
            shown.extend(repr(event) for event in cabin.events())
            cabin.app.inbox.checkpoint()
            return [*csms.frames, *cabin.said, *shown], [str(cabin.app.station.checkpoint())]

    seen, more = run_virtual(main())
    keys = files(tmp_path, "client/*.key")
    assert len(keys) == 2
    secrets = [line for key in keys for line in key.read_text().splitlines() if not line.startswith("---")]
    assert all(len(line) > 20 for line in secrets)
    everything = "\n".join([*seen, *more, caplog.text])
    stored = b"".join(
        path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".key"
    )
    for secret in secrets:
        assert secret not in everything
        assert secret.encode() not in stored
    assert "PRIVATE KEY" not in everything and b"PRIVATE KEY" not in stored


class _Lines:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def offer(self, topic: str, data: Any) -> None:
        self.texts.append(f"{topic} {json.dumps(data, default=str)}")


def test_charging_goes_on_while_certificates_are_handled(tmp_path: Path) -> None:
    """Keys and signatures are made beside the loop: neither a card nor the safety process waits."""
    ca = pki.root()

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1)
            await install(csms, ca.pem)
            await trigger(csms)
            await cabin.charging(2, "04FFFFFF")
            leaf = pki.sign_request(await csr(csms), ca)
            assert await give(csms, leaf.pem) == "Accepted"
            assert cabin.bay(1).current_ma > 0 and cabin.bay(2).current_ma > 0

    run_virtual(main())


def test_a_station_without_certificates_does_not_load_cryptography(tmp_path: Path) -> None:
    program = (
        "import sys, controller.app\n"
        "from pathlib import Path\n"
        "from controller.certificates.store import Store\n"
        f"assert Store(Path({str(tmp_path)!r}) / 'certificates').empty\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
