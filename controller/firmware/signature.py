"""The signature of a firmware file (security white paper L01.FR.04, FR.12; 2.0.1 L01.FR.11, FR.12).

Owns: which signatures count: over the whole file, SHA-256, in Base64.
Refuses to know: whether the certificate may sign firmware (``trust``), when it is asked.

- RSA keys: RSA-PSS with SHA-256 and MGF1 of SHA-256. The salt may have any length: signers in use take that
  of the hash or the longest possible one, and the length does not change what a signature proves.
- EC keys: EC-Schnorr (``ecschnorr``), as the white paper says; ECDSA, too, because most signing tools and
  hardware keys can do nothing else with an EC key, and it proves as much. Both as DER (a SEQUENCE of r and s)
  or as r and s one after the other, which TR-03111 calls the plain format.
- PKCS #1 v1.5 is refused: the standard names PSS alone, and a second padding is a second way in.

Blocking, and slow for large files: runs in a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from controller.certificates.x509 import one, unreadable
from controller.firmware import ecschnorr

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

CHUNK_BYTES = 1 << 20


def digest_of(file: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises ``OSError``."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fault_of(file: Path, certificate: str, signature: str, digest: str = "") -> str | None:
    """Why the signature (Base64) over the file is not the one of the certificate (PEM) holder; None = it is.
    ``digest``: the file that is meant (``digest_of``), "" = whatever is there.

    Raises ``OSError`` when the file cannot be read.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        raw = base64.b64decode("".join(signature.split()), validate=True)
    except (binascii.Error, ValueError):
        return "the signature is not Base64"
    if not raw:
        return "the signature is missing"
    try:
        key = one(certificate).public_key()
    except Exception as error:  # noqa: BLE001 - see ``unreadable``
        return f"the signing certificate: {unreadable(error)}"
    running = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            running.update(chunk)
    if digest and running.hexdigest() != digest:
        return "the file has changed since it was downloaded"
    if isinstance(key, rsa.RSAPublicKey):
        good = _rsa_pss(key, running.digest(), raw)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        good = _elliptic(key, running, raw)
    else:
        return f"found a {type(key).__name__}, expected an RSA or EC key"
    return None if good else "the signature does not belong to this file and certificate"


def _rsa_pss(key: RSAPublicKey, digest: bytes, raw: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    sha256 = hashes.SHA256()
    pss = padding.PSS(mgf=padding.MGF1(sha256), salt_length=padding.PSS.AUTO)
    try:
        key.verify(raw, digest, pss, Prehashed(sha256))
    except InvalidSignature:
        return False
    return True


def _elliptic(key: EllipticCurvePublicKey, running: ecschnorr.Hash, raw: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

    numbers = key.public_numbers()
    for r, s in _pairs(raw, (key.key_size + 7) // 8):
        try:
            der = encode_dss_signature(r, s)
            key.verify(der, running.digest(), ec.ECDSA(Prehashed(hashes.SHA256())))
            return True
        except InvalidSignature:
            pass  # it may be the other algorithm, or the other format
        if isinstance(key.curve, ec.SECP256R1) and ecschnorr.verify((numbers.x, numbers.y), running, r, s):
            return True
    return False


def _pairs(raw: bytes, size: int) -> list[tuple[int, int]]:
    """(r, s) as DER and in the plain format, as far as the bytes can be read so."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    pairs = []
    try:
        pairs.append(decode_dss_signature(raw))
    except ValueError:
        pass  # not DER
    if len(raw) == 2 * size:
        pairs.append((int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")))
    return [(r, s) for r, s in pairs if r > 0 and s > 0]
