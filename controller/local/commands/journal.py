"""``joulepost journal``: the durable record of what happened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.local.commands.why import since
from controller.local.common import Remote, echo, json_option, print_json, where_options
from controller.printable import printable

MOST_SHOWN = 10
"""Longer lists are shown by their length."""
LONGEST = 200
"""Characters of a text that are shown."""


@click.command(epilog="Example: joulepost journal -n 50 --follow")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="So many entries."
)
@click.option(
    "--after", type=click.IntRange(min=0), help="The first entries above this number instead of the newest."
)
@click.option("--follow", "-f", is_flag=True, help="Go on with new entries as they are written.")
@where_options
@json_option
def journal(
    count: int, after: int | None, follow: bool, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Show what happened.

    One entry a line, oldest first; with --json one object a line when following, else an array.
    """
    remote = Remote("controller", directory, runtime)
    entries = remote.call("journal.tail", {"count": count, "after": after})
    if as_json and not follow:
        print_json(entries)
        return
    last = 0
    for entry in entries:
        last = _show(entry, as_json)
    if follow:
        for item in remote.stream("events", {"topics": ["event"]}):
            if item["topic"] == "event" and item["data"]["seq"] > last:
                last = _show(item["data"], as_json)


def _show(entry: Mapping[str, Any], as_json: bool) -> int:
    echo(json.dumps(entry, ensure_ascii=False) if as_json else line(entry))
    return int(entry["seq"])


def line(entry: Mapping[str, Any]) -> str:
    """One entry on one line: number, time, type, then its fields that say something."""
    fields = " ".join(
        f"{_name(name)}={_text(name, value)}"
        for name, value in entry["data"].items()
        if value not in (None, "", [], {}) and name != "at_ms"
    )
    shown = f"{entry['seq']:>6}  {since(entry['at_ms'])}  {entry['type']:<21}  {fields}".rstrip()
    return printable(shown)


def _short(text: str) -> str:
    """One line: of a certificate or another long text its beginning."""
    first = text.split("\n", 1)[0].rstrip()
    return (
        text if text == first and len(text) <= LONGEST else f"{first[:LONGEST]}... ({len(text)} characters)"
    )


def _is_time(name: str, value: Any) -> bool:
    return name.endswith("_at_ms") and isinstance(value, int)


def _name(name: str) -> str:
    return name.removesuffix("_ms") if name.endswith("_at_ms") else name


def _text(name: str, value: Any) -> str:
    """Times as people read them, tokens by what is on the card, lists of names and numbers whole, long lists
    and lists of structures by their length."""
    if isinstance(value, str):
        return _short(value)
    if _is_time(name, value):
        return since(value).replace(" ", "T")
    if isinstance(value, Mapping) and "value" in value and value.keys() <= {"value", "type"}:
        return str(value["value"])  # an IdToken
    if isinstance(value, list):
        plain = len(value) <= MOST_SHOWN and not any(isinstance(one, list | Mapping) for one in value)
        return ",".join(str(one) for one in value) if plain else f"[{len(value)}]"
    return json.dumps(_times(value), ensure_ascii=False, separators=(",", ":"))


def _times(value: Any) -> Any:
    """The same with readable times, however deep they are."""
    if isinstance(value, Mapping):
        return {
            _name(name): since(inner) if _is_time(name, inner) else _times(inner)
            for name, inner in value.items()
        }
    return [_times(inner) for inner in value] if isinstance(value, list) else value
