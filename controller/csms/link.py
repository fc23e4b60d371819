"""The websocket to the CSMS: opening it, watching over it, closing it.

Owns: the connection URL, Basic authentication, TLS, the choice of the OCPP version by the server, ping and
pong, and saying in plain words why a connection was not made or is gone.
Refuses to know: what is in a frame; when to try again (``backoff``).

Standards: OCPP-J 1.6 chapters 3, 5 and 6 with errata; 2.0.1 and 2.1 part 4 chapters 3 and 5; security
profiles of 2.0.1 part 2 A and the 1.6 security white paper. The ``websockets`` library is imported when a
connection is first made: it costs 12 MB and 56 ms.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import re
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit, urlunsplit

from controller.csms.errors import LinkClosed, LinkError, LinkProblem

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""A larger websocket message ends the connection (close code 1009). ``Rpc`` refuses smaller ones politely."""
CLOSE_TIMEOUT_S: Final = 5.0
MAX_IDENTITY_LENGTH: Final = 48  # 2.1 part 4 3.1.1
_NEVER_WAITS: Final = 8000
"""Characters; with UTF-8 at 4 bytes and a header still far below the 32 KiB at which writing is paused."""
_CLOSE_NORMAL: Final = 1000
_CLOSE_PROTOCOL_ERROR: Final = 1002


@dataclass(frozen=True)
class Endpoint:
    """Where the CSMS is and how this station shows who it is.

    ``url``: OCPP-J endpoint (ws or wss), without the identity. ``subprotocols``: in order of preference.
    ``password``: the bytes themselves (1.6 AuthorizationKey after hex decoding); None: no authentication.
    ``ca_file``: trust only these roots (PEM); None: those of the system. ``security_profile``: 0 nothing
    demanded, 1 password, 2 password and TLS. ``ping_interval_s``: 0 = off; ``pong_timeout_s``: how long a
    pong may take; ``send_timeout_s``: how long a full send buffer may stay full.
    """

    url: str
    identity: str
    subprotocols: tuple[str, ...]
    password: bytes | None = field(default=None, repr=False)
    ca_file: Path | None = None
    security_profile: int = 0
    ping_interval_s: float = 0
    pong_timeout_s: float = 20.0
    open_timeout_s: float = 30.0
    send_timeout_s: float = 30.0

    @property
    def connection_url(self) -> str:
        """Endpoint + "/" + percent-encoded identity (1.6J 3.1.1; 2.x part 4 3.1.1). 16.CONN.01"""
        parts = urlsplit(self.url)
        path = parts.path.removesuffix("/") + "/" + quote(self.identity, safe="")
        return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


