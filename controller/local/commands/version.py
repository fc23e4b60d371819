"""``joulepost version``."""

from __future__ import annotations

import platform

import click

from controller.local.common import json_option, print_json
from controller.version import VERSION


@click.command(epilog="Example: joulepost version --json")
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    if as_json:
        print_json({"joulepost": VERSION, "python": platform.python_version(), "machine": platform.machine()})
    else:
        click.echo(f"joulepost {VERSION}, Python {platform.python_version()}, {platform.machine()}")
