"""Modbus buses for tests: real pymodbus servers on TCP and on bridged pseudo-terminals.

Registers come from ``csv_image``, an encoder of its own that reads source.csv: it shares no code with
the driver, so a mistake in the driver's tables cannot hide.
"""

from __future__ import annotations

import asyncio
import csv
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.interface import MeterReading

SOURCE = Path(__file__).resolve().parents[4] / "hardware" / "meters" / "source.csv"
Image = dict[tuple[int, int], int]

SAMPLE: dict[str, str] = {
    "energy_import": "12345600",  # Wh
    "energy_export": "98700",
    "power_total": "10999",
    "power_import": "10999",
    "power_export": "0",
    "power_L1": "3600",
    "power_L2": "3700",
    "power_L3": "3699",
    "voltage_L1": "230.1",
    "voltage_L2": "231.2",
    "voltage_L3": "229.9",
    "current_L1": "15.95",
    "current_L2": "16.05",
    "current_L3": "15.99",
    "frequency": "50.1",
    "power_factor_total": "0.987",
    "serial_number": "4711",
}
"""What the meter of the tests shows, in Wh, W, V, A, Hz and a power factor of one."""


def rows_of(model: str) -> list[dict[str, str]]:
    with SOURCE.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["model"] == model]


def all_models() -> list[str]:
    with SOURCE.open(newline="") as file:
        return sorted({row["model"] for row in csv.DictReader(file)})


def csv_image(model: str, sample: dict[str, str] = SAMPLE, base: int = 0) -> Image:
    """Registers of a model showing ``sample``; addresses from the CSV plus ``base``. Gaps stay gaps."""
    image: Image = {}
    formats = {
        "int16": ">h",
        "uint16": ">H",
        "int32": ">i",
        "uint32": ">I",
        "acc32": ">I",
        "bitfield32": ">I",
    }
    formats |= {"float32": ">f", "int64": ">q", "uint64": ">Q"}
    exponents = {"A": -3 + 1, "V": -2, "Hz": -2, "W": 0, "Wh": 1, "Pct": -2}
    for row in rows_of(model):
        function, address = int(row["fc"]), int(row["address_dec"]) + base
        if row["type"] == "ascii":
            data = b"B23 "
        else:
            value = Decimal(sample.get(row["quantity"], "0"))
            value = {"kWh": value / 1000, "Pct": value * 100}.get(row["unit"], value)
            if row["scale"].startswith("sf@"):
                exponent = exponents[row["unit"]]
                image[function, int(row["scale"][3:]) + base] = exponent & 0xFFFF
                raw = value.scaleb(-exponent)
            else:
                raw = value / Decimal(row["scale"])
            data = struct.pack(formats[row["type"]], float(raw) if row["type"] == "float32" else int(raw))
        words = list(struct.unpack(f">{len(data) // 2}H", data))
        if row["word_order"] == "little":
            words.reverse()
        image.update({(function, address + i): word for i, word in enumerate(words)})
    return image


def sunspec_image(
    model: int, sample: dict[str, str] = SAMPLE, start: int = 40000, before: tuple[int, ...] = ()
) -> Image:
    """A SunSpec device: common model, models ``before``, the meter model, the end."""

    def text(value: str, count: int) -> list[int]:
        return list(struct.unpack(f">{count}H", value.encode().ljust(2 * count, b"\0")))

    words = [0x5375, 0x6E53, 1, 66, *text("Maker", 16), *text("Type 7", 16), *text("", 8), *text("1.4", 8)]
    words += [*text("SN-0815", 16), 1, 0x8000]
    for other in before:
        words += [other, 3, 7, 7, 7]
    base = start + len(words)
    length = 105 if model < 210 else 124
    words += [model, length, *([0] * length), 0xFFFF, 0]
    image = {(3, start + i): word for i, word in enumerate(words)}
    return image | csv_image(f"SunSpec {model}", sample, base)


