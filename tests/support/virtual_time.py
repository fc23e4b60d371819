"""An asyncio event loop on virtual time: when nothing is ready, the clock jumps to the next timer.

Real sockets keep working: before a jump the selector is polled for a real moment, so data on its way
through the kernel is taken first. A day with a websocket client and server passes in a second.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from controller.domain.instant import Now

T = TypeVar("T")

GRACE_S = 0.0002
"""Real time to wait for the kernel before a long jump. Loopback data is there at once; a pseudo-terminal
may take a moment."""
LONG_JUMP_S = 0.05


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    def __init__(self) -> None:
        super().__init__()
        self.virtual_s = 0.0
        self.idle_real_s = 0.0
        self.busy = 0  # >0 while work outside the loop (threads, subprocesses) must be waited for

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or timeout >= LONG_JUMP_S:
            ready = super().select(GRACE_S)
            if ready:
                return ready
        if timeout is None or self.busy:
            ready = super().select(0.05)
            self.idle_real_s += 0.05
            if timeout is None and self.idle_real_s > 30:
                raise RuntimeError("virtual time: nothing scheduled and nothing happens for 30 s: deadlock")
            return ready
        self.idle_real_s = 0.0
        self.virtual_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``loop.time()`` starts at 1000 s and moves only by jumps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return 1000.0 + self._jumping.virtual_s

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        future = super().run_in_executor(executor, func, *args)
        self._jumping.busy += 1
        future.add_done_callback(self._executor_done)
        return future

    def _executor_done(self, _future: object) -> None:
        self._jumping.busy -= 1


class VirtualClock:
    """A ``controller.clock.Clock`` that follows the running loop. UTC starts at 2026-01-01T00:00:00Z."""

    def __init__(self, loop: asyncio.AbstractEventLoop, utc_start_ms: int = 1_767_225_600_000) -> None:
        self._loop = loop
        self._offset_ms = utc_start_ms - 1_000_000

    def now(self) -> Now:
        mono_ms = round(self._loop.time() * 1000)
        return Now(mono_ms, mono_ms + self._offset_ms)

    def set_utc(self, utc_ms: int, sure: bool = True) -> int:
        step = utc_ms - self.now().utc_ms
        self._offset_ms += step
        return step


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Like ``asyncio.run`` on a ``VirtualLoop``."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
