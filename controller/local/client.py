"""A small blocking client of the local API, for the command line and for scripts.

Owns: connecting with errors that say what to do, calls, and streams.
Refuses to know: what a method means. Standard library only, no asyncio: ``joulepost status`` on a Pi Zero
must not pay for an event loop.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.local import messages
from controller.local.messages import MAX_LINE_BYTES, RpcError
from controller.local.sockets import START_HINTS, PathTooLong, check_length


class Unreachable(Exception):
    """No process answers at a socket. The message says which, where, why and how to start it."""


class LocalClient:
    """One connection. ``path``: the socket; ``timeout_s``: longest wait for an answer.

    >>> with LocalClient(Path("/run/joulepost/controller.sock")) as client:  # doctest: +SKIP
    ...     client.call("status")
    """

    def __init__(self, path: Path | str, timeout_s: float = 10.0) -> None:
        self._path = Path(path)
        self._timeout_s = timeout_s
        self._socket: socket.socket | None = None
        self._buffer = bytearray()
        self._next_id = 0

    def __enter__(self) -> LocalClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
            self._buffer.clear()

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call and wait. Raises ``Unreachable``, ``RpcError`` (the answer was an error)."""
        self._next_id += 1
        number = self._next_id
        self._send(messages.request(method, params or {}, number))
        deadline = time.monotonic() + self._timeout_s
        while True:
            message = self._receive(deadline, f"{method} was not answered")
            if message.get("id") == number:
                return _unwrap(message)
            if "error" in message and message.get("id") is None:
                return _unwrap(message)

    def stream(self, name: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Subscribe to a stream and yield its items until the server goes away (``Unreachable``) or the
        caller stops. Uses up this connection: calls need another one."""
        subscription = self.call("subscribe", {"stream": name, **(params or {})})["subscription"]
        while True:
            message = self._receive(None, "the stream ended")
            body = message.get("params", {})
            if body.get("subscription") != subscription:
                continue
            if message.get("method") == "item":
                yield body["item"]
            elif message.get("method") == "end":
                return

    # ------------------------------------------------------------------ socket

    def _send(self, line: bytes) -> None:
        if self._socket is None:
            self._socket = _connect(self._path, self._timeout_s)
        try:
            self._socket.settimeout(self._timeout_s)
            self._socket.sendall(line)
        except OSError as exc:
            self.close()
            raise Unreachable(f"{_who(self._path)} went away: {self._path}: {exc.strerror or exc}") from exc

    def _receive(self, deadline: float | None, what: str) -> dict[str, Any]:
        if self._socket is None:
            raise Unreachable(f"{what}: the connection to {self._path} is closed")
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE_BYTES:
                self.close()
                raise Unreachable(f"{self._path} sent a line of more than {MAX_LINE_BYTES} bytes")
            left = None if deadline is None else deadline - time.monotonic()
            try:
                if left is not None and left <= 0:
                    raise TimeoutError
                self._socket.settimeout(left)
                chunk = self._socket.recv(65536)
            except TimeoutError as exc:
                self.close()
                raise Unreachable(
                    f"{what} within {self._timeout_s:g} s: {_who(self._path)} at {self._path} is busy"
                ) from exc
            except OSError as exc:
                self.close()
                raise Unreachable(f"{what}: {self._path}: {exc.strerror or exc}") from exc
            if not chunk:
                self.close()
                raise Unreachable(f"{what}: {_who(self._path)} closed the connection at {self._path}")
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return messages.parse_object(line)


def _unwrap(message: Mapping[str, Any]) -> Any:
    found = message.get("error")
    if found is None:
        return message.get("result")
    raise RpcError(int(found["code"]), str(found["message"]), found.get("data"))


def _who(path: Path) -> str:
    return f"the {path.stem}" if path.stem in START_HINTS else "the process"


def _connect(path: Path, timeout_s: float) -> socket.socket:
    hint = START_HINTS.get(path.stem, "start the process that serves it")
    try:
        check_length(path)
    except PathTooLong as exc:
        raise Unreachable(str(exc)) from exc
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(timeout_s)
    try:
        connection.connect(os.fspath(path))
    except OSError as exc:
        connection.close()
        raise Unreachable(_explain(path, exc, hint)) from exc
    return connection


def _explain(path: Path, exc: OSError, hint: str) -> str:
    who = _who(path)
    if exc.errno == errno.ENOENT:
        if not path.parent.exists():
            return f"{who} is not running: no directory {path.parent}: check --dir (or --runtime), or {hint}"
        return f"{who} is not running: no socket {path}: {hint}"
    if exc.errno == errno.ECONNREFUSED:
        try:
            is_socket = stat.S_ISSOCK(path.stat().st_mode)
        except OSError:
            is_socket = False
        if not is_socket:
            return f"{path} is not a socket: check --dir (or --runtime)"
        return f"{who} is not running: it left its socket behind at {path}: {hint}"
    if exc.errno in (errno.EACCES, errno.EPERM):
        return (
            f"{who} may not be reached by this user: {path}: permission denied: "
            "become a member of the socket's group (see `ls -l`) or use sudo"
        )
    if exc.errno == errno.ENOTDIR:
        return f"{path.parent} is not a directory: check --dir (or --runtime)"
    return f"{who} cannot be reached at {path}: {exc.strerror or exc}: {hint}"
