"""``joulepost contactor``: operations, openings under load, travel times and wear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from controller.local.common import Remote, echo, json_option, print_json, table, where_options


@click.command(epilog="Example: joulepost contactor")
@where_options
@json_option
def contactor(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show what the contactors have lived through.

    Counted over restarts of both processes. Wear is an estimate from the rated numbers in the settings
    (ContactorRatedOperations, ContactorRatedUnderLoad); a travel time that grows says more than a number.
    After fitting a new one: joulepost command contactor_replaced evse_id=1.
    """
    found = Remote("controller", directory, runtime).call("contactors")
    if as_json:
        print_json(found)
    else:
        echo(render(found))


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line an EVSE."""
    cells = [("EVSE", "contactor", "operations", "under load", "closes in", "opens in", "wear", "verdict")]
    cells += [
        (
            str(row["evse_id"]),
            "closed" if row["closed"] else "open",
            str(row["operations"]),
            str(row["openings_under_load"]),
            _travel(row["close_us"], row["close_first_us"]),
            _travel(row["open_us"], row["open_first_us"]),
            f"{row['wear_permille'] / 10:.1f} %",
            verdict(row),
        )
        for row in rows
    ]
    return table(cells)


def verdict(row: Mapping[str, Any]) -> str:
    """What to do about it, in a word or two."""
    if row["welded"]:
        return "WELDED: disconnect the supply and replace it"
    if row["wear_permille"] >= 800:
        return "worn: replace it"
    if row["slow"]:
        return "slow: check coil supply and armature"
    return "good"


def _travel(recent_us: int | None, first_us: int | None) -> str:
    if recent_us is None or first_us is None:
        return "-"
    return f"{recent_us / 1000:.0f} ms (new {first_us / 1000:.0f})"
