"""The command that restarts the machine, with harmless ones in its place."""

from __future__ import annotations

import asyncio

import pytest

from controller.reboot import reboot_by


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "cannot be run: No such file or directory; correct station.reboot_command"),
        (("sh", "-c", "echo not allowed >&2; exit 3"), "ended with 3: not allowed"),
        (("false",), "ended with 1: nothing said"),
        (("true",), "ended well, but the machine still runs after 0.01 s"),
        (("sleep", "600"), "no end after 0.2 s"),
    ],
)
def test_it_returns_only_with_the_reason_why_the_machine_still_runs(
    command: tuple[str, ...], why: str
) -> None:
    command_s = 0.2 if "sleep" in command else 30
    assert asyncio.run(reboot_by(command, command_s, 0.01)()).endswith(why)
