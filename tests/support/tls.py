"""TLS for tests: a PKI made on the spot, contexts of good and bad servers, and a plain TLS server.

asyncio's server drops the connection without the alert that says why; ``TlsServer``, on a thread, sends it,
as other people's servers do. Both ways exist in the field.
"""

from __future__ import annotations

import functools
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

RSA, ECDSA = trustme.KeyType.RSA, trustme.KeyType.ECDSA


_authorities: dict[str, trustme.CA] = {}


def authority(name: str = "CSMS") -> trustme.CA:
    """A root of its own for each name; the same one all through a run."""
    if name not in _authorities:
        _authorities[name] = trustme.CA(organization_name=name)
    return _authorities[name]


def days(count: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=count)


@functools.cache
def certificate(host: str = "127.0.0.1", ca: str = "CSMS", key: trustme.KeyType = RSA) -> trustme.LeafCert:
    return authority(ca).issue_cert(host, key_type=key)


def server_tls(
    leaf: trustme.LeafCert | None = None,
    *,
    newest: ssl.TLSVersion | None = None,
    ciphers: str = "",
    clients: str = "",
) -> ssl.SSLContext:
    """``newest``: no later version, and all older ones. ``clients``: name of the authority whose client
    certificates are demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (leaf or certificate()).configure_cert(context)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if newest is not None:
            context.minimum_version = min(newest, ssl.TLSVersion.TLSv1_2)
            context.maximum_version = newest
        if ciphers:
            context.set_ciphers(ciphers)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        authority(clients).configure_trust(context)
    return context


def common_name_only(host: str, directory: Path) -> ssl.SSLContext:
    """A server certificate as the white paper describes it: the host in the commonName, no subjectAltName."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    ca = authority()
    root = x509.load_pem_x509_certificate(ca.cert_pem.bytes())
    root_key = serialization.load_pem_private_key(ca.private_key_pem.bytes(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(days(-1))
        .not_valid_after(days(1))
        .sign(root_key, hashes.SHA256())
    )
    path = directory / "common-name.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def root_file(directory: Path, name: str = "CSMS") -> Path:
    path = directory / f"root-{name}.pem"
    authority(name).cert_pem.write_to_path(str(path))
    return path


def client_files(
    directory: Path, ca: str = "CSMS", serial: str = "SN-1", expired: bool = False
) -> tuple[Path, Path]:
    """(chain, key) of a client certificate."""
    ends = {"not_before": days(-9), "not_after": days(-1)} if expired else {}
    leaf = authority(ca).issue_cert(common_name=serial, **ends)  # type: ignore[arg-type]
    chain, key = directory / f"client-{ca}-{expired}.pem", directory / f"client-{ca}-{expired}.key"
    chain.write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    key.chmod(0o600)
    return chain, key


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[tuple[int, list[str]]]:
    """A server that shakes hands, reads, and hangs up; yields its port and what went wrong on its side."""
    listening = socket.create_server(("127.0.0.1", 0))
    faults: list[str] = []

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            spare = plain.dup()  # wrapping takes the socket away, and a failed handshake closes it
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    secure.settimeout(5)
                    secure.recv(65_536)
            except OSError as error:
                faults.append(getattr(error, "reason", None) or type(error).__name__)
            _linger(spare)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1], faults
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _linger(plain: socket.socket) -> None:
    """Close so that what was sent arrives: unread data would turn the end into a reset, which overtakes
    it."""
    with suppress(OSError):
        plain.settimeout(5)
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(65_536):
            continue
    plain.close()
