"""Files that go to a server or come from one, as the rules see them: where, why not, and when again.

Owns: ``Location`` (a URL, its credentials apart), the reasons why a transfer fails, and ``Attempts``.
Refuses to know: how a byte is moved (``controller.transfer``), which file it is, messages of OCPP.

1.6 section 8, errata 3.90 and 2.0.1 N01, L01: FTP, FTPS, HTTP and HTTPS, with user and password in the URL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import SplitResult, quote, unquote, urlsplit

PROTOCOLS = ("FTP", "FTPS", "HTTP", "HTTPS")
"""As in SupportedFileTransferProtocols (errata 3.90) and OCPPCommCtrlr.FileTransferProtocols."""

LONGEST_LOCATION = 4096
"""Characters of a URL. 2.0.1 and the white paper allow 512 (2000 from 2.1 on), 1.6 sets no limit; signed URLs
of file stores have up to 2,000. It goes into the journal and into the first line of a request."""

_PORTS = {"ftp": 21, "ftps": 21, "http": 80, "https": 443}
_HOST = re.compile(r"[\w.:%~-]+", re.ASCII)
_PATH = "/%:@!$&'()*+,;=~-._?"
"""What stays as it is in a path or query; all else becomes percent-encoded UTF-8."""


class TransferFault(StrEnum):
    """Why a transfer failed. The first two cannot be healed by trying again."""

    BAD_LOCATION = "BadLocation"  # no URL
    NOT_SUPPORTED = "NotSupported"  # a protocol of ours or an operation of theirs that does not exist
    PERMISSION_DENIED = "PermissionDenied"  # wrong credentials, or no right to do it
    NOT_FOUND = "NotFound"
    BAD_MESSAGE = "BadMessage"  # the server breaks its protocol, or says that we do
    UNREACHABLE = "Unreachable"  # no address, no connection
    UNTRUSTED = "Untrusted"  # TLS: the server is not the one it should be, or speaks no TLS
    INTERRUPTED = "Interrupted"  # cut, stalled, or the server is busy
    TOO_LARGE = "TooLarge"
    NO_SPACE = "NoSpace"  # here, or the file cannot be written or read here

    @property
    def final(self) -> bool:
        """Trying again cannot help."""
        return self in (TransferFault.BAD_LOCATION, TransferFault.NOT_SUPPORTED)


class LocationError(ValueError):
    """A text is no usable location. ``fault``: BAD_LOCATION or NOT_SUPPORTED. The text shows no password."""

    def __init__(self, fault: TransferFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Location:
    """A URL taken apart. ``path`` begins with "/" and is percent-encoded; ``query`` without "?".

    ``str`` shows neither credentials nor the query (which may be a signature): that is what may be logged.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        query = "?..." if self.query else ""
        return f"{self.scheme}://{self.authority}{self.path}{query}"

    @property
    def authority(self) -> str:
        """Host, and the port where it is not the usual one: the Host header of HTTP."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_directory(self) -> bool:
        return self.path.endswith("/")

    @property
    def file_name(self) -> str:
        """The last part of the path, decoded; "" for a directory."""
        return unquote(self.path.rpartition("/")[2])

    @property
    def secure(self) -> bool:
        return self.scheme in ("https", "ftps")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Credentials are for this and no other."""
        return self.scheme, self.host, self.port

    def within(self, name: str) -> Location:
        """The file ``name`` in this directory; a location that names a file stays as it is."""
        return replace(self, path=self.path + quote(name, safe="")) if self.is_directory else self


def parse_location(text: str) -> Location:
    """Raises ``LocationError``."""

    def refuse(found: str, expected: str) -> LocationError:
        return LocationError(
            TransferFault.BAD_LOCATION,
            f"location: found {found}, expected {expected}, as in ftp://user:password@host:port/path/",
        )

    if len(text) > LONGEST_LOCATION:
        raise refuse(f"{len(text)} characters", f"at most {LONGEST_LOCATION}")
    if any(ord(character) <= 32 or ord(character) == 127 for character in text):
        raise refuse("a URL with a space or control character", "one where they are percent-encoded")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        # Errors of urlsplit quote what they found: the text may be a password.
        raise refuse("a text that is no URL", "host and port (1 to 65535)") from error
    scheme = parts.scheme.lower()
    if not scheme or (scheme not in _PORTS and not parts.netloc):
        raise refuse("no URL", "ftp, ftps, http or https")
    if scheme not in _PORTS:
        raise LocationError(
            TransferFault.NOT_SUPPORTED,
            f"location: found {scheme[:20]}://, expected one of {', '.join(PROTOCOLS)}; ask for one of these",
        )
    try:
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except UnicodeError as error:
        raise refuse("a host that is no name", "a name or an address") from error
    if not _HOST.fullmatch(host):
        raise refuse("a URL without a host that can be", "a name or an address")
    if port == 0:
        raise refuse("port 0", "1 to 65535")
    user, password = _credentials(parts)
    if any(character in "\r\n\0" for character in user + password + unquote(parts.path)):
        raise refuse("an encoded line break", "none")
    path, query = quote(parts.path or "/", safe=_PATH), quote(parts.query, safe=_PATH)
    return Location(scheme, host, port or _PORTS[scheme], path, query, user, password)


def _credentials(parts: SplitResult) -> tuple[str, str]:
    return unquote(parts.username or ""), unquote(parts.password or "")


MOST_RETRIES = 1000
"""Of one request: a file that could not be moved in so many attempts will not be."""


@dataclass(frozen=True, slots=True)
class Attempts:
    """``retries`` counts those after the first attempt (errata 3.50); ``interval_s`` lies between them.

    ``made``: attempts that failed so far.
    """

    retries: int
    interval_s: int
    made: int = 0

    @classmethod
    def asked(cls, retries: int | None, interval_s: int | None, default: Attempts) -> Attempts:
        """What was asked for; own numbers where nothing was (1.6 6.25, 6.55). Negative ones are 0, and none
        is tried for ever."""
        return cls(
            default.retries if retries is None else min(max(0, retries), MOST_RETRIES),
            default.interval_s if interval_s is None else max(0, interval_s),
        )

    @property
    def left(self) -> bool:
        return self.made < self.retries

    def failed(self) -> Attempts:
        return replace(self, made=self.made + 1)

    def next_at_ms(self, now_ms: int) -> int:
        """When the next attempt is due, at least a second after a failure at ``now_ms``."""
        return now_ms + max(1, self.interval_s) * 1000
