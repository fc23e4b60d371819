"""Certificates made at test time, good and bad ones, by ``cryptography``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

T0 = datetime(2026, 1, 1, tzinfo=UTC)
"""Where ``VirtualClock`` begins."""
DAY = timedelta(days=1)


def name(organization: str | None, common_name: str | None) -> x509.Name:
    parts = []
    if organization is not None:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    if common_name is not None:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(parts)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key (None = somebody else holds it)."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def issue(
    subject: x509.Name,
    issuer: Issued | None = None,
    *,
    public_key: Any = None,
    key: Any = None,
    ca: bool | None = False,
    begins: datetime = T0 - DAY,
    ends: datetime = T0 + 365 * DAY,
    digest: Any = None,
    serial: int | None = None,
    usage: tuple[x509.ObjectIdentifier, ...] = (),
    may_sign: bool | None = None,
) -> Issued:
    """Without ``issuer`` it signs itself. ``ca`` None: without basic constraints."""
    key = key or (None if public_key is not None else ec.generate_private_key(ec.SECP256R1()))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(public_key if public_key is not None else key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if may_sign is not None:
        builder = builder.add_extension(
            x509.KeyUsage(True, False, False, False, False, may_sign, may_sign, False, False), critical=True
        )
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    signer = issuer.key if issuer else key
    if digest is None and not isinstance(signer, ed25519.Ed25519PrivateKey):
        digest = hashes.SHA256()
    return Issued(builder.sign(signer, digest), key)


def root(common_name: str = "Root A", organization: str | None = "Operator", **more: Any) -> Issued:
    more = {"ca": True, "ends": T0 + 3650 * DAY, **more}
    return issue(name(organization, common_name), more.pop("issuer", None), **more)


def rsa_key(bits: int = 2048) -> Any:
    return rsa.generate_private_key(65537, bits)


def sign_request(csr_pem: str, issuer: Issued, **more: Any) -> Issued:
    """What a certificate authority does with a signing request."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    assert request.is_signature_valid
    more = {"usage": (ExtendedKeyUsageOID.CLIENT_AUTH,), "public_key": request.public_key(), **more}
    return issue(more.pop("subject", request.subject), issuer, **more)


def sha1(one: Issued, key: Any) -> Issued:
    """The same certificate signed with SHA-1 by this RSA key, which ``cryptography`` refuses to do: its
    signature algorithm differs in one byte, and the signature is made anew."""
    sha256_rsa, sha1_rsa = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")
    before = one.certificate.public_bytes(Encoding.DER)
    old = one.certificate.tbs_certificate_bytes
    new = old.replace(sha256_rsa, sha1_rsa)
    signature = key.sign(new, padding.PKCS1v15(), hashes.SHA1())
    after = before.replace(old, new).replace(sha256_rsa, sha1_rsa)
    after = after.replace(one.certificate.signature, signature)
    return Issued(x509.load_der_x509_certificate(after), one.key)


def forged(one: Issued) -> Issued:
    """The same certificate with a bit of its signature changed."""
    signature = one.certificate.signature
    wrong = signature[:-1] + bytes([signature[-1] ^ 1])
    der = one.certificate.public_bytes(Encoding.DER).replace(signature, wrong)
    return Issued(x509.load_der_x509_certificate(der), one.key)


def nasty(
    issuer: Issued | None = None, ca: bool = False, subject: x509.Name | None = None
) -> dict[str, Issued]:
    """Well-formed certificates with a right signature at which ``cryptography`` raises, each something else,
    when it is asked for extensions or key: UnsupportedGeneralNameType, KeyError, ValueError, and so on."""
    extensions = {
        "a name of a kind nobody has": ("2.5.29.17", "3002a300"),
        "a TLS feature nobody knows": ("1.3.6.1.5.5.7.1.24", "300302010d"),
        "a list that ends too early": ("2.5.29.17", "3005820161"),
        "not UTF-8": ("2.5.29.17", "30068104fffefdfc"),
        "an IP address of three bytes": ("2.5.29.17", "30058703010203"),
        "constraints that are none": ("2.5.29.30", "0500"),
        "a policy of nothing": ("2.5.29.32", "3000"),
        "usage without bits": ("2.5.29.15", "030100"),
        "empty": ("2.5.29.37", ""),
    }
    found = {}
    for what, (oid, content) in extensions.items():
        one = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), bytes.fromhex(content))
        key = ec.generate_private_key(ec.SECP256R1())
        shown = subject or name("Operator", "Nasty")
        builder = (
            x509.CertificateBuilder()
            .subject_name(shown)
            .issuer_name(issuer.certificate.subject if issuer else shown)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(T0 - DAY)
            .not_valid_after(T0 + 365 * DAY)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(one, critical=False)
        )
        found[what] = Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)
    return found
