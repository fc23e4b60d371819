"""The ADC's frames against the byte values of the data sheets and a chip that decodes them bit by bit."""

import pytest

from hal.raspberry.mcp3x0x import data_mask, frame, null_bit
from tests.support.fake_spi import FakeSpi


@pytest.mark.parametrize(
    ("model", "channel", "expected"),
    [
        ("MCP3208", 0, b"\x06\x00\x00"),
        ("MCP3208", 3, b"\x06\xc0\x00"),
        ("MCP3208", 5, b"\x07\x40\x00"),
        ("MCP3204", 2, b"\x06\x80\x00"),
        ("MCP3008", 0, b"\x01\x80\x00"),
        ("MCP3008", 7, b"\x01\xf0\x00"),
    ],
)
def test_frames_of_the_data_sheets(model: str, channel: int, expected: bytes) -> None:
    assert frame(model, channel) == expected


@pytest.mark.parametrize(
    ("model", "bits", "channels"), [("MCP3208", 12, 8), ("MCP3204", 12, 4), ("MCP3008", 10, 8)]
)
def test_every_channel_and_code_comes_back(model: str, bits: int, channels: int) -> None:
    for channel in range(channels):
        for code in (0, 1, 0x155, (1 << bits) - 1):
            chip = FakeSpi(
                lambda asked, time_us, channel=channel, code=code: code if asked == channel else 0, bits
            )
            _, upper, lower = chip.answer(frame(model, channel))
            assert (upper & data_mask(model)) << 8 | lower == code
            assert not upper & null_bit(model)
