"""Facts, hash data and chains against ``cryptography``'s own OCSP and against certificates made for it."""

from __future__ import annotations

import re

import pytest
from cryptography import x509 as crypto
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.certificates import x509
from controller.domain.security.certificate import CertificateHash, HashAlgorithm
from tests.support import pki

HASHES = {
    HashAlgorithm.SHA256: hashes.SHA256,
    HashAlgorithm.SHA384: hashes.SHA384,
    HashAlgorithm.SHA512: hashes.SHA512,
}

KEYS = {
    "EC": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": pki.rsa_key,
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


def odd_name() -> crypto.Name:
    """Text types that a re-encoder would change."""
    return crypto.Name(
        [
            crypto.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            crypto.NameAttribute(
                NameOID.ORGANIZATION_NAME, "Größe & Söhne", _type=crypto.name._ASN1Type.BMPString
            ),
            crypto.NameAttribute(NameOID.COMMON_NAME, "Root", _type=crypto.name._ASN1Type.PrintableString),
        ]
    )


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
@pytest.mark.parametrize("issuer_key", ["EC", "RSA", "Ed25519"])
def test_16_SEC_21_hash_data_is_what_ocsp_asks_with(algorithm: HashAlgorithm, issuer_key: str) -> None:
    """RFC 6960 4.1.1, the second opinion is ``cryptography.x509.ocsp``."""
    issuer = pki.issue(odd_name(), ca=True, key=KEYS[issuer_key]())
    for serial in (1, 4095, 0x80, 2**158 + 1):
        leaf = pki.issue(pki.name("O", "leaf"), issuer, serial=serial)
        request = (
            ocsp.OCSPRequestBuilder()
            .add_certificate(leaf.certificate, issuer.certificate, HASHES[algorithm]())
            .build()
        )
        facts = x509.facts_of(leaf.certificate, x509.key_hashes(x509.key_bytes(issuer.certificate)))
        found = next(one for one in facts.hashes if one.algorithm is algorithm)
        assert found.issuer_name == request.issuer_name_hash.hex()
        assert found.issuer_key == request.issuer_key_hash.hex()
        assert int(found.serial, 16) == request.serial_number == serial
        assert not found.serial.startswith("0")
        assert len(found.issuer_name) <= 128


def test_16_SEC_21_serial_number_is_hex_without_leading_zeros() -> None:
    """White paper 6.1: 4095 is "FFF"."""
    assert x509.facts_of(pki.root(serial=4095).certificate).serial == "FFF"
    assert x509.facts_of(pki.root(serial=0x0A00).certificate).hashes[0].serial == "A00"


def test_16_SEC_22_hash_data_is_compared_without_case_zeros_and_separators() -> None:
    plain = CertificateHash(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "FFF")
    for serial in ("fff", "0FFF", "0x0fff", "0f:ff", " FFF "):
        assert CertificateHash(HashAlgorithm.SHA256, "AB" * 32, "CD" * 32, serial).key == plain.key
    assert CertificateHash(HashAlgorithm.SHA256, "ab" * 32, "cd" * 32, "FFE").key != plain.key
    assert CertificateHash(HashAlgorithm.SHA384, "ab" * 32, "cd" * 32, "FFF").key != plain.key


def test_facts() -> None:
    ca = pki.root("Root", "Operator")
    facts = x509.facts_of(ca.certificate)
    assert (facts.common_names, facts.organizations) == (("Root",), ("Operator",))
    assert (facts.key_kind, facts.key_bits, facts.signature_hash) == ("EC", 256, "sha256")
    assert facts.is_ca and facts.may_sign and facts.client_auth and facts.self_issued
    assert facts.not_before_ms == round((pki.T0 - pki.DAY).timestamp() * 1000)
    assert facts.fingerprint == ca.fingerprint
    assert facts.name == "Root"
    leaf = x509.facts_of(
        pki.issue(
            pki.name("Operator", None),
            ca,
            key=pki.rsa_key(),
            ca=None,
            usage=(ExtendedKeyUsageOID.SERVER_AUTH,),
            may_sign=False,
        ).certificate
    )
    assert (leaf.key_kind, leaf.key_bits) == ("RSA", 2048)
    assert not leaf.is_ca and not leaf.may_sign and not leaf.self_issued and not leaf.client_auth
    ed = x509.facts_of(pki.root(key=ed25519.Ed25519PrivateKey.generate()).certificate)
    assert (ed.key_kind, ed.signature_hash) == ("Ed25519", "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n",
        "\u00e4\u00f6",
        "\x00" * 100,
    ],
)
def test_16_SEC_23_what_is_no_certificate_is_told_apart(text: str) -> None:
    with pytest.raises(x509.BadCertificate):
        x509.parse(text)


def test_a_private_key_beside_a_certificate_is_refused() -> None:
    ca = pki.root()
    with pytest.raises(x509.BadCertificate, match="private key"):
        x509.parse(ca.pem + ca.key_pem)


def test_a_cut_certificate_at_every_position() -> None:
    pem = pki.root().pem
    for end in range(0, len(pem) - 26, 7):
        with pytest.raises(x509.BadCertificate):
            x509.parse(pem[:end])


def test_chains_are_put_in_order_or_refused() -> None:
    ca, other = pki.root(), pki.root("Root B")
    middle = pki.issue(pki.name("Operator", "Sub"), ca, ca=True)
    leaf = pki.issue(pki.name("Operator", "leaf"), middle)
    certificates = [leaf.certificate, middle.certificate, ca.certificate]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert x509.ordered([certificates[index] for index in order]) == certificates
    assert len(x509.parse(leaf.pem + leaf.pem)) == 1
    for wrong in ([leaf, ca], [leaf, middle, other], [leaf, other]):
        with pytest.raises(x509.BadCertificate, match="no chain"):
            x509.ordered([one.certificate for one in wrong])
    assert x509.anchors([leaf.certificate, middle.certificate], [other.certificate, ca.certificate]) == [
        ca.certificate
    ]
    assert x509.anchors([leaf.certificate], [ca.certificate]) == []
    assert x509.anchors(certificates, [ca.certificate]) == [ca.certificate]
    with pytest.raises(x509.BadCertificate, match="at most 10"):
        x509.parse("".join(pki.root(str(n)).pem for n in range(11)))
    with pytest.raises(x509.BadCertificate, match="found 2"):
        x509.one(ca.pem + other.pem)


def test_16_SEC_14_16_SEC_15_the_request_is_pem_with_operator_and_serial_number() -> None:
    key_id, key_pem = x509.new_key()
    csr = x509.signing_request(key_pem, "Operator & Co", "SN-1")
    request = crypto.load_pem_x509_csr(csr.encode())
    assert csr.startswith("-----BEGIN CERTIFICATE REQUEST-----") and len(csr) <= 5500
    assert request.is_signature_valid and isinstance(request.signature_hash_algorithm, hashes.SHA256)
    assert request.subject == pki.name("Operator & Co", "SN-1")
    key = load_pem_private_key(key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp256r1"
    assert request.public_key() == key.public_key()
    assert x509.key_id_of_private(key_pem) == key_id
    assert x509.new_key()[0] != key_id, "a new pair each time"
    assert not re.search("PRIVATE", csr)


def test_a_bad_key_file_is_told_without_its_text() -> None:
    _id, key_pem = x509.new_key()
    for text in ("", "garbage", key_pem[:100], key_pem.replace("M", "N"), pki.root().pem):
        with pytest.raises(x509.BadCertificate) as caught:
            x509.key_id_of_private(text)
        assert key_pem[40:80] not in str(caught.value)
