"""The other end of the safety process's socket: sends permits, keeps the latest report."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

from controller.safety.permit import Permit
from controller.safety.report import Report
from controller.safety.wire import decode_report, encode_permit


class ControllerEnd:
    """A controller of one EVSE. Leases last ``lease_ms`` (a real one's: 10 s)."""

    def __init__(self, path: Path, lease_ms: int = 10_000) -> None:
        self.lease_ms = lease_ms
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self.report: Report = self.next()

    def next(self) -> Report:
        """Wait for the next report. Raises ``ConnectionError`` when there are no more."""
        message = self.socket.recv(4096)
        if not message:
            raise ConnectionResetError("the safety process has closed the socket")
        self.report = decode_report(message)
        return self.report

    def until(
        self, condition: Callable[[Report], bool], within_s: float = 10, lease_ma: int | None = None
    ) -> Report:
        """Wait for a report, renewing the lease on the way."""
        deadline_s = time.monotonic() + within_s
        renewed_s = 0.0
        while not condition(self.report):
            now_s = time.monotonic()
            assert now_s < deadline_s, f"not within {within_s} s: {self.report}"
            if lease_ma is not None and now_s - renewed_s > 0.3:
                self.lease(lease_ma)
                renewed_s = now_s
            self.next()
        return self.report

    def until_closed(self) -> Report:
        """Read on until the other end is gone; its last report."""
        while True:
            try:
                self.next()
            except ConnectionError:
                return self.report

    def lease(self, limit_ma: int) -> None:
        now_ms = time.monotonic_ns() // 1_000_000
        self.socket.send(encode_permit(Permit(1, self.report.plug_no, limit_ma, now_ms + self.lease_ms)))

    def close(self) -> None:
        self.socket.close()
