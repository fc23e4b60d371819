"""Byte order and number formats (facts: UID to idTag)."""

from __future__ import annotations

import pytest

from hal.interface import TokenKind, TokenRead
from hal.raspberry.rfid.tokens import em4100_token, is_random, iso14443_token, line_token

TAG = bytes.fromhex("100086F444")  # printed on the tag: 0008844356


@pytest.mark.parametrize(
    ("number_format", "reverse", "uid"),
    [
        ("hex10", False, "100086F444"),
        ("hex8", False, "0086F444"),
        ("dec10", False, "0008844356"),
        ("hex10", True, "44F4860010"),
        ("hex8", True, "44F48600"),
        ("dec10", True, f"{0x44F48600:010d}"),
    ],
)
def test_125_khz_formats(number_format: str, reverse: bool, uid: str) -> None:
    assert em4100_token(TAG, number_format, reverse) == TokenRead(uid, TokenKind.LOCAL)


def test_16_CORE_22_iso14443_in_the_order_sent_by_the_card_or_reversed() -> None:
    uid = bytes.fromhex("FB0EE20B")
    assert iso14443_token(uid, False) == TokenRead("FB0EE20B", TokenKind.ISO14443)
    assert iso14443_token(uid, True) == TokenRead("0BE20EFB", TokenKind.ISO14443)
    seven = bytes.fromhex("04A2B3C4D5E680")
    assert iso14443_token(seven, False).uid == "04A2B3C4D5E680", "14 digits, byte 0 first"


@pytest.mark.parametrize(
    ("digits", "reverse", "uid", "kind"),
    [
        ("FB0EE20B", False, "FB0EE20B", TokenKind.ISO14443),
        ("FB0EE20B", True, "0BE20EFB", TokenKind.ISO14443),
        ("04A1B2C3D4E5F6", False, "04A1B2C3D4E5F6", TokenKind.ISO14443),
        ("0102030405060708090A", False, "0102030405060708090A", TokenKind.ISO14443),
        ("E004010012345678", False, "E004010012345678", TokenKind.ISO15693),
        ("E004010012345678", True, "78563412000104E0", TokenKind.ISO15693),
        ("0008844356", False, "0008844356", TokenKind.LOCAL),
        ("123456789", True, "123456789", TokenKind.LOCAL),
    ],
)
def test_lines(digits: str, reverse: bool, uid: str, kind: TokenKind) -> None:
    assert line_token(digits, reverse) == TokenRead(uid, kind)


def test_random_uids_are_recognised_in_both_orders() -> None:
    assert is_random(TokenRead("08123456", TokenKind.ISO14443), reverse=False)
    assert is_random(TokenRead("56341208", TokenKind.ISO14443), reverse=True)
    assert not is_random(TokenRead("04123456", TokenKind.ISO14443), reverse=False)
    assert not is_random(TokenRead("08123456789ABC", TokenKind.ISO14443), reverse=False)
    assert not is_random(TokenRead("0812345678", TokenKind.LOCAL), reverse=False)
