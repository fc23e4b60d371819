"""``docs/ocpp16/keys.md`` from the catalogue (``python -m controller.settings.document16``)."""

from __future__ import annotations

from typing import Any

from controller.settings.catalog import (
    CATALOG,
    Catalog,
    ComputedKey16,
    LimitKey16,
    Mutability,
    Variable,
)
from controller.settings.kinds import DataType

_HEAD = """\
# Configuration keys of OCPP 1.6

This page is generated from the catalogue (`controller/settings/catalog.py`); do not edit it. Write it anew
with `python -m controller.settings.document16 > docs/ocpp16/keys.md`.

GetConfiguration and ChangeConfiguration find keys without regard to case and answer in this spelling. Access:
R = read-only, RW = read and write, W = write-only (its value is never told). GetConfiguration without keys
tells all readable ones; with keys any number of them, also more than GetConfigurationMaxKeys. A value has up
to 500 characters. Lists are separated by commas; one that is too long, or has one item that this station does
not support, is Rejected as a whole and changes nothing. A change takes effect at once, unless its row says
that it needs a reboot.

Measurands depend on the meter and the sensors, connectors on the board: a station accepts those it has.
LightIntensity and BlinkRepeat exist only where a light can be set. With fixed cables
UnlockConnectorOnEVSideDisconnect is R and false. [../settings.md](../settings.md) lists every setting, those
without a 1.6 key too.
"""

_ACCESS = {Mutability.READ_ONLY: "R", Mutability.READ_WRITE: "RW", Mutability.WRITE_ONLY: "W"}

Row = Variable[Any] | LimitKey16 | ComputedKey16


def type16(row: Row) -> str:
    """1.6's word: boolean, integer, string or CSL."""
    if isinstance(row, ComputedKey16):
        return "CSL" if row.listed else "integer"
    if isinstance(row, LimitKey16):
        return "integer"
    traits = row.kind.traits
    if traits.max_items is not None:
        return "CSL"
    if traits.data_type in (DataType.BOOLEAN, DataType.INTEGER):
        return traits.data_type.value
    return "string"


def keys16_markdown(catalog: Catalog) -> str:
    """The whole page."""
    rows: dict[str, Row] = {one.key16: one for one in catalog.variables if one.key16 is not None}
    rows |= {one.key: one for one in catalog.keys16}
    parts = [
        _HEAD,
        "| key | access | type | accepted | default | 2.0.1 | what it does |",
        "|---|---|---|---|---|---|---|",
    ]
    parts.extend(_line(key, rows[key]) for key in sorted(rows, key=str.casefold))
    return "\n".join(parts) + "\n"


def _line(key: str, row: Row) -> str:
    if isinstance(row, Variable):
        access, accepted = "RW" if row.writable16 else _ACCESS[row.mutability], row.kind.expected
        default = "computed" if row.default is None else row.kind.format16(row.default)
        default = f"`{default}`" if default and row.default is not None else default or "empty"
        restart = " Takes effect with the next start: RebootRequired." if row.reboot_required else ""
        counterpart, about = f"`{row.full_name}`", row.about + restart
    elif isinstance(row, LimitKey16):
        access, accepted, default = "R", "", f"`{row.value}`"
        counterpart, about = f"limit of `{row.of.full_name}`", row.about
    else:
        access, accepted, default, counterpart, about = "R", "", "computed", "", row.about
    return f"| `{key}` | {access} | {type16(row)} | {accepted} | {default} | {counterpart} | {about} |"


if __name__ == "__main__":
    print(keys16_markdown(CATALOG), end="")
