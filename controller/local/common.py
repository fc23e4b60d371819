"""What the commands share: options, calls with exit statuses, plain-text tables.

Owns: ``--dir``, ``--runtime``, ``--json``; from a client's errors to exit statuses; columns.
Refuses to know: any single command. click and standard library only.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from controller.local import exits, messages
from controller.local.client import LocalClient, Unreachable
from controller.local.messages import RpcError
from controller.local.sockets import find_runtime, socket_path
from controller.printable import printable

F = TypeVar("F", bound=Callable[..., Any])

STATUS_OF_ERROR = {
    messages.INVALID_PARAMS: exits.USAGE,
    messages.METHOD_NOT_FOUND: exits.USAGE,
    messages.REFUSED: exits.REFUSED,
}


def where_options(function: F) -> F:
    """``--dir`` and ``--runtime`` as parameters ``directory`` and ``runtime``."""
    function = click.option(
        "--runtime",
        type=click.Path(path_type=Path, file_okay=False),
        help="Directory of the sockets itself, instead of DIR/run.",
    )(function)
    return click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        help="The station's directory (default: $JOULEPOST_DIR, . with a station.toml, /run/joulepost).",
    )(function)


def json_option(function: F) -> F:
    """``--json`` as parameter ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)


def home_option(function: F) -> F:
    """``--dir`` of the commands that make files: the station's directory, created when missing."""
    return click.option(
        "--dir",
        "directory",
        type=click.Path(path_type=Path, file_okay=False),
        default=lambda: os.environ.get("JOULEPOST_DIR", "."),
        show_default="$JOULEPOST_DIR, else the working directory",
        help="The station's directory: station.toml, joulepost.db, run/, root/.",
    )(function)


class Remote:
    """The socket of one process; foreseen errors end the command with their status."""

    def __init__(
        self, process: str, directory: Path | None, runtime: Path | None, timeout_s: float = 10.0
    ) -> None:
        self._path = socket_path(find_runtime(directory, runtime, os.environ), process)
        self._timeout_s = timeout_s

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        with LocalClient(self._path, self._timeout_s) as client, _exits():
            return client.call(method, params)

    def stream(self, name: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        with LocalClient(self._path, self._timeout_s) as client, _exits():
            yield from client.stream(name, params)


class _exits:
    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, exc: BaseException | None, trace: object) -> None:
        if isinstance(exc, Unreachable):
            raise exits.Exit(exits.UNREACHABLE, str(exc)) from exc
        if isinstance(exc, RpcError):
            status = STATUS_OF_ERROR.get(exc.code, exits.FAILED)
            raise exits.Exit(status, exc.message) from exc


def print_json(value: Any) -> None:
    """Indented for a terminal, one line otherwise."""
    echo(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def echo(text: str) -> None:
    """Print lines that may hold what others wrote."""
    click.echo(printable(text, keep="\n"))


def table(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Columns padded to their widest cell; the last one is left as it is."""
    if not rows:
        return ""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        lines.append((indent + "  ".join([*cells, row[-1]])).rstrip())
    return "\n".join(lines)


def amps(ma: int | None) -> str:
    """ "16.0 A", or "-" when not known."""
    return "-" if ma is None else f"{ma / 1000:.1f} A"


def answer(found: Mapping[str, Any], as_json: bool, text: str) -> None:
    """Print the answer of something that changes."""
    if as_json:
        print_json(found)
    else:
        echo(text)


def pairs(changes: tuple[str, ...], text: frozenset[str] = frozenset()) -> dict[str, Any]:
    """KEY=VALUE words. A value is JSON where it can be (true, 3, null), else text; those of the keys in
    ``text`` always are. Raises ``click.UsageError``."""
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise click.UsageError(f"expected KEY=VALUE, found {change!r}")
        try:
            found[name] = value if name in text else json.loads(value)
        except ValueError:
            found[name] = value
    return found
