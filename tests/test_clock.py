"""The clock of the process: counts by itself, follows the system's until it is told better."""

from __future__ import annotations

from controller.clock import SystemClock

YEAR_MS = 365 * 86_400_000


class Kernel:
    def __init__(self, utc_ms: int) -> None:
        self.mono_ms, self.utc_ms = 5_000, utc_ms

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.mono_ms * 1_000_000, lambda: self.utc_ms * 1_000_000)

    def sleep(self, ms: int) -> None:
        self.mono_ms += ms
        self.utc_ms += ms


def test_it_counts_from_what_it_was_told_whatever_happens_to_the_systems_clock() -> None:
    kernel = Kernel(0)
    clock = kernel.clock()
    assert clock.set_utc(YEAR_MS) == YEAR_MS
    kernel.sleep(1_000)
    kernel.utc_ms += 56 * YEAR_MS  # NTP came late
    assert (clock.now().utc_ms, clock.now().mono_ms) == (YEAR_MS + 1_000, 6_000)


def test_a_setting_of_the_systems_clock_is_followed_until_then() -> None:
    kernel = Kernel(0)
    clock = kernel.clock()
    kernel.utc_ms = YEAR_MS
    assert clock.now().utc_ms == YEAR_MS


def test_an_estimate_gives_way_to_the_systems_clock_once_that_was_set() -> None:
    kernel = Kernel(0)
    clock = kernel.clock()
    clock.set_utc(YEAR_MS, sure=False)
    kernel.sleep(1_000)
    assert clock.now().utc_ms == YEAR_MS + 1_000, "the system's clock was not set: it knows no better"
    kernel.utc_ms = 2 * YEAR_MS
    assert clock.now().utc_ms == 2 * YEAR_MS


def test_jitter_between_two_readings_is_no_setting() -> None:
    kernel = Kernel(YEAR_MS)
    clock = kernel.clock()
    kernel.utc_ms += 900
    assert clock.now().utc_ms == YEAR_MS
