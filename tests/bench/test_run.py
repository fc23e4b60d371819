"""``joulepost run``: a whole station, supervised, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from controller.local.client import LocalClient, Unreachable
from tests.bench.test_demo import wait_until_gone


def until(check: Callable[[], Any], deadline_s: float = 20) -> Any:
    deadline = time.monotonic() + deadline_s
    while True:
        try:
            if found := check():
                return found
        except Unreachable:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_new_directory_becomes_a_station_whose_killed_controller_comes_back(tmp_path: Path) -> None:
    home = tmp_path / "station"
    argv = [sys.executable, "-m", "controller.local.cli", "run", "--dir", str(home)]
    argv += ["--set", "TxCtrlr.EVConnectionTimeOut=77"]

    def status() -> Any:
        with LocalClient(home / "run" / "controller.sock") as client:
            found = client.call("status")
            return found if found["safety"]["linked"] and found["evses"][0]["status"] == "Available" else None

    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        first = until(status)
        with LocalClient(home / "run" / "controller.sock") as client:
            assert client.call("settings.get", {"name": "ConnectionTimeOut"})["value"] == "77"
        os.kill(first["pid"], signal.SIGKILL)
        second = until(lambda: (found := status()) and found["pid"] != first["pid"] and found)
        assert second["journal_seq"] >= first["journal_seq"]
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
        assert process.returncode == 0, out
    assert "station.toml: written" in out
    assert "controller | ended with SIGKILL: starts again in 0.5 s" in out
    wait_until_gone(home)
    assert sorted(one.name for one in (home / "run").glob("*.sock")) == []
