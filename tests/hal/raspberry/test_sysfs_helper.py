"""What the helper writes, and that it ends when nobody reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hal.raspberry.sysfs_helper import line
from hal.raspberry.sysfs_reader import HELPER


@pytest.mark.parametrize(
    ("text", "told"), [("23125\n", b"0 23125\n"), ("-10", b"0 -10\n"), ("", b"0 -\n"), ("NO", b"0 -\n")]
)
def test_one_line_per_file(tmp_path: Path, text: str, told: bytes) -> None:
    file = tmp_path / "temp1_input"
    file.write_text(text)
    assert line(0, str(file)) == told


def test_bytes_that_are_no_text_are_no_number(tmp_path: Path) -> None:
    file = tmp_path / "temp1_input"
    file.write_bytes(b"\xff\xfe")
    assert line(7, str(file)) == b"7 -\n"


def test_it_ends_when_nobody_reads(tmp_path: Path) -> None:
    file = tmp_path / "temp1_input"
    file.write_text("1000")
    command = [sys.executable, "-I", "-S", str(HELPER), str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as helper:
        assert helper.stdout is not None
        assert helper.stdout.readline() == b"0 1000\n"
        helper.stdout.close()
        assert helper.wait(5) == 0
