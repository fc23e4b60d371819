"""As much of systemd as the safety process relies on: notify socket, watchdog, ``ExecStopPost=``.

Follows systemd/joulepost-safety.service: the watchdog's time and its signal are read from there.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

UNIT = Path(__file__).parents[2] / "systemd" / "joulepost-safety.service"


def setting(name: str) -> str:
    """The value of a key of the unit file, which has it once."""
    (value,) = [
        line.split("=", 1)[1] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")
    ]
    return value


class ServiceManager:
    """Runs ``start``; after its end, whatever the reason, runs ``stop_post`` and ends.

    A service that is silent for longer than ``WatchdogSec`` gets the unit's ``WatchdogSignal``.
    ``silences_s``: every pause between two signs of life.
    """

    def __init__(self, root: Path, start: list[str], stop_post: list[str]) -> None:
        self.watchdog_s = float(setting("WatchdogSec").removesuffix("s"))
        self._signal = signal.Signals[setting("WatchdogSignal")]
        self._stop_post = stop_post
        self.messages: list[str] = []
        self.silences_s: list[float] = []
        self.killed_by_watchdog = False
        self.stop_post_status: int | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(root / "notify"))
        self._socket.settimeout(0.02)
        self._environment = {**os.environ, "NOTIFY_SOCKET": str(root / "notify")}
        self._log = (root / "stderr").open("wb")
        self.process = subprocess.Popen(start, stderr=self._log, env=self._environment)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        heard_s = time.monotonic()
        while self.process.poll() is None:
            try:
                self.messages.append(self._socket.recv(200).decode())
            except TimeoutError:
                pass
            else:
                self.silences_s.append(time.monotonic() - heard_s)
                heard_s = time.monotonic()
            ready = bool(self.messages)
            if ready and not self.killed_by_watchdog and time.monotonic() - heard_s > self.watchdog_s:
                self.killed_by_watchdog = True
                self.silences_s.append(time.monotonic() - heard_s)
                self.process.send_signal(self._signal)
        done = subprocess.run(
            self._stop_post, env=self._environment, stderr=self._log, timeout=20, check=False
        )
        self.stop_post_status = done.returncode

    def wait(self, within_s: float = 20) -> int:
        """The service has ended and everything after it; its exit status, negative = a signal."""
        self._thread.join(within_s)
        assert not self._thread.is_alive(), f"not over within {within_s} s"
        return self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._thread.join()
        self._socket.close()
        self._log.close()
