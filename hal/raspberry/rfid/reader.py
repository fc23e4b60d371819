"""A card reader on a serial port: the shell around a conversation.

Owns: the port, the timer, the queue of swipes. Refuses to know: frames.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hal.interface import HardwareError, TokenRead
from hal.raspberry.rfid.conversation import Conversation
from hal.raspberry.rfid.port import open_port
from hal.raspberry.rfid.presentation import Presentations
from hal.raspberry.rfid.tokens import is_random

if TYPE_CHECKING:
    import serial

_LOG = logging.getLogger(__name__)
MAX_AGE_S = 5.0
"""A swipe nobody asked for in this time is dropped: its owner may be gone."""
_MAX_WAITING = 8


class SerialReader:
    """An ``RfidReader``. The port opens on the first ``read`` and is read from then on by the event loop."""

    def __init__(
        self, path: Path, baud: int, parity: str, reverse: bool, converse: Callable[[], Conversation]
    ) -> None:
        self._path = path
        self._baud = baud
        self._parity = parity
        self._reverse = reverse
        self._converse = converse
        self._conversation = converse()
        self._presentations = Presentations()
        self._port: serial.Serial | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._swipes: deque[tuple[TokenRead, float]] = deque(maxlen=_MAX_WAITING)
        self._error: HardwareError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._garbage_before = 0
        self._closed = False

    @property
    def garbage(self) -> int:
        """Bytes received that meant nothing, since the reader was made."""
        return self._garbage_before + self._conversation.garbage

    async def read(self) -> TokenRead:
        """Wait for the next presentation. Raises ``HardwareError`` when the reader is lost.

        Safe to cancel. After an error the next call opens the port again.
        """
        if self._waiter is not None:
            raise RuntimeError(f"card reader {self._path}: two tasks read at once")
        while True:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            self._open()
            token = self._next_swipe()
            if token is not None:
                return token
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    async def close(self) -> None:
        """Close the port. A waiting ``read`` ends with ``HardwareError``, and so does every later one."""
        self._closed = True
        self._fail("is closed; open it again")

    def _open(self) -> None:
        if self._closed:
            raise HardwareError(f"card reader {self._path}: is closed; open it again")
        loop = asyncio.get_running_loop()
        if self._port is not None and self._loop is loop:
            return
        self._release()
        self._port = open_port(self._path, self._baud, self._parity)
        self._loop = loop
        self._garbage_before += self._conversation.garbage
        self._conversation = self._converse()
        loop.add_reader(self._port.fileno(), self._on_readable)
        self._send(self._conversation.start(loop.time()))
        self._set_timer()

    def _next_swipe(self) -> TokenRead | None:
        now_s = asyncio.get_running_loop().time()
        while self._swipes:
            token, at_s = self._swipes.popleft()
            if now_s - at_s <= MAX_AGE_S:
                return token
            _LOG.info("card reader %s: a swipe was not waited for and is dropped", self._path)
        return None

    def _on_readable(self) -> None:
        if self._port is None or self._loop is None:
            return
        try:
            data = os.read(self._port.fileno(), 4096)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(f"is gone ({error.strerror}); check cable and power")
            return
        if not data:  # ready to read, but nothing there: how a port says that it was unplugged
            self._fail("is gone (no data); check cable and power")
            return
        now_s = self._loop.time()
        tokens, output = self._conversation.feed(data, now_s)
        for token in tokens:
            if self._presentations.is_swipe(token.uid, now_s):
                self._swipes.append((token, now_s))
                if is_random(token, self._reverse):
                    _LOG.warning(
                        "card %s has a random UID (phone, passport): do not put it on a list", token.uid
                    )
        self._send(output)
        self._set_timer()
        if self._swipes:
            self._wake()

    def _on_timer(self) -> None:
        self._timer = None
        if self._loop is None or self._port is None:
            return
        self._send(self._conversation.tick(self._loop.time()))
        if self._conversation.problem:
            self._fail(
                f"{self._conversation.problem}; check wiring, power, and driver and baud in the board profile"
            )
        else:
            self._set_timer()

    def _send(self, data: bytes) -> None:
        if not data or self._port is None:
            return
        try:
            os.write(self._port.fileno(), data)
        except OSError as error:
            self._fail(f"cannot be written to ({error.strerror}); check cable and power")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is not None and self._port is not None and self._conversation.deadline_s is not None:
            self._timer = self._loop.call_at(self._conversation.deadline_s, self._on_timer)

    def _fail(self, what: str) -> None:
        """The reader is lost: the next (or waiting) ``read`` says so, the one after opens it again."""
        self._release()
        if self._error is None:
            self._error = HardwareError(f"card reader {self._path}: {what}")
        self._wake()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._port is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(self._port.fileno())
            self._port.close()
            self._port = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
