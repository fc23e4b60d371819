"""Frames of 125 kHz readers: RDM6300 (RDM630) and ID-12LA (ID-20LA) in ASCII mode.

Owns: finding sound frames in a stream of bytes. Refuses to know: ports and time. Pure, bounded, never
raises on garbage but counts it.

RDM6300: 02, ten hex digits (version and number), two hex digits (XOR of the five bytes), 03.
ID-12LA: the same with CR and LF before the 03.
"""

from __future__ import annotations

_START = 0x02
_END = 0x03
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_DIGITS = 12
_LINE_ENDS = b"\r\n"


class Em4100Parser:
    """Bytes in, five bytes of each sound frame out. ``line_ends``: how many CR or LF may precede the 03."""

    def __init__(self, line_ends: int) -> None:
        self.garbage = 0
        """Bytes that belonged to no sound frame."""
        self._line_ends = line_ends
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they come, in any pieces; returns the numbers of the frames completed by them."""
        found: list[bytes] = []
        for byte in data:
            self._buffer.append(byte)
            self._shorten()
            if byte == _END and self._buffer:
                found.append(self._number())
                self._buffer.clear()
        return found

    def _shorten(self) -> None:
        """Drop bytes from the front until the rest is the beginning of a sound frame."""
        buffer = self._buffer
        while buffer and not self._plausible():
            following = buffer.find(_START, 1)
            self.garbage += len(buffer) if following < 0 else following
            del buffer[: following if following >= 0 else len(buffer)]

    def _plausible(self) -> bool:
        buffer = self._buffer
        if buffer[0] != _START or not all(byte in _HEX for byte in buffer[1 : 1 + _DIGITS]):
            return False
        rest = buffer[1 + _DIGITS :]
        if rest and self._checksum() != 0:
            return False
        ended = rest[-1:] == bytes([_END])
        between = rest[:-1] if ended else rest
        return len(between) <= self._line_ends and all(byte in _LINE_ENDS for byte in between)

    def _checksum(self) -> int:
        total = 0
        for byte in bytes.fromhex(self._buffer[1 : 1 + _DIGITS].decode("ascii")):
            total ^= byte
        return total

    def _number(self) -> bytes:
        return bytes.fromhex(self._buffer[1:11].decode("ascii"))
