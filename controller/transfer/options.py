"""What a transfer may take and whom it trusts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int | None], None]
"""``progress(done_bytes, total_bytes)``, called in the event loop; total None = not known."""

CHUNK_BYTES = 64 * 1024
"""Moved at once: cancelling takes effect within one of these."""


@dataclass(frozen=True, slots=True)
class Options:
    """Limits and trust. ``ca_files``, ``ca_pem``: roots trusted besides the system's (PEM); ``system_roots``
    False: only those. ``connect_s``: for a connection with its TLS handshake. ``stall_s``: so long fewer than
    ``stall_bytes`` is a stall. ``whole_s``: for everything. ``most_bytes``: a larger file is refused.
    ``keep_free_bytes``: so much of the disk stays free. ``redirects``: so many are followed.
    """

    ca_files: tuple[Path, ...] = ()
    ca_pem: str = ""
    system_roots: bool = True
    connect_s: float = 30
    stall_s: float = 60
    stall_bytes: int = 1024
    whole_s: float = 6 * 3600
    most_bytes: int = 512 * 1024 * 1024
    keep_free_bytes: int = 64 * 1024 * 1024
    redirects: int = 5
