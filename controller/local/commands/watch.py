"""``joulepost watch``: the station live. rich is imported only for a terminal."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from controller.local.commands import journal, status
from controller.local.common import Remote, echo, json_option, where_options

KEPT_LINES = 12


@click.command(epilog="Example: joulepost watch --json | jq -c 'select(.topic == \"event\")'")
@where_options
@json_option
def watch(directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Follow the station live.

    A screen on a terminal; plain lines otherwise; with --json one object a line: {"topic", "data", "lost"}.
    End with Ctrl-C.
    """
    items = Remote("controller", directory, runtime).stream("events")
    if as_json:
        for item in items:
            echo(json.dumps(item, ensure_ascii=False))
    elif sys.stdout.isatty():
        _screen(items)
    else:
        last = ""
        for item in items:
            line = text(item)
            if line != last:
                last = line
                echo(line)


def text(item: Mapping[str, Any]) -> str:
    """One item as plain lines."""
    data = item["data"]
    if item["topic"] == "station":
        return "\n".join("  ".join(status.evse_row(evse)) for evse in data.get("evses", []))
    if item["topic"] == "event":
        return journal.line(data)
    if item["topic"] == "frame":
        return f"{'sent' if data['sent'] else 'got '} {data['text']}"
    return str(data.get("text", data))


def _screen(items: Iterator[Mapping[str, Any]]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.panel import Panel
    from rich.text import Text

    station: Mapping[str, Any] = {}
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    with Live(refresh_per_second=8, screen=True) as live:
        for item in items:
            if item["topic"] == "station":
                station = item["data"]
            else:
                lines.append(text(item))
            live.update(
                Group(
                    Panel(Text(status.render(station)), title="Joulepost", border_style="green"),
                    Panel(Text("\n".join(lines), no_wrap=True, overflow="ellipsis"), title="what happens"),
                )
            )
