"""The command tree of ``joulepost``: names, one-line helps, and where each command lives.

Owns: the tree as data, loading a command only when it is used, suggestions for misspelt names.
Refuses to know: what a command does. Importing this module imports click and nothing else.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo:demo", "Watch a simulated car charge: the whole station in one terminal."),
    "run": ("run:run", "Run safety and controller together, supervised (for desks)."),
    "safety": ("safety:safety", "Run the safety process."),
    "controller": ("controller:controller", "Run the controller process."),
    "bench": ("bench:bench", "Serve and operate the simulated world: vehicle, card, faults."),
    "csms": ("csms:csms", "Serve a CSMS for the desk, and send orders through it."),
    "status": ("status:status", "Show the station, its EVSEs and its connections."),
    "watch": ("watch:watch", "Follow the station live."),
    "why": ("why:why", "Say why it charges no faster, or not at all."),
    "faults": ("faults:faults", "Show what is wrong and what was, with cause and remedy."),
    "contactor": ("contactor:contactor", "Show what the contactors have lived through."),
    "present": ("present:present", "Present a token as if a card were held to a reader."),
    "command": ("command:command", "Do what a CSMS could ask: unlock, availability, reset, reset faults."),
    "settings": ("settings:settings", "Read and change settings."),
    "journal": ("journal:journal", "Show what happened."),
    "config": ("config:config", "Check configuration files."),
    "calibrate": ("calibrate:calibrate", "Calibrate pilot and proximity measurement with a multimeter."),
    "version": ("version:version", "Print the version."),
}
"""Command -> (module of ``controller.local.commands``:attribute, help line)."""


class SuggestingGroup(click.Group):
    """A group that suggests the nearest command for an unknown one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=2, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Try `{ctx.command_path} --help`."
            raise click.UsageError(f"No such command {name!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class DefaultGroup(SuggestingGroup):
    """A group that runs its command ``serve`` when its first argument is an option or missing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["serve", *args]
        return super().parse_args(ctx, args)


class LazyTree(SuggestingGroup):
    """The root: a command's module is imported when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found: Any = getattr(importlib.import_module(f"controller.local.commands.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


@click.group(
    cls=LazyTree,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit status: 0 done, 1 failed, 2 wrong usage, 3 process not reachable, 4 configuration error, "
    "5 refused, 130 interrupted.",
)
def root() -> None:
    """Joulepost: charge point controller for AC charging stations."""
