"""Text from outside does nothing to a terminal or a log."""

from __future__ import annotations

import json

import pytest

from controller.clock import SystemClock
from controller.local.commands import journal
from controller.local.common import echo, print_json
from controller.logs.recent import Recent
from controller.printable import printable

NASTY = "Root\x1b]0;owned\x07\x1b[2J\r\njournal: all is well\u202e\x9b31m\U000e0041"


def test_what_does_not_print_is_shown_and_not_obeyed() -> None:
    shown = printable(NASTY)
    assert shown.isprintable() and "\\u001b[2J" in shown and "\\u202e" in shown and "\\u009b" in shown
    assert json.loads(f'"{shown}"') == NASTY, "it is still said what it was"
    assert printable("two\nlines\t", keep="\n") == "two\nlines\\u0009"
    assert printable("Säule 1: 32 A — ok") == "Säule 1: 32 A — ok"


def test_a_name_in_a_certificate_forges_no_line_of_the_log() -> None:
    printed: list[str] = []
    recent = Recent(SystemClock())
    recent.keeping(printed.append)(f"certificates: {NASTY}")
    assert len(printed) == 1 and printed[0].isprintable()
    assert recent.messages.lines() == [(recent.messages.lines()[0][0], printed[0])]


def test_the_command_line_obeys_nothing_in_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"seq": 1, "at_ms": 0, "type": "SecurityEvent", "data": {"info": NASTY}}
    echo(journal.line(entry))
    print_json(entry)
    text, machine = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert text.isprintable() and machine.isprintable()
    assert json.loads(machine) == entry
