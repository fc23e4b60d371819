"""Where a meter is: the ``link`` of a meter profile, taken apart.

Owns: the syntax of links and the checks of bus settings. Refuses to know: how a bus is opened.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hal.profile import MeterProfile, ProfileError

_ACCEPTED = "accepted: rtu:/dev/PORT, tcp:HOST:PORT, rtutcp:HOST:PORT"


@dataclass(frozen=True, slots=True)
class Link:
    """A bus. ``kind``: "rtu" (serial port ``path``), "tcp" or "rtutcp" (``host`` and ``port``)."""

    kind: str
    text: str
    path: Path = Path()
    host: str = ""
    port: int = 0

    @property
    def place(self) -> str:
        """What tells two buses apart: two names of one serial port are one place."""
        return str(self.path.resolve()) if self.kind == "rtu" else f"{self.kind}:{self.host}:{self.port}"


def parse_link(text: str, root: Path) -> Link:
    """``text`` as a ``Link``; serial ports are looked for under ``root``. Raises ``ProfileError``."""
    kind, _, rest = text.partition(":")
    if kind == "rtu":
        if not rest.startswith("/"):
            raise ProfileError(f"meter: link: {text!r} has no absolute path of a serial port; {_ACCEPTED}")
        return Link(kind, text, path=root / rest.lstrip("/"))
    if kind not in ("tcp", "rtutcp"):
        raise ProfileError(f"meter: link: {text!r} is no link; {_ACCEPTED}")
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and ":" not in rest:
        host, port = rest, "502"
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if (
        not host
        or (":" in host and not bracketed)
        or not port.isascii()
        or not port.isdigit()
        or not 1 <= int(port) <= 65535
    ):
        raise ProfileError(f"meter: link: {text!r} has no host and port; {_ACCEPTED}")
    return Link(kind, text, host=host, port=int(port))


def check_settings(profile: MeterProfile, link: Link) -> None:
    """The numbers of a profile. Raises ``ProfileError`` naming key, found and accepted."""
    lowest, highest = (0, 255) if link.kind == "tcp" else (1, 247)
    if not lowest <= profile.unit <= highest:
        raise ProfileError(f"meter: unit: {profile.unit}, accepted with {link.kind}: {lowest} to {highest}")
    if not 10 <= profile.timeout_ms <= 60_000:
        raise ProfileError(f"meter: timeout_ms: {profile.timeout_ms}, accepted: 10 to 60000")
    if link.kind != "rtu":
        return
    if not 300 <= profile.baud <= 4_000_000:
        raise ProfileError(f"meter: baud: {profile.baud}, accepted: 300 to 4000000")
    if profile.parity not in ("N", "E", "O"):
        raise ProfileError(f"meter: parity: {profile.parity!r}, accepted: 'N', 'E', 'O'")
    if profile.stop_bits not in (1, 2):
        raise ProfileError(f"meter: stop_bits: {profile.stop_bits}, accepted: 1, 2")
