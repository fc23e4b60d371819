"""A certificate as the station's rules see it: facts, no keys, no text to parse.

Owns: what is known of a certificate, what it is for, and the identification that OCPP uses (RFC 6960).
Refuses to know: X.509, PEM, files. ``controller.certificates`` reads those and fills in the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CertificateUse(StrEnum):
    """What a certificate is installed for, in 2.0.1's words (InstallCertificateUseEnumType,
    CertificateSigningUseEnumType). V2G and mobility operator roots get a member and a directory each."""

    CSMS_ROOT = "CSMSRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"
    CLIENT = "ChargingStationCertificate"


ROOTS = (CertificateUse.CSMS_ROOT, CertificateUse.MANUFACTURER_ROOT)
"""What InstallCertificate installs."""


class HashAlgorithm(StrEnum):
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


@dataclass(frozen=True, slots=True)
class CertificateHash:
    """CertificateHashDataType (white paper 6.1): hexadecimal digits, upper or lower case, as they came."""

    algorithm: HashAlgorithm
    issuer_name: str  # hash of the DER encoded issuer's name
    issuer_key: str  # hash of the issuer's public key, without tag and length
    serial: str  # without leading zeros

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What two of them are compared by: case, leading zeros and separators do not count."""
        return (
            self.algorithm.value,
            _digits(self.issuer_name),
            _digits(self.issuer_key),
            _digits(self.serial).lstrip("0") or "0",
        )


def _digits(text: str) -> str:
    folded = text.strip().casefold()
    return folded.removeprefix("0x").replace(":", "").replace(" ", "")


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """``hashes``: one for each ``HashAlgorithm``. ``fingerprint``: SHA-256 of the whole certificate,
    ``key_id``: SHA-256 of its public key, both lower-case hex."""

    fingerprint: str
    key_id: str
    subject: str
    issuer: str
    organizations: tuple[str, ...]
    common_names: tuple[str, ...]
    serial: str
    hashes: tuple[CertificateHash, ...]
    not_before_ms: int  # UTC
    not_after_ms: int  # UTC, the last moment at which it is valid
    is_ca: bool  # basic constraints say so
    may_sign: bool  # key usage absent, or with keyCertSign
    client_auth: bool  # extended key usage absent, or with clientAuth
    self_issued: bool  # subject and issuer are the same
    key_kind: str  # "RSA", "EC", "DSA", "Ed25519" ...
    key_bits: int
    signature_hash: str  # "sha256"; "" where the signature has none of its own (Ed25519)

    def valid_at(self, utc_ms: int) -> bool:
        return self.not_before_ms <= utc_ms <= self.not_after_ms

    @property
    def name(self) -> str:
        """For people: the common name, else the whole subject."""
        return self.common_names[0] if self.common_names else self.subject or self.fingerprint[:16]


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """One file of the store. A client certificate is the leaf of its chain. ``fingerprint`` names it."""

    use: CertificateUse
    facts: CertificateFacts

    @property
    def fingerprint(self) -> str:
        return self.facts.fingerprint