def expected(model: str) -> MeterReading:
    """``SAMPLE`` as the reading the driver must give for a model, by the rows of the CSV alone."""
    present = {row["quantity"] for row in rows_of(model)}

    def number(quantity: str, factor: int) -> int | None:
        return int(Decimal(SAMPLE[quantity]) * factor) if quantity in present else None

    def phases(name: str, factor: int) -> tuple[int | None, int | None, int | None]:
        return number(f"{name}_L1", factor), number(f"{name}_L2", factor), number(f"{name}_L3", factor)

    power = number("power_total", 1)
    return MeterReading(
        energy_import_wh=int(SAMPLE["energy_import"]),
        energy_export_wh=number("energy_export", 1),
        power_w=power if power is not None else number("power_import", 1),
        power_phase_w=phases("power", 1),
        voltage_mv=phases("voltage", 1000),
        current_ma=phases("current", 1000),
        frequency_mhz=number("frequency", 1000),
        power_factor_pm=number("power_factor_total", 1000),
    )


def device(unit: int, image: Image, action: Any = None) -> SimDevice:
    """A pymodbus device that answers exactly the registers of ``image``, exception 2 elsewhere."""

    def runs(function: int) -> list[SimData]:
        addresses = sorted(address for owner, address in image if owner == function)
        found: list[tuple[int, list[int]]] = []
        for address in addresses:
            if found and found[-1][0] + len(found[-1][1]) == address:
                found[-1][1].append(image[function, address])
            else:
                found.append((address, [image[function, address]]))
        blocks = [SimData(start, values=values, datatype=DataType.REGISTERS) for start, values in found]
        return blocks or [SimData(65000, values=[0], datatype=DataType.REGISTERS)]

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    return SimDevice(unit, simdata=(bits, bits, runs(3), runs(4)), action=action)


Trace = Callable[[bool, bytes], bytes]


@dataclass
class Bus:
    """Where a test's bus is, and what was asked on it."""

    link: str
    root: Path = Path("/")
    asked: list[tuple[int, int, int]] = field(default_factory=list)  # function, address, count
    client_side: int = -1  # master of the client's pseudo-terminal: what is written here, the client reads


@asynccontextmanager
async def tcp_bus(
    devices: list[SimDevice], trace: Trace | None = None, framer: FramerType = FramerType.SOCKET
) -> AsyncIterator[Bus]:
    """A Modbus TCP (or RTU over TCP) server on a free port of this machine."""
    server = ModbusTcpServer(devices, address=("127.0.0.1", 0), framer=framer, trace_packet=trace)
    await server.serve_forever(background=True)
    listener = server.transport
    assert isinstance(listener, asyncio.Server)
    port = listener.sockets[0].getsockname()[1]
    kind = "tcp" if framer is FramerType.SOCKET else "rtutcp"
    try:
        yield Bus(f"{kind}:127.0.0.1:{port}")
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]


class Bridge:
    """Two pseudo-terminals with their masters wired together: a serial cable."""

    def __init__(self) -> None:
        self.masters: list[int] = []
        self.slaves: list[int] = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self.masters.append(master)
            self.slaves.append(slave)
        loop = asyncio.get_running_loop()
        for here, there in (self.masters, self.masters[::-1]):
            loop.add_reader(here, self._copy, here, there)

    @staticmethod
    def _copy(here: int, there: int) -> None:
        os.write(there, os.read(here, 4096))

    def names(self) -> tuple[str, str]:
        return os.ttyname(self.slaves[0]), os.ttyname(self.slaves[1])

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for master in self.masters:
            loop.remove_reader(master)
        for descriptor in (*self.masters, *self.slaves):
            os.close(descriptor)


@asynccontextmanager
async def serial_bus(devices: list[SimDevice], root: Path, trace: Trace | None = None) -> AsyncIterator[Bus]:
    """A Modbus RTU server at the far end of a pseudo-terminal; the near end is ``root``/dev/ttyUSB0."""
    bridge = Bridge()
    near, far = bridge.names()
    (root / "dev").mkdir(exist_ok=True)
    node = root / "dev" / "ttyUSB0"
    node.symlink_to(near)
    server = ModbusSerialServer(devices, port=far, framer=FramerType.RTU, trace_packet=trace)
    await server.serve_forever(background=True)
    try:
        yield Bus("rtu:/dev/ttyUSB0", root, client_side=bridge.masters[0])
    finally:
        await server.shutdown()  # type: ignore[no-untyped-call]
        bridge.close()
        node.unlink()


def asked(bus: list[tuple[int, int, int]]) -> Trace:
    """A server trace that notes (function, address, count) of every Modbus TCP request in ``bus``."""

    def trace(sending: bool, data: bytes) -> bytes:
        if not sending:
            _, _, _, _, function, address, count = struct.unpack(">HHHBBHH", data[:12])
            bus.append((function, address, count))
        return data

    return trace
