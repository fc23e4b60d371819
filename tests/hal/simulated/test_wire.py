"""The board socket's messages: both ways round, and refused when they are something else."""

from __future__ import annotations

from struct import pack

import pytest

from hal.simulated.wire import (
    Inputs,
    Outputs,
    Panel,
    WireError,
    decode_inputs,
    decode_outputs,
    encode_inputs,
    encode_outputs,
)

OUTPUTS = [Outputs(1, 267, True, 0, False, True), Outputs(2, 1000, False, 2, True)]
BURST = pack("=4h", -12_000, 9_000, 32_767, -32_768)
INPUTS = [Inputs(1, True, False, True, 220, BURST, True, -40_000), Inputs(2, False, True, False, -1, b"")]
PANEL = Panel(emergency_stop=True)


def test_outputs_there_and_back() -> None:
    assert decode_outputs(encode_outputs(7, OUTPUTS)) == (7, OUTPUTS)


def test_the_pulse_counter_wraps() -> None:
    assert decode_outputs(encode_outputs(2**32 + 5, OUTPUTS))[0] == 5


def test_inputs_there_and_back_with_an_adc_that_is_dead() -> None:
    for panel in (PANEL, Panel(enclosure_open=True)):
        message = encode_inputs(123_456_789_012, 4, INPUTS, panel)
        assert decode_inputs(message) == (123_456_789_012, INPUTS, panel)


@pytest.mark.parametrize("cut", [0, 3, 7, 12])
def test_damaged_messages_are_refused(cut: int) -> None:
    with pytest.raises(WireError, match="expected"):
        decode_outputs(encode_outputs(1, OUTPUTS)[:cut])
    with pytest.raises(WireError, match="expected"):
        decode_inputs(encode_inputs(1, 4, INPUTS)[:cut])
    with pytest.raises(WireError, match="expected"):
        decode_outputs(b"XXXX" + encode_outputs(1, OUTPUTS)[4:])
    with pytest.raises(WireError, match="expected"):
        decode_inputs(b"XXXX" + encode_inputs(1, 4, INPUTS)[4:])


def test_impossible_outputs_are_refused() -> None:
    with pytest.raises(WireError, match="duty 1001"):
        decode_outputs(encode_outputs(1, [Outputs(1, 1001)]))
    with pytest.raises(WireError, match="lock 3"):
        decode_outputs(encode_outputs(1, [Outputs(1, 0, False, 3)]))
