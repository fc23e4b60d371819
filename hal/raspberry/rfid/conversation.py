"""What a card reader on a serial port looks like to the shell, whatever it speaks.

Owns: the Protocol, and the adapters that make readers who just talk and the PN532 fit it.
Refuses to know: ports and the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hal.interface import TokenRead
from hal.raspberry.rfid.frames import Em4100Parser
from hal.raspberry.rfid.lines import LineParser
from hal.raspberry.rfid.pn532 import Pn532
from hal.raspberry.rfid.tokens import em4100_token, iso14443_token, line_token


class Conversation(Protocol):
    """Sans-I/O: bytes and time in, tokens and bytes out."""

    @property
    def garbage(self) -> int:
        """Bytes received that meant nothing."""

    @property
    def deadline_s(self) -> float | None:
        """When ``tick`` is due; None = never."""

    @property
    def problem(self) -> str:
        """Not empty when the reader is gone."""

    def start(self, now_s: float) -> bytes:
        """The port is open. Returns bytes to send."""

    def feed(self, data: bytes, now_s: float) -> tuple[list[TokenRead], bytes]:
        """Bytes received. Returns cards seen and bytes to send."""

    def tick(self, now_s: float) -> bytes:
        """The deadline has come. Returns bytes to send."""


class _Listening:
    """A reader that talks by itself."""

    deadline_s: float | None = None
    problem = ""

    def start(self, now_s: float) -> bytes:
        return b""

    def tick(self, now_s: float) -> bytes:
        return b""


class Em4100Conversation(_Listening):
    """RDM6300 (``line_ends`` 0) and ID-12LA (``line_ends`` 2)."""

    def __init__(self, line_ends: int, number_format: str, reverse: bool) -> None:
        self._parser = Em4100Parser(line_ends)
        self._token: Callable[[bytes], TokenRead] = lambda data: em4100_token(data, number_format, reverse)

    @property
    def garbage(self) -> int:
        return self._parser.garbage

    def feed(self, data: bytes, now_s: float) -> tuple[list[TokenRead], bytes]:
        return [self._token(number) for number in self._parser.feed(data)], b""


class LineConversation(_Listening):
    """Readers that write lines."""

    def __init__(self, reverse: bool) -> None:
        self._parser = LineParser()
        self._reverse = reverse

    @property
    def garbage(self) -> int:
        return self._parser.garbage

    def feed(self, data: bytes, now_s: float) -> tuple[list[TokenRead], bytes]:
        return [line_token(digits, self._reverse) for digits in self._parser.feed(data)], b""


class Pn532Conversation:
    """PN532, polled."""

    def __init__(self, reverse: bool) -> None:
        self._chip = Pn532()
        self._reverse = reverse

    @property
    def garbage(self) -> int:
        return self._chip.garbage

    @property
    def deadline_s(self) -> float | None:
        return self._chip.deadline_s

    @property
    def problem(self) -> str:
        return self._chip.problem

    def start(self, now_s: float) -> bytes:
        return self._chip.start(now_s)

    def feed(self, data: bytes, now_s: float) -> tuple[list[TokenRead], bytes]:
        tokens = [iso14443_token(uid, self._reverse) for uid in self._chip.feed(data, now_s)]
        return tokens, self._chip.take_output()

    def tick(self, now_s: float) -> bytes:
        return self._chip.tick(now_s)
