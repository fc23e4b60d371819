"""The serial frames of Microchip's MCP3208, MCP3204 (12 bit) and MCP3008 (10 bit) ADCs.

Owns: which three bytes ask for a channel and where the answer is. Refuses to know: buses, volts.
Every answer has a null bit before its first data bit: a line nobody drives (pulled up) shows a one there.
"""

from __future__ import annotations

FRAME_BYTES = 3


def frame(model: str, channel: int) -> bytes:
    """What to send for one single-ended conversion (SPI mode 0). Start bit, SGL = 1, channel, padding."""
    if model == "MCP3008":
        return bytes((0x01, 0x80 | channel << 4, 0x00))
    return bytes((0x06 | channel >> 2, (channel & 3) << 6, 0x00))


def null_bit(model: str) -> int:
    """Mask of the null bit in the second byte received."""
    return 0x04 if model == "MCP3008" else 0x10


def data_mask(model: str) -> int:
    """Mask of the upper data bits in the second byte received; the third holds the lower eight."""
    return null_bit(model) - 1
