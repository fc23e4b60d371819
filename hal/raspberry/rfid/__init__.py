"""Card readers on serial ports: RDM6300, ID-12LA, PN532 and those that write lines.

Owns: opening a reader described by a profile. Refuses to know: who may charge, OCPP.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hal.profile import ProfileError, ReaderProfile

if TYPE_CHECKING:
    from hal.interface import RfidReader
    from hal.raspberry.rfid.conversation import Conversation

__all__ = ["drivers", "open_reader"]

_DRIVERS = ("rdm6300", "id12la", "pn532", "line")


def drivers() -> list[str]:
    """The names that ``driver`` of a reader profile accepts here."""
    return list(_DRIVERS)


def open_reader(profile: ReaderProfile, root: Path) -> RfidReader:
    """The reader of a profile. Returns at once; the port opens on the first ``read``.

    ``root`` is where device nodes are looked for: ``/`` on a station, a temporary directory in tests.
    Raises ``ProfileError`` naming key, found and accepted.
    """
    converse = _conversation(profile)
    if not profile.port.startswith("/"):
        raise ProfileError(f"reader: port: {profile.port!r}, accepted: the absolute path of a serial port")
    if not 300 <= profile.baud <= 4_000_000:
        raise ProfileError(f"reader: baud: {profile.baud}, accepted: 300 to 4000000")
    if profile.parity not in ("N", "E", "O"):
        raise ProfileError(f"reader: parity: {profile.parity!r}, accepted: 'N', 'E', 'O'")
    from hal.raspberry.rfid.reader import SerialReader

    path = root / profile.port.lstrip("/")
    return SerialReader(path, profile.baud, profile.parity, profile.reverse_uid, converse)


def _conversation(profile: ReaderProfile) -> Callable[[], Conversation]:
    """What makes a conversation for the driver, anew for every opening of the port."""
    from hal.raspberry.rfid.conversation import Em4100Conversation, LineConversation, Pn532Conversation
    from hal.raspberry.rfid.tokens import EM4100_FORMATS

    number_format, reverse = profile.rdm6300_format, profile.reverse_uid
    if number_format not in EM4100_FORMATS:
        accepted = ", ".join(EM4100_FORMATS)
        raise ProfileError(f"reader: rdm6300_format: {number_format!r}, accepted: {accepted}")
    if profile.driver == "rdm6300":
        return lambda: Em4100Conversation(0, number_format, reverse)
    if profile.driver == "id12la":
        return lambda: Em4100Conversation(2, number_format, reverse)
    if profile.driver == "pn532":
        return lambda: Pn532Conversation(reverse)
    if profile.driver == "line":
        return lambda: LineConversation(reverse)
    close = difflib.get_close_matches(profile.driver.lower(), _DRIVERS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ProfileError(f"reader: driver: {profile.driver!r}; {hint}accepted: {', '.join(_DRIVERS)}")
