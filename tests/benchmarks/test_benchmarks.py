"""Every benchmark runs with a tiny load and prints its table. What the figures are is not asserted: they are
the machine's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS

ROOT = Path(__file__).parents[2]

TINY = {
    "reaction": ["--openings", "3", "--evses", "1"],
    "isolation": ["--seconds", "0.3"],
    "controller": [
        "--starts",
        "1",
        "--idle-s",
        "0.3",
        "--settle-s",
        "0.3",
        "--remote-starts",
        "2",
        "--ocpp",
        "1.6",
    ],
    "rpc_throughput": ["--calls", "20", "--rounds", "1", "--windows", "1"],
    "calls": ["--calls", "20", "--rounds", "1"],
    "composite": ["--repeat", "1", "--sizes", "2,20"],
    "delivery": ["--messages", "20", "--rounds", "1", "--ocpp", "2.0.1"],
    "disk": ["--minutes", "2", "--sample-s", "30", "--ocpp", "1.6"],
}

FIGURES = {
    "reaction": r"idle +\d+\.\d+ +\d+\.\d+",
    "isolation": r"\d+\.\d",
    "controller": r"1\.6 to Started +2 +\d+\.\d+ .* ms",
    "rpc_throughput": r"joulepost +[\d,]+ +\d+% +\d+\.\dx",
    "calls": r"SetChargingProfile +[\d,]+ +\d+\.\dx",
    "composite": r"N profiles nested +20 +\d+\.\d+ +\d+\.\dx +39",
    "delivery": r"2\.0\.1 joulepost +[\d,]+ +\d+%",
    "disk": r"1\.6 sampled every 30 s +[1-9]\d* +[1-9]\d* ",
}


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    )


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of them at once: mostly they wait."""
    processes = {name: start(name, *options) for name, options in TINY.items()}
    yield processes
    for process in processes.values():
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_prints_its_table(name: str, running: dict[str, subprocess.Popen[str]]) -> None:
    out, errors = running[name].communicate(timeout=100)
    assert running[name].returncode == 0, out + errors
    assert re.search(FIGURES[name], out), out


def test_an_unknown_name_is_answered_with_the_list() -> None:
    process = start("nonsense")
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "controller, rpc_throughput" in errors
