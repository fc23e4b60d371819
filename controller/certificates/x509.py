"""X.509 by the ``cryptography`` package: certificates to facts, chains, keys and signing requests.

Owns: everything that looks into a certificate or makes a request. Pure but for randomness; slow on a small
board (a chain takes milliseconds, a key tens), so callers run it beside the event loop.
Refuses to know: files, and what makes a certificate acceptable (``domain.security.certificate_rules``).

``cryptography`` costs 25 to 60 ms and 4 to 8 MB to import, on a Pi Zero many times that: only functions here
import it, and a station without certificates never does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from controller.domain.security.certificate import CertificateFacts, CertificateHash, HashAlgorithm

if TYPE_CHECKING:
    from cryptography import x509

    E = TypeVar("E", bound=x509.ExtensionType)

LONGEST_CHAIN = 10
"""Certificates in one chain; more is no honest mistake. 10,000 characters hold about eight."""


class BadCertificate(ValueError):
    """Text that is no usable certificate, chain or key. The message says what is wrong with it."""


def parse(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text that somebody sent, in its order. Raises ``BadCertificate``."""
    if "PRIVATE KEY" in pem:
        raise BadCertificate("found a private key beside the certificate: it is compromised, use a new one")
    found = list(dict.fromkeys(bundle(pem)))  # some central systems send a certificate twice
    if len(found) > LONGEST_CHAIN:
        raise BadCertificate(f"found {len(found)} certificates, expected at most {LONGEST_CHAIN}")
    return found


def bundle(pem: str) -> list[x509.Certificate]:
    """All certificates of a PEM text. Raises ``BadCertificate``."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem.encode("ascii"))
    except Exception as error:
        what = str(error).partition(" See ")[0]  # an address of the library's manual follows
        raise BadCertificate(f"no X.509 certificate in PEM form: {what}"[:200]) from error


def one(pem: str) -> x509.Certificate:
    """The certificate of a text with just one. Raises ``BadCertificate``."""
    found = parse(pem)
    if len(found) != 1:
        raise BadCertificate(f"found {len(found)} certificates, expected one")
    return found[0]


def pem_of(certificates: Iterable[x509.Certificate]) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in certificates)


# ---------------------------------------------------------------------- facts


def facts_of(
    certificate: x509.Certificate, issuer_keys: Mapping[HashAlgorithm, str] | None = None
) -> CertificateFacts:
    """``issuer_keys``: ``key_hashes`` of the issuer; None = the certificate's own, which is right for a root
    that signed itself. Raises ``BadCertificate`` for one that cannot be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    try:
        if certificate.serial_number < 0:
            raise BadCertificate("its serial number is negative")
        kind, bits = _key(certificate)
        basic = _extension(certificate, x509.BasicConstraints)
        usage = _extension(certificate, x509.KeyUsage)
        extended = _extension(certificate, x509.ExtendedKeyUsage)
        auth = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        digest = certificate.signature_hash_algorithm
        return CertificateFacts(
            fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
            key_id=key_id(certificate),
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            organizations=_texts(certificate.subject, NameOID.ORGANIZATION_NAME),
            common_names=_texts(certificate.subject, NameOID.COMMON_NAME),
            serial=f"{certificate.serial_number:X}",
            hashes=_hashes(certificate, issuer_keys or key_hashes(key_bytes(certificate))),
            not_before_ms=round(certificate.not_valid_before_utc.timestamp() * 1000),
            # To the second, and valid to its end.
            not_after_ms=round(certificate.not_valid_after_utc.timestamp() * 1000) + 999,
            is_ca=basic is not None and basic.ca,
            may_sign=usage is None or usage.key_cert_sign,
            client_auth=extended is None or any(purpose in auth for purpose in extended),
            self_issued=certificate.subject == certificate.issuer,
            key_kind=kind,
            key_bits=bits,
            signature_hash=digest.name if digest is not None else "",
        )
    except Exception as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> BadCertificate:
    """What ``cryptography`` raised at a certificate that somebody sent. It parses keys and extensions when
    they are asked for, and raises what it likes: ValueError, UnsupportedAlgorithm, DuplicateExtension, but
    also UnsupportedGeneralNameType and a bare KeyError. So callers catch all of it."""
    if isinstance(error, BadCertificate):
        return error
    return BadCertificate(f"the certificate cannot be read: {type(error).__name__}: {error}"[:200])


def _texts(name: x509.Name, oid: x509.ObjectIdentifier) -> tuple[str, ...]:
    return tuple(str(one.value) for one in name.get_attributes_for_oid(oid))


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    match certificate.public_key():
        case rsa.RSAPublicKey() as key:
            return "RSA", key.key_size
        case ec.EllipticCurvePublicKey() as key:
            return "EC", key.key_size
        case dsa.DSAPublicKey() as key:
            return "DSA", key.key_size
        case ed25519.Ed25519PublicKey():
            return "Ed25519", 256
        case ed448.Ed448PublicKey():
            return "Ed448", 456
        case other:
            return type(other).__name__, 0


