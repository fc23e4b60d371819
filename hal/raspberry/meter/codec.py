"""Words on the wire to numbers and back, for every register type of the maps.

Owns: word order, two's complement, IEEE 754 and the patterns that mean "no value".
Refuses to know: quantities, scales and units. A word is a 16-bit register, 0..65535.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

SIGNED = frozenset({"int16", "int32", "int64"})
UNSIGNED = frozenset({"uint16", "uint32", "uint64", "acc32", "bitfield32"})
WORDS = {"int16": 1, "uint16": 1, "int64": 4, "uint64": 4}  # others: 2


def decode(
    kind: str, words: Sequence[int], *, low_word_first: bool, sunspec: bool = False
) -> int | float | None:
    """The raw number in ``words``; ``None`` when the meter says "no value".

    No value: NaN; unsigned all ones; signed 0x7FFF... or 0x8000... (SunSpec: only 0x8000..., the
    Information Model Specification's "not implemented"). Raises ``ValueError`` for an unknown type.
    """
    ordered = list(reversed(words)) if low_word_first else list(words)
    data = b"".join(word.to_bytes(2, "big") for word in ordered)
    if kind == "float32":
        (number,) = struct.unpack(">f", data)
        return None if math.isnan(number) else float(number)
    if kind in SIGNED:
        value = int.from_bytes(data, "big", signed=True)
        limit = 1 << (8 * len(data) - 1)
        return None if value == -limit or (value == limit - 1 and not sunspec) else value
    if kind in UNSIGNED:
        value = int.from_bytes(data, "big")
        return None if value == (1 << 8 * len(data)) - 1 else value
    raise ValueError(f"register type {kind!r}, accepted: float32, {', '.join(sorted(SIGNED | UNSIGNED))}")


def decode_text(words: Sequence[int]) -> str:
    """ASCII in registers, high byte first; padding (NUL, space) and everything unprintable goes."""
    data = b"".join(word.to_bytes(2, "big") for word in words).split(b"\0")[0]
    return "".join(chr(byte) for byte in data if 32 <= byte < 127).strip()


def fits(kind: str, value: int) -> bool:
    """Whether an integer can be written as this type without becoming a "no value" pattern."""
    bits = 16 * WORDS.get(kind, 2)
    if kind in SIGNED:
        limit = 1 << (bits - 1)
        return -limit < value < limit - 1
    return 0 <= value < (1 << bits) - 1


def encode(kind: str, value: Fraction | int | None, *, low_word_first: bool) -> list[int]:
    """``value`` (raw, already divided by the scale) as words; ``None`` as the type's "no value".

    Integers are rounded down (a meter counts completed units). Raises ``OverflowError`` when the
    value does not fit, ``ValueError`` for an unknown type.
    """
    bits = 16 * WORDS.get(kind, 2)
    if kind == "float32":
        data = struct.pack(">f", math.nan if value is None else float(value))
    elif kind in SIGNED | UNSIGNED:
        if value is None:
            nothing = (1 << bits) - 1 if kind in UNSIGNED else -(1 << (bits - 1))
            number = 0 if kind in ("acc32", "bitfield32") else nothing
        else:
            number = math.floor(value)
            if not fits(kind, number):
                raise OverflowError(f"{number} does not fit into a register of type {kind}")
        data = number.to_bytes(bits // 8, "big", signed=kind in SIGNED)
    else:
        raise ValueError(f"register type {kind!r}, accepted: float32, {', '.join(sorted(SIGNED | UNSIGNED))}")
    words = [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
    return words[::-1] if low_word_first else words


def encode_text(text: str, count: int) -> list[int]:
    """``text`` as ``count`` registers, cut or padded with NUL."""
    data = text.encode("ascii", "replace")[: 2 * count].ljust(2 * count, b"\0")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]
