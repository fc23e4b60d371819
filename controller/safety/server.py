"""The safety process's end of the IPC: permits in, reports out, on a Unix ``SOCK_SEQPACKET`` socket.

Owns: the socket file, its clients, the counters of what was ignored or dropped.
Refuses to know: what permits and reports mean; it never waits for anybody.

Everybody who may open the socket file (mode 0660) may send permits; only the latest one per EVSE counts.
A client that does not read loses reports, one that sends nonsense is counted, one that floods fills its
own socket. The loss of a client changes nothing: the lease does.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from controller.safety.permit import Permit
from controller.safety.wire import LARGEST, WireError, decode_permit

SOCKET_NAME = "safety.sock"
MOST_CLIENTS = 8
MOST_MESSAGES = 32
"""Messages read from one client in one tick; the rest waits in its socket."""
_LONGEST_PATH = 107


class ServerError(Exception):
    """The socket cannot be served. The message names the path, the reason and what to do."""


class PermitServer:
    """Serves ``runtime``/safety.sock, one process per directory. Raises ``ServerError``."""

    def __init__(self, runtime: Path) -> None:
        self.path = runtime / SOCKET_NAME
        if len(os.fsencode(self.path)) > _LONGEST_PATH:
            raise ServerError(
                f"runtime directory {runtime}: the socket's path has {len(os.fsencode(self.path))} bytes, "
                f"expected at most {_LONGEST_PATH}; use a shorter --runtime"
            )
        self.malformed = 0
        self.dropped = 0
        self._clients: dict[int, socket.socket] = {}
        self._poll = select.poll()
        try:
            self._guard = os.open(runtime / "safety.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ServerError(
                f"runtime directory {runtime}: {error.strerror}; expected a directory that this user may "
                "write; create it, or give another --runtime"
            ) from error
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._guard)
            raise ServerError(
                f"runtime directory {runtime}: another safety process serves it; stop that one first"
            ) from error
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self.path.unlink(missing_ok=True)  # a leftover: the lock says that nobody serves it
            before = os.umask(0o117)
            try:
                self._listener.bind(os.fspath(self.path))
            finally:
                os.umask(before)
            self._listener.listen(MOST_CLIENTS)
        except OSError as error:
            self._listener.close()
            os.close(self._guard)
            raise ServerError(
                f"socket {self.path}: {error.strerror}; expected nothing or an old socket there, in a "
                "directory that this user may write; move away what is there, or correct the owner"
            ) from error
        self._listener.setblocking(False)
        self._poll.register(self._listener, select.POLLIN)

    @property
    def clients(self) -> int:
        return len(self._clients)

    def receive(self, take: Callable[[Permit], None]) -> bool:
        """Hand every waiting permit to ``take``. Returns whether a new client wants to know everything."""
        news = False
        for fd, _ in self._poll.poll(0):
            if fd == self._listener.fileno():
                news = self._admit() or news
            else:
                self._read(self._clients[fd], take)
        return news

    def send(self, messages: Iterable[bytes]) -> None:
        """Send to every client; who does not take it now has lost it (the next report replaces it)."""
        if not self._clients:
            return
        for message in messages:
            for client in list(self._clients.values()):
                try:
                    client.send(message)
                except (BlockingIOError, InterruptedError):
                    self.dropped += 1
                except OSError:
                    self._dismiss(client)

    def close(self) -> None:
        """Forget the clients, remove the socket file."""
        for client in list(self._clients.values()):
            self._dismiss(client)
        self._poll.unregister(self._listener)
        self._listener.close()
        self.path.unlink(missing_ok=True)
        os.close(self._guard)

    def _admit(self) -> bool:
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        if len(self._clients) >= MOST_CLIENTS:
            client.close()
            return False
        client.setblocking(False)
        self._clients[client.fileno()] = client
        self._poll.register(client, select.POLLIN)
        return True

    def _read(self, client: socket.socket, take: Callable[[Permit], None]) -> None:
        for _ in range(MOST_MESSAGES):
            try:
                message = client.recv(LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                self._dismiss(client)
                return
            if not message:
                self._dismiss(client)
                return
            try:
                permit = decode_permit(message)
            except WireError:
                self.malformed += 1
            else:
                take(permit)

    def _dismiss(self, client: socket.socket) -> None:
        self._poll.unregister(client)
        del self._clients[client.fileno()]
        client.close()
