import subprocess
import sys

import click

from controller.local.tree import COMMANDS, root


def test_the_help_line_of_the_tree_is_the_first_line_of_the_command() -> None:
    context = click.Context(root, info_name="joulepost")
    for name, (_, about) in COMMANDS.items():
        command = root.get_command(context, name)
        assert command is not None
        assert (command.help or "").strip().split("\n")[0] == about, name


def imported_by(*args: str) -> set[str]:
    code = (
        "import sys; from controller.local.cli import main; "
        f"main({list(args)!r}); print(*sys.modules, file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(found.stderr.split())


def test_a_query_imports_its_own_command_and_nothing_heavy() -> None:
    modules = imported_by("status", "--dir", "/nonexistent")
    assert "controller.local.commands.status" in modules
    heavy = {
        "asyncio",
        "rich",
        "websockets",
        "pymodbus",
        "gpiozero",
        "sqlite3",
        "ocpp",
        "fastjsonschema",
        "ssl",
    }
    assert modules & heavy == set()
    assert [name for name in modules if name.startswith("controller.local.commands.")] == [
        "controller.local.commands.status"
    ]


def test_help_imports_no_command() -> None:
    assert [name for name in imported_by("--help") if name.startswith("controller.local.commands.")] == []
