"""``joulepost version``."""

from __future__ import annotations

import platform

import click

from controller.local.common import json_option, print_json


@click.command(epilog="Example: joulepost version --json")
@json_option
def version(as_json: bool) -> None:
    """Print the version."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        number = installed("joulepost")
    except PackageNotFoundError:
        number = "source tree (not installed)"
    if as_json:
        print_json({"joulepost": number, "python": platform.python_version(), "machine": platform.machine()})
    else:
        click.echo(f"joulepost {number}, Python {platform.python_version()}, {platform.machine()}")
