"""Pseudo-terminals that stand where a station's serial devices would be.

Owns: creating one in raw mode, linking it under a stable name, bytes in and out on the running loop.
Refuses to know: protocols. The slave end stays open here, so that clients may come and go; what nobody
reads for a while is dropped, as on a serial line with nobody at the other end.
"""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hal.interface import HardwareError

UNREAD_S = 2.0
"""Bytes that wait longer than this were sent to nobody."""
CHUNK = 4096


class SerialLine:
    """A raw pseudo-terminal. ``link`` is replaced when it is a link of an earlier run; anything else
    there is an error (``HardwareError``). ``received`` gets what the client writes."""

    def __init__(self, link: Path | None, received: Callable[[bytes], None]) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.link = link
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._drop_timer: asyncio.TimerHandle | None = None
        if link is not None:
            try:
                _place(link, self.path)
            except BaseException:
                os.close(self._master)
                os.close(self._slave)
                raise
        self._loop.add_reader(self._master, self._readable)

    def write(self, data: bytes) -> None:
        """Send to the client; what does not fit into the kernel's buffer (4 KiB) is lost."""
        with suppress(BlockingIOError):
            os.write(self._master, data)
        if self._drop_timer is not None:
            self._drop_timer.cancel()
        self._drop_timer = self._loop.call_later(UNREAD_S, self._drop_unread)

    def close(self) -> None:
        """Stop, and take the link away if it is still ours."""
        self._loop.remove_reader(self._master)
        if self._drop_timer is not None:
            self._drop_timer.cancel()
        os.close(self._master)
        os.close(self._slave)
        if self.link is not None and self.link.is_symlink() and str(self.link.readlink()) == self.path:
            self.link.unlink()

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            self._received(os.read(self._master, CHUNK))

    def _drop_unread(self) -> None:
        self._drop_timer = None
        termios.tcflush(self._slave, termios.TCIFLUSH)


def _place(link: Path, target: str) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise HardwareError(
            f"{link}: is in the way of a simulated serial line; expected nothing or a link of an earlier "
            f"bench; move it away"
        )
    link.symlink_to(target)
