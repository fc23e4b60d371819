"""The documents say what is there: links lead somewhere, commands exist, CI runs the two commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from controller.bench.csms_book import StationRecord, TransactionRecord
from controller.bench.csms_orders import parse
from controller.config import load_config
from controller.local.tree import root

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "docs" / "ocpp16", ROOT / "hardware", ROOT / "systemd")
    for path in folder.glob("*.md")
)
LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")
COMMAND = re.compile(r"^(?:sudo )?(?:\.venv/bin/)?joulepost (?P<words>[^#|&]*)")


def commands(text: str) -> Iterator[list[str]]:
    """The words of every `joulepost ...` line in a block of shell commands, up to the first option."""
    for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines():
            for part in line.split("&&"):
                found = COMMAND.match(part.strip())
                if found:
                    yield shlex.split(found["words"])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path: Path) -> None:
    missing = [
        target
        for target, _anchor in LINK.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists(path: Path) -> None:
    for words in commands(path.read_text(encoding="utf-8")):
        command: click.Command | None = root
        context = click.Context(root, info_name="joulepost")
        for word in words:
            if word.startswith("-") or not isinstance(command, click.Group):
                break
            command = command.get_command(context, word)
            assert command is not None, f"{path.name}: joulepost {' '.join(words)}: no command {word}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_order_to_the_desk_csms_is_one_of_1_6(path: Path, tmp_path: Path) -> None:
    station = StationRecord("DESK01", protocol="ocpp1.6")
    station.transactions["1"] = TransactionRecord("1", 1, "T", "2026-01-01T00:00:00Z")
    (tmp_path / "root.pem").write_text("a certificate", encoding="ascii")
    for words in commands(path.read_text(encoding="utf-8")):
        if words[:2] != ["csms", "send"]:
            continue
        order = [str(tmp_path / "root.pem") if word.endswith("root.pem") else word for word in words[2:]]
        if "--dir" in order:
            at = order.index("--dir")
            del order[at : at + 2]
        assert parse(order, station, "2026-01-01T00:00:00Z", "http://h", lambda _version: ("c", "s"))


def test_the_stations_in_documents_are_good(tmp_path: Path) -> None:
    """Each `station.toml` that a page tells to write."""
    found = 0
    for path in DOCUMENTS:
        for block in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            if "[station]" in block:
                (tmp_path / "station.toml").write_text(block, encoding="utf-8")
                load_config(tmp_path / "station.toml")
                found += 1
    assert found


def test_the_readme_opens_with_the_two_commands_that_ci_runs() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks[0].strip().endswith("joulepost demo")
    assert blocks[1].strip().endswith("python -m pytest")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "-m pytest" in ci
    assert "joulepost demo --once" in ci
    assert ".[test]" in ci
    assert "'.[test]'" in blocks[1]
