"""docs/cli.md from the command tree: ``python -m controller.local.reference > docs/cli.md``.

Owns: the text of the page. Refuses to know: any command; it only walks the tree, so the page cannot lie.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import click

from controller.local import exits
from controller.local.tree import root

HEAD = """\
# The command line

Generated from the command tree by `python -m controller.local.reference > docs/cli.md`; a test keeps it so.

`joulepost` is one program with many commands. Every command has `--help` with an example; every query has
`--json`. Commands that ask a running process find its socket by `--runtime`, `--dir` (then in `DIR/run`),
`$JOULEPOST_RUNTIME`, `$JOULEPOST_DIR`, `./run` when the working directory holds a `station.toml`, and
`/run/joulepost`, in this order. What they say over it is documented in [local-api.md](local-api.md).

## Exit status

"""


def page() -> str:
    """The whole page."""
    table = (inspect.getdoc(exits) or "").split("\n\n", 1)[1]
    parts = [HEAD + table + "\n"]
    context = click.Context(root, info_name="joulepost")
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        parts.extend(_sections(command, f"joulepost {name}", 2))
    return "\n".join(parts)


def _sections(command: click.Command, path: str, level: int) -> list[str]:
    lines = [
        f"{'#' * level} {path}",
        "",
        f"`{_usage(command, path)}`",
        "",
        inspect.cleandoc(command.help or ""),
    ]
    options = [one for one in command.params if isinstance(one, click.Option)]
    if options:
        lines += ["", "| option | |", "|---|---|"]
        lines += [f"| `{_names(one)}` | {_about(one)} |" for one in options]
    if command.epilog:
        kind, _, example = command.epilog.partition(": ")
        lines += ["", f"{kind}: `{example}`"]
    found = ["\n".join([*lines, ""])]
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            found += _sections(command.commands[name], f"{path} {name}", level + 1)
    return found


def _usage(command: click.Command, path: str) -> str:
    words = [path]
    if isinstance(command, click.Group):
        words.append("COMMAND ...")
    elif any(isinstance(one, click.Option) for one in command.params):
        words.append("[OPTIONS]")
    for one in command.params:
        if isinstance(one, click.Argument):
            name = one.metavar or (one.name or "").upper() + ("..." if one.nargs == -1 else "")
            words.append(name if one.required else f"[{name}]")
    return " ".join(words)


def _names(option: click.Option) -> str:
    names = ", ".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        # A bar would end the table's cell.
        return f"{names} " + " or ".join(str(choice) for choice in option.type.choices)
    return f"{names} {option.metavar or (option.name or '').upper()}"


def _about(option: click.Option) -> str:
    text = option.help or ""
    if isinstance(option.show_default, str):
        return f"{text} Default: {option.show_default}."
    if option.show_default and isinstance(option.default, str | int | float | Path):
        return f"{text} Default: {option.default}.".strip()
    return text


if __name__ == "__main__":
    sys.stdout.write(page())
