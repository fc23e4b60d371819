"""What connection and firmware update get from the certificate store.

Owns: the protocol. Private keys appear in it as paths only: ``ssl`` reads them, nobody else.
Refuses to know: the store (``store``), the rules (``domain.security.certificates``), TLS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """For ``SSLContext.load_cert_chain(chain, key)``. ``expires_at_ms``: UTC."""

    chain: Path
    key: Path
    fingerprint: str
    expires_at_ms: int


class Certificates(Protocol):
    """All answers are for now, from memory, without touching the disk: ask anew for every connection."""

    def client_certificates(self) -> Sequence[ClientCertificate]:
        """Those that are valid now, the one to use first (white paper A02.FR.09: the newest by the start of
        its validity). The others are for falling back when the first does not work (A02.FR.10)."""

    def client_certificate(self) -> tuple[Path, Path] | None:
        """(chain, key) of the one to use now, None = there is none."""

    def central_roots(self) -> Sequence[Path]:
        """All installed roots of the CSMS, a PEM file each."""

    def trust(self) -> Sequence[Sequence[Path]]:
        """The roots to verify the CSMS with: try the first group; only when verification fails with it, the
        next (M05.FR.13: a new root is tried first, the one it replaces is the fallback). Never empty groups;
        no group at all = no root is installed.

        A root may be signed by the one it replaced, so verify with ``ssl.VERIFY_X509_PARTIAL_CHAIN``
        (white paper 7.1).
        """

    def manufacturer_roots(self) -> Sequence[Path]:
        """Installed roots of the manufacturer, for firmware signing certificates."""

    def connected(self, roots: Sequence[Path], client_chain: Path | None = None) -> None:
        """A connection to the CSMS was made and verified with one of ``roots`` (empty: with none of the
        store), presenting ``client_chain``. Ends the trial of a new root (M05.FR.12) and makes roots and
        certificate "in use". Call it for every connection, also unsecured ones (with nothing)."""
