"""Card readers as bytes on a serial line: what each kind of reader sends when a card is presented.

Owns: frames of RDM6300, ID-12LA, line readers, and the PN532's conversation (hardware facts, section 4).
Refuses to know: who reads them, tokens, authorization.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from hal.interface import TokenKind
from hal.profile import ProfileError, ReaderProfile
from hal.simulated.lines import SerialLine

HELD_MS = 400
"""A card is held to the reader for so long."""
REPEAT_MS = 65
"""An RDM6300 repeats its frame while the card is there."""
MOST_PENDING = 1024
"""Bytes of an unfinished PN532 command kept."""

_ACK = bytes.fromhex("0000FF00FF00")


class Emulated(Protocol):
    """One reader."""

    def present(self, uid: bytes) -> None:
        """A card comes near. Raises ``ValueError`` when the reader cannot read such a card."""

    def remove(self) -> None:
        """The card is gone."""

    def received(self, data: bytes) -> None:
        """The host wrote this."""


def rdm6300_frame(uid: bytes) -> bytes:
    """02, ten hex digits, two of checksum (XOR of the five bytes), 03."""
    return b"\x02" + _hex_with_checksum(uid, "RDM6300") + b"\x03"


def id12la_frame(uid: bytes) -> bytes:
    """02, ten hex digits, two of checksum, CR LF, 03."""
    return b"\x02" + _hex_with_checksum(uid, "ID-12LA") + b"\r\n\x03"


def line_frame(uid: bytes) -> bytes:
    """Hex digits and CR LF. Such readers write 8 to 20 digits."""
    if not 4 <= len(uid) <= 10:
        raise ValueError(f"card {uid.hex().upper()}: {len(uid)} bytes; a reader of lines reads 4 to 10 bytes")
    return uid.hex().upper().encode() + b"\r\n"


def _hex_with_checksum(uid: bytes, reader: str) -> bytes:
    if len(uid) != 5:
        raise ValueError(
            f"card {uid.hex().upper()}: {len(uid)} bytes; an {reader} reads cards of 5 bytes (10 hex digits)"
        )
    checksum = 0
    for byte in uid:
        checksum ^= byte
    return (uid + bytes((checksum,))).hex().upper().encode()


class Repeating:
    """Sends a frame when a card comes, and again every ``repeat_ms`` while it is there (0 = once)."""

    def __init__(
        self, send: Callable[[bytes], None], frame: Callable[[bytes], bytes], repeat_ms: int = 0
    ) -> None:
        self._send = send
        self._frame = frame
        self._repeat_ms = repeat_ms
        self._timer: asyncio.TimerHandle | None = None

    def present(self, uid: bytes) -> None:
        frame = self._frame(uid)
        self.remove()
        self._again(frame)

    def remove(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def received(self, data: bytes) -> None:
        """Such a reader does not listen."""

    def _again(self, frame: bytes) -> None:
        self._send(frame)
        if self._repeat_ms:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._repeat_ms / 1000, self._again, frame)


class Pn532:
    """The far end of PN532's HSU protocol, as far as reading type A cards needs it."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._pending = b""
        self._card: bytes | None = None
        self._waiting = False  # InListPassiveTarget without an answer yet
        self._retries_endless = True

    def present(self, uid: bytes) -> None:
        if len(uid) not in (4, 7, 10):
            raise ValueError(
                f"card {uid.hex().upper()}: {len(uid)} bytes; ISO 14443 type A cards have 4, 7 or 10 bytes"
            )
        self._card = uid
        if self._waiting:
            self._answer_list()

    def remove(self) -> None:
        self._card = None

    def received(self, data: bytes) -> None:
        self._pending = (self._pending + data)[-MOST_PENDING:]
        while (start := self._pending.find(b"\x00\xff")) >= 0:
            frame = self._pending[start + 2 :]
            if len(frame) < 2:
                return
            if frame[:2] in (b"\x00\xff", b"\xff\x00"):  # ACK: abort; NACK
                self._waiting = False
                self._pending = frame[2:]
                continue
            length = frame[0]
            if (length + frame[1]) & 0xFF:
                self._pending = frame  # no frame starts here
                continue
            if len(frame) < length + 3:
                return
            body = frame[2 : 2 + length]
            self._pending = frame[length + 3 :]
            if not (sum(body) + frame[2 + length]) & 0xFF and body[:1] == b"\xd4":
                self._command(body[1:])

    def _command(self, body: bytes) -> None:
        self._send(_ACK)
        self._waiting = False
        code = body[:1]
        if code == b"\x02":  # GetFirmwareVersion
            self._reply(bytes.fromhex("0332010607"))
        elif code == b"\x14":  # SAMConfiguration
            self._reply(b"\x15")
        elif code == b"\x32":  # RFConfiguration
            if body[1:2] == b"\x05" and len(body) >= 5:
                self._retries_endless = body[4] == 0xFF
            self._reply(b"\x33")
        elif code == b"\x4a":  # InListPassiveTarget
            if self._card is not None or not self._retries_endless:
                self._answer_list()
            else:
                self._waiting = True
        elif code in (b"\x44", b"\x52"):  # InDeselect, InRelease
            self._reply(bytes((code[0] + 1, 0)))
        else:
            self._send(bytes.fromhex("0000FF01FF7F8100"))  # the PN532's error frame

    def _answer_list(self) -> None:
        self._waiting = False
        if self._card is None:
            self._reply(b"\x4b\x00")
        else:
            self._reply(b"\x4b\x01\x01\x00\x04\x08" + bytes((len(self._card),)) + self._card)

    def _reply(self, data: bytes) -> None:
        body = b"\xd5" + data
        head = bytes((len(body), -len(body) & 0xFF))
        self._send(b"\x00\x00\xff" + head + body + bytes((-sum(body) & 0xFF, 0)))


class ReaderLine:
    """A reader of some kind at the end of a serial line."""

    def __init__(self, profile: ReaderProfile, link: Path, faults: set[str]) -> None:
        self._faults = faults
        self._timer: asyncio.TimerHandle | None = None
        self._reader = self._make(profile)
        self.line = SerialLine(link, self._reader.received)

    def present(self, uid: str, kind: TokenKind) -> None:
        """A card is held to the reader for ``HELD_MS``. The line carries no ``kind``."""
        del kind
        if "reader_silent" in self._faults:
            self._reader.remove()
            return
        self._reader.present(bytes.fromhex(uid))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(HELD_MS / 1000, self._reader.remove)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._reader.remove()
        self.line.close()

    def _make(self, profile: ReaderProfile) -> Emulated:
        if profile.driver == "rdm6300":
            return Repeating(self._send, rdm6300_frame, REPEAT_MS)
        if profile.driver == "id12la":
            return Repeating(self._send, id12la_frame)
        if profile.driver == "line":
            return Repeating(self._send, line_frame)
        if profile.driver == "pn532":
            return Pn532(self._send)
        raise ProfileError(
            f"reader driver {profile.driver!r}: the bench has rdm6300, id12la, line and pn532; choose one"
        )

    def _send(self, data: bytes) -> None:
        if "reader_garbage" in self._faults:
            data = bytes(byte ^ 0x15 if index % 3 == 1 else byte for index, byte in enumerate(data))
        self.line.write(data)
