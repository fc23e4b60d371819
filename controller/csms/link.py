"""The websocket to the CSMS: opening it, watching over it, closing it.

Owns: the connection URL, Basic authentication, the choice of the OCPP version by the server, ping and
pong, and saying in plain words why a connection was not made or is gone.
Refuses to know: what is in a frame; when to try again (``backoff``); which profile, password and certificate
are the ones to use (``access``).

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

from controller.csms.anchor import verified_with
from controller.csms.errors import LinkClosed, LinkError, LinkProblem
from controller.csms.tls import (
    SUITES_12,
    BadTlsFile,
    Handshake,
    handshake,
    is_alert,
    no_suite,
    too_old,
    what_it_offers,
)

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""A larger websocket message ends the connection (close code 1009). ``Rpc`` refuses smaller ones politely."""
CLOSE_TIMEOUT_S: Final = 5.0
MAX_IDENTITY_LENGTH: Final = 48  # 2.1 part 4 3.1.1
_NEVER_WAITS: Final = 8000
"""Characters; with UTF-8 at 4 bytes and a header still far below the 32 KiB at which writing is paused."""
PASSWORD_PROFILES: Final = (1, 2)
TLS_PROFILES: Final = (2, 3)
CLIENT_CERTIFICATE_PROFILE: Final = 3
_CLOSE_NORMAL: Final = 1000
_CLOSE_PROTOCOL_ERROR: Final = 1002


@dataclass(frozen=True)
class Endpoint:
    """Where the CSMS is and how this station shows who it is.

    ``url``: OCPP-J endpoint (ws or wss), without the identity. ``subprotocols``: in order of preference.
    ``password``: the bytes themselves (1.6 AuthorizationKey after hex decoding); None: no authentication.
    ``ca_file``: trust only these roots (PEM); None: those of the system. ``trust``: groups of root files
    installed at run time, each tried alone, in order, before those. ``chain`` and ``key``: files of the
    client certificate. ``security_profile``: 0 nothing demanded, 1 password, 2 password and TLS, 3 client
    certificate and TLS, without a password. ``ping_interval_s``: 0 = off; ``pong_timeout_s``: how long a
    pong may take; ``send_timeout_s``: how long a full send buffer may stay full.
    """

    url: str
    identity: str
    subprotocols: tuple[str, ...]
    password: bytes | None = field(default=None, repr=False)
    ca_file: Path | None = None
    trust: tuple[tuple[Path, ...], ...] = ()
    chain: Path | None = None
    key: Path | None = None
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

    Redirects are not followed: they would send the password to a host nobody configured. A server that
    cannot be verified with one group of ``trust`` is tried with the next, at last with ``ca_file`` or the
    system's roots: a new root must not cut off a CSMS that still uses the old one (white paper M05.FR.13).
    """
    host, port, secure = _checked(endpoint)
    if not secure:
        return await _connect(endpoint, host, port, None, None)
    for group in endpoint.trust:
        try:
            return await _connect(endpoint, host, port, _tls(endpoint, group), group)
        except LinkError as error:
            if error.problem is not LinkProblem.TLS_UNTRUSTED:
                raise
    own = (endpoint.ca_file,) if endpoint.ca_file else None
    return await _connect(endpoint, host, port, _tls(endpoint, own), None)


async def _connect(
    endpoint: Endpoint, host: str, port: int, tls: Handshake | None, group: tuple[Path, ...] | None
) -> Link:
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
    if endpoint.password is not None and endpoint.security_profile != CLIENT_CERTIFICATE_PROFILE:
        # 1.6J 6.2.2, white paper A00.FR.203, FR.204; 2.0.1 A00.FR.204: the user name is the identity
        secret = base64.b64encode(endpoint.identity.encode() + b":" + endpoint.password)
        headers["Authorization"] = "Basic " + secret.decode("ascii")
    lost: list[BaseException] = []

    class Connection(ClientConnection):
        def connection_lost(self, exc: Exception | None) -> None:
            if exc is not None:
                lost.append(exc)  # TLS 1.3 refuses a client certificate after the handshake
            super().connection_lost(exc)

    def new_connection() -> ClientConnection:
        return Connection(protocol, ping_interval=None, close_timeout=CLOSE_TIMEOUT_S, max_queue=16)

    websocket: ClientConnection | None = None
    try:
        async with asyncio.timeout(endpoint.open_timeout_s):
            loop = asyncio.get_running_loop()
            _, websocket = await loop.create_connection(
                new_connection,
                host,
                port,
                ssl=tls.context if tls else None,
                server_hostname=host if tls else None,
                happy_eyeballs_delay=0.25,
            )
            if tls is not None and tls.fault():
                raise _suite_error(where, tls.fault())
            await websocket.handshake(headers, user_agent_header="joulepost")
    except LinkError:
        assert websocket is not None
        websocket.transport.abort()
        raise
    except (OSError, ssl.SSLError, InvalidHandshake, EOFError) as error:
        if websocket is not None:
            websocket.transport.abort()
        failed: LinkError | None = None
        if tls is not None:
            failed = await _tls_explained(lost[0] if lost else error, endpoint, host, port, tls, websocket)
        raise failed or _explained(error, endpoint, connected=websocket is not None) from error
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
    roots = verified_with(tls.seen[0], group) if tls is not None and group else ()
    return Link(websocket, str(subprotocol), endpoint, roots)


class Link:
    """An open connection. Receiving is for one task, sending for any; both raise ``LinkClosed`` at the
    end."""

    def __init__(
        self,
        websocket: ClientConnection,
        subprotocol: str,
        endpoint: Endpoint,
        roots: tuple[Path, ...] = (),
    ) -> None:
        from websockets.exceptions import ConnectionClosed

        self.subprotocol = subprotocol
        """The OCPP version the server chose. 16.CONN.02"""
        self.roots = roots
        """What of ``Endpoint.trust`` the server was verified with; () = with nothing of it."""
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
                why = f"{self._where} broke the websocket rules: {sent.reason or cause}"
                return LinkClosed(why, sent.code, broken=True)
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


def _checked(endpoint: Endpoint) -> tuple[str, int, bool]:
    """Host, port and whether TLS is used. Raises ``LinkError`` BAD_ENDPOINT."""
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
    if profile not in (0, 1, 2, 3):
        raise _bad_endpoint(where, f"security profile {profile}", "0, 1, 2 or 3", "the security profile")
    demanded = f", as security profile {profile} demands"
    if profile in PASSWORD_PROFILES and not endpoint.password:
        raise _bad_endpoint(where, "no password", f"one{demanded}", "the password")
    if profile in TLS_PROFILES and parts.scheme != "wss":
        raise _bad_endpoint(where, "ws", f"wss{demanded}", "url")
    if profile == CLIENT_CERTIFICATE_PROFILE and endpoint.chain is None:
        raise _bad_endpoint(where, "no client certificate", f"one{demanded}", "certificate_file and key_file")
    secure = parts.scheme == "wss"
    return host, port or (443 if secure else 80), secure


def _tls(endpoint: Endpoint, roots: tuple[Path, ...] | None) -> Handshake:
    """The server's certificate and name are verified whatever the profile (A00.FR.307, FR.308)."""
    certified = endpoint.security_profile == CLIENT_CERTIFICATE_PROFILE
    try:
        return handshake(roots, endpoint.chain if certified else None, endpoint.key if certified else None)
    except BadTlsFile as error:
        key = "certificate_file and key_file" if error.path == endpoint.chain else "ca_file"
        raise _bad_endpoint(
            endpoint.connection_url, f"{error.path}: {error.found}", error.expected, key
        ) from error


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


