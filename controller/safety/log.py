"""Lines on stderr that can neither block nor flood.

Owns: the rate limit and the refusal to wait for whoever reads stderr (a stalled journal must not stop the
loop). Refuses to know: what is worth a line.
"""

from __future__ import annotations

import os
import select
from enum import IntEnum

LONGEST_LINE = 512
"""A pipe reported writable takes this many bytes without blocking (PIPE_BUF is 4096 on Linux)."""
BURST = 60
REFILL_MS = 100


class Level(IntEnum):
    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class Log:
    """At most ``BURST`` lines at once, then one per ``REFILL_MS``; what is lost is counted and told."""

    def __init__(self, level: Level = Level.INFO, fd: int = 2) -> None:
        self._level = level
        self._fd = fd
        self._tokens = BURST
        self._refilled_ms = 0
        self.lost = 0
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)

    def line(self, level: Level, text: str, now_ms: int) -> None:
        """Write one line, or count it as lost."""
        if level < self._level:
            return
        earned = (now_ms - self._refilled_ms) // REFILL_MS
        if earned > 0:
            self._tokens = min(BURST, self._tokens + earned)
            self._refilled_ms = now_ms
        if self._tokens < 1:
            self.lost += 1
            return
        if self.lost:
            text = f"{text} ({self.lost} lines lost before this one)"
        if self._write(f"safety {now_ms} {level.name.lower()}: {text}"):
            self._tokens -= 1
            self.lost = 0
        else:
            self.lost += 1

    def _write(self, text: str) -> bool:
        line = text.replace("\n", " ").encode("utf-8", "backslashreplace")[: LONGEST_LINE - 1] + b"\n"
        try:
            ready = self._poll.poll(0)
            return bool(ready) and bool(ready[0][1] & select.POLLOUT) and os.write(self._fd, line) > 0
        except OSError:
            return False  # nobody reads stderr any more: counted by the caller, and no reason to stop
