"""Signatures of firmware files: RSA-PSS, EC-Schnorr, ECDSA; real keys, real files."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from controller.firmware.signature import digest_of, fault_of
from tests.support.firmware import Manufacturer, base64_of, image, sign
from tests.support.pki import Issued, rsa_key

CONTENT = image("2.0.0", 1_500_000)


@cache
def maker() -> Manufacturer:
    return Manufacturer()


@cache
def signer(kind: str) -> Issued:
    keys: dict[str, Any] = {
        "rsa": lambda: rsa_key(2048),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
    }
    return maker().signing(key=keys[kind]())


@cache
def stranger(kind: str) -> Issued:
    return maker().signing(key=rsa_key() if kind == "rsa" else ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("firmware") / "1.bin"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("rsa", "digest"),
        ("rsa", "max"),
        ("rsa", "20"),
        ("rsa", "0"),
        ("p256", "schnorr"),
        ("p256", "schnorr-der"),
        ("p256", "ecdsa"),
        ("p256", "ecdsa-plain"),
        ("p384", "ecdsa"),
    ],
)
def test_16_SEC_35_signatures_over_the_whole_file(file: Path, kind: str, how: str, tmp_path: Path) -> None:
    one = signer(kind)
    signature = base64_of(sign(one.key, CONTENT, how))
    assert fault_of(file, one.pem, signature) is None
    lines = "\n".join(signature[at : at + 64] for at in range(0, len(signature), 64))
    assert fault_of(file, one.pem, lines) is None, "in lines of 64 characters, as openssl writes Base64"
    other = tmp_path / "other.bin"
    for at in (0, 1_200_000, len(CONTENT) - 1):
        changed = bytearray(CONTENT)
        changed[at] ^= 1
        other.write_bytes(changed)
        assert fault_of(other, one.pem, signature) is not None, f"byte {at} belongs to it"
    other.write_bytes(CONTENT[:-1])
    assert fault_of(other, one.pem, signature) is not None
    assert fault_of(file, stranger(kind).pem, signature) is not None


@pytest.mark.parametrize("kind", ["rsa", "p256"])
@pytest.mark.parametrize("signature", ["", " \n", "c2ln", "no base64!", "AAAA" * 200, "MEQCIA=="])
def test_16_SEC_35_a_missing_or_broken_signature_is_invalid(file: Path, kind: str, signature: str) -> None:
    assert fault_of(file, signer(kind).pem, signature) is not None


def test_16_SEC_35_other_paddings_and_keys_are_not_accepted(file: Path) -> None:
    assert fault_of(file, signer("rsa").pem, base64_of(sign(signer("rsa").key, CONTENT, "pkcs1"))) is not None
    edwards = signer("ed25519")
    fault = fault_of(file, edwards.pem, base64_of(edwards.key.sign(CONTENT)))
    assert fault is not None and "expected an RSA or EC key" in fault
    assert fault_of(file, "no certificate", "c2ln") is not None


def test_16_SEC_35_a_zero_in_a_signature_is_no_way_in(file: Path) -> None:
    for raw in (bytes(64), bytes(63) + b"\1", b"\1" + bytes(63)):
        assert fault_of(file, signer("p256").pem, base64_of(raw)) is not None


def test_the_digest_is_the_one_of_the_file(file: Path) -> None:
    assert digest_of(file) == hashlib.sha256(CONTENT).hexdigest()
