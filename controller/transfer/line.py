"""The sockets of one transfer, and the switch that ends it from another thread.

Owns: connecting with a time-out that a cancellation cuts short, TLS, and the pace.
Refuses to know: HTTP, FTP.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

from controller.domain.tasks.transfers import Location, TransferFault
from controller.transfer.errors import Cut, TransferError
from controller.transfer.options import Options
from controller.transfer.pace import Pace

if TYPE_CHECKING:
    import ssl

_LOOK_S = 0.2
"""A cancellation is seen this fast while a connection is made."""

MOST_BESIDE_BYTES = 1024 * 1024
"""What may come beside the file itself: heads, chunk sizes, trailers. As much again as the file is allowed,
because it may come in chunks of a byte."""

REMEDY_TRUST = "install the root certificate that signed it, or use a server with one that is trusted"


class Line:
    """One for each transfer. ``cut`` may be called from any thread; the rest belongs to the transfer's."""

    def __init__(self, location: Location, options: Options) -> None:
        self.location = location
        self.options = options
        self._cut = threading.Event()
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._pace = Pace(options.stall_s, options.stall_bytes, time.monotonic())
        self._beside = 0  # bytes that came and were not of the file

    # ------------------------------------------------------------------ ending it

    def cut(self) -> None:
        """End the transfer now: a thread that waits for a socket wakes up."""
        with self._lock:
            self._cut.set()
            for one in self._sockets:
                _shut(one)

    def check(self) -> None:
        """Raises ``Cut`` after ``cut``."""
        if self._cut.is_set():
            raise Cut

    def close(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            one.close()

    def moved(self, count: int) -> None:
        """``count`` bytes went through. Raises ``Cut``, or ``TransferError`` when it is a stall."""
        self.check()
        if self._pace.stalled(count, time.monotonic()):
            raise self.stalled()

    def arrived(self, count: int) -> None:
        """``count`` bytes came, whatever they are. Raises ``Cut``, and ``TransferError`` when nothing of use
        comes for too long, or too much else."""
        self.check()
        self._beside += count
        if self._beside > MOST_BESIDE_BYTES:
            raise TransferError(
                TransferFault.BAD_MESSAGE,
                f"{self.location}: found more than {MOST_BESIDE_BYTES} bytes beside the file, expected an "
                "answer that ends; see the server",
            )
        if self._pace.stalled(0, time.monotonic()):
            raise self.stalled()

    def useful(self, count: int) -> None:
        """So many of the bytes that ``arrived`` were the file's; they make room for as many others."""
        self._beside -= 2 * count

    def resting(self) -> None:
        """A new stretch begins: the pace counts from now."""
        self._pace = Pace(self.options.stall_s, self.options.stall_bytes, time.monotonic())

    def stalled(self) -> TransferError:
        options = self.options
        return TransferError(
            TransferFault.INTERRUPTED,
            f"{self.location}: fewer than {options.stall_bytes} bytes in {options.stall_s:g} s; "
            "see whether server and network are overloaded",
        )

    # ------------------------------------------------------------------ connecting

    def open(self, host: str, port: int) -> socket.socket:
        """A connected socket whose time-out is ``stall_s``. Raises ``TransferError``, ``Cut``."""
        if not 0 < port < 65536:
            raise TransferError(
                TransferFault.BAD_MESSAGE,
                f"{self.location}: found port {port}, expected 1 to 65535; see the server",
            )
        try:
            addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise TransferError(
                TransferFault.UNREACHABLE,
                f"{self.location}: the name {host} has no address ({error}); check the name and DNS",
            ) from error
        deadline_s = time.monotonic() + self.options.connect_s
        failure = "no address"
        for family, kind, protocol, _name, address in addresses:
            one = socket.socket(family, kind, protocol)
            with self._lock:
                self._sockets.append(one)
            problem = self._connect(one, address, deadline_s)
            if not problem:
                one.settimeout(self.options.stall_s)
                return one
            failure = f"{address[0]} port {port}: {problem}"
            self._forget(one)
        raise TransferError(
            TransferFault.UNREACHABLE, f"{self.location}: {failure}; check address, port and firewall"
        )

    def _connect(self, one: socket.socket, address: object, deadline_s: float) -> str:
        """Returns what went wrong, "" when nothing did."""
        one.setblocking(False)
        code = one.connect_ex(address)  # type: ignore[arg-type]
        waiting = select.poll()
        waiting.register(one, select.POLLOUT)
        while code in (errno.EINPROGRESS, errno.EAGAIN, errno.EINTR):
            self.check()
            if time.monotonic() >= deadline_s:
                return f"no connection within {self.options.connect_s:g} s"
            if waiting.poll(_LOOK_S * 1000):
                code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                break
        self.check()
        return os.strerror(code) if code else ""

    def _forget(self, one: socket.socket) -> None:
        with self._lock:
            self._sockets.remove(one)
        one.close()

    # ------------------------------------------------------------------ TLS

    @property
    def context(self) -> ssl.SSLContext:
        """Made once: TLS 1.2 or newer, the server's certificate and name are checked."""
        import ssl

        if self._context is None:
            options = self.options
            try:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                # An installed root may be signed by the one it replaced: it is trusted all the same.
                context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
                if options.system_roots:
                    context.load_default_certs()
                for one in options.ca_files:
                    context.load_verify_locations(cafile=one)
                if options.ca_pem:
                    context.load_verify_locations(cadata=options.ca_pem)
            except (OSError, ssl.SSLError, ValueError) as error:
                files = ", ".join(str(one) for one in options.ca_files) or "installed roots"
                raise TransferError(
                    TransferFault.UNTRUSTED,
                    f"{self.location}: the root certificates cannot be read ({files}): {error}; "
                    "expected PEM certificates",
                ) from error
            self._context = context
        return self._context

    def secured(
        self, plain: socket.socket, host: str, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """TLS over a socket of ``open``. Raises ``TransferError``, ``Cut``."""
        import ssl

        context = self.context
        plain.settimeout(self.options.connect_s)
        try:
            one = context.wrap_socket(plain, server_hostname=host, session=session)
        except ssl.SSLCertVerificationError as error:
            self.check()
            raise TransferError(
                TransferFault.UNTRUSTED,
                f"{self.location}: the certificate of {host} is not accepted: {error.verify_message}; "
                f"{REMEDY_TRUST}",
            ) from error
        except (ssl.SSLError, EOFError, ConnectionError) as error:
            self.check()
            raise TransferError(
                TransferFault.UNTRUSTED,
                f"{self.location}: no TLS with {host}: {_plain(error)}; expected a server with TLS 1.2 or "
                "newer on this port",
            ) from error
        except TimeoutError as error:
            self.check()
            raise TransferError(
                TransferFault.UNREACHABLE,
                f"{self.location}: no TLS handshake with {host} within {self.options.connect_s:g} s; "
                "check that this port speaks TLS",
            ) from error
        with self._lock:
            if plain in self._sockets:  # detached: its descriptor belongs to the new one
                self._sockets.remove(plain)
            self._sockets.append(one)
        one.settimeout(self.options.stall_s)
        self.check()
        return one


def _plain(error: BaseException) -> str:
    return getattr(error, "reason", None) or str(error) or type(error).__name__


def _shut(one: socket.socket) -> None:
    """Wake up whoever waits for it. ``SSLSocket.shutdown`` would pull the TLS object from under a thread
    that is just using it, so the socket's own is called."""
    try:
        socket.socket.shutdown(one, socket.SHUT_RDWR)
    except OSError:
        pass  # not connected yet, or gone already: nobody waits for it
