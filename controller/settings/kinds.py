"""What a setting's value may be: parsing, bounds and the characteristics that OCPP reports of it.

Owns: text <-> value for every data type of the device model (2.0.1 Part 2, DataEnumType), with bounds.
Refuses to know: which settings exist (``catalog``) and where values are kept (``settings``).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Generic, TypeVar

from controller.domain.metering.measurands import ONLY_16, PHASES, Measurand, OnPhase, Wanted

T = TypeVar("T")

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,9})?\Z")
_HEX_KEY = re.compile(r"([0-9A-Fa-f]{2}){16,20}\Z")
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]+\Z")
_LONGEST_KEY_16 = 40  # characters of AuthorizationKey (white paper 7.2)
_ROTATION = re.compile(r"[0-9]{1,4}\.(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)\Z")
LONGEST_16 = 500
"""Characters of a value in 1.6 (CiString500Type)."""
MOST_MEASURANDS = 20
"""Items of a list of measurands; 1.6 tells it as ...MaxLength."""
MOST_ROTATIONS = 31
"""Connectors whose longest rotation, "31.NotApplicable", still fits a value of 1.6."""
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)


class ValueRefused(ValueError):
    """The text is no value of this kind. The message says what was found and what is expected."""


class DataType(StrEnum):
    """OCPP 2.0.1 DataEnumType."""

    STRING = "string"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    BOOLEAN = "boolean"
    OPTION_LIST = "OptionList"
    SEQUENCE_LIST = "SequenceList"
    MEMBER_LIST = "MemberList"


@dataclass(frozen=True)
class Traits:
    """What OCPP reports of a value (2.0.1 VariableCharacteristicsType).

    ``max_limit`` of a text or list counts characters; ``max_items`` is how many members a list may have,
    which is what 1.6 calls ``...MaxLength``.
    """

    data_type: DataType
    unit: str = ""
    min_limit: Decimal | None = None
    max_limit: Decimal | None = None
    values: tuple[str, ...] = ()
    max_items: int | None = None


class Kind(ABC, Generic[T]):
    """One data type with bounds. ``parse`` raises ``ValueRefused``; ``format`` is its inverse."""

    @property
    @abstractmethod
    def traits(self) -> Traits: ...

    @property
    @abstractmethod
    def expected(self) -> str:
        """What is accepted, in words that complete "expected ..."."""

    @abstractmethod
    def parse(self, text: str) -> T: ...

    @abstractmethod
    def format(self, value: T) -> str: ...

    def parse16(self, text: str) -> T:
        """As ``parse``, in the spelling of OCPP 1.6 where that differs."""
        return self.parse(text)

    def format16(self, value: T) -> str:
        """As ``format``, in the spelling of OCPP 1.6 where that differs."""
        return self.format(value)

    def store(self, value: T) -> str:
        """The text kept in the store."""
        return self.format(value)

    def restore(self, text: str) -> T:
        return self.parse(text)

    def fit(self, value: T) -> T:
        """What is left of a value that a file or an older start brought, on the hardware of this station."""
        return value

    def check_remote(self, value: T) -> None:
        """Raise ``ValueRefused`` for a value that only the owner may set, not the network."""
        return

    def check_remote16(self, text: str) -> None:
        """Raise ``ValueRefused`` for a text that the network may not set in OCPP 1.6's spelling."""
        return

    def refuse(self, text: str) -> ValueRefused:
        shown = text if len(text) <= 60 else text[:57] + "..."
        return ValueRefused(f'found "{shown}", expected {self.expected}')