async def connect(endpoint: Endpoint) -> Link:
    """Opens the websocket. Raises ``LinkError`` for every reason why it does not become an OCPP connection.

    Redirects are not followed: they would send the password to a host nobody configured.
    """
    host, port, context = _checked(endpoint)
    where = endpoint.connection_url
    from websockets.asyncio.client import ClientConnection
    from websockets.client import ClientProtocol
    from websockets.exceptions import InvalidHandshake, InvalidURI
    from websockets.typing import Subprotocol
    from websockets.uri import parse_uri

    try:
        protocol = ClientProtocol(
            parse_uri(where),
            subprotocols=[Subprotocol(name) for name in endpoint.subprotocols],
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidURI as error:
        raise _bad_endpoint(where, str(error), "a URL like wss://csms.example.com/ocpp", "url") from error
    headers = {}
    if endpoint.password is not None:
        # 1.6J 6.2.2; 2.0.1 A00.FR.204: the user name is the identity
        secret = base64.b64encode(endpoint.identity.encode() + b":" + endpoint.password)
        headers["Authorization"] = "Basic " + secret.decode("ascii")

    def new_connection() -> ClientConnection:
        return ClientConnection(protocol, ping_interval=None, close_timeout=CLOSE_TIMEOUT_S, max_queue=16)

    websocket: ClientConnection | None = None
    try:
        async with asyncio.timeout(endpoint.open_timeout_s):
            loop = asyncio.get_running_loop()
            _, websocket = await loop.create_connection(
                new_connection,
                host,
                port,
                ssl=context,
                server_hostname=host if context else None,
                happy_eyeballs_delay=0.25,
            )
            await websocket.handshake(headers, user_agent_header="joulepost")
    except (OSError, ssl.SSLError, InvalidHandshake, EOFError) as error:
        if websocket is not None:
            websocket.transport.abort()
        raise _explained(error, endpoint, connected=websocket is not None) from error
    except asyncio.CancelledError:
        if websocket is not None:
            websocket.transport.abort()
        raise
    subprotocol = websocket.subprotocol
    if subprotocol is None:
        # 1.6J 3.2: no agreement on a version. 16.CONN.03: OCPP is not spoken on such a socket.
        await _close_quickly(websocket, _CLOSE_PROTOCOL_ERROR, "no subprotocol was agreed")
        raise LinkError(
            LinkProblem.NO_SUBPROTOCOL,
            where,
            "no Sec-WebSocket-Protocol in the server's answer",
            f"one of {', '.join(endpoint.subprotocols)}",
            "configure an OCPP version that this CSMS speaks, or its URL for that version",
        )
    return Link(websocket, str(subprotocol), endpoint)


class Link:
    """An open connection. Receiving is for one task, sending for any; both raise ``LinkClosed`` at the
    end."""

    def __init__(self, websocket: ClientConnection, subprotocol: str, endpoint: Endpoint) -> None:
        from websockets.exceptions import ConnectionClosed

        self.subprotocol = subprotocol
        """The OCPP version the server chose. 16.CONN.02"""
        self._websocket = websocket
        self._connection_closed = ConnectionClosed
        self._where = endpoint.connection_url
        self._pong_timeout_s = endpoint.pong_timeout_s
        self._send_timeout_s = endpoint.send_timeout_s
        self._why = ""  # our own reason for having cut the connection
        self._ping_interval_s = endpoint.ping_interval_s
        self._interval_changed = asyncio.Event()
        self._watch = asyncio.create_task(self._ping(), name="csms ping")

    async def recv(self) -> str | bytes:
        """The next message; bytes when the server sent a binary one. Raises ``LinkClosed``."""
        try:
            return await self._websocket.recv()
        except self._connection_closed as closed:
            raise self._closed(closed) from closed

    async def send(self, text: str) -> None:
        """Returns when the frame is with the kernel or in a buffer of at most 32 KiB. Raises
        ``LinkClosed``."""
        try:
            # Into an empty buffer it goes without waiting; the timer would cost more than the check for it.
            if self._websocket.transport.get_write_buffer_size() == 0 and len(text) < _NEVER_WAITS:
                await self._websocket.send(text)
                return
            async with asyncio.timeout(self._send_timeout_s):
                await self._websocket.send(text)
        except TimeoutError:
            self._cut(f"{self._where} has read nothing for {self._send_timeout_s:g} s")
            raise LinkClosed(self._why) from None
        except self._connection_closed as closed:
            raise self._closed(closed) from closed

    async def close(self, code: int = _CLOSE_NORMAL, reason: str = "") -> None:
        """Says goodbye and waits for the server's, at most about 10 s. Safe to call at any time, repeatedly.

        ``reason``: cut to the 123 bytes a close frame has room for (RFC 6455 5.5.1).
        """
        self._watch.cancel()
        self._why = self._why or "closed by this station" + (f": {reason}" if reason else "")
        await _close_quickly(self._websocket, code, reason)

    def set_ping_interval(self, interval_s: float) -> None:
        """WebSocketPingInterval was changed: seconds between pings, 0 stops them (1.6J 7, 2.x part 4 8.4)."""
        self._ping_interval_s = interval_s
        self._interval_changed.set()

    async def _ping(self) -> None:
        """Finds half-open connections: a missing pong ends them (1.6J errata 3.11). 16.CONN.19, 16.CONN.20"""
        while True:
            self._interval_changed.clear()
            try:
                async with asyncio.timeout(self._ping_interval_s or None):
                    await self._interval_changed.wait()
                continue
            except TimeoutError:
                pass  # nobody changed the interval: it is over
            try:
                async with asyncio.timeout(self._pong_timeout_s):
                    await (await self._websocket.ping())
            except TimeoutError:
                self._cut(f"{self._where} sent no pong within {self._pong_timeout_s:g} s")
                return
            except self._connection_closed:
                return  # whoever reads or sends tells why

    def _cut(self, why: str) -> None:
        self._why = self._why or why
        self._websocket.transport.abort()

    def _closed(self, closed: Exception) -> LinkClosed:
        self._watch.cancel()
        received = getattr(closed, "rcvd", None)
        if self._why:
            return LinkClosed(self._why, None if received is None else received.code)
        if received is None:
            sent = getattr(closed, "sent", None)  # we failed the connection: bad UTF-8, too large, bad frame
            cause = closed.__cause__ or "without a close frame"
            if sent is not None:
                return LinkClosed(
                    f"{self._where} broke the websocket rules: {sent.reason or cause}", sent.code
                )
            return LinkClosed(f"the connection to {self._where} broke: {cause}")
        reason = f": {received.reason}" if received.reason else ""
        return LinkClosed(
            f"{self._where} closed the connection with code {received.code}{reason}", received.code
        )


async def _close_quickly(websocket: ClientConnection, code: int, reason: str) -> None:
    reason = reason.encode()[:123].decode("utf-8", "ignore")
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
            await websocket.close(code, reason)
    except TimeoutError:  # the send buffer is full: even a close frame does not leave
        websocket.transport.abort()


# ---- configuration


def _bad_endpoint(where: str, found: str, expected: str, key: str) -> LinkError:
    return LinkError(LinkProblem.BAD_ENDPOINT, where, found, expected, f"correct {key} in the CSMS settings")


def _checked(endpoint: Endpoint) -> tuple[str, int, ssl.SSLContext | None]:
    """Host, port and TLS context. Raises ``LinkError`` BAD_ENDPOINT."""
    try:
        parts = urlsplit(endpoint.url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        shown = re.sub(r"//[^/@]*@", "//***@", endpoint.url)
        raise _bad_endpoint(shown, str(error), "a URL like wss://csms.example.com/ocpp", "url") from error
    where = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    if parts.scheme not in ("ws", "wss") or not host:
        raise _bad_endpoint(where, f"scheme {parts.scheme!r}", "ws:// or wss:// and a host", "url")
    if parts.username is not None or parts.fragment:
        raise _bad_endpoint(
            where, "a user name or a fragment in the URL", "neither; the password apart", "url"
        )
    if not endpoint.subprotocols:
        raise _bad_endpoint(where, "no OCPP version", "at least one, like ocpp2.0.1", "versions")
    identity = endpoint.identity
    if not 1 <= len(identity) <= MAX_IDENTITY_LENGTH or ":" in identity or not identity.isprintable():
        raise _bad_endpoint(
            where, f"identity {identity[:60]!r}", "1 to 48 printable characters without a colon", "identity"
        )
    profile = endpoint.security_profile
    if profile not in (0, 1, 2):
        raise _bad_endpoint(where, f"security profile {profile}", "0, 1 or 2", "the security profile")
    if profile >= 1 and not endpoint.password:
        raise _bad_endpoint(
            where, "no password", f"one, as security profile {profile} demands", "the password"
        )
    if profile == 2 and parts.scheme != "wss":
        raise _bad_endpoint(where, "ws", "wss, as security profile 2 demands", "url")
    if parts.scheme == "ws":
        return host, port or 80, None
    return host, port or 443, _tls(endpoint, where)


def _tls(endpoint: Endpoint, where: str) -> ssl.SSLContext:
    """TLS 1.2 or later, the server's certificate and name verified (2.0.1 A00.FR.309 to 312)."""
    try:
        context = ssl.create_default_context(cafile=endpoint.ca_file)
    except (OSError, ssl.SSLError) as error:
        found = f"{endpoint.ca_file}: {error.strerror or error}"
        raise _bad_endpoint(where, found, "a readable file of PEM certificates", "ca_file") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


# ---- explanations

_EXPIRED, _NOT_YET_VALID, _WRONG_HOST, _WRONG_ADDRESS = 10, 9, 62, 64  # OpenSSL X509_V_ERR_*
_SELF_SIGNED: Final = {18: "a self-signed certificate", 19: "a chain with a root that is not trusted"}


def _explained(error: Exception, endpoint: Endpoint, *, connected: bool) -> LinkError:
    from websockets.exceptions import InvalidHandshake, InvalidStatus, NegotiationError

    where = endpoint.connection_url
    if isinstance(error, TimeoutError):
        stage = "only the connection itself" if connected else "no answer at all"
        return LinkError(
            LinkProblem.TIMEOUT,
            where,
            f"{stage} within {endpoint.open_timeout_s:g} s",
            "a websocket",
            "check the network, a firewall in between, and whether the CSMS is up",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_explained(error, endpoint)
    if isinstance(error, ssl.SSLError):
        return LinkError(
            LinkProblem.TLS_FAILED,
            where,
            error.reason or str(error),
            "TLS 1.2 or later",
            "check that the port speaks TLS and which versions and ciphers it allows",
        )
    if isinstance(error, socket.gaierror):
        return LinkError(
            LinkProblem.NAME_UNKNOWN,
            where,
            error.strerror or str(error),
            "an address for the host name",
            "check the host name in the URL, and that the network and its DNS work",
        )
    # For a name with several addresses asyncio packs all their errors into the text of one OSError.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return LinkError(
            LinkProblem.REFUSED,
            where,
            "nothing listening",
            "a websocket server",
            "check the port in the URL and whether the CSMS is up",
        )
    if isinstance(error, ConnectionError | EOFError) and not connected and endpoint.url.startswith("wss:"):
        return LinkError(
            LinkProblem.TLS_FAILED,
            where,
            "a hang-up in the middle of the TLS handshake",
            "TLS 1.2 or later",
            "check that the port speaks TLS and which versions and ciphers it allows",
        )
    if isinstance(error, OSError) and not connected:
        return LinkError(
            LinkProblem.UNREACHABLE,
            where,
            error.strerror or str(error),
            "a TCP connection",
            "check the network cable, Wi-Fi or modem, and the address",
        )
    if isinstance(error, InvalidStatus):
        return _status_explained(error.response.status_code, error.response.headers.get("Location"), endpoint)
    if isinstance(error, NegotiationError):
        return LinkError(
            LinkProblem.NO_SUBPROTOCOL,
            where,
            str(error),
            f"one of {', '.join(endpoint.subprotocols)}",
            "this CSMS answers wrongly; tell its operator",
        )
    found = f"{error.__class__.__name__}: {error}" if isinstance(error, InvalidHandshake) else "a hang-up"
    return LinkError(
        LinkProblem.NOT_A_WEBSOCKET,
        where,
        found[:200],
        "a websocket handshake (RFC 6455 4)",
        "check host, port and path of the URL, and ws against wss",
    )


def _certificate_explained(error: ssl.SSLCertVerificationError, endpoint: Endpoint) -> LinkError:
    where, code = endpoint.connection_url, error.verify_code
    if code in (_EXPIRED, _NOT_YET_VALID):
        return LinkError(
            LinkProblem.TLS_DATE,
            where,
            error.verify_message,
            "a certificate valid today",
            "check the date of this station first, then have the CSMS's certificate renewed",
        )
    if code in (_WRONG_HOST, _WRONG_ADDRESS):
        return LinkError(
            LinkProblem.TLS_WRONG_HOST,
            where,
            error.verify_message,
            "a certificate for the host of the URL",
            "check the host name in the URL; if it is right, this may be somebody else's server",
        )
    trusted = f"the roots in {endpoint.ca_file}" if endpoint.ca_file else "the system's root certificates"
    return LinkError(
        LinkProblem.TLS_UNTRUSTED,
        where,
        _SELF_SIGNED.get(code, error.verify_message),
        f"a chain that ends in {trusted}",
        "configure the CSMS's root certificate as ca_file if it has a private one",
    )


def _status_explained(status: int, location: str | None, endpoint: Endpoint) -> LinkError:
    """1.6J 3.2 and errata 3.4: 404 = identity not known; 401 is Basic authentication's (RFC 7617 2)."""
    found = f"HTTP status {status}"
    if 300 <= status < 400:
        problem = LinkProblem.REDIRECTED
        target = re.sub(r"//[^/@]*@", "//***@", location or "")[:200]
        found += f" to {target!r}" if target else ""
        remedy = "redirects are not followed; configure the new URL if it is the right one"
    elif status == 401:
        problem = LinkProblem.UNAUTHORIZED
        remedy = "check the password" if endpoint.password is not None else "configure a password"
        remedy += f" of {endpoint.identity} here and in the CSMS"
    elif status == 403:
        problem, remedy = LinkProblem.FORBIDDEN, "ask the CSMS's operator whether this station is blocked"
    elif status == 404:
        problem = LinkProblem.UNKNOWN_IDENTITY
        remedy = f"check the path of the URL, and that the CSMS knows the identity {endpoint.identity!r}"
    elif status >= 500 or status == 429:
        problem, remedy = LinkProblem.SERVER_ERROR, "nothing to do here; it is tried again"
    else:
        problem, remedy = LinkProblem.REFUSED_BY_HTTP, "check the URL"
    return LinkError(problem, endpoint.connection_url, found, "101 Switching Protocols", remedy)
