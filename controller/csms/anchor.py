"""Which of several trusted roots a server was verified with.

Owns: the look into the chain that OpenSSL built. Python has a public way to it from 3.13 on; before, the same
method is there without a promise, and where it is not, the answer is "one of them".
Refuses to know: what follows from it (a root in use is not deleted, M04.FR.06).
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_BEGIN = "-----BEGIN CERTIFICATE-----"
_ENCODING_DER = 2  # _ssl.ENCODING_DER


def verified_with(connection: Any, roots: Sequence[Path]) -> tuple[Path, ...]:
    """The file that holds the end of the verified path; all of ``roots`` when it cannot be told.
    ``connection``: an ``ssl.SSLObject`` after its handshake."""
    chain = _chain(connection)
    if len(roots) > 1 and chain:
        for path in roots:
            if chain[-1] in _certificates(path):
                return (path,)
    return tuple(roots)


def _chain(connection: Any) -> list[bytes]:
    """DER, the server's certificate first; empty when Python does not tell."""
    public = getattr(connection, "get_verified_chain", None)
    if public is not None:
        return [bytes(one) for one in public()]
    hidden = getattr(getattr(connection, "_sslobj", None), "get_verified_chain", None)
    return [] if hidden is None else [one.public_bytes(_ENCODING_DER) for one in hidden() or ()]


def _certificates(path: Path) -> list[bytes]:
    try:
        _before, *found = path.read_text(encoding="ascii").split(_BEGIN)
        return [ssl.PEM_cert_to_DER_cert(_BEGIN + one.strip()) for one in found]
    except (OSError, ValueError):
        return []  # it was readable a moment ago; then it is one of them
