"""Words to numbers and back."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.raspberry.meter import codec

FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "acc32": ">I",
    "bitfield32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
}


def words_of(kind: str, value: float) -> list[int]:
    data = struct.pack(FORMATS[kind], value)
    return list(struct.unpack(f">{len(data) // 2}H", data))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind != "float32"])
@given(data=st.data())
def test_integers_are_twos_complement_high_byte_first(kind: str, data: st.DataObject) -> None:
    bits = 8 * struct.calcsize(FORMATS[kind])
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind in codec.SIGNED else (0, (1 << bits) - 1)
    value = data.draw(st.integers(low, high) | st.sampled_from([low, high, 0, 1]))
    words = words_of(kind, value)
    no_value = value == high or (kind in codec.SIGNED and value == low)
    for low_first in (False, True):
        ordered = words[::-1] if low_first else words
        assert codec.decode(kind, ordered, low_word_first=low_first) == (None if no_value else value)
        if not no_value:
            assert codec.encode(kind, value, low_word_first=low_first) == ordered


@given(st.floats(width=32))
def test_floats(value: float) -> None:
    decoded = codec.decode("float32", words_of("float32", value), low_word_first=False)
    assert decoded is None if math.isnan(value) else decoded == value


def test_sunspec_says_no_value_only_with_8000() -> None:
    assert codec.decode("int16", [0x7FFF], low_word_first=False, sunspec=True) == 32767
    assert codec.decode("int16", [0x8000], low_word_first=False, sunspec=True) is None


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in ("acc32", "bitfield32")])
def test_nothing_is_written_as_no_value(kind: str) -> None:
    assert codec.decode(kind, codec.encode(kind, None, low_word_first=False), low_word_first=False) is None


def test_integers_are_rounded_down_and_must_fit() -> None:
    assert codec.encode("uint16", Fraction(29, 10), low_word_first=False) == [2]
    for kind, value in (("uint16", -1), ("uint16", 0xFFFF), ("int16", 0x7FFF), ("int16", -0x8000)):
        with pytest.raises(OverflowError, match=kind):
            codec.encode(kind, value, low_word_first=False)


def test_unknown_types_are_named() -> None:
    with pytest.raises(ValueError, match="'float16', accepted: float32"):
        codec.decode("float16", [0], low_word_first=False)
    with pytest.raises(ValueError, match="'float16', accepted: float32"):
        codec.encode("float16", 0, low_word_first=False)


def test_text() -> None:
    assert codec.encode_text("B23", 2) == [0x4232, 0x3300]
    assert codec.decode_text([0x4232, 0x3320]) == "B23"
    assert codec.decode_text([0x4232, 0x0041, 0x4142]) == "B2"
    assert codec.decode_text([0xFF42, 0x0A43]) == "BC"
