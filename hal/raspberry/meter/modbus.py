"""The energy meter driver: a register map, a plan of requests and a line become readings.

Owns: what to do when a meter refuses registers or leaps. Refuses to know: pymodbus, serial ports.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from hal.interface import HardwareError, MeterIdentity, MeterReading
from hal.profile import MeterProfile, ProfileError
from hal.raspberry.meter import sunspec
from hal.raspberry.meter.line import RETRIES, Line, MeterSilent, RegisterRefused, shared_line
from hal.raspberry.meter.link import check_settings, parse_link
from hal.raspberry.meter.maps import MeterMap, load
from hal.raspberry.meter.plan import Block, make_plan, split, used_registers
from hal.raspberry.meter.reading import leapt, make_identity, make_reading

_LOG = logging.getLogger(__name__)
_SPLIT_ON = frozenset({2, 3})  # address unknown; too many registers at once


class ModbusMeter:
    """An ``EnergyMeter`` on Modbus. Nothing is opened before the first ``read`` or ``identify``."""

    def __init__(self, profile: MeterProfile, meter_map: MeterMap, line: Line, link_text: str) -> None:
        self._profile = profile
        self._map = meter_map
        self._line: Line | None = line
        line.enter()
        self._where = f"meter {meter_map.model} (unit {profile.unit} at {link_text})"
        self._plan = make_plan(meter_map)
        self._places: list[sunspec.Place] | None = None
        self._silent = False
        self._last: tuple[MeterReading, float] | None = None
        wanted = "energy_export" if profile.swap_import_export else "energy_import"
        self._billing = {register.address for register in meter_map.registers if register.quantity == wanted}

    async def read(self) -> MeterReading:
        """Read now: a few requests, each tried three times. Raises ``HardwareError``.

        A register that went backwards or leapt is read again. When the second reading fits the past
        it counts; when it fits the first, the meter was replaced or reset; otherwise it is an error.
        """
        try:
            reading = await self._read_once()
            if self._last is not None and leapt(self._last[0], reading, self._now() - self._last[1]):
                reading = await self._confirm(*self._last, reading)
        except HardwareError as error:
            self._plan = make_plan(self._map)  # what was learned may be what is wrong
            self._places = None
            self._silent = isinstance(error, MeterSilent)
            raise
        self._silent = False
        self._last = (reading, self._now())
        return reading

    async def identify(self) -> MeterIdentity:
        """Serial number and model as far as the meter tells. Raises ``HardwareError``."""
        if self._map.sunspec_model:
            return await sunspec.read_identity(self._read_holding, await self._walk())
        words: dict[tuple[int, int], int] = {}
        for quantity in ("serial_number", "model_probe"):
            register = self._map.find(quantity)
            if register is None:
                continue
            try:
                values = await self._request(register.function, register.address, register.count)
            except RegisterRefused:
                continue  # this version of the meter does not tell
            words.update({(register.function, register.address + i): value for i, value in enumerate(values)})
        return make_identity(self._map, words)

    async def close(self) -> None:
        """Release the line; the last meter on it closes the port. Reading again is an error."""
        if self._line is not None:
            self._line.leave()
            self._line = None

    async def _read_once(self) -> MeterReading:
        base = await self._base()
        words: dict[tuple[int, int], int] = {}
        plan: list[Block] = []
        for block in self._plan:
            plan += await self._fetch(block, base, words)
        self._plan = tuple(plan)
        return make_reading(
            self._map, words, base=base, swap=self._profile.swap_import_export, where=self._where
        )

    async def _fetch(self, block: Block, base: int, words: dict[tuple[int, int], int]) -> list[Block]:
        """Read one block into ``words``. Returns the blocks that worked: those to ask for next time."""
        address = base + block.address
        try:
            values = await self._request(block.function, address, block.count)
        except RegisterRefused as refused:
            if refused.code not in _SPLIT_ON:
                raise
            parts = split(block)
            if not parts:
                if block.address in self._billing:
                    raise
                _LOG.info("%s has no register %d: %s", self._where, address, refused)
                return []
            return [working for part in parts for working in await self._fetch(part, base, words)]
        words.update({(block.function, address + i): value for i, value in enumerate(values)})
        return [block]

    async def _confirm(self, before: MeterReading, before_at: float, first: MeterReading) -> MeterReading:
        """Read again after ``first`` leapt: who is right, the reading before or the new one?"""
        first_at = self._now()
        second = await self._read_once()
        if not leapt(before, second, self._now() - before_at):
            _LOG.warning("%s: dropped one wrong reading of %d Wh", self._where, first.energy_import_wh)
            return second
        if leapt(first, second, self._now() - first_at):
            raise HardwareError(
                f"{self._where}: the energy registers leap: import {before.energy_import_wh}, then "
                f"{first.energy_import_wh}, then {second.energy_import_wh} Wh; check the model and "
                f"the wiring (termination, interference)"
            )
        _LOG.warning(
            "%s: the import register went from %d Wh to %d Wh (meter replaced or reset?)",
            self._where,
            before.energy_import_wh,
            second.energy_import_wh,
        )
        return second

    async def _base(self) -> int:
        if not self._map.sunspec_model:
            return 0
        needed = max(register.address + register.count for register in used_registers(self._map))
        places = await self._walk()
        return sunspec.choose(places, self._map.sunspec_model, needed, self._where).address

    async def _walk(self) -> list[sunspec.Place]:
        if self._places is None:
            start = await sunspec.find_start(self._read_holding, self._where)
            self._places = await sunspec.walk(self._read_holding, start, self._where)
        return self._places

    async def _read_holding(self, address: int, count: int) -> list[int]:
        return await self._request(3, address, count)

    async def _request(self, function: int, address: int, count: int) -> list[int]:
        if self._line is None:
            raise HardwareError(f"{self._where} is closed; open it again")
        retries = 0 if self._silent else RETRIES  # a dead meter must not hold up its neighbours
        timeout_s = self._profile.timeout_ms / 1000
        return await self._line.request(self._profile.unit, function, address, count, timeout_s, retries)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def open_meter(profile: MeterProfile, root: Path) -> ModbusMeter:
    """The meter of a profile; serial ports are looked for under ``root``. Returns at once.

    Raises ``ProfileError`` for an unknown model (naming the known ones), a wrong link or setting.
    """
    meter_map = load(profile.model)
    link = parse_link(profile.link, root)
    check_settings(profile, link)
    if profile.swap_import_export and meter_map.find("energy_export") is None:
        raise ProfileError(
            f"meter: swap_import_export: {meter_map.model} has no export register to swap with"
        )
    return ModbusMeter(profile, meter_map, shared_line(profile, link), link.text)
