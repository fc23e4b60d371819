"""``joulepost settings get/set/list``: the settings catalogue of the running controller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from controller.local.common import Remote, answer, echo, json_option, print_json, table, where_options
from controller.local.tree import SuggestingGroup


@click.group(cls=SuggestingGroup, epilog="Example: joulepost settings set TxCtrlr.EVConnectionTimeOut 120")
def settings() -> None:
    """Read and change settings.

    NAME is Component.Variable (OCPP 2.0.1) or an OCPP 1.6 key: both name the same row.
    """


@settings.command("list", epilog="Example: joulepost settings list meter")
@click.argument("text", default="")
@where_options
@json_option
def list_settings(text: str, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """List settings whose name or 1.6 key contains TEXT (all by default)."""
    rows = [
        row
        for row in Remote("controller", directory, runtime).call("settings.list")
        if text.casefold() in f"{row['name']} {row.get('key16') or ''}".casefold()
    ]
    if as_json:
        print_json(rows)
        return
    cells = [("name", "value", "unit", "access", "1.6 key")]
    cells += [
        (row["name"], _value(row), row.get("unit") or "", row["mutability"], row.get("key16") or "")
        for row in rows
    ]
    echo(table(cells))


@settings.command("get", epilog="Example: joulepost settings get ConnectionTimeOut")
@click.argument("name")
@where_options
@json_option
def get_setting(name: str, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Print one setting."""
    row = Remote("controller", directory, runtime).call("settings.get", {"name": name})
    if as_json:
        print_json(row)
    else:
        echo(_value(row))


@settings.command("set", epilog="Example: joulepost settings set SampledDataCtrlr.TxUpdatedInterval 30")
@click.argument("name")
@click.argument("value")
@where_options
@json_option
def set_setting(name: str, value: str, directory: Path | None, runtime: Path | None, as_json: bool) -> None:
    """Change one setting; it is durable when the command returns."""
    found = Remote("controller", directory, runtime).call("settings.set", {"name": name, "value": value})
    late = "; takes effect after a restart" if found["status"] == "RebootRequired" else ""
    answer(found, as_json, f"{found['name']} = {_value(found)}{late}")


def _value(row: Mapping[str, Any]) -> str:
    return "(write-only)" if row.get("value") is None else str(row["value"])
