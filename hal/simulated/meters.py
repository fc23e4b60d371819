"""Energy meters as real Modbus RTU servers on pseudo-terminals.

Owns: one bus per serial port of the profile (several meters may share it, by unit), with ``pymodbus``'s
server at its far end, and damage on the bus. This is the one place of ``hal.simulated`` that uses pymodbus
and ``hal.raspberry.meter.image``: the registers are made by the same maps that the driver reads with, the
bytes by an independent server. Refuses to know: how a reading comes about.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hal.interface import MeterReading
from hal.profile import MeterProfile
from hal.raspberry.meter.image import register_image
from hal.simulated.lines import SerialLine

if TYPE_CHECKING:
    from pymodbus.server import ModbusSerialServer
    from pymodbus.simulator import SimDevice

GAP_WORDS = 64
"""Real meters answer reads across holes of their map with zeros."""


class SimulatedModbusMeter:
    """One meter on a bus: its registers follow ``reading`` at the moment of each request."""

    def __init__(self, profile: MeterProfile, reading: Callable[[], MeterReading], faults: set[str]) -> None:
        self.profile = profile
        self.faults = faults
        self._reading = reading
        self._shown: MeterReading | None = None
        self._image: dict[tuple[int, int], int] = {}

    def image(self) -> dict[tuple[int, int], int]:
        """(function code, address) -> word, now."""
        reading = self._reading()
        if reading != self._shown:
            self._image = register_image(self.profile.model, reading)
            self._shown = reading
        return self._image

    def device(self) -> SimDevice:
        """The meter as a device of pymodbus's server."""
        from pymodbus.simulator import DataType, SimData, SimDevice

        def blocks(function: int) -> list[SimData]:
            addresses = sorted(address for fc, address in self.image() if fc == function)
            if not addresses:
                return [SimData(0xFFFF, datatype=DataType.INVALID)]
            found: list[SimData] = []
            start = last = addresses[0]
            for address in [*addresses[1:], None]:
                if address is None or address > last + GAP_WORDS:
                    found.append(SimData(start, values=[0] * (last - start + 1), datatype=DataType.REGISTERS))
                    start = address if address is not None else start
                last = address if address is not None else last
            return found

        bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
        return SimDevice(
            id=self.profile.unit,
            simdata=(bits, list(bits), blocks(3), blocks(4)),
            action=self._refresh,
        )

    async def _refresh(
        self,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> Any:
        if function in (3, 4) and values is None:
            image = self.image()
            for place in range(address, address + count):
                registers[place - start] = image.get((function, place), 0)


class MeterBus:
    """A serial port with its meters."""

    def __init__(self, link: Path, meters: list[SimulatedModbusMeter]) -> None:
        self._meters = {meter.profile.unit: meter for meter in meters}
        self._server: ModbusSerialServer | None = None
        self._far = SerialLine(None, self._from_server)
        try:
            self.line = SerialLine(link, self._far.write)
        except BaseException:
            self._far.close()
            raise

    async def start(self) -> None:
        """Serve."""
        from pymodbus.framer import FramerType
        from pymodbus.server import ModbusSerialServer

        self._server = ModbusSerialServer(
            [meter.device() for meter in self._meters.values()],
            framer=FramerType.RTU,
            port=self._far.path,
            trace_packet=self._hear,
        )
        await self._server.serve_forever(background=True)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
            self._server = None
        self._far.close()
        self.line.close()

    def _hear(self, sending: bool, data: bytes) -> bytes:
        """Nobody answers a request for a unit that is not on the bus, or whose meter is silent."""
        if sending or not data:
            return data
        meter = self._meters.get(data[0])
        return data if meter is not None and "meter_silent" not in meter.faults else b""

    def _from_server(self, data: bytes) -> None:
        meter = self._meters.get(data[0]) if data else None
        if meter is not None and "meter_garbage" in meter.faults:
            data = bytes(byte ^ 0x5A if index % 4 == 2 else byte for index, byte in enumerate(data))
        self.line.write(data)
