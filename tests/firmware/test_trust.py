"""Which certificates may sign firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.domain.commands import Status
from controller.firmware.trust import check
from tests.support.firmware import Manufacturer, revocation_list
from tests.support.pki import DAY, T0, Issued, issue, name, nasty, root, rsa_key

NOW_MS = round(T0.timestamp() * 1000)
GOOD = (Status.ACCEPTED, "")


class Desk:
    """A directory with roots and lists."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.roots: list[Path] = []
        self.lists: list[Path] = []
        self.said: list[str] = []

    def trust(self, one: Issued | str) -> None:
        path = self.directory / f"root-{len(self.roots)}.pem"
        path.write_text(one if isinstance(one, str) else one.pem)
        self.roots.append(path)

    def revoke(self, content: bytes) -> None:
        path = self.directory / f"list-{len(self.lists)}.crl"
        path.write_bytes(content)
        self.lists.append(path)

    def look(self, certificate: str, utc_ms: int = NOW_MS) -> tuple[Status, str]:
        return check(certificate, self.roots, self.lists, utc_ms, self.said.append)

    def refused(self, certificate: str, why: str, utc_ms: int = NOW_MS) -> None:
        status, info = self.look(certificate, utc_ms)
        assert status is Status.INVALID_CERTIFICATE
        assert why in info


@pytest.fixture
def maker() -> Manufacturer:
    return Manufacturer()


@pytest.fixture
def desk(tmp_path: Path, maker: Manufacturer) -> Desk:
    one = Desk(tmp_path)
    one.trust(root("Another Root", "Operator"))
    one.trust(maker.root)
    return one


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"key": ec.generate_private_key(ec.SECP384R1()), "may_sign": None},
        {"may_sign": False},
        {"usage": (ExtendedKeyUsageOID.CODE_SIGNING,)},
        {"usage": (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)},
        {"ca": None},
    ],
)
def test_16_SEC_33_a_certificate_of_the_manufacturer_is_good(
    desk: Desk, maker: Manufacturer, more: dict[str, Any]
) -> None:
    assert desk.look(maker.signing(**more).pem) == GOOD


def test_16_SEC_33_a_root_with_an_rsa_key_issues_as_well(desk: Desk) -> None:
    rsa_root = root("RSA Root", "Maker", key=rsa_key())
    desk.trust(rsa_root)
    assert desk.look(issue(name("Maker", "S"), rsa_root, key=rsa_key()).pem) == GOOD


def test_16_SEC_33_validity_counts_to_the_second(desk: Desk, maker: Manufacturer) -> None:
    one = maker.signing(begins=T0, ends=T0 + DAY)
    assert desk.look(one.pem) == GOOD
    desk.refused(one.pem, "not valid before 2026-01-01", NOW_MS - 1000)
    day_ms = round(DAY.total_seconds() * 1000)
    assert desk.look(one.pem, NOW_MS + day_ms) == GOOD
    desk.refused(one.pem, "expired on 2026-01-02", NOW_MS + day_ms + 1000)


def test_16_SEC_33_somebody_elses_certificate_is_invalid(desk: Desk, maker: Manufacturer) -> None:
    stranger = Manufacturer(root("Stranger Root", "Stranger"))
    desk.refused(stranger.signer.pem, "not issued by one of the 2 manufacturer roots")
    desk.refused(issue(name("Maker", "Firmware Signing")).pem, "not issued by")
    # The same names, another key.
    impostor = root("Manufacturer Root", "Maker")
    desk.refused(maker.signing(issuer=impostor).pem, "not issued by")
    desk.roots.clear()
    desk.refused(maker.signer.pem, "no manufacturer root is installed")


def test_16_SEC_33_an_intermediate_is_not_allowed(desk: Desk, maker: Manufacturer) -> None:
    middle = maker.signing(ca=True, may_sign=True)
    leaf = maker.signing(issuer=middle)
    desk.refused(leaf.pem, "not issued by")
    desk.refused(leaf.pem + middle.pem, "found 2 certificates")
    desk.refused(middle.pem, "a CA's certificate")
    desk.refused(maker.root.pem, "a CA's certificate")


