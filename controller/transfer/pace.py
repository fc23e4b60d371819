"""Whether a transfer still moves: pure, time is a number."""

from __future__ import annotations


class Pace:
    """A byte now and then keeps every time-out of a socket from coming; this one comes."""

    def __init__(self, stall_s: float, stall_bytes: int, now_s: float) -> None:
        self._stall_s = stall_s
        self._stall_bytes = stall_bytes
        self._since_s = now_s
        self._moved = 0

    def stalled(self, count: int, now_s: float) -> bool:
        """``count`` more bytes were moved. True: too few in the time since enough were moved last."""
        self._moved += count
        if self._moved >= self._stall_bytes:
            self._since_s, self._moved = now_s, 0
            return False
        return now_s - self._since_s >= self._stall_s
