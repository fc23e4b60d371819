"""A station of real processes for a measurement: bench, safety, controller, in a directory of its own.

Owns: the directory, the processes, orders to the bench. The CSMS is in the benchmark's own process.
Refuses to know: what is measured.

What is installed starts from bytecode, so the processes do here, too, whatever PYTHONDONTWRITEBYTECODE says:
the cache is filled by a start that is not measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, Self

from controller.config import desk_config
from controller.local.children import end_all, joulepost
from controller.local.client import LocalClient, Unreachable
from controller.local.sockets import socket_path

START_TIMEOUT_S = 30.0


class StationProcesses:
    """``with StationProcesses(url, "ocpp1.6", bytecode) as station: station.start_world()``.

    ``bytecode``: a directory for the cache, the same for all stations of a run, empty at first.
    The controller is started by ``start_controller``, again after ``stop_controller``; the storage stays."""

    def __init__(self, url: str, version: str, bytecode: Path) -> None:
        self._bytecode = bytecode
        self.home = Path(tempfile.mkdtemp(prefix="jpb-", dir="/tmp"))
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        (self.home / "station.toml").write_text(desk_config(self.home, url=url, versions=[version]))

    def __enter__(self) -> Self:
        (self.home / "run").mkdir()
        return self

    def __exit__(self, *exc: object) -> None:
        order = ("controller", "safety", "bench")
        end_all([self._children[name] for name in order if name in self._children])
        rmtree(self.home, ignore_errors=True)

    def start_world(self) -> None:
        """Bench and safety process; returns when both answer, and all bytecode is there."""
        cold = not any(self._bytecode.iterdir())
        self._spawn("bench", joulepost("bench", "serve", "--dir", str(self.home)))
        self._until((self.home / "root" / "run" / "board.sock").exists, "the bench's board socket")
        self._start_safety()
        if cold:
            self.start_controller()
            self._until(lambda: self.status().get("csms", {}).get("online"), "the controller online")
            self.stop_controller()
            for file in self.home.glob("joulepost.db*"):
                file.unlink()
            end_all([self._children.pop("safety")])
            self._start_safety()

    def _start_safety(self) -> None:
        safety = [sys.executable, "-m", "controller.safety", "--board", "simulated", "--evses", "1"]
        safety += ["--root", str(self.home / "root"), "--runtime", str(self.home / "run")]
        safety += ["--late-budget-ms", "5000"]  # a machine that measures other things, too
        self._spawn("safety", safety)
        self._until((self.home / "run" / "safety.sock").exists, "the safety process's socket")

    def controller_command(self) -> list[str]:
        """The words after ``joulepost``."""
        return ["controller", "--config", str(self.home / "station.toml")]

    def start_controller(self, argv: Sequence[str] | None = None) -> float:
        """Returns CLOCK_MONOTONIC seconds of the moment before the process was made."""
        return self._spawn("controller", argv or joulepost(*self.controller_command()))

    def stop_controller(self) -> None:
        end_all([self._children.pop("controller")])

    def pid(self, name: str) -> int:
        """Raises ``RuntimeError`` with the log's end when the process has ended."""
        self._alive()
        return self._children[name].pid

    def bench(self, method: str, **params: Any) -> Any:
        """An order to the world; answers when it has changed."""
        with LocalClient(socket_path(self.home / "run", "bench"), 20) as client:
            return client.call(method, params)

    def status(self) -> dict[str, Any]:
        """What the controller says of itself; empty while it cannot be reached."""
        try:
            with LocalClient(socket_path(self.home / "run", "controller"), 20) as client:
                found: dict[str, Any] = client.call("status")
        except Unreachable:
            return {}
        return found

    def _spawn(self, name: str, argv: Sequence[str]) -> float:
        with (self.home / f"{name}.log").open("ab") as log:
            environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(self._bytecode)}
            environment.pop("PYTHONDONTWRITEBYTECODE", None)
            at_s = time.monotonic()
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self._children[name] = child
        return at_s

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not condition():
            self._alive()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what}: not there after {START_TIMEOUT_S:g} s")
            time.sleep(0.02)

    def _alive(self) -> None:
        for name, child in self._children.items():
            if child.poll() is not None:
                tail = (self.home / f"{name}.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{name} ended with status {child.returncode}:\n{tail}")
