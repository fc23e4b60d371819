"""``joulepost why``: every limit and inhibit with its source, since when, and what clears it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from controller.local.common import Remote, echo, json_option, print_json, table, where_options


@click.command(epilog="Example: joulepost why 1")
@click.argument("evse", type=click.IntRange(min=1), required=False)
@where_options
@json_option
def why(evse: int | None, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Say why it charges no faster, or not at all.

    Lists every inhibit, what the session waits for, and every limit (the lowest first), each with its
    source, since when it holds and what clears it. EVSE: only this one.
    """
    found = Remote("controller", directory, runtime).call("why", {"evse_id": evse})
    if as_json:
        print_json(found)
    else:
        echo(render(found))


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """One block an EVSE, the verdict as its headline."""
    blocks: list[str] = []
    for evse_id in dict.fromkeys(row["evse_id"] for row in rows):
        mine = [row for row in rows if row["evse_id"] == evse_id]
        verdict = next((row["value"] for row in mine if row["kind"] == "verdict"), "")
        cells = [("kind", "name", "value", "source", "since", "cleared by")]
        cells += [
            (
                row["kind"],
                row["name"],
                row["value"],
                row["source"] or "-",
                since(row.get("since_ms")),
                row["clears_by"] or "-",
            )
            for row in mine
            if row["kind"] != "verdict"
        ]
        remedies = [f"  {row['name']}: {row['remedy']}" for row in mine if row.get("remedy")]
        advice = "\n\n  What to do:\n" + "\n".join(remedies) if remedies else ""
        blocks.append(f"EVSE {evse_id}: {verdict}\n{table(cells, '  ')}{advice}")
    return "\n\n".join(blocks)


def since(at_ms: int | None) -> str:
    """Local time, the date only when it is not today's."""
    if at_ms is None:
        return "-"
    moment = time.localtime(at_ms / 1000)
    same_day = time.strftime("%F", moment) == time.strftime("%F")
    return time.strftime("%H:%M:%S" if same_day else "%F %H:%M:%S", moment)
