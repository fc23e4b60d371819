"""Which registers to ask for in one request.

Owns: grouping the registers of a reading into few blocks, and splitting a block that a meter refuses.
Refuses to know: the bus and what the words mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hal.raspberry.meter.maps import MeterMap, Register

QUANTITIES = (
    "energy_import",
    "energy_export",
    "power_total",
    "power_import",
    "power_export",
    *(f"{quantity}_L{phase}" for quantity in ("power", "voltage", "current") for phase in (1, 2, 3)),
    "frequency",
    "power_factor_total",
)
"""What a reading is made of; a map may know more."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Neighbouring registers that belong together: one value or one scale factor."""

    address: int
    count: int


@dataclass(frozen=True, slots=True)
class Block:
    """One request: the spans that are wanted and everything between them."""

    function: int
    spans: tuple[Span, ...]

    @property
    def address(self) -> int:
        return self.spans[0].address

    @property
    def count(self) -> int:
        last = self.spans[-1]
        return last.address + last.count - self.address


def used_registers(meter_map: MeterMap) -> tuple[Register, ...]:
    """The registers that make a reading."""
    return tuple(register for register in meter_map.registers if register.quantity in QUANTITIES)


def make_plan(meter_map: MeterMap) -> tuple[Block, ...]:
    """Blocks that cover all used registers, none longer than the model allows.

    Neighbours are joined over at most ``max_gap`` unused registers.
    """
    wanted: set[tuple[int, Span]] = set()
    for register in used_registers(meter_map):
        wanted.add((register.function, Span(register.address, register.count)))
        if register.scale_address is not None:
            wanted.add((register.function, Span(register.scale_address, 1)))
    blocks: list[Block] = []
    for function in sorted({function for function, _ in wanted}):
        spans = sorted(span for owner, span in wanted if owner == function)
        blocks += _join(function, spans, meter_map.max_gap, meter_map.max_registers)
    return tuple(blocks)


def _join(function: int, spans: Iterable[Span], max_gap: int, max_registers: int) -> list[Block]:
    blocks: list[Block] = []
    for span in spans:
        if blocks:
            last = blocks[-1]
            gap = span.address - (last.address + last.count)
            joined = Block(function, (*last.spans, span))
            if gap <= max_gap and joined.count <= max_registers:
                blocks[-1] = joined
                continue
        blocks.append(Block(function, (span,)))
    return blocks


def split(block: Block) -> tuple[Block, ...]:
    """Two smaller blocks, cut at the widest gap (without a gap: in the middle); empty for a single span."""
    spans = block.spans
    if len(spans) < 2:
        return ()
    middle = len(spans) / 2

    def worth(index: int) -> tuple[int, float]:
        gap = spans[index].address - (spans[index - 1].address + spans[index - 1].count)
        return gap, -abs(index - middle)

    cut = max(range(1, len(spans)), key=worth)
    return Block(block.function, spans[:cut]), Block(block.function, spans[cut:])
