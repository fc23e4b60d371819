"""The other direction: the registers that a meter of some model would show for a reading.

Owns: turning a ``MeterReading`` into a register image, for the simulated world's Modbus server.
Refuses to know: servers. The driver does not use it.
"""

from __future__ import annotations

import math
from fractions import Fraction

from hal.interface import MeterReading
from hal.raspberry.meter import codec
from hal.raspberry.meter.maps import MeterMap, Register, load
from hal.raspberry.meter.plan import make_plan

SUNSPEC_BASE = 40000
SERIAL_NUMBER = 12345678
_COMMON_LENGTH = 66
_MODEL_LENGTH = {True: 124, False: 105}  # float models, integer models
_PER_UNIT = {"V": 1000, "A": 1000, "Hz": 1000, "W": 1, "Wh": 1, "kWh": 1000, "": 1000, "Pct": 10}
_Exponents = dict[tuple[int, int], int]


def register_image(model: str, reading: MeterReading) -> dict[tuple[int, int], int]:
    """(function code, address) -> 16-bit word, for everything the model shows.

    ``None`` becomes the type's "no value"; quantities that a reading lacks (per-phase energies,
    reactive power) too. Registers between two values that the driver reads along are 0. SunSpec
    models stand at 40000 behind "SunS" and a common model. Numbers lose what the registers cannot
    hold: energies are rounded down to the meter's resolution. Raises ``ProfileError`` for an unknown
    model, ``OverflowError`` when a number does not fit.
    """
    meter_map = load(model)
    values = {register.quantity: _wanted(register, reading) for register in meter_map.registers}
    base = SUNSPEC_BASE + 2 + 2 + _COMMON_LENGTH if meter_map.sunspec_model else 0
    image: dict[tuple[int, int], int] = {}
    if meter_map.sunspec_model:
        _put_sunspec_frame(image, meter_map, base)
    else:
        for block in make_plan(meter_map):
            image.update({(block.function, block.address + i): 0 for i in range(block.count)})
    exponents = _scale_factors(meter_map, values)
    for register in meter_map.registers:
        if register.type == "ascii":
            words = codec.encode_text(model.split()[-1].ljust(4), register.count)
        else:
            words = codec.encode(
                register.type,
                _raw(register, values[register.quantity], exponents),
                low_word_first=register.low_word_first,
            )
        image.update({(register.function, base + register.address + i): word for i, word in enumerate(words)})
    for (function, address), exponent in exponents.items():
        image[function, base + address] = exponent & 0xFFFF
    return image


def _wanted(register: Register, reading: MeterReading) -> Fraction | None:
    """The value of a quantity in the register's unit."""
    quantity = register.quantity
    number = _from_reading(quantity, reading)
    if number is None:
        return None
    if quantity in ("serial_number", "model_probe", "events"):
        return Fraction(number)
    return Fraction(number) / _PER_UNIT[register.unit]


def _from_reading(quantity: str, reading: MeterReading) -> int | None:
    if quantity.startswith("energy_import_") and not quantity.endswith(("_L1", "_L2", "_L3")):
        quantity = "energy_import"  # a second register for the same thing
    if quantity.startswith("energy_export_") and not quantity.endswith(("_L1", "_L2", "_L3")):
        quantity = "energy_export"
    if quantity.startswith("power_factor"):
        return reading.power_factor_pm
    name, _, phase = quantity.rpartition("_L")
    if name in ("voltage", "current", "power"):
        phases = {
            "voltage": reading.voltage_mv,
            "current": reading.current_ma,
            "power": reading.power_phase_w,
        }[name]
        return phases[int(phase) - 1]
    currents = [current for current in reading.current_ma if current is not None]
    power = reading.power_w
    fixed: dict[str, int | None] = {
        "energy_import": reading.energy_import_wh,
        "energy_export": reading.energy_export_wh,
        "energy_sum": reading.energy_import_wh + (reading.energy_export_wh or 0),
        "power_total": power,
        "power_import": None if power is None else max(power, 0),
        "power_export": None if power is None else max(-power, 0),
        "current_total": sum(currents) if currents else None,
        "frequency": reading.frequency_mhz,
        "serial_number": SERIAL_NUMBER,
        "model_probe": 0,
        "events": 0,
    }
    return fixed.get(quantity)


def _scale_factors(meter_map: MeterMap, values: dict[str, Fraction | None]) -> _Exponents:
    """The finest exponent for each scale register with which all of its values fit."""
    owners: dict[tuple[int, int], list[Register]] = {}
    for register in meter_map.registers:
        if register.scale_address is not None:
            owners.setdefault((register.function, register.scale_address), []).append(register)
    exponents: _Exponents = {}
    for place, registers in owners.items():
        finest = 0 if registers[0].unit in ("Wh", "W") else -3
        for exponent in range(finest, 10):
            scale = Fraction(10) ** exponent
            wanted = [(register.type, values[register.quantity]) for register in registers]
            if all(value is None or codec.fits(kind, math.floor(value / scale)) for kind, value in wanted):
                exponents[place] = exponent
                break
        else:
            raise OverflowError(f"{meter_map.model}: no scale factor holds {registers[0].quantity}")
    return exponents


def _raw(
    register: Register, value: Fraction | None, exponents: dict[tuple[int, int], int]
) -> Fraction | None:
    if value is None:
        return None
    if register.scale_address is not None:
        raw = value / Fraction(10) ** exponents[register.function, register.scale_address]
    else:
        raw = value / register.scale
    if register.type == "float32" or register.unit in ("Wh", "kWh"):
        return raw
    return raw + Fraction(1, 2)  # all but energies to the nearest step


def _put_sunspec_frame(image: dict[tuple[int, int], int], meter_map: MeterMap, base: int) -> None:
    """ "SunS", the common model (1), the meter model's header and the end mark."""
    common = [1, _COMMON_LENGTH]
    for text, count in (
        ("Joulepost", 16),
        (meter_map.model, 16),
        ("", 8),
        ("1.0", 8),
        (str(SERIAL_NUMBER), 16),
    ):
        common += codec.encode_text(text, count)
    common += [1, 0x8000]  # device address, padding
    length = _MODEL_LENGTH[meter_map.sunspec_model >= 211]
    words = [0x5375, 0x6E53, *common, meter_map.sunspec_model, length, *([0] * length), 0xFFFF, 0]
    image.update({(3, SUNSPEC_BASE + i): word for i, word in enumerate(words)})
    if (3, base) not in image or image[3, base] != meter_map.sunspec_model:
        raise AssertionError("the SunSpec frame does not put the meter model where it belongs")
