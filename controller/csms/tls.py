"""TLS to the CSMS: which versions and suites, whose roots, which client certificate; why a handshake failed.

Owns: the ``SSLContext`` of security profiles 2 and 3 (1.6 security white paper A00.FR.307 to 322, 401 to 426;
2.0.1 part 2 the same numbers), the check of what was negotiated, and telling apart a server that is too old,
one without a permitted suite, and one that refuses the client certificate.
Refuses to know: websockets, when to connect, security events.

Versions: 1.2 and 1.3. Suites of 1.2: the four that every CSMS has to support (A00.FR.317), nothing else; with
1.3 its own three, all of them AEAD with forward secrecy ("or its successor standards", A00.FR.316). No
compression (A00.FR.320), no renegotiation with a server that does not secure it (RFC 5746).

Names: a dNSName of the certificate decides, where there is one; otherwise the commonName, which is where
the white paper wants the FQDN (A00.FR.308, FR.510; RFC 2818 says the same order). An address in the URL
needs an iPAddress in the certificate.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SUITES_12: Final = {
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "AES256-GCM-SHA384": "TLS_RSA_WITH_AES_256_GCM_SHA384",
}
"""OpenSSL's name -> the standard's, in order of preference: with forward secrecy first (A00.FR.318)."""

SUITES_13: Final = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")

VERSIONS: Final = ("TLSv1.2", "TLSv1.3")

LOOK_TIMEOUT_S: Final = 10.0
_LEGACY_SERVER: Final = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, which ``ssl`` names from Python 3.12 on

_TOO_OLD: Final = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION", "UNKNOWN_PROTOCOL")
_NO_SUITE: Final = ("HANDSHAKE_FAILURE", "INSUFFICIENT_SECURITY", "NO_CIPHERS_AVAILABLE", "WRONG_CIPHER")


class BadTlsFile(Exception):
    """A file of certificates or keys cannot be used. ``path``, ``found`` and ``expected`` in plain words."""

    def __init__(self, path: Path, found: str, expected: str) -> None:
        super().__init__(f"{path}: found {found}, expected {expected}")
        self.path = path
        self.found = found
        self.expected = expected


@dataclass
class Handshake:
    """One context for one connection, and what became of its handshake."""

    context: ssl.SSLContext
    seen: list[ssl.SSLObject] = field(default_factory=list)

    def __post_init__(self) -> None:
        seen = self.seen

        class Watched(ssl.SSLObject):
            def do_handshake(self) -> None:
                seen[:] = [self]
                super().do_handshake()

        self.context.sslobject_class = Watched

    @property
    def suite(self) -> str:
        """What was agreed, "" while or because nothing was."""
        cipher = self.seen[0].cipher() if self.seen else None
        return cipher[0] if cipher else ""

    @property
    def version(self) -> str:
        """ "" before the handshake is over."""
        return (self.seen[0].version() if self.seen else None) or ""

    def fault(self) -> str:
        """What is wrong with a finished handshake, "" = nothing (A00.FR.313, FR.318, FR.320).

        The context allows nothing of the kind; this is a second look, as the standard demands.
        """
        if self.version not in VERSIONS:
            return f"TLS version {self.version or 'unknown'}"
        if self.suite not in SUITES_12 and self.suite not in SUITES_13:
            return f"cipher suite {self.suite or 'unknown'}"
        compression = self.seen[0].compression()
        return f"compression {compression}" if compression else ""


def handshake(roots: Sequence[Path] | None, chain: Path | None = None, key: Path | None = None) -> Handshake:
    """``roots``: PEM files to trust; None = the system's. ``chain`` and ``key``: the client certificate, or
    both None. Raises ``BadTlsFile``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES_12))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.options &= ~_LEGACY_SERVER
    # A root may be signed by the one it replaced, which may be gone (white paper 7.1).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if roots is None:
        context.load_default_certs()
    for path in roots or ():
        _load_roots(context, path)
    if chain is not None:
        try:
            # A passphrase is asked for at the terminal of whoever started the program, unless one is given.
            context.load_cert_chain(chain, key, password="")
        except (OSError, ssl.SSLError) as error:
            place = chain if key is None else f"{chain} with {key}"
            raise BadTlsFile(
                chain, f"{place}: {_reason(error)}", "a certificate chain and its unencrypted key, in PEM"
            ) from error
    return Handshake(context)


def _load_roots(context: ssl.SSLContext, path: Path) -> None:
    before = context.cert_store_stats()["x509"]
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise BadTlsFile(path, _reason(error), "a readable file of PEM certificates") from error
    if context.cert_store_stats()["x509"] == before:
        raise BadTlsFile(path, "no certificate", "a readable file of PEM certificates")


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return error.strerror or str(error)


def too_old(error: BaseException) -> bool:
    """The server's answer said that it has no version as new as 1.2 (A00.FR.315)."""
    return isinstance(error, ssl.SSLError) and any(word in (error.reason or "") for word in _TOO_OLD)


def no_suite(error: BaseException) -> bool:
    """The server's answer said that nothing is common. Before a suite was agreed that means the suites; after
    it, OpenSSL's servers say the same when a client certificate is missing."""
    return isinstance(error, ssl.SSLError) and any(word in (error.reason or "") for word in _NO_SUITE)


def is_alert(error: BaseException) -> bool:
    """The server ended it, not this station."""
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server would have agreed to. ``version`` "" = not found out."""

    version: str
    suite: str

    @property
    def too_old(self) -> bool:
        return bool(self.version) and self.version not in VERSIONS

    @property
    def weak(self) -> bool:
        return bool(self.suite) and self.suite not in SUITES_12 and self.suite not in SUITES_13


async def what_it_offers(host: str, port: int) -> Offer | None:
    """Ask a server that broke off the handshake what it would have taken: many hang up without a word,
    and the standard wants to know whether it was the version or the suites (A00.FR.315, FR.322).

    Everything is offered, nothing is verified, and nothing is sent: the connection ends with the handshake.
    None = no TLS there, or it breaks off whatever is offered.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER
    shaken = Handshake(context)
    transport: asyncio.Transport | None = None
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            transport, _ = await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, host, port, ssl=context, server_hostname=host
            )
        return Offer(shaken.version, shaken.suite)
    except (OSError, EOFError):  # also ``TimeoutError`` and ``SSLError``
        return Offer("", shaken.suite) if shaken.suite else None
    finally:
        if transport is not None:
            transport.abort()


def valid_root_in(path: Path, utc_ms: int) -> bool:
    """Whether the file holds a CA certificate that is valid now (white paper A05.FR.03)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        _load_roots(context, path)
    except BadTlsFile:
        return False
    for found in context.get_ca_certs():
        begins, ends = (ssl.cert_time_to_seconds(str(found[name])) for name in ("notBefore", "notAfter"))
        if begins * 1000 <= utc_ms <= ends * 1000:
            return True
    return False


def valid_pair(chain: Path, key: Path, utc_ms: int) -> bool:
    """Whether certificate and key belong together and the certificate is valid now (A05.FR.04)."""
    from cryptography import x509

    try:
        handshake((), chain, key)
        leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    except (BadTlsFile, OSError, ValueError):
        return False
    begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    return begins * 1000 <= utc_ms <= ends * 1000
