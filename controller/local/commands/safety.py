"""``joulepost safety``: the safety process, a program of its own.

Reached through ``controller.local.cli.main`` only in ``--help`` and in the generated reference: the entry
point replaces this process by ``python -m controller.safety`` before the command tree is imported.
"""

from __future__ import annotations

import os
import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
    epilog="Example: joulepost safety --board simulated --runtime DIR/run --root DIR/root --evses 1",
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def safety(arguments: tuple[str, ...]) -> None:
    """Run the safety process.

    It owns pilot, contactor and lock, and never stops. `joulepost safety --help` lists its options.
    """
    os.execv(sys.executable, [sys.executable, "-m", "controller.safety", *arguments])
