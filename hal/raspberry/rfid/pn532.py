"""PN532 on a serial line (HSU): its frames, and the conversation that polls for cards.

Owns: framing, commands, their order and timeouts. Refuses to know: ports, the clock (``now_s`` is any
monotonic time). Sans-I/O: bytes and time in, bytes and UIDs out. Never raises on garbage but counts it.

NXP UM0701-02 (PN532 user manual): 6.2.1 frames, 7.2.10 SAMConfiguration, 7.3.1 RFConfiguration, 7.3.5
InListPassiveTarget. Each command is acknowledged, then answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

TO_PN532 = 0xD4
FROM_PN532 = 0xD5
ACK = bytes.fromhex("0000FF00FF00")
WAKE = b"\x55\x55" + bytes(14)

SAM_CONFIGURATION = bytes((0x14, 0x01, 0x14, 0x01))  # normal mode, timeout 1 s, IRQ on
RF_CONFIGURATION = bytes((0x32, 0x05, 0xFF, 0x01, 0x02))  # MaxRetries: three tries to find a card
IN_LIST_PASSIVE_TARGET = bytes((0x4A, 0x01, 0x00))  # one target, 106 kbit/s type A

ACK_TIMEOUT_S = 0.1  # the manual promises 15 ms
RESPONSE_TIMEOUT_S = 1.0
POLL_PAUSE_S = 0.2
MAX_FAILURES = 5
_SETUP = (SAM_CONFIGURATION, RF_CONFIGURATION)
_UID_LENGTHS = (4, 7, 10)
_CASCADE_TAG = 0x88


def command_frame(data: bytes) -> bytes:
    """A command (its code first) as a frame to the PN532."""
    body = bytes((TO_PN532, *data))
    return bytes((0x00, 0x00, 0xFF, len(body), -len(body) & 0xFF, *body, -sum(body) & 0xFF, 0x00))


class Signal(Enum):
    """Frames without data."""

    ACK = "acknowledged"
    NACK = "not acknowledged"
    ERROR = "syntax error"


class FrameScanner:
    """Bytes in, frames out: a ``Signal`` or the data of a frame (TFI first)."""

    def __init__(self) -> None:
        self.garbage = 0
        """Bytes that belonged to no sound frame (zeros do not count: they are preamble and postamble)."""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Signal | bytes]:
        """Take bytes as they come, in any pieces. At most one frame (262 bytes) is kept."""
        found: list[Signal | bytes] = []
        self._buffer += data
        while True:
            start = self._buffer.find(b"\x00\xff")
            if start < 0:
                keep = 1 if self._buffer[-1:] == b"\x00" else 0
                self._drop(len(self._buffer) - keep)
                return found
            self._drop(start)
            frame, used = self._frame()
            if not used:
                return found
            if frame is None:
                self._drop(used)
                continue
            del self._buffer[:used]
            found.append(frame)

    def reset(self) -> None:
        """Forget a frame that never became complete."""
        self._drop(len(self._buffer))

    def _frame(self) -> tuple[Signal | bytes | None, int]:
        """The frame at the front and its length; (None, n) = drop n bytes; (None, 0) = wait for more."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None, 0
        length, check = buffer[2], buffer[3]
        if (length, check) == (0x00, 0xFF):
            return Signal.ACK, 4
        if (length, check) == (0xFF, 0x00):
            return Signal.NACK, 4
        if length == 0 or (length + check) & 0xFF:
            return None, 2
        if len(buffer) < length + 5:
            return None, 0
        body = bytes(buffer[4 : 4 + length])
        if (sum(body) + buffer[4 + length]) & 0xFF:
            return None, 2
        return (Signal.ERROR if body == b"\x7f" else body), length + 5

    def _drop(self, count: int) -> None:
        self.garbage += count - self._buffer[:count].count(0)
        del self._buffer[:count]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A command under way."""

    command: bytes
    acknowledged: bool


class Pn532:
    """The conversation: wake, configure, then look for a card again and again.

    Call ``start`` once, ``feed`` with every byte received, ``tick`` when ``deadline_s`` has come; send
    what ``start``, ``tick`` and ``take_output`` return. ``problem`` is set when the chip is gone.
    """

    def __init__(self) -> None:
        self.deadline_s = 0.0
        self.problem = ""
        self._scanner = FrameScanner()
        self._waiting: _Waiting | None = None
        self._setup: list[bytes] = []
        self._output = b""
        self._failures = 0
        self._rejected = 0

    @property
    def garbage(self) -> int:
        """Bytes that made no sound frame, and UIDs that cannot be."""
        return self._scanner.garbage + self._rejected

    def start(self, now_s: float) -> bytes:
        """Begin (again). Returns the bytes to send: the wake sequence and the first command in one write."""
        self._setup = list(_SETUP)
        self._scanner.reset()
        return WAKE + self._next_command(now_s)

    def feed(self, data: bytes, now_s: float) -> list[bytes]:
        """Bytes from the chip. Returns the UIDs of cards found; ask ``take_output`` afterwards."""
        found: list[bytes] = []
        for frame in self._scanner.feed(data):
            if isinstance(frame, Signal):
                self._on_signal(frame, now_s)
            elif self._answers(frame):
                uid = self._on_answer(frame, now_s)
                if uid:
                    found.append(uid)
        return found

    def tick(self, now_s: float) -> bytes:
        """The deadline has come. Returns the bytes to send."""
        if now_s < self.deadline_s or self.problem:
            return b""
        waiting = self._waiting
        if waiting is None:
            return self._next_command(now_s)
        if waiting.acknowledged and waiting.command == IN_LIST_PASSIVE_TARGET:
            # It goes on looking for a card: an ACK from our side ends the command (6.2.1.3).
            self._pause(now_s)
            return ACK
        self._failures += 1
        if self._failures >= MAX_FAILURES:
            self.problem = f"does not {'answer' if waiting.acknowledged else 'acknowledge'} commands"
            return b""
        return self.start(now_s)

    def take_output(self) -> bytes:
        """Bytes to send in answer to what was fed."""
        output, self._output = self._output, b""
        return output

    def _on_signal(self, signal: Signal, now_s: float) -> None:
        waiting = self._waiting
        if waiting is None or waiting.acknowledged:
            return
        if signal is Signal.ACK:
            self._waiting = _Waiting(waiting.command, True)
            self.deadline_s = now_s + RESPONSE_TIMEOUT_S
        else:
            self.deadline_s = now_s  # refused: counts as a failure at once

    def _answers(self, frame: bytes) -> bool:
        waiting = self._waiting
        return waiting is not None and frame[:2] == bytes((FROM_PN532, waiting.command[0] + 1))

    def _on_answer(self, frame: bytes, now_s: float) -> bytes:
        """The UID in the answer to a poll, else empty."""
        self._failures = 0
        if self._waiting is not None and self._waiting.command != IN_LIST_PASSIVE_TARGET:
            self._output += self._next_command(now_s)
            return b""
        self._pause(now_s)
        if frame[2:3] != b"\x01":
            return b""  # no card
        # NbTg, Tg, SENS_RES (2), SEL_RES, length, UID
        length = frame[7] if len(frame) > 7 else 0
        uid = frame[8 : 8 + length]
        incomplete = len(uid) == 4 and uid[0] == _CASCADE_TAG
        if len(uid) != length or length not in _UID_LENGTHS or incomplete:
            self._rejected += len(frame)
            return b""
        return uid

    def _pause(self, now_s: float) -> None:
        self._waiting = None
        self.deadline_s = now_s + POLL_PAUSE_S

    def _next_command(self, now_s: float) -> bytes:
        command = self._setup.pop(0) if self._setup else IN_LIST_PASSIVE_TARGET
        self._waiting = _Waiting(command, False)
        self.deadline_s = now_s + ACK_TIMEOUT_S
        return command_frame(command)
