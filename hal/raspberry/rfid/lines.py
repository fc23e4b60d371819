"""Readers that write each card as a line of text: hexadecimal or decimal digits.

Owns: lines and what may stand in them. Refuses to know: ports and time. Pure, bounded, never raises on
garbage but counts it.
"""

from __future__ import annotations

MIN_DIGITS = 8
MAX_DIGITS = 20
_MAX_LINE = 80
_ENDS = frozenset(b"\r\n")
_DIGITS = frozenset(b"0123456789ABCDEF")
_IGNORED = frozenset(b" \t:-.,;\x00\x02\x03")  # separators, framing of some readers


class LineParser:
    """Bytes in, upper-case digits of each sound line out. CR, LF and both end a line.

    A sound line holds 8 to 20 hexadecimal digits, perhaps with separators (``04:A2:2B:10``), a leading
    ``0x`` or STX and ETX around them. A line with anything else is garbage as a whole: picking the hex
    digits out of ``CARD 12`` would make up a card.
    """

    def __init__(self) -> None:
        self.garbage = 0
        """Bytes in lines that were not sound."""
        self._line = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> list[str]:
        """Take bytes as they come, in any pieces; returns the numbers in the lines completed by them."""
        found: list[str] = []
        for byte in data:
            if byte not in _ENDS:
                self._add(byte)
                continue
            number = self._number()
            if number:
                found.append(number)
            else:
                self.garbage += len(self._line)
            self._line.clear()
            self._overlong = False
        return found

    def _add(self, byte: int) -> None:
        if self._overlong:
            self.garbage += 1
        elif len(self._line) < _MAX_LINE:
            self._line.append(byte)
        else:
            self.garbage += len(self._line) + 1
            self._line.clear()
            self._overlong = True

    def _number(self) -> str:
        """The digits of the line, empty when it is not sound."""
        digits = bytes(byte for byte in bytes(self._line).upper() if byte not in _IGNORED)
        digits = digits.removeprefix(b"0X")
        if self._overlong or not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
            return ""
        return digits.decode("ascii") if all(byte in _DIGITS for byte in digits) else ""
