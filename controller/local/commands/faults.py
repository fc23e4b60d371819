"""``joulepost faults``: what is wrong now and what was, with cause and remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from controller.local.commands.why import since
from controller.local.common import Remote, echo, json_option, print_json, table, where_options


@click.command(epilog="Example: joulepost faults -n 50")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many that are over."
)
@where_options
@json_option
def faults(count: int, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Show what is wrong and what was, with cause and remedy.

    First the faults of now, each with what clears it and what a technician can do; then the newest ones that
    are over. docs/faults.md lists all there are.
    """
    found = Remote("controller", directory, runtime).call("faults", {"count": count})
    if as_json:
        print_json(found)
    else:
        echo(render(found))


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """Two blocks: now, and before."""
    blocks = []
    for row in rows:
        if row["until_ms"] is None:
            codes = f"1.6 {row['code16']}" + (f", ChargeX {row['mrec']}" if row["mrec"] else "")
            lines = [
                ("cause", row["cause"]),
                ("acts", row["acts"]),
                ("cleared by", row["clears_by"]),
                ("to do", row["remedy"]),
                ("codes", codes),
            ]
            where = f"EVSE {row['evse_id']}" if row["evse_id"] else "station"
            head = f"{where}: {row['name']} ({row['severity']}) since {since(row['since_ms'])}"
            blocks.append(head + "\n" + table(lines, "  "))
    over = [row for row in rows if row["until_ms"] is not None]
    if not blocks:
        blocks.append("no fault now")
    if over:
        cells = [("from", "to", "EVSE", "fault", "cause")]
        cells += [
            (since(row["since_ms"]), since(row["until_ms"]), str(row["evse_id"]), row["name"], row["cause"])
            for row in over
        ]
        blocks.append(table(cells))
    return "\n\n".join(blocks)
