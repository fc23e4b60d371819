"""Talking to systemd: READY, WATCHDOG, STOPPING on ``NOTIFY_SOCKET`` (sd_notify(3)), in a few lines.

Owns: that datagram socket and how often WATCHDOG is sent. Refuses to know: what makes a step complete.
"""

from __future__ import annotations

import socket

ALIVE_EVERY_MS = 200
"""A fifth of the unit's WatchdogSec: several may be lost."""


class Notifier:
    """Sends to ``address`` (the value of NOTIFY_SOCKET; empty = nobody listens). Never blocks."""

    def __init__(self, address: str) -> None:
        self._socket: socket.socket | None = None
        self._alive_ms: int | None = None
        self.failed = 0
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
            self._address = "\0" + address[1:] if address.startswith("@") else address

    def tell(self, message: str) -> None:
        """One message, for example ``READY=1``. A systemd that does not listen is counted, nothing else."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:
            self.failed += 1

    def completed(self, now_ms: int) -> None:
        """Called after every completed step, and only then."""
        if self._alive_ms is None:
            self.tell("READY=1\nWATCHDOG=1")
        elif now_ms - self._alive_ms >= ALIVE_EVERY_MS:
            self.tell("WATCHDOG=1")
        else:
            return
        self._alive_ms = now_ms

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
