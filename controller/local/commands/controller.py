"""``joulepost controller``: the controller process in the foreground."""

from __future__ import annotations

import gc
from pathlib import Path

import click

SYSTEM_CONFIG = Path("/etc/joulepost/station.toml")


@click.command(
    epilog="Example: joulepost controller --config station.toml --set TxCtrlr.EVConnectionTimeOut=90"
)
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=SYSTEM_CONFIG,
    show_default=True,
    help="The station's configuration file.",
)
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A setting for this start only.")
def controller(config_path: Path, pairs: tuple[str, ...]) -> None:
    """Run the controller process.

    It needs the safety process (`joulepost safety`) to charge; `joulepost run` starts both.
    """
    settings = overrides(pairs)
    # Nothing that a start makes is garbage: looking for it would take 7 ms, and again each time later.
    gc.disable()
    from controller.process import run

    gc.freeze()
    gc.enable()
    status = run(config_path, settings)
    raise click.exceptions.Exit(status)


def overrides(pairs: tuple[str, ...]) -> dict[str, str]:
    """``--set NAME=VALUE`` pairs. Raises ``click.BadParameter``."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"expected NAME=VALUE, found {pair!r}", param_hint="--set")
        found[name] = value
    return found
