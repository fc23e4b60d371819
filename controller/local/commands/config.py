"""``joulepost config check FILE``: is this station.toml right, with its board profile and settings?"""

from __future__ import annotations

from pathlib import Path

import click

from controller.local import exits
from controller.local.common import json_option, print_json
from controller.local.tree import SuggestingGroup


@click.group(cls=SuggestingGroup, epilog="Example: joulepost config check /etc/joulepost/station.toml")
def config() -> None:
    """Check configuration files."""


@config.command(epilog="Example: joulepost config check station.toml")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def check(file: Path, as_json: bool) -> None:
    """Check FILE (a station.toml) and the board profile it names.

    Prints every problem found with key, found and expected; status 4 when there is one.
    """
    from controller.config import ConfigError, check_evses, load_config
    from hal.profile import ProfileError, load_profile

    summary = ""
    problems: list[str] = []
    try:
        found = load_config(file)
        profile = load_profile(found.board.profile, found.board.evses)
        check_evses(found, [evse.evse_id for evse in profile.evses])
        csms = found.csms.url if found.csms is not None else "no CSMS"
        summary = f"station {found.station.id}, {len(profile.evses)} EVSE on board {profile.name}, {csms}"
    except (ConfigError, ProfileError) as exc:
        problems = str(exc).splitlines()
    if as_json:
        print_json({"file": str(file), "ok": not problems, "problems": problems})
    else:
        click.echo("\n".join(problems) if problems else f"{file}: good: {summary}")
    if problems:
        raise click.exceptions.Exit(exits.CONFIGURATION)
