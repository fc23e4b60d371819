from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from controller.domain.metering.measurands import Measurand
from controller.settings import kinds as k
from controller.settings.kinds import DataType, Kind, ValueRefused

ENERGY, VOLTAGE = Measurand.ENERGY_IMPORT_REGISTER, Measurand.VOLTAGE

ACCEPTED: list[tuple[Kind[Any], str, Any, str | None]] = [
    (k.seconds(1, 3600), "60", 60, "60"),
    (k.seconds(1, 3600), "+060", 60, "60"),
    (k.seconds(1, 3600), "1", 1, "1"),
    (k.seconds(1, 3600), "3600", 3600, "3600"),
    (k.boolean(), "true", True, "true"),
    (k.boolean(), "FALSE", False, "false"),
    (k.boolean(), "True", True, "true"),
    (k.text(5), "", "", ""),
    (k.text(5), "äöü ß", "äöü ß", "äöü ß"),
    (k.choice("A", "B"), "B", "B", "B"),
    (k.member_list("A", "W"), "", (), ""),
    (k.member_list("A", "W"), "W, A", ("W", "A"), "W,A"),
    (k.measurands(ENERGY, VOLTAGE), "Voltage,Energy.Active.Import.Register", (VOLTAGE, ENERGY), None),
    (k.measurands(ENERGY), "", (), ""),
    (k.decimal("0", "100"), "1.50", Decimal("1.50"), "1.50"),
    (k.decimal("0"), "100000000", Decimal(100000000), "100000000"),
    (k.Moment(), "2026-01-31T12:00:00.5+01:00", "2026-01-31T12:00:00.5+01:00", None),
    (k.PhaseRotations(), "0.RST,1.Unknown", ("0.RST", "1.Unknown"), "0.RST,1.Unknown"),
    (k.secret(), "0123456789abcdef", b"0123456789abcdef", "***"),
    (k.secret(), "", b"", ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "value", "shown"), ACCEPTED)
def test_accepted_values(kind: Kind[Any], text: str, value: Any, shown: str | None) -> None:
    assert kind.parse(text) == value
    assert kind.format(value) == (text if shown is None else shown)
    assert kind.restore(kind.store(value)) == value


REFUSED: list[tuple[Kind[Any], str]] = [
    *(
        (k.seconds(1, 3600), text)
        for text in ("0", "3601", "", "60.0", " 60", "6_0", "x", "１２", "-1", "9" * 30)
    ),
    *((k.boolean(), text) for text in ("", "1", "yes", "true ", "tru")),
    *((k.text(5, 1), text) for text in ("", "123456", "a\nb", "a\x00")),
    *((k.choice("A", "B"), text) for text in ("", "a", "A,B")),
    *((k.member_list("A", "W", least=1), text) for text in ("", "a", "A,A", "A,,W", "A,B")),
    *(
        (k.measurands(ENERGY, VOLTAGE), text)
        for text in ("Voltage,Foo", "Voltage.L1-L2", "Energy.Active.Import.Register.L1", "Voltage,Voltage")
    ),
    (k.measurands(), "Voltage"),
    *((k.decimal("0", "100"), text) for text in ("", "-1", "101", "1e2", "NaN", "1,5", "Infinity", ".5")),
    *((k.Moment(), text) for text in ("", "yesterday", "2026-01-31", "2026-01-31T12:00:00")),
    *((k.PhaseRotations(), text) for text in ("RST", "1.XYZ", "1.RST,1.RTS", "1.RST,", "a.RST")),
    *((k.secret(), text) for text in ("x" * 65, "a\nb" * 6)),
]


@pytest.mark.parametrize(("kind", "text"), REFUSED)
def test_refused_values_say_found_and_expected(kind: Kind[Any], text: str) -> None:
    with pytest.raises(ValueRefused) as caught:
        kind.parse(text)
    assert str(caught.value).startswith("found ")
    assert kind.expected in str(caught.value)


def test_long_values_are_shortened_in_messages() -> None:
    with pytest.raises(ValueRefused) as caught:
        k.boolean().parse("x" * 5000)
    assert len(str(caught.value)) < 150


def test_a_secret_is_never_shown() -> None:
    secret = "correct horse battery staple " * 3
    with pytest.raises(ValueRefused) as caught:
        k.secret().parse(secret)
    assert "horse" not in str(caught.value)
    assert k.secret().format(b"correct horse") == "***"


def test_a_secret_of_1_6_is_hexadecimal_and_plain_text_is_taken_as_it_is() -> None:
    """Security white paper 7.2: 16 to 20 bytes as 32 to 40 hexadecimal digits."""
    assert k.secret().parse16("00" * 15 + "fF") == bytes(15) + b"\xff"
    assert k.secret().parse16("ab" * 20) == b"\xab" * 20
    assert k.secret().parse16("ab" * 21) == b"ab" * 21
    assert k.secret().parse16("plain-password-16") == b"plain-password-16"
    assert k.secret().parse("00" * 16) == b"00" * 16  # 2.0.1: the text itself


@pytest.mark.parametrize("value", [b"", b"fifteen letters"])
def test_the_network_cannot_set_a_short_secret(value: bytes) -> None:
    """2.0.1 A00.FR.205."""
    with pytest.raises(ValueRefused):
        k.secret().check_remote(value)
    k.secret().check_remote(b"sixteen letters!")


def test_names_of_1_6_are_translated() -> None:
    kind = k.member_list("A", "W", names16={"A": "Current", "W": "Power"})
    assert kind.format16(("A", "W")) == "Current,Power"
    assert kind.parse16("Power") == ("W",)


@pytest.mark.parametrize(
    ("kind", "data_type", "max_limit", "max_items"),
    [
        (k.integer(1, 9), DataType.INTEGER, Decimal(9), None),
        (k.text(20), DataType.STRING, Decimal(20), None),
        (k.member_list("A", "W"), DataType.MEMBER_LIST, None, 2),
        (k.sequence_list("1"), DataType.SEQUENCE_LIST, None, 1),
        (k.measurands(VOLTAGE, ENERGY), DataType.MEMBER_LIST, Decimal(500), 20),
        (k.secret(), DataType.STRING, Decimal(64), None),
    ],
)
def test_characteristics(
    kind: Kind[Any], data_type: DataType, max_limit: Decimal | None, max_items: int | None
) -> None:
    traits = kind.traits
    assert (traits.data_type, traits.max_limit, traits.max_items) == (data_type, max_limit, max_items)
