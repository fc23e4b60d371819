"""May this certificate sign firmware? (security white paper L01.FR.12, FR.23 to FR.25; A00.FR.501 to FR.512.)

Owns: the rules for the Firmware Signing certificate, and revocation.
Refuses to know: where roots come from (a list of files is handed in), what is answered.

It has to be issued by a manufacturer's root directly: the manufacturer shall use no intermediate certificates
here (L01, remarks). No root installed means no certificate is good.

*Revocation.* Table 13 recommends to check it online, but in many networks a station reaches nothing but its
CSMS, and an answer must not hang on a responder that an attacker can block. So revocation lists are files
(``*.crl``, PEM or DER), put there by the owner or with a release; a list counts when its signature is that of
the same root. A list past its next update still revokes what is in it: old news stays true. While one of them
cannot be read, no signing certificate is good: the one in question may be in it. The CSMS checks
online before it passes a certificate on (A00.FR.706).

Blocking; imports ``cryptography``: runs in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from controller.certificates.x509 import one, signed_by, unreadable
from controller.domain.commands import Status

if TYPE_CHECKING:
    from cryptography import x509

LEAST_RSA_BITS = 2048
LEAST_EC_BITS = 224
_GOOD_HASHES = frozenset({"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})
MOST_FILE_BYTES = 1 << 20
"""Of a root or a list: what is larger is neither."""


def check(
    certificate: str,
    roots: Sequence[Path],
    lists: Sequence[Path],
    utc_ms: int,
    say: Callable[[str], None],
) -> tuple[Status, str]:
    """(ACCEPTED, INVALID_CERTIFICATE or REVOKED_CERTIFICATE, why), for a certificate in PEM. ``say``: told of
    a revocation list that cannot be read."""
    at = datetime.fromtimestamp(utc_ms / 1000, UTC)
    try:
        found = one(certificate)
        fault = _fault(found, at)
    except Exception as error:  # noqa: BLE001 - see ``unreadable``
        return Status.INVALID_CERTIFICATE, str(unreadable(error))
    if fault:
        return Status.INVALID_CERTIFICATE, fault
    issuers, problems = _issuers(found, roots, at)
    if not issuers:
        return Status.INVALID_CERTIFICATE, "; ".join(problems) or (
            f"not issued by one of the {len(roots)} manufacturer roots installed"
            if roots
            else "no manufacturer root is installed"
        )
    unread: list[str] = []
    for issuer in issuers:
        if _revoked(found, issuer, lists, unread):
            return Status.REVOKED_CERTIFICATE, f"serial number {found.serial_number:X} is revoked"
    if unread:  # it may be in there: doubt installs nothing
        say(unread[0])
        return Status.INVALID_CERTIFICATE, unread[0]
    return Status.ACCEPTED, ""


def _fault(certificate: x509.Certificate, at: datetime) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if fault := _not_now(certificate, at):
        return fault
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < LEAST_RSA_BITS:  # A00.FR.502
            return f"found an RSA key of {key.key_size} bits, expected at least {LEAST_RSA_BITS}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < LEAST_EC_BITS:  # A00.FR.503
            return f"found an EC key of {key.key_size} bits, expected at least {LEAST_EC_BITS}"
    else:
        return f"found a {type(key).__name__}, expected an RSA or EC key"
    for extension in certificate.extensions:
        value = extension.value
        if extension.critical and isinstance(value, x509.UnrecognizedExtension):
            return f"a critical extension is not known: {extension.oid.dotted_string}"
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return "a CA's certificate, which is not for signing firmware"
        if isinstance(value, x509.KeyUsage) and not value.digital_signature:  # A00.FR.512
            return "key usage does not allow digital signatures"
        if isinstance(value, x509.ExtendedKeyUsage) and not {
            ExtendedKeyUsageOID.CODE_SIGNING,
            ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        } & set(value):
            return "extended key usage does not allow code signing"
    return ""


def _not_now(certificate: x509.Certificate, at: datetime) -> str:
    if at < certificate.not_valid_before_utc:
        return f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    if at > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _issuers(
    certificate: x509.Certificate, roots: Sequence[Path], at: datetime
) -> tuple[list[x509.Certificate], list[str]]:
    """The roots that issued it and may do so now, and why others may not."""
    from cryptography import x509

    issuers, problems = [], []
    for path in roots:
        try:
            root = one(_read(path).decode("ascii"))
        except (OSError, ValueError) as error:
            problems.append(f"root {path.name} cannot be read: {error}")
            continue
        if not signed_by(certificate, root):
            continue
        if certificate == root:  # else whoever may install a root could sign with it
            problems.append(f"it is the root {path.name} itself, which is to issue the signing certificate")
            continue
        hash_ = certificate.signature_hash_algorithm
        constraints = [e.value for e in root.extensions if isinstance(e.value, x509.BasicConstraints)]
        usages = [e.value for e in root.extensions if isinstance(e.value, x509.KeyUsage)]
        if hash_ is not None and hash_.name not in _GOOD_HASHES:  # A00.FR.504
            problems.append(f"signed with {hash_.name}, which is not secure")
        elif fault := _not_now(root, at):
            problems.append(f"its root: {fault}")
        elif not all(one_.ca for one_ in constraints) or not all(u.key_cert_sign for u in usages):
            problems.append(f"its root {path.name} is no CA")
        else:
            issuers.append(root)
    return issuers, problems


def _revoked(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    lists: Sequence[Path],
    unread: list[str],
) -> bool:
    """``unread``: gets a line for each list that cannot be read."""
    from cryptography import x509

    for path in lists:
        try:
            raw = _read(path)
            load = x509.load_pem_x509_crl if raw.lstrip().startswith(b"-----") else x509.load_der_x509_crl
            revocations = load(raw)
            if revocations.issuer != issuer.subject:
                continue
            if not revocations.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                continue
            if revocations.get_revoked_certificate_by_serial_number(certificate.serial_number):
                return True
        except (OSError, ValueError, TypeError) as error:
            unread.append(f"{path.name}: no certificate revocation list: {error}; replace or remove it")
    return False


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(MOST_FILE_BYTES + 1)
    if len(content) > MOST_FILE_BYTES:
        raise ValueError(f"{path}: larger than {MOST_FILE_BYTES} bytes")
    return content
