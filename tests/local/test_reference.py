from pathlib import Path

import click

from controller.local.reference import page
from controller.local.tree import COMMANDS, root


def every_command() -> list[tuple[str, click.Command]]:
    def walk(path: str, command: click.Command) -> list[tuple[str, click.Command]]:
        found = [(path, command)]
        if isinstance(command, click.Group):
            for name, inner in command.commands.items():
                found += walk(f"{path} {name}", inner)
        return found

    context = click.Context(root, info_name="joulepost")
    found = []
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        found += walk(name, command)
    return found


def test_docs_cli_md_is_current() -> None:
    text = Path("docs/cli.md").read_text()
    assert text == page(), "run: python -m controller.local.reference > docs/cli.md"


def test_every_command_has_help_and_an_example() -> None:
    lacking = [
        path
        for path, command in every_command()
        if not command.help or not (command.epilog or "").startswith("Example: joulepost ")
    ]
    assert lacking == []


def test_every_example_is_a_command_of_the_tree() -> None:
    paths = {path for path, _ in every_command()}
    for path, command in every_command():
        words = (command.epilog or "").removeprefix("Example: joulepost ").split()
        if isinstance(command, click.Group):
            assert any(" ".join(words[:count]) in paths or path in paths for count in (1, 2, 3)), path
        else:
            assert words[: len(path.split())] == path.split() or path.endswith(" serve"), path


def test_every_option_has_help_or_names_its_choices() -> None:
    lacking = [
        f"{path} {option.opts}"
        for path, command in every_command()
        for option in command.params
        if isinstance(option, click.Option) and not option.help and not isinstance(option.type, click.Choice)
    ]
    assert lacking == []


def test_every_query_has_json() -> None:
    queries = ["status", "why", "journal", "watch", "version", "settings list", "settings get"]
    queries += ["bench status", "bench fault list", "csms status", "csms frames", "config check"]
    table = dict(every_command())
    lacking = [path for path in queries if not any("--json" in one.opts for one in table[path].params)]
    assert lacking == []
