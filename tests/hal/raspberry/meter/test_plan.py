"""Grouping registers into requests."""

from __future__ import annotations

import pytest

from hal.raspberry.meter.maps import load
from hal.raspberry.meter.plan import Block, Span, make_plan, split, used_registers
from tests.hal.raspberry.meter.bus import all_models


@pytest.mark.parametrize("model", all_models())
def test_a_plan_covers_every_used_register_within_the_limits(model: str) -> None:
    meter_map = load(model)
    plan = make_plan(meter_map)
    covered = {(block.function, block.address + i) for block in plan for i in range(block.count)}
    for register in used_registers(meter_map):
        assert {(register.function, register.address + i) for i in range(register.count)} <= covered
        if register.scale_address is not None:
            assert (register.function, register.scale_address) in covered
    for block in plan:
        assert (
            1 <= block.count <= meter_map.max_registers <= 125
        )  # Modbus application protocol 6.3: at most 125
        for one, two in zip(block.spans, block.spans[1:], strict=False):
            assert 0 <= two.address - one.address - one.count <= meter_map.max_gap
    assert len(plan) <= 7


def test_a_block_is_split_at_its_widest_gap() -> None:
    block = Block(3, (Span(0, 2), Span(2, 2), Span(10, 2), Span(14, 2)))
    assert split(block) == (
        Block(3, (Span(0, 2), Span(2, 2))),
        Block(3, (Span(10, 2), Span(14, 2))),
    )


def test_a_block_without_gaps_is_split_in_the_middle_and_a_value_never() -> None:
    block = Block(3, tuple(Span(2 * i, 2) for i in range(4)))
    assert [part.count for part in split(block)] == [4, 4]
    assert split(Block(3, (Span(0, 4),))) == ()
