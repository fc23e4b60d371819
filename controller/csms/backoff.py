"""When to try to connect again: randomised exponential back-off, pure.

Owns: the delay before the next connection attempt (2.x part 4 5.4 and 8.1 to 8.3; 1.6J errata 3.4: "The
Charge Point SHALL retry with an appropriate back-off mechanism").
Refuses to know: clocks, timers, sockets, where the settings come from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

MIN_DELAY_MS: Final = 1_000
"""Settings of 0 must not make a tight loop (16.CONN.04)."""
MAX_DELAY_MS: Final = 24 * 3600 * 1_000
"""Settings may double a minute thirty times; a station that is silent for more than a day looks broken."""


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """OCPPCommCtrlr's variables of the same names, all 0 or more."""

    wait_minimum_s: int  # RetryBackOffWaitMinimum
    random_range_s: int  # RetryBackOffRandomRange
    repeat_times: int  # RetryBackOffRepeatTimes: how often the delay is doubled

    def __post_init__(self) -> None:
        for name in ("wait_minimum_s", "random_range_s", "repeat_times"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected 0 or more")


@dataclass(frozen=True, slots=True)
class Backoff:
    """How far the back-off has grown. Start with ``Backoff()``; keep what ``next`` and ``held`` return."""

    attempts: int = 0
    delay_ms: int = 0

    def next(self, settings: BackoffSettings, random: Callable[[], float]) -> tuple[Backoff, int]:
        """The state after one more failure or loss, and the delay in ms before the next attempt.

        ``random``: uniform in [0, 1). "The first reconnection attempts SHALL be after [...]
        RetryBackOffWaitMinimum seconds, plus a random value with a maximum of RetryBackOffRandomRange
        seconds. After every failed reconnection attempt the Charging Station SHALL double the previous
        back-off time, with a maximum of RetryBackOffRepeatTimes, adding a new random value [...]. After
        RetryBackOffRepeatTimes reconnection attempts, [it] SHALL keep reconnecting with the last back-off
        time, not increasing it any further" (2.1 part 4 5.4). The random part is not doubled, as the
        description of RetryBackOffRandomRange says that it is added to each.
        """
        if self.attempts > settings.repeat_times:
            return self, self.delay_ms
        doublings = min(self.attempts, 32)
        delay_ms = (settings.wait_minimum_s * 1_000 << doublings) + int(
            random() * settings.random_range_s * 1_000
        )
        delay_ms = min(max(delay_ms, MIN_DELAY_MS), MAX_DELAY_MS)
        return replace(self, attempts=self.attempts + 1, delay_ms=delay_ms), delay_ms

    def held(self, connected_ms: int, stable_ms: int) -> Backoff:
        """The state after a connection that lasted ``connected_ms``.

        Only a connection that was stable for ``stable_ms`` starts over: a CSMS that accepts and hangs up at
        once must see growing delays like one that refuses.
        """
        return Backoff() if connected_ms >= stable_ms else self
