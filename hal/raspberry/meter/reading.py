"""From words to a ``MeterReading``, and what is too absurd to be one.

Owns: scale and unit to the integers of the interface, import/export exchange, plausibility.
Refuses to know: the bus, the clock. Pure; arithmetic is exact until the one rounding at the end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from hal.interface import HardwareError, MeterIdentity, MeterReading
from hal.raspberry.meter import codec
from hal.raspberry.meter.maps import MeterMap, Register

MAX_ENERGY_WH = 10_000_000_000
"""Beyond this a register is nonsense: 22 kW for fifty years."""
MAX_POWER_W = 10_000_000
MAX_VOLTAGE_MV = 1_000_000
MAX_CURRENT_MA = 10_000_000
MAX_FREQUENCY_MHZ = 1_000_000
LEAP_POWER_W = 1_000_000
"""No charging station draws this: a register that grows faster leapt."""
LEAP_MARGIN_WH = 1_000

Words = Mapping[tuple[int, int], int]
_UNITS = {"V": 1000, "A": 1000, "Hz": 1000, "W": 1, "Wh": 1, "kWh": 1000, "": 1000, "Pct": 10}
_NOT_IMPLEMENTED_SF = 0x8000


class Decoder:
    """One image of words, read through a map. ``base`` is added to every address (SunSpec)."""

    def __init__(self, meter_map: MeterMap, words: Words, base: int, where: str) -> None:
        self._map = meter_map
        self._words = words
        self._base = base
        self._where = where

    def number(self, quantity: str, low: int, high: int) -> int | None:
        """A quantity in the interface's unit; ``None`` when the model or the meter has no value.

        Raises ``HardwareError`` outside ``low``..``high``.
        """
        register = self._map.find(quantity)
        if register is None:
            return None
        value = self._value(register)
        if value is None:
            return None
        number = _rounded(value * _UNITS[register.unit])
        if not low <= number <= high:
            raise HardwareError(
                f"{self._where}: {quantity} (register {register.address}) reads {float(value):g} "
                f"{register.unit}, which cannot be; check wiring, meter and the model in the board profile"
            )
        return number

    def phases(self, quantity: str, low: int, high: int) -> tuple[int | None, int | None, int | None]:
        """A quantity of L1, L2, L3."""
        one, two, three = (self.number(f"{quantity}_L{phase}", low, high) for phase in (1, 2, 3))
        return one, two, three

    def _value(self, register: Register) -> Fraction | None:
        scale = self._scale(register)
        words = [
            self._words.get((register.function, self._base + register.address + i))
            for i in range(register.count)
        ]
        present = [word for word in words if word is not None]
        if scale is None or len(present) < register.count:
            return None
        sunspec = register.scale_address is not None
        raw = codec.decode(register.type, present, low_word_first=register.low_word_first, sunspec=sunspec)
        if raw is None:
            return None
        if math.isinf(raw):
            raise HardwareError(
                f"{self._where}: {register.quantity} (register {register.address}) reads infinity"
            )
        return Fraction(raw) * scale

    def _scale(self, register: Register) -> Fraction | None:
        if register.scale_address is None:
            return register.scale
        word = self._words.get((register.function, self._base + register.scale_address))
        if word is None or word == _NOT_IMPLEMENTED_SF:
            return None
        exponent = word - 0x10000 if word & 0x8000 else word
        if not -10 <= exponent <= 10:  # SunSpec: sunssf is -10..10
            raise HardwareError(
                f"{self._where}: scale factor of {register.quantity} (register {register.scale_address}) "
                f"reads {exponent}, expected -10 to 10; check the model in the board profile"
            )
        return Fraction(10) ** exponent


def make_reading(meter_map: MeterMap, words: Words, *, base: int, swap: bool, where: str) -> MeterReading:
    """The reading in ``words``. ``swap`` exchanges import and export and the sign of power.

    Raises ``HardwareError`` when the import register has no value, or a register that bills or limits
    is out of any sensible range. Frequency and power factor only inform: nonsense there is "no value".
    """
    decoder = Decoder(meter_map, words, base, where)
    imported = decoder.number("energy_import", 0, MAX_ENERGY_WH)
    exported = decoder.number("energy_export", 0, MAX_ENERGY_WH)
    sign = 1
    import_name, export_name = "energy_import", "energy_export"
    if swap:
        sign, imported, exported = -1, exported, imported
        import_name, export_name = export_name, import_name
    if imported is None:
        raise HardwareError(
            f"{where}: no value in {import_name}, nothing can be billed; check the model in the board profile"
        )
    if exported == 0 and _type_of(meter_map, export_name) == "acc32":
        exported = None  # SunSpec: an acc32 of 0 is "not accumulated"
    power = decoder.number("power_total", -MAX_POWER_W, MAX_POWER_W)
    if power is None:
        power = _difference(
            decoder.number("power_import", 0, MAX_POWER_W), decoder.number("power_export", 0, MAX_POWER_W)
        )
    one, two, three = decoder.phases("power", -MAX_POWER_W, MAX_POWER_W)
    return MeterReading(
        energy_import_wh=imported,
        energy_export_wh=exported,
        power_w=_signed(power, sign),
        power_phase_w=(_signed(one, sign), _signed(two, sign), _signed(three, sign)),
        voltage_mv=decoder.phases("voltage", 0, MAX_VOLTAGE_MV),
        current_ma=decoder.phases("current", -MAX_CURRENT_MA, MAX_CURRENT_MA),
        frequency_mhz=_frequency(decoder, meter_map.tenfold_frequency),
        power_factor_pm=_optional(decoder, "power_factor_total", -1000, 1000),
    )


def make_identity(meter_map: MeterMap, words: Words) -> MeterIdentity:
    """What the serial number and model registers say; empty where there are none."""
    serial = _text(meter_map.find("serial_number"), words)
    return MeterIdentity(model=_text(meter_map.find("model_probe"), words), serial=serial)


def leapt(before: MeterReading, after: MeterReading, elapsed_s: float) -> bool:
    """Whether an energy register went backwards or grew faster than any station can charge."""
    margin = LEAP_MARGIN_WH + LEAP_POWER_W * max(elapsed_s, 0.0) / 3600
    pairs = (
        (before.energy_import_wh, after.energy_import_wh),
        (before.energy_export_wh, after.energy_export_wh),
    )
    return any(old is not None and new is not None and not 0 <= new - old <= margin for old, new in pairs)


def _rounded(value: Fraction) -> int:
    """To the nearest integer, halves away from zero."""
    magnitude = math.floor(abs(value) + Fraction(1, 2))
    return magnitude if value >= 0 else -magnitude


def _signed(value: int | None, sign: int) -> int | None:
    return None if value is None else sign * value


def _difference(plus: int | None, minus: int | None) -> int | None:
    return None if plus is None and minus is None else (plus or 0) - (minus or 0)


def _optional(decoder: Decoder, quantity: str, low: int, high: int) -> int | None:
    value = decoder.number(quantity, -(1 << 200), 1 << 200)
    return value if value is not None and low <= value <= high else None


def _frequency(decoder: Decoder, tenfold: bool) -> int | None:
    value = _optional(decoder, "frequency", 0, MAX_FREQUENCY_MHZ)
    return _rounded(Fraction(value, 10)) if value is not None and tenfold and value > 100_000 else value


def _type_of(meter_map: MeterMap, quantity: str) -> str:
    register = meter_map.find(quantity)
    return register.type if register else ""


def _text(register: Register | None, words: Words) -> str:
    if register is None:
        return ""
    present = [words.get((register.function, register.address + i)) for i in range(register.count)]
    known = [word for word in present if word is not None]
    if len(known) < register.count:
        return ""
    if register.type == "ascii":
        return codec.decode_text(known)
    number = codec.decode(register.type, known, low_word_first=register.low_word_first)
    return "" if number is None else str(number)
