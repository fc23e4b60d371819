"""A throw-away certificate authority for the desk: it vouches for the CSMS, for stations, for firmware.

Owns: one root and what it issues, in a directory of its own. For desks only: the root's key lies beside it.
Refuses to know: OCPP, sockets.

    root.pem, root.key         trust it as root of the CSMS, and as the manufacturer's root
    server.pem, server.key     what the CSMS shows over wss
    firmware.pem, firmware.key what signs firmware

Blocking; ``cryptography`` is imported by functions, because the command line imports this module early.
"""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

YEAR = timedelta(days=365)
STATION_DAYS = 90
"""A station's certificate lasts this long; it asks for the next one a month before."""


class DeskCa:
    """``directory`` is made when needed. ``host``: where stations connect, beside localhost.

    Every method raises ``OSError`` (the directory) or ``ValueError`` (what lies there, or what was sent).
    """

    def __init__(self, directory: Path, host: str = "127.0.0.1") -> None:
        self._directory = directory
        self._host = host

    @property
    def root(self) -> Path:
        """The root's file; there after the first certificate."""
        return self._directory / "root.pem"

    def server(self) -> tuple[Path, Path]:
        """Certificate and key for TLS."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        names: dict[str, x509.GeneralName] = {"localhost": x509.DNSName("localhost")}
        for host in ("127.0.0.1", "::1", self._host):
            try:
                names[host] = x509.IPAddress(ipaddress.ip_address(host))
            except ValueError:
                names[host] = x509.DNSName(host)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        more = (x509.SubjectAlternativeName(names.values()), usage)
        self._load("server", "desk CSMS", YEAR, more)
        return self._directory / "server.pem", self._directory / "server.key"

    def sign(self, csr: str) -> str:
        """A station's request to the certificate for its TLS client, in PEM."""
        from cryptography import x509
        from cryptography.x509.oid import ExtendedKeyUsageOID

        request = x509.load_pem_x509_csr(csr.encode("ascii"))
        if not request.is_signature_valid:
            raise ValueError("the signature of the request is not made with its key")
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        lasts = timedelta(days=STATION_DAYS)
        return _pem(self._issue(request.subject, request.public_key(), lasts, (usage,)))

    def sign_firmware(self, image: bytes) -> tuple[str, str]:
        """(Signing certificate in PEM, signature in Base64) over the whole image, ECDSA with SHA-256."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        certificate, key = self._load("firmware", "desk firmware", YEAR, (usage,))
        return _pem(certificate), base64.b64encode(key.sign(image, ec.ECDSA(hashes.SHA256()))).decode()

    # ------------------------------------------------------------------ inside

    def _load(
        self, name: str, common_name: str, lasts: timedelta, more: tuple[Any, ...]
    ) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        """What lies there, made anew when there is none or it ends within a day."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        file, key_file = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        if file.exists() and key_file.exists():
            certificate = x509.load_pem_x509_certificate(file.read_bytes())
            key = load_pem_private_key(key_file.read_bytes(), None)
            if not isinstance(key, ec.EllipticCurvePrivateKey):
                raise ValueError(f"{key_file}: found no EC key; delete the directory, it is made anew")
            if certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=1):
                return certificate, key
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._issue(_name(common_name), key.public_key(), lasts, more, key)
        self._keep(name, certificate, key)
        return certificate, key

    def _issue(
        self,
        subject: x509.Name,
        public_key: Any,
        lasts: timedelta,
        more: tuple[Any, ...],
        own_key: EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        """Signed by the root; the root itself, whose subject is its own issuer, by ``own_key``."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        is_root = subject == _name(_ROOT)
        if is_root:
            issuer, signer = subject, own_key
        else:
            root, signer = self._load("root", _ROOT, 10 * YEAR, ())
            issuer = root.subject
        assert signer is not None
        of_issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        begins = datetime.now(UTC) - timedelta(days=1)  # a station's clock may be behind
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + lasts)
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
            .add_extension(_key_usage(is_root), critical=True)
        )
        for extension in (x509.SubjectKeyIdentifier.from_public_key(public_key), of_issuer, *more):
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(signer, hashes.SHA256())

    def _keep(self, name: str, certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        key_file = self._directory / f"{name}.key"
        key_file.touch(mode=0o600)
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (self._directory / f"{name}.pem").write_text(_pem(certificate), encoding="ascii")


_ROOT = "desk root, for tests only"


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = ((NameOID.ORGANIZATION_NAME, "Joulepost desk"), (NameOID.COMMON_NAME, common_name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _key_usage(is_root: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode("ascii")
