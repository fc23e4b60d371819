"""``joulepost command NAME KEY=VALUE...``: what a CSMS could ask, asked by a technician."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from controller.local import exits
from controller.local.common import Remote, echo, json_option, pairs, print_json, where_options

NAMES = (
    "remote_start",
    "remote_stop",
    "change_availability",
    "unlock_connector",
    "reset",
    "clear_cache",
    "clear_security_log",
    "reset_faults",
    "override_delay",
    "contactor_replaced",
)
YES = frozenset({"Accepted", "Scheduled", "Unlocked", "RebootRequired"})


@click.command(epilog="Example: joulepost command change_availability evse_id=1 operative=false")
@click.argument("name", type=click.Choice(NAMES), metavar="NAME")
@click.argument("params", nargs=-1, metavar="KEY=VALUE...")
@where_options
@json_option
def command(
    name: str, params: tuple[str, ...], directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Do what a CSMS could ask: unlock, availability, reset, reset faults.

    NAME is remote_start (token, evse_id), remote_stop (transaction_id), change_availability (evse_id,
    operative), unlock_connector (evse_id), reset (kind), clear_cache, clear_security_log (the CSMS is told),
    reset_faults (evse_id), override_delay (evse_id: charge now, without the random delay) or
    contactor_replaced (evse_id: its counters begin at zero). Status 5 when the station says no.
    """
    remote = Remote("controller", directory, runtime, timeout_s=30)
    found: dict[str, Any] = remote.call("command", {"name": name, "params": pairs(params, text=TEXTS)})
    status = str(found.get("status", ""))
    if as_json:
        print_json(found)
    else:
        extra = {key: value for key, value in found.items() if key != "status" and value}
        echo(f"{name}: {status} {json.dumps(extra, ensure_ascii=False) if extra else ''}".rstrip())
    if status not in YES:
        raise click.exceptions.Exit(exits.REFUSED)


TEXTS = frozenset({"token", "transaction_id", "kind"})
"""Parameters that are text even when they look like a number."""