def test_16_SEC_33_keys_and_uses_that_do_not_suffice(desk: Desk, maker: Manufacturer) -> None:
    server = maker.signing(usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
    desk.refused(server.pem, "code signing")
    desk.refused(maker.signing(key=rsa_key(1024)).pem, "1024 bits")
    desk.refused(maker.signing(key=ec.generate_private_key(ec.SECP192R1())).pem, "192 bits")
    edwards = maker.signing(key=ed25519.Ed25519PrivateKey.generate())
    desk.refused(edwards.pem, "expected an RSA or EC key")


def _built(maker: Manufacturer, *extensions: tuple[x509.ExtensionType, bool]) -> str:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("Maker", "S"))
        .issuer_name(maker.root.certificate.subject)
        .public_key(maker.signer.key.public_key())
        .serial_number(7)
        .not_valid_before(T0 - DAY)
        .not_valid_after(T0 + DAY)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(maker.root.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_16_SEC_33_key_usage_has_to_allow_signatures(desk: Desk, maker: Manufacturer) -> None:
    usage = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
    desk.refused(_built(maker, (usage, True)), "digital signatures")
    assert desk.look(_built(maker)) == GOOD


def test_16_SEC_33_a_critical_extension_that_nobody_knows_is_refused(desk: Desk, maker: Manufacturer) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    desk.refused(_built(maker, (unknown, True)), "critical extension is not known")
    assert desk.look(_built(maker, (unknown, False))) == GOOD


def test_16_SEC_33_the_root_has_to_be_valid_and_a_ca_too(desk: Desk) -> None:
    old = root("Old Root", "Maker", ends=T0 - DAY, begins=T0 - 2 * DAY)
    desk.trust(old)
    desk.refused(issue(name("Maker", "S"), old).pem, "its root: expired")
    leaf = root("No CA", "Maker", ca=False)
    desk.trust(leaf)
    desk.refused(issue(name("Maker", "S"), leaf).pem, "is no CA")


@pytest.mark.parametrize(
    "text", ["", "PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_16_SEC_33_what_is_no_certificate_is_invalid(desk: Desk, text: str) -> None:
    assert desk.look(text)[0] is Status.INVALID_CERTIFICATE


def test_a_damaged_root_is_named_and_the_others_count(desk: Desk, maker: Manufacturer) -> None:
    desk.trust("not a certificate")
    assert desk.look(maker.signer.pem) == GOOD
    stranger = Manufacturer(root("Stranger Root", "Stranger"))
    desk.refused(stranger.signer.pem, "root root-2.pem cannot be read")


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_16_SEC_33_a_revoked_certificate_is_told_apart(
    desk: Desk, maker: Manufacturer, encoding: Encoding
) -> None:
    other = maker.signing()
    desk.revoke(revocation_list(maker.root, other, encoding=encoding))
    assert desk.look(maker.signer.pem) == GOOD
    status, info = desk.look(other.pem, NOW_MS + 86_400_000 * 30)  # long after the next update
    assert status is Status.REVOKED_CERTIFICATE
    assert "revoked" in info


def test_16_SEC_33_only_the_same_root_can_revoke(desk: Desk, maker: Manufacturer) -> None:
    desk.revoke(revocation_list(root("Another Root", "Operator"), maker.signer))
    desk.revoke(revocation_list(root("Manufacturer Root", "Maker"), maker.signer))  # an impostor's signature
    assert desk.look(maker.signer.pem) == GOOD
    assert not desk.said


def test_16_SEC_33_a_revocation_list_that_cannot_be_read_leaves_no_certificate_good(
    desk: Desk, maker: Manufacturer
) -> None:
    desk.revoke(b"garbage")
    desk.refused(maker.signer.pem, "list-0.crl: no certificate revocation list")
    assert "replace or remove it" in desk.said[0]
    other = maker.signing()
    desk.revoke(revocation_list(maker.root, other))
    assert desk.look(other.pem)[0] is Status.REVOKED_CERTIFICATE, "another list still tells"


def test_16_SEC_33_a_root_signs_no_firmware_itself(desk: Desk) -> None:
    """Whoever may install a root could sign with it; the white paper wants a certificate under a root."""
    pinned = root("Pinned", "Maker", ca=None)
    desk.trust(pinned)
    desk.refused(pinned.pem, "the root")


def test_16_SEC_33_a_certificate_that_cannot_be_read_to_its_end_is_invalid(
    desk: Desk, maker: Manufacturer
) -> None:
    for what, one in nasty(maker.root).items():
        status, _why = desk.look(one.pem)
        assert status in (Status.INVALID_CERTIFICATE, Status.ACCEPTED), what
    odd = nasty(maker.root)
    desk.refused(odd["a name of a kind nobody has"].pem, "cannot be read")
    desk.refused(odd["a TLS feature nobody knows"].pem, "cannot be read")