def _suite_error(where: str, found: str) -> LinkError:
    return LinkError(
        LinkProblem.TLS_SUITE,
        where,
        found,
        f"one of {', '.join(SUITES_12.values())}, or TLS 1.3",
        "have one of them enabled at the CSMS",
    )


def _version_error(where: str, found: str) -> LinkError:
    return LinkError(LinkProblem.TLS_VERSION, where, found, "TLS 1.2 or later", "have it enabled at the CSMS")


async def _tls_explained(
    error: BaseException,
    endpoint: Endpoint,
    host: str,
    port: int,
    tls: Handshake,
    websocket: ClientConnection | None,
) -> LinkError | None:
    """What TLS has to say about a failure; None = it was not TLS. ``websocket`` None: in the handshake."""
    where = endpoint.connection_url
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_explained(error, endpoint)
    if isinstance(error, ConnectionRefusedError):
        return None  # nobody there to shake hands with
    hung_up = isinstance(error, ConnectionError | EOFError)
    certified = endpoint.security_profile == CLIENT_CERTIFICATE_PROFILE
    if websocket is not None and isinstance(error.__cause__, EOFError):
        hung_up = True  # the websocket's way to say that no answer came
    if not isinstance(error, ssl.SSLError) and not (hung_up and (websocket is None or certified)):
        return None
    found = (error.reason if isinstance(error, ssl.SSLError) else "") or str(error)
    if tls.suite and (is_alert(error) or (hung_up and certified)):
        # Version and suite were agreed, the server's certificate is good: only ours was left to judge.
        return LinkError(
            LinkProblem.CLIENT_CERTIFICATE,
            where,
            "a hang-up after the station's certificate" if hung_up else found,
            "a CSMS that accepts it" if certified else "a CSMS that asks for none",
            "have a certificate signed that this CSMS accepts, or correct the security profile",
        )
    if websocket is None and (hung_up or too_old(error) or no_suite(error)) and not tls.suite:
        offer = await what_it_offers(host, port)
        if too_old(error) or (offer is not None and offer.too_old):
            return _version_error(where, offer.version if offer and offer.version else found)
        if offer is not None and offer.weak:
            return _suite_error(where, offer.suite)
        if no_suite(error):
            return _suite_error(where, found)
    return LinkError(
        LinkProblem.TLS_FAILED,
        where,
        "a hang-up in the middle of the TLS handshake" if hung_up else found,
        "TLS 1.2 or later",
        "check that the port speaks TLS and which versions and ciphers it allows",
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
