"""``joulepost demo``: watch a simulated car charge."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(epilog="Example: joulepost demo --once --ocpp 1.6")
@click.option("--once", is_flag=True, help="End after one session: status 0 when every step passed, else 1.")
@click.option("--ocpp", type=click.Choice(("1.6", "2.0.1", "2.1")), default="2.0.1", show_default=True)
@click.option("--speed", type=float, default=60.0, show_default=True, help="Energy flows this much faster.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep state and logs here (empty, or of an earlier demo). Default: a temporary directory.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the screen as SVG (terminal only).",
)
def demo(once: bool, ocpp: str, speed: float, directory: Path | None, picture: Path | None) -> None:
    """Watch a simulated car charge: the whole station in one terminal.

    Starts the simulated world, the safety process, the controller and a CSMS as real processes, plugs a car
    in, taps a card, charges, obeys a remote limit and a remote stop, unplugs. Other terminals can join in:
    `joulepost status --dir DIR` and all others work meanwhile. End with Ctrl-C.
    """
    from controller.bench.demo import DemoOptions, run_demo

    raise click.exceptions.Exit(run_demo(DemoOptions(once, ocpp, speed, directory, picture)))