# ---------------------------------------------------------------------- hash data (RFC 6960 4.1.1)


def key_bytes(certificate: x509.Certificate) -> bytes:
    """The public key as OCSP hashes it: the value of the BIT STRING, without tag, length and unused bits."""
    key_info = _fields(certificate)[6]
    _algorithm, bits = _elements(_content(key_info))
    return _content(bits)[1:]


def key_id(certificate: x509.Certificate) -> str:
    """SHA-256 of the SubjectPublicKeyInfo, as a key of this station is called on disk."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as error:
        raise unreadable(error) from error
    return hashlib.sha256(key).hexdigest()


def key_hashes(key: bytes) -> dict[HashAlgorithm, str]:
    """issuerKeyHash of a public key (``key_bytes``) in every algorithm."""
    return {algorithm: hashlib.new(algorithm.value, key).hexdigest() for algorithm in HashAlgorithm}


def _hashes(
    certificate: x509.Certificate, issuer_keys: Mapping[HashAlgorithm, str]
) -> tuple[CertificateHash, ...]:
    """The name is hashed as it is encoded in the certificate: written anew it might get other bytes."""
    issuer = _fields(certificate)[3]
    return tuple(
        CertificateHash(
            algorithm,
            hashlib.new(algorithm.value, issuer).hexdigest(),
            issuer_keys[algorithm],
            f"{certificate.serial_number:X}",
        )
        for algorithm in HashAlgorithm
    )


def _fields(certificate: x509.Certificate) -> list[bytes]:
    """The encoded fields of the TBSCertificate: version, serial number, signature, issuer, validity, subject,
    public key, and what follows. A version 1 certificate gets an empty version."""
    fields = _elements(_content(certificate.tbs_certificate_bytes))
    return fields if fields[0][:1] == b"\xa0" else [b"", *fields]


def _length(der: bytes) -> tuple[int, int]:
    """(bytes of tag and length, bytes of the value) of the element ``der`` begins with. Only of what
    ``cryptography`` has parsed already, so never of broken DER."""
    first = der[1]
    if first < 0x80:
        return 2, first
    count = first & 0x7F
    return 2 + count, int.from_bytes(der[2 : 2 + count], "big")


def _content(der: bytes) -> bytes:
    head, size = _length(der)
    return der[head : head + size]


def _elements(der: bytes) -> list[bytes]:
    elements = []
    while der:
        head, size = _length(der)
        elements.append(der[: head + size])
        der = der[head + size :]
    return elements


# ---------------------------------------------------------------------- who signed whom


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """The name fits and the signature is the issuer's."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - InvalidSignature, or see ``unreadable``: nothing but success is a yes
        return False
    return True


def ordered(certificates: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Leaf first, each signed by the next, whatever the order was. Raises ``BadCertificate`` when they are no
    chain: one of them signs nothing, or the leaf is not to be told."""
    signs = {
        index: [
            other
            for other, one in enumerate(certificates)
            if other != index and signed_by(one, certificates[index])
        ]
        for index in range(len(certificates))
    }
    leaves = [index for index, signed in signs.items() if not signed]
    if len(leaves) != 1:
        raise BadCertificate(f"the {len(certificates)} certificates are no chain: each has to sign the next")
    chain = leaves
    while len(chain) < len(certificates):
        upper = [index for index, signed in signs.items() if chain[-1] in signed and index not in chain]
        if len(upper) != 1:
            raise BadCertificate(
                f"the {len(certificates)} certificates are no chain: each has to sign the next"
            )
        chain.append(upper[0])
    return [certificates[index] for index in chain]


def anchors(chain: Sequence[x509.Certificate], roots: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Which of ``roots`` a chain (leaf first) leads to: they signed its last certificate, or are in it."""
    return [root for root in roots if signed_by(chain[-1], root) or root in chain[1:]]


# ---------------------------------------------------------------------- keys and requests


def new_key() -> tuple[str, str]:
    """(key id, PEM of the private key): P-256, as TLS_ECDHE_ECDSA wants it (white paper A00.FR.318, 503). The
    text goes into a file and nowhere else."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return hashlib.sha256(public).hexdigest(), text


def key_id_of_private(pem: str) -> str:
    """Which key a private key file holds. Raises ``BadCertificate``, without a word of the text."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode("ascii"), None)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadCertificate(f"no private key in PEM form ({type(error).__name__})") from None
    return hashlib.sha256(public).hexdigest()


def signing_request(key_pem: str, organization: str, common_name: str) -> str:
    """A CSR (RFC 2986) in PEM: O and CN, signed with SHA-256 (white paper A02.FR.03, A02.FR.13, A00.FR.511).
    Raises ``BadCertificate``."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
    from cryptography.x509.oid import NameOID

    key = load_pem_private_key(key_pem.encode("ascii"), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # made by ``new_key``
    try:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )
    except ValueError as error:
        raise BadCertificate(
            f"organization or serial number cannot stand in a certificate: {error}"
        ) from error
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode("ascii")
