"""Register maps: the generated data files as frozen dataclasses, and the list of models.

Owns: finding a model by its name, the shape of a data file, the message for an unknown model.
Refuses to know: how registers are read or turned into a reading.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from hal.data import data_path
from hal.profile import ProfileError


def _folder() -> Path:
    return data_path("meters/models")


@dataclass(frozen=True, slots=True)
class Register:
    """One quantity in a meter. Its value is raw x scale (or raw x 10^scale register), in ``unit``."""

    quantity: str
    function: int  # 3 = holding registers, 4 = input registers
    address: int  # on the wire, from 0; SunSpec: offset from the model id
    count: int  # 16-bit registers
    type: str
    low_word_first: bool
    scale: Fraction
    scale_address: int | None  # where a SunSpec scale factor lies (same function)
    unit: str


@dataclass(frozen=True, slots=True)
class MeterMap:
    """All that is known of one model."""

    model: str
    max_registers: int
    max_gap: int
    sunspec_model: int  # 0 = plain addresses
    tenfold_frequency: bool
    registers: tuple[Register, ...]

    def find(self, quantity: str) -> Register | None:
        """The register of a quantity, if the model has it."""
        return next((register for register in self.registers if register.quantity == quantity), None)


def models() -> list[str]:
    """Names of all supported models, sorted."""
    return sorted(str(_parse(path)["model"]) for path in _folder().glob("*.toml"))


@lru_cache(maxsize=64)
def load(model: str) -> MeterMap:
    """The map of a model. Case and punctuation of the name do not matter, the rest does.

    Raises ``ProfileError`` naming the accepted models, close matches first.
    """
    folder = _folder()
    path = folder / f"{_slug(model)}.toml"
    if not _slug(model) or not path.exists():
        raise ProfileError(_unknown(model))
    data = _parse(path)
    return MeterMap(
        model=data["model"],
        max_registers=data["max_registers"],
        max_gap=data["max_gap"],
        sunspec_model=data["sunspec_model"],
        tenfold_frequency=data["tenfold_frequency"],
        registers=tuple(_register(entry) for entry in data["registers"]),
    )


def _register(entry: dict[str, Any]) -> Register:
    scale = str(entry["scale"])
    by_register = scale.startswith("sf@")
    return Register(
        quantity=entry["quantity"],
        function=entry["function"],
        address=entry["address"],
        count=entry["count"],
        type=entry["type"],
        low_word_first=entry["low_word_first"],
        scale=Fraction(1) if by_register else Fraction(scale),
        scale_address=int(scale.removeprefix("sf@")) if by_register else None,
        unit=entry["unit"],
    )


def _parse(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _slug(model: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")


def _unknown(model: str) -> str:
    names = models()
    wanted = _slug(model)
    close = [name for name in names if wanted and wanted in _slug(name)]
    by_slug = {_slug(name): name for name in names}
    close += [by_slug[match] for match in difflib.get_close_matches(wanted, by_slug, n=3, cutoff=0.6)]
    hint = "choose one of these, or describe it in a data file (docs/meters.md)"
    if close:
        hint = f"did you mean {' or '.join(repr(name) for name in dict.fromkeys(close))}?"
    return f"meter: model: unknown model {model!r}; accepted: {', '.join(names)}; {hint}"
