"""SunSpec discovery: where in a device the wanted meter model stands, and who the device is.

Owns: the walk along the chain of models. Refuses to know: readings, the bus (it gets a reader function).
SunSpec Device Information Model Specification: the map begins at 40000, 0 or 50000 with "SunS"; then come
models of id, length, data; the id 0xFFFF ends the chain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hal.interface import HardwareError, MeterIdentity
from hal.raspberry.meter import codec
from hal.raspberry.meter.line import RegisterRefused

STARTS = (40000, 0, 50000)
_MARK = [0x5375, 0x6E53]
_END = 0xFFFF
_COMMON = 1
_MAX_MODELS = 100
METER_MODELS = frozenset({*range(201, 205), *range(211, 215)})

Reader = Callable[[int, int], Awaitable[list[int]]]
"""(address, count) -> holding registers"""


@dataclass(frozen=True, slots=True)
class Place:
    """A model in a device: ``address`` of its id register, its length without id and length."""

    model: int
    address: int
    length: int


async def find_start(read: Reader, where: str) -> int:
    """The address behind "SunS". Raises ``HardwareError`` when it is nowhere."""
    found: list[str] = []
    for start in STARTS:
        try:
            words = await read(start, 2)
        except RegisterRefused as refused:
            found.append(f"{start}: exception {refused.code}")
            continue
        if words == _MARK:
            return start + 2
        found.append(f"{start}: {' '.join(f'{word:04X}' for word in words)}")
    raise HardwareError(
        f"{where}: no SunSpec device: expected 'SunS' (5375 6E53), found at {'; '.join(found)}; "
        f"check unit number and model in the board profile"
    )


async def walk(read: Reader, start: int, where: str) -> list[Place]:
    """All models of the device in their order. Raises ``HardwareError`` when the chain has no end."""
    places: list[Place] = []
    address = start
    while len(places) < _MAX_MODELS and address <= 0xFFFF - 1:
        model, length = await read(address, 2)
        if model == _END:
            return places
        places.append(Place(model, address, length))
        address += 2 + length
    raise HardwareError(
        f"{where}: the chain of SunSpec models has no end mark (0xFFFF) up to register {address}"
    )


def choose(places: list[Place], wanted: int, needed: int, where: str) -> Place:
    """The first model ``wanted``, id and length included at least ``needed`` registers long.

    Raises ``HardwareError`` naming what is there instead.
    """
    for place in places:
        if place.model == wanted:
            if place.length + 2 < needed:
                raise HardwareError(
                    f"{where}: SunSpec model {wanted} at {place.address} has a length of {place.length} "
                    f"registers, expected {needed - 2} or more"
                )
            return place
    present = ", ".join(str(place.model) for place in places) or "none"
    meters = [place.model for place in places if place.model in METER_MODELS]
    advice = f'set model = "SunSpec {meters[0]}"' if meters else "it is no meter"
    raise HardwareError(f"{where}: no SunSpec model {wanted}, the device has {present}; {advice}")


async def read_identity(read: Reader, places: list[Place]) -> MeterIdentity:
    """Who the common model (1) says it is; empty when there is none."""
    common = next((place for place in places if place.model == _COMMON and place.length >= 65), None)
    if common is None:
        return MeterIdentity()
    words = await read(common.address + 2, 64)
    return MeterIdentity(
        manufacturer=codec.decode_text(words[0:16]),
        model=codec.decode_text(words[16:32]),
        firmware=codec.decode_text(words[40:48]),
        serial=codec.decode_text(words[48:64]),
    )
