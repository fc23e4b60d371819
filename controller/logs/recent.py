"""The newest frames and messages of the program, kept in memory for a diagnostics file.

Owns: two rings bounded by characters, and what of Python's own logging goes into one of them.
Refuses to know: files, secrets (``masking`` looks at what leaves).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from controller.clock import Clock
from controller.printable import printable

MOST_FRAMES = 256 * 1024
"""Characters of frames: some hundred of them."""
MOST_MESSAGES = 128 * 1024
LONGEST = 8 * 1024
"""Characters of one frame or message; of a longer one only the length is kept."""

LINE_BYTES = 150
"""A line costs about so many bytes beside its characters: without it, a million frames of one character would
be kept."""


class Ring:
    """Lines with the time they came (UTC ms). The oldest go when there are more than ``most`` characters."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._lines: deque[tuple[int, str]] = deque()

    def add(self, at_ms: int, text: str) -> None:
        if len(text) > LONGEST:
            text = f"{text[:1]} ({len(text)} characters, not kept)"
        self._lines.append((at_ms, text))
        self._held += len(text) + LINE_BYTES
        while self._held > self._most:
            self._held -= len(self._lines.popleft()[1]) + LINE_BYTES

    def lines(self, oldest_ms: int | None = None, latest_ms: int | None = None) -> list[tuple[int, str]]:
        """Oldest first, between two instants (None = no bound)."""
        return [
            (at_ms, text)
            for at_ms, text in list(self._lines)
            if (oldest_ms is None or at_ms >= oldest_ms) and (latest_ms is None or at_ms <= latest_ms)
        ]


class Recent(logging.Handler):
    """``frames`` begin with ">" (sent) or "<" (received) and are as on the wire, secrets included."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.INFO)
        self._clock = clock
        self.frames = Ring(MOST_FRAMES)
        self.messages = Ring(MOST_MESSAGES)

    def sent(self, frame: str) -> None:
        self.frames.add(self._clock.now().utc_ms, f"> {frame}")

    def received(self, frame: str | bytes) -> None:
        text = frame if isinstance(frame, str) else f"binary frame, {len(frame)} bytes"
        self.frames.add(self._clock.now().utc_ms, f"< {text}")

    def keeping(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """``say``, and keep what was said."""

        def said(text: str) -> None:
            text = printable(text)
            self.note(text)
            say(text)

        return said

    def note(self, text: str) -> None:
        self.messages.add(self._clock.now().utc_ms, text)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, and print it as Python would if this handler were not there."""
        self.note(f"{record.levelname.lower()} {record.name}: {record.getMessage()}")
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and not logging.getLogger().handlers:
            last.handle(record)