@dataclass(frozen=True)
class Integer(Kind[int]):
    low: int
    high: int
    unit: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(DataType.INTEGER, self.unit, Decimal(self.low), Decimal(self.high))

    @property
    def expected(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.low == self.high:
            return f"{self.low}{unit} (nothing else is supported)"
        return f"a whole number from {self.low} to {self.high}{unit}"

    def parse(self, text: str) -> int:
        if not _INTEGER.match(text) or not self.low <= int(text) <= self.high:
            raise self.refuse(text)
        return int(text)

    def format(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class DecimalNumber(Kind[Decimal]):
    low: Decimal
    high: Decimal | None
    unit: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(DataType.DECIMAL, self.unit, self.low, self.high)

    @property
    def expected(self) -> str:
        bounds = f"from {self.low} to {self.high}" if self.high is not None else f"not below {self.low}"
        return f"a number {bounds}" + (f" {self.unit}" if self.unit else "")

    def parse(self, text: str) -> Decimal:
        if not _DECIMAL.match(text):
            raise self.refuse(text)
        try:
            value = Decimal(text)
        except InvalidOperation as error:
            raise self.refuse(text) from error
        if value < self.low or (self.high is not None and value > self.high):
            raise self.refuse(text)
        return value

    def format(self, value: Decimal) -> str:
        return f"{value:f}"


@dataclass(frozen=True)
class Boolean(Kind[bool]):
    """ "true" or "false" in any case (1.6 5.3 and 9.1; 2.0.1 writes them in lower case)."""

    @property
    def traits(self) -> Traits:
        return Traits(DataType.BOOLEAN)

    @property
    def expected(self) -> str:
        return '"true" or "false"'

    def parse(self, text: str) -> bool:
        word = text.lower()
        if word not in ("true", "false"):
            raise self.refuse(text)
        return word == "true"

    def format(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Text(Kind[str]):
    """Any printable text of ``min_length`` to ``max_length`` characters."""

    max_length: int
    min_length: int = 0

    @property
    def traits(self) -> Traits:
        return Traits(DataType.STRING, max_limit=Decimal(self.max_length))

    @property
    def expected(self) -> str:
        return f"{self.min_length} to {self.max_length} printable characters"

    def parse(self, text: str) -> str:
        if not self.min_length <= len(text) <= self.max_length or not text.isprintable():
            raise self.refuse(text)
        return text

    def format(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Moment(Kind[str]):
    """An instant as RFC 3339 text."""

    @property
    def traits(self) -> Traits:
        return Traits(DataType.DATE_TIME)

    @property
    def expected(self) -> str:
        return "a date and time such as 2026-01-31T12:00:00Z"

    def parse(self, text: str) -> str:
        if not _DATE_TIME.match(text):
            raise self.refuse(text)
        return text

    def format(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Choice(Kind[str]):
    """One of a list (OptionList)."""

    values: tuple[str, ...]

    @property
    def traits(self) -> Traits:
        return Traits(DataType.OPTION_LIST, values=self.values)

    @property
    def expected(self) -> str:
        return "one of " + ", ".join(self.values)

    def parse(self, text: str) -> str:
        if text not in self.values:
            raise self.refuse(text)
        return text

    def format(self, value: str) -> str:
        return value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text.strip() else []


@dataclass(frozen=True)
class Members(Kind[tuple[str, ...]]):
    """Some of a list, each at most once, separated by commas; empty text = none of them."""

    values: tuple[str, ...]
    data_type: DataType = DataType.MEMBER_LIST
    least: int = 0
    names16: Mapping[str, str] = field(default_factory=dict)

    @property
    def traits(self) -> Traits:
        return Traits(self.data_type, values=self.values, max_items=len(self.values))

    @property
    def expected(self) -> str:
        if not self.values:
            return "an empty list (nothing else is supported)"
        return f"a comma-separated list of {self.least} or more of " + ", ".join(self.values)

    def parse(self, text: str) -> tuple[str, ...]:
        members = _split(text)
        known = all(member in self.values for member in members)
        if not known or len(set(members)) != len(members) or len(members) < self.least:
            raise self.refuse(text)
        return tuple(members)

    def format(self, value: tuple[str, ...]) -> str:
        return ",".join(value)

    def parse16(self, text: str) -> tuple[str, ...]:
        back = {new: old for old, new in self.names16.items()}
        return self.parse(",".join(back.get(member, member) for member in _split(text)))

    def format16(self, value: tuple[str, ...]) -> str:
        return ",".join(self.names16.get(member, member) for member in value)


@dataclass(frozen=True)
class Measurands(Kind[tuple[Wanted, ...]]):
    """Some of the measurands this station supports, each on all phases or, with a suffix ("Voltage.L1-N"),
    on one (1.6 9.1.17). One unsupported item refuses the whole list (1.6 3.16.4, "SHALL Reject"), and so do
    too many (1.6 9.1.18). 2.0.1 lacks some names of 1.6: it neither sees nor sets them."""

    supported: tuple[Measurand, ...]
    lines: tuple[str, ...] = ("L1", "L2", "L3")  # those that are measured

    @property
    def traits(self) -> Traits:
        return Traits(
            DataType.MEMBER_LIST,
            max_limit=Decimal(LONGEST_16),
            values=tuple(measurand.value for measurand in self.supported if measurand not in ONLY_16),
            max_items=MOST_MEASURANDS,
        )

    @property
    def expected(self) -> str:
        if not self.supported:
            return "an empty list (nothing else is supported)"
        names = ", ".join(self.supported)
        return f"a comma-separated list of up to {MOST_MEASURANDS} of {names}; with .L1 ... only that phase"

    def parse(self, text: str) -> tuple[Wanted, ...]:
        value = self.parse16(text)
        if any(item in ONLY_16 for item in value):
            raise self.refuse(text)
        return value

    def parse16(self, text: str) -> tuple[Wanted, ...]:
        names = _split(text)
        known: dict[str, Wanted] = {measurand.value: measurand for measurand in self.supported}
        for measurand in self.supported:
            for phase in PHASES.get(measurand, ()):
                if phase[:2] in self.lines:
                    known[f"{measurand}.{phase}"] = OnPhase(measurand, phase)
        unknown = any(name not in known for name in names)
        if unknown or len(set(names)) != len(names) or len(names) > MOST_MEASURANDS or len(text) > LONGEST_16:
            raise self.refuse(text)
        return tuple(known[name] for name in names)

    def format(self, value: tuple[Wanted, ...]) -> str:
        return ",".join(str(item) for item in value if item not in ONLY_16)

    def format16(self, value: tuple[Wanted, ...]) -> str:
        return ",".join(str(item) for item in value)

    def fit(self, value: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
        return tuple(item for item in value if self._measured(item))

    def _measured(self, item: Wanted) -> bool:
        if isinstance(item, OnPhase):
            return item.measurand in self.supported and item.phase[:2] in self.lines
        return item in self.supported

    def store(self, value: tuple[Wanted, ...]) -> str:
        return self.format16(value)

    def restore(self, text: str) -> tuple[Wanted, ...]:
        return self.parse16(text)


@dataclass(frozen=True)
class PhaseRotations(Kind[tuple[str, ...]]):
    """1.6 9.1.7: ``<connectorId>.<rotation>``, separated by commas; each connector at most once.

    ``phases``: of the connectors there are; none = not known here."""

    phases: tuple[tuple[int, int], ...] = ()

    @property
    def traits(self) -> Traits:
        most = min(len(self.phases) + 1, MOST_ROTATIONS) if self.phases else MOST_ROTATIONS
        return Traits(DataType.STRING, max_limit=Decimal(LONGEST_16), max_items=most)

    @property
    def expected(self) -> str:
        return 'a list such as "0.RST,1.RTS" (Unknown, NotApplicable, RST, RTS, SRT, STR, TRS or TSR)'

    def parse(self, text: str) -> tuple[str, ...]:
        parts = _split(text)
        connectors = [part.partition(".")[0] for part in parts]
        if len(text) > LONGEST_16 or len(parts) > MOST_ROTATIONS or len(set(connectors)) != len(connectors):
            raise self.refuse(text)
        if not all(_ROTATION.match(part) and self._exists(part) for part in parts):
            raise self.refuse(text)
        return tuple(parts)

    def _exists(self, part: str) -> bool:
        number = int(part.partition(".")[0])
        return not self.phases or number == 0 or number in dict(self.phases)

    def fit(self, value: tuple[str, ...]) -> tuple[str, ...]:
        """Every connector is named (9.1.7: NotApplicable with a single phase), and no other."""
        named = [part for part in value if self._exists(part)]
        known = {int(part.partition(".")[0]) for part in named}
        for number, count in self.phases[: MOST_ROTATIONS - 1]:
            if number not in known:
                named.append(f"{number}.{'NotApplicable' if count == 1 else 'Unknown'}")
        return tuple(named)

    def format(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


@dataclass(frozen=True)
class Secret(Kind[bytes]):
    """A password. Its messages and its ``format`` never show it; the value is the bytes that go on the wire.

    2.0.1 A00.FR.205 (errata 2.1): 16 to 64 characters, sent as UTF-8. 1.6 (security white paper 7.2): 16 to
    20 bytes as 32 to 40 hexadecimal digits. Central systems that send plain text to 1.6 stations are common:
    text of 16 to 40 characters that cannot be meant as hexadecimal is taken as it is. Hexadecimal digits that
    are too few, too many or an odd number are refused: taken as text they would be a password that no central
    system means. The owner may configure the shorter password that a central system insists on, or none
    (empty text); the network may not.
    """

    max_length: int = 64
    remote_min_length: int = 16

    @property
    def traits(self) -> Traits:
        return Traits(DataType.STRING, max_limit=Decimal(self.max_length))

    @property
    def expected(self) -> str:
        return f"up to {self.max_length} printable characters ({self.remote_min_length} or more by network)"

    def parse(self, text: str) -> bytes:
        if len(text) > self.max_length or not text.isprintable():
            raise ValueRefused(f"found {len(text)} characters (not shown), expected {self.expected}")
        return text.encode()

    def check_remote(self, value: bytes) -> None:
        if len(value) < self.remote_min_length:
            raise ValueRefused(f"found {len(value)} bytes, expected {self.expected}")

    def check_remote16(self, text: str) -> None:
        """White paper 7.2, A00.FR.205. 16.SEC.04"""
        if _HEX_DIGITS.match(text) and not _HEX_KEY.match(text):
            raise ValueRefused(f"found {len(text)} hexadecimal digits, expected 32 to 40, an even number")
        if len(text) > _LONGEST_KEY_16:
            raise ValueRefused(f"found {len(text)} characters, expected at most {_LONGEST_KEY_16}")

    def parse16(self, text: str) -> bytes:
        return bytes.fromhex(text) if _HEX_KEY.match(text) else self.parse(text)

    def format(self, value: bytes) -> str:
        return "***" if value else ""

    def store(self, value: bytes) -> str:
        return value.hex()

    def restore(self, text: str) -> bytes:
        try:
            return bytes.fromhex(text)
        except ValueError as error:
            raise ValueRefused("found a stored secret that is not hexadecimal") from error


def seconds(low: int, high: int) -> Integer:
    return Integer(low, high, "s")


def integer(low: int, high: int, unit: str = "") -> Integer:
    return Integer(low, high, unit)


def boolean() -> Boolean:
    return Boolean()


def text(max_length: int, min_length: int = 0) -> Text:
    return Text(max_length, min_length)


def choice(*values: str) -> Choice:
    return Choice(values)


def member_list(*values: str, least: int = 0, names16: Mapping[str, str] | None = None) -> Members:
    return Members(values, DataType.MEMBER_LIST, least, names16 or {})


def sequence_list(*values: str, least: int = 0) -> Members:
    return Members(values, DataType.SEQUENCE_LIST, least)


def measurands(*supported: Measurand) -> Measurands:
    return Measurands(supported)


def decimal(low: str, high: str | None = None, unit: str = "") -> DecimalNumber:
    return DecimalNumber(Decimal(low), Decimal(high) if high is not None else None, unit)


def secret() -> Secret:
    return Secret()
