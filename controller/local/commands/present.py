"""``joulepost present TOKEN``: the technician's card."""

from __future__ import annotations

from pathlib import Path

import click

from controller.local.common import Remote, answer, json_option, where_options


@click.command(epilog="Example: joulepost present 04A1B2C3D4 --evse 1")
@click.argument("token")
@click.option("--evse", type=click.IntRange(min=1), help="At this EVSE; without it the station chooses.")
@where_options
@json_option
def present(
    token: str, evse: int | None, directory: Path | None, runtime: Path | None, as_json: bool
) -> None:
    """Present a token as if a card were held to a reader.

    It is authorized as any other token; `joulepost journal` tells the outcome.
    """
    found = Remote("controller", directory, runtime).call("token.present", {"uid": token, "evse_id": evse})
    answer(found, as_json, f"{token} presented")
