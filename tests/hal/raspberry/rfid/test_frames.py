"""RDM6300 and ID-12LA frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.raspberry.rfid.frames import Em4100Parser

TAG = bytes.fromhex("100086F444")
RDM6300 = b"\x02100086F44426\x03"
ID12LA = b"\x02100086F44426\r\n\x03"


def parse(data: bytes, line_ends: int = 0) -> list[bytes]:
    return Em4100Parser(line_ends).feed(data)


def test_the_frames_of_the_data_sheets() -> None:
    assert parse(RDM6300) == [TAG]
    assert parse(ID12LA, line_ends=2) == [TAG]
    assert parse(RDM6300.lower()) == [TAG]


@pytest.mark.parametrize("ends", [b"", b"\r", b"\n", b"\r\n", b"\n\r"])
def test_id12la_takes_every_order_of_cr_and_lf(ends: bytes) -> None:
    assert parse(b"\x02100086F44426" + ends + b"\x03", line_ends=2) == [TAG]


@pytest.mark.parametrize("cut", range(1, len(RDM6300)))
def test_split_at_every_position(cut: int) -> None:
    parser = Em4100Parser(0)
    assert parser.feed(RDM6300[:cut]) == []
    assert parser.feed(RDM6300[cut:]) == [TAG]
    assert parser.garbage == 0


@pytest.mark.parametrize("place", range(len(RDM6300)))
def test_a_flipped_bit_anywhere_gives_no_tag_and_is_counted(place: int) -> None:
    for bit in range(8):
        broken = bytearray(RDM6300)
        broken[place] ^= 1 << bit
        if bytes(broken).upper() == RDM6300:
            continue  # only the case of a digit
        parser = Em4100Parser(0)
        assert parser.feed(bytes(broken)) == []
        assert parser.feed(RDM6300) == [TAG]
        assert parser.garbage == len(RDM6300)


def test_a_frame_cut_off_does_not_swallow_the_next() -> None:
    parser = Em4100Parser(0)
    assert parser.feed(RDM6300[:7] + RDM6300) == [TAG]
    assert parser.garbage == 7


def test_rdm6300_does_not_take_line_ends() -> None:
    assert parse(ID12LA, line_ends=0) == []


numbers = st.binary(min_size=5, max_size=5)


def frame(number: bytes, ends: bytes = b"") -> bytes:
    checksum = number[0] ^ number[1] ^ number[2] ^ number[3] ^ number[4]
    return b"\x02" + number.hex().upper().encode() + b"%02X" % checksum + ends + b"\x03"


@given(
    st.lists(st.tuples(numbers, st.binary(max_size=8).map(lambda data: data.replace(b"\x02", b"?")))),
    st.data(),
)
def test_frames_between_garbage_in_any_pieces(parts: list[tuple[bytes, bytes]], draw: st.DataObject) -> None:
    stream = b"".join(garbage + frame(number) for number, garbage in parts)
    parser = Em4100Parser(0)
    found: list[bytes] = []
    while stream:
        size = draw.draw(st.integers(1, len(stream)))
        found += parser.feed(stream[:size])
        stream = stream[size:]
    assert found == [number for number, _ in parts]
    assert parser.garbage == sum(len(garbage) for _, garbage in parts)


@given(st.lists(st.binary(max_size=40)), st.sampled_from([0, 2]))
def test_garbage_never_raises_and_every_byte_is_accounted_for(chunks: list[bytes], line_ends: int) -> None:
    parser = Em4100Parser(line_ends)
    found = [number for chunk in chunks for number in parser.feed(chunk)]
    total = sum(len(chunk) for chunk in chunks)
    assert parser.garbage <= total
    assert total - parser.garbage <= (len(found) + 1) * 16  # kept: the frames found and at most one begun
