"""Firmware made at test time: a manufacturer, signing certificates, signed images, revocation lists."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from controller.firmware import ecschnorr
from tests.support.pki import DAY, T0, Issued, issue, name, root


def image(version: str, size: int = 200_000, word: str = "firmware") -> bytes:
    """What ``SimulatedInstaller`` takes; the body does not compress and is the same each time."""
    head = f"joulepost test {word} {version}\n".encode()
    return head + hashlib.shake_128(version.encode()).digest(size - len(head))


def schnorr(private: int, message: bytes, k: int | None = None) -> tuple[int, int]:
    """EC-Schnorr over P-256 as BSI TR-03111 signs: the other half of ``controller.firmware.ecschnorr``."""
    while True:
        nonce = k or secrets.randbelow(ecschnorr.N - 1) + 1
        point = ecschnorr.multiply(nonce, ecschnorr.G)
        assert point is not None
        digest = hashlib.sha256(message + point[0].to_bytes(32, "big")).digest()
        r = int.from_bytes(digest, "big") % ecschnorr.N
        s = (nonce - r * private) % ecschnorr.N
        if r and s:
            return r, s


def plain(pair: tuple[int, int]) -> bytes:
    return pair[0].to_bytes(32, "big") + pair[1].to_bytes(32, "big")


def sign(key: Any, content: bytes, how: str = "") -> bytes:
    """``how``: "digest", "max" or a salt length for RSA-PSS, "pkcs1"; "ecdsa", "ecdsa-plain", "schnorr",
    "schnorr-der"."""
    if how == "pkcs1":
        return bytes(key.sign(content, padding.PKCS1v15(), hashes.SHA256()))
    if how.startswith("ecdsa"):
        der = bytes(key.sign(content, ec.ECDSA(hashes.SHA256())))
        return plain(decode_dss_signature(der)) if how == "ecdsa-plain" else der
    if how.startswith("schnorr"):
        pair = schnorr(key.private_numbers().private_value, content)
        return plain(pair) if how == "schnorr" else encode_dss_signature(*pair)
    salts: dict[str, Any] = {"digest": padding.PSS.DIGEST_LENGTH, "max": padding.PSS.MAX_LENGTH, "": 32}
    salt = salts[how] if how in salts else int(how)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return bytes(key.sign(content, pss, hashes.SHA256()))


def base64_of(signature: bytes) -> str:
    return base64.b64encode(signature).decode("ascii")


def revocation_list(issuer: Issued, *revoked: Issued, encoding: Encoding = Encoding.PEM) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(T0 - DAY)
        .next_update(T0)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(T0 - DAY)
            .build()
        )
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(encoding)


@dataclass
class Manufacturer:
    """A root, and a certificate that signs firmware under it."""

    root: Issued = field(default_factory=lambda: root("Manufacturer Root", "Maker", may_sign=True))
    signer: Issued = field(init=False)

    def __post_init__(self) -> None:
        self.signer = self.signing()

    def signing(self, **more: Any) -> Issued:
        issuer = more.pop("issuer", self.root)
        return issue(name("Maker", "Firmware Signing"), issuer, **more)

    def sign(self, content: bytes, how: str = "ecdsa") -> str:
        return base64_of(sign(self.signer.key, content, how))

    def install(self, storage: Path) -> None:
        """As InstallCertificate or the owner would."""
        directory = storage / "certificates" / "manufacturer-roots"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "root.pem").write_text(self.root.pem)

    def revoke(self, storage: Path, *revoked: Issued) -> None:
        directory = storage / "certificates" / "revoked"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "manufacturer.crl").write_bytes(revocation_list(self.root, *revoked))
