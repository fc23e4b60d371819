"""A pseudo-terminal as serial cable: the driver opens ``root``/dev/reader, the test has the far end."""

from __future__ import annotations

import asyncio
import os
import time
import tty
from collections.abc import Callable
from pathlib import Path


class Cable:
    """The far end of the cable."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = "/dev/reader"
        (root / "dev").mkdir(exist_ok=True)
        self._node = root / "dev" / "reader"
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._node.symlink_to(os.ttyname(self._slave))

    def write(self, data: bytes) -> None:
        """The reader sends."""
        os.write(self._master, data)

    def answer(self, respond: Callable[[bytes], bytes]) -> None:
        """What the driver sends goes to ``respond``; what that returns goes back."""

        def readable() -> None:
            answer = respond(os.read(self._master, 4096))
            if answer:
                self.write(answer)

        asyncio.get_running_loop().add_reader(self._master, readable)

    def unplug(self) -> None:
        """The port vanishes."""
        if self._master >= 0:
            try:
                asyncio.get_running_loop().remove_reader(self._master)
            finally:
                os.close(self._slave)
                os.close(self._master)
                self._node.unlink()
                self._master = -1


async def until(value: Callable[[], int], least: int) -> None:
    """Wait, in real time, for bytes to make their way through the kernel."""
    give_up_at = time.monotonic() + 5
    while value() < least:
        assert time.monotonic() < give_up_at, f"the bytes did not arrive: {value()} of {least}"
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.001)
