"""Readers that write lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.raspberry.rfid.lines import LineParser


def parse(data: bytes) -> list[str]:
    return LineParser().feed(data)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n"])
def test_every_line_end(end: bytes) -> None:
    assert parse(b"04a1b2c3" + end + b"0008844356" + end) == ["04A1B2C3", "0008844356"]


@pytest.mark.parametrize(
    "line",
    [
        b"04:A1:B2:C3",
        b"04 A1 B2 C3",
        b"04-A1-B2-C3",
        b"0x04A1B2C3",
        b"\x0204A1B2C3\x03",
        b":04A1B2C3",
        b" 04A1B2C3 ",
    ],
)
def test_separators_and_framing_are_taken_off(line: bytes) -> None:
    assert parse(line + b"\r\n") == ["04A1B2C3"]


@pytest.mark.parametrize(
    "line",
    [
        b"READY",
        b"CARD 12345678",
        b"1234567",
        b"A" * 21,
        b"04A1B2G3",
        b"\xff04A1B2C3",
        b"0x1234567",
        b"z" * 500,
    ],
)
def test_a_line_that_is_no_number_is_garbage_as_a_whole(line: bytes) -> None:
    parser = LineParser()
    assert parser.feed(line + b"\r\n04A1B2C3\n") == ["04A1B2C3"]
    assert parser.garbage == len(line)


def test_a_line_without_end_is_bounded() -> None:
    parser = LineParser()
    for _ in range(10_000):
        parser.feed(b"1234567890")
    assert parser.garbage > 99_000
    assert parser.feed(b"\n04A1B2C3\n") == ["04A1B2C3"]


@pytest.mark.parametrize("cut", range(10))
def test_split_at_every_position(cut: int) -> None:
    line = b"04A1B2C3\r\n"
    parser = LineParser()
    assert parser.feed(line[:cut]) + parser.feed(line[cut:]) == ["04A1B2C3"]
    assert parser.garbage == 0


@given(st.lists(st.binary(max_size=100)))
def test_garbage_never_raises_and_numbers_are_numbers(chunks: list[bytes]) -> None:
    parser = LineParser()
    for chunk in chunks:
        for number in parser.feed(chunk):
            assert 8 <= len(number) <= 20
            assert int(number, 16) >= 0
            assert number == number.upper()
    assert parser.garbage <= sum(len(chunk) for chunk in chunks)
