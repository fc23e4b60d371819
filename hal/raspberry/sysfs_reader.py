"""Temperature files read by a helper process: the safety loop only empties a pipe.

Owns: the helper's life (started, started again, ended) and the age of its answers.
Refuses to know: what a file's number means to anybody.

A read of a sysfs file runs the driver's transfer: 750 ms for a 1-wire sensor, up to a second on an I2C bus
that hangs. A thread would hold the interpreter's lock at a low priority in front of a real-time loop; a
process shares nothing with it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from hal.interface import HardwareError

HELPER = Path(__file__).with_name("sysfs_helper.py")
OLDEST_NS = 10_000_000_000
"""An answer is good for so long: a bus of eight 1-wire sensors takes 6 s for a round."""
RESTART_NS = 10_000_000_000
READ_BYTES = 4096


class SysfsReader:
    """One helper for all ``paths`` of a board. Never blocks once it is open. Raises ``HardwareError``."""

    def __init__(self, paths: Sequence[Path], *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._paths = [str(path) for path in paths]
        self._monotonic_ns = monotonic_ns
        self._latest: list[tuple[int | None, int] | None] = [None] * len(paths)
        self._rest = b""
        self._pid = 0
        self._pipe = -1
        self._started_ns = 0
        self._start()

    @property
    def pid(self) -> int:
        """Of the helper; 0 while there is none."""
        return self._pid

    def mdeg_c(self, index: int) -> int:
        """The latest value of a file. Raises ``HardwareError`` when there is none, or it is too old."""
        self._poll()
        path, latest = self._paths[index], self._latest[index]
        if latest is None:
            raise HardwareError(f"{path}: not read yet; expected thousandths of a degree within seconds")
        value, at_ns = latest
        age_ms = (self._monotonic_ns() - at_ns) // 1_000_000
        if value is None or age_ms > OLDEST_NS // 1_000_000:
            found = "no number" if value is None else f"a value {age_ms} ms old"
            raise HardwareError(
                f"{path}: found {found}; expected thousandths of a degree: check the sensor's wires and "
                f"overlay"
            )
        return value

    def close(self) -> None:
        """End the helper; waits up to a second for one that hangs in its driver."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self._pid:
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            for _ in range(100):
                if self._reaped():
                    return
                time.sleep(0.01)

    def _start(self) -> None:
        self._started_ns = self._monotonic_ns()
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        command = [sys.executable, "-I", "-S", str(HELPER), *self._paths]
        try:
            # Not at the loop's real-time priority; a slow card must not be waited for by anybody else.
            self._pid = os.posix_spawn(
                sys.executable,
                command,
                dict(os.environ),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, writing, 1),
                ],
                scheduler=(os.SCHED_OTHER, os.sched_param(0)),
            )
        except OSError as error:
            os.close(reading)
            raise HardwareError(
                f"temperature helper {HELPER} cannot be started: {error.strerror}; expected a free process: "
                f"check the limits of the service"
            ) from error
        finally:
            os.close(writing)
        self._pipe = reading
        self._rest = b""

    def _poll(self) -> None:
        if self._pipe < 0:
            if self._monotonic_ns() - self._started_ns >= RESTART_NS:
                self._start()
            return
        try:
            data = os.read(self._pipe, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            os.close(self._pipe)
            self._pipe = -1
            self._reaped()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        now_ns = self._monotonic_ns()
        for line in lines:
            index, _, value = line.partition(b" ")
            self._latest[int(index)] = (None if value == b"-" else int(value), now_ns)

    def _reaped(self) -> bool:
        try:
            found, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            found = self._pid
        if found:
            self._pid = 0
        return bool(found)
