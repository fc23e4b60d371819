"""When a running transaction is sampled: two grids, each on its interval since the start.

Owns: the due instants of TxUpdated and TxEnded samples (1.6 MeterValueSampleInterval; 2.0.1 J02); when the
clock passes an aligned instant; where the energy of an interval counts from.
Refuses to know: what is sampled. Late samples do not shift the grid.
"""

from __future__ import annotations

from enum import Enum

from controller.domain.instant import Now
from controller.domain.metering.values import Registers
from controller.domain.policy import Policy

CLOCK_STEP_MS = 1_500
"""The clock was set when it moved so much more, or less, than time did: no instant was passed then."""


class Grid(Enum):
    """The four kinds of samples, each with intervals of its own."""

    UPDATED = "updated"
    ENDED = "ended"
    ALIGNED = "aligned"
    ALIGNED_ENDED = "aligned ended"


class Intervals:
    """The registers at the last sample of each grid: what Energy.*.Interval counts from (errata 3.78)."""

    def __init__(self) -> None:
        self._begins: dict[Grid, Registers] = {}

    def begin(self, registers: Registers | None) -> None:
        """A transaction began: its first intervals do. The aligned one outside of it goes on."""
        for grid in (Grid.UPDATED, Grid.ENDED, Grid.ALIGNED_ENDED):
            self.mark(grid, registers)

    def mark(self, grid: Grid, registers: Registers | None) -> None:
        """A sample was taken, the next interval begins; None = the meter told nothing."""
        if registers is None:
            self._begins.pop(grid, None)
        else:
            self._begins[grid] = registers

    def since(self, grid: Grid) -> Registers | None:
        return self._begins.get(grid)


class WallClock:
    """Finds the moment at which the clock passes a multiple of an interval, counted from midnight UTC."""

    def __init__(self) -> None:
        self._before: Now | None = None

    def passed(self, now: Now, *intervals_s: int) -> tuple[bool, ...]:
        """For each interval whether an instant of its grid was passed since the last call (0 = never). The
        clock being set passes none."""
        before, self._before = self._before, now
        if before is None:
            return (False,) * len(intervals_s)
        step_ms = (now.utc_ms - before.utc_ms) - (now.mono_ms - before.mono_ms)
        if abs(step_ms) > CLOCK_STEP_MS:
            return (False,) * len(intervals_s)
        return tuple(
            interval_s > 0 and now.utc_ms // (interval_s * 1000) > before.utc_ms // (interval_s * 1000)
            for interval_s in intervals_s
        )

    def next_ms(self, *intervals_s: int) -> int | None:
        """CLOCK_MONOTONIC ms of the next instant of any of the grids."""
        now = self._before
        waits_ms = [each * 1000 - now.utc_ms % (each * 1000) for each in intervals_s if each and now]
        return now.mono_ms + min(waits_ms) if now and waits_ms else None


class Sampling:
    """Instants on CLOCK_MONOTONIC in ms; an interval of 0 switches its grid off."""

    def __init__(self) -> None:
        self._updated_ms: int | None = None
        self._ended_ms: int | None = None

    def start(self, mono_ms: int, policy: Policy) -> None:
        """A transaction began (or is found running after a restart)."""
        self._updated_ms = _first(mono_ms, policy.sampled_interval_s)
        self._ended_ms = _first(mono_ms, policy.ended_interval_s)

    def stop(self) -> None:
        self._updated_ms = self._ended_ms = None

    def due(self, mono_ms: int, policy: Policy) -> tuple[bool, bool]:
        """Whether (TxUpdated, TxEnded) samples are due. A grid that was switched on begins now."""
        if self._updated_ms is None:
            self._updated_ms = _first(mono_ms, policy.sampled_interval_s)
        if self._ended_ms is None:
            self._ended_ms = _first(mono_ms, policy.ended_interval_s)
        updated = (
            policy.sampled_interval_s > 0 and self._updated_ms is not None and mono_ms >= self._updated_ms
        )
        ended = policy.ended_interval_s > 0 and self._ended_ms is not None and mono_ms >= self._ended_ms
        return updated, ended

    def advance(self, mono_ms: int, policy: Policy) -> None:
        """The due samples were taken: on to the next points of the grids."""
        self._updated_ms = _following(self._updated_ms, mono_ms, policy.sampled_interval_s)
        self._ended_ms = _following(self._ended_ms, mono_ms, policy.ended_interval_s)

    @property
    def next_deadline_ms(self) -> int | None:
        due = [one for one in (self._updated_ms, self._ended_ms) if one is not None]
        return min(due, default=None)


def _first(mono_ms: int, interval_s: int) -> int | None:
    return mono_ms + interval_s * 1000 if interval_s > 0 else None


def _following(due_ms: int | None, mono_ms: int, interval_s: int) -> int | None:
    if due_ms is None or interval_s == 0:
        return None
    if mono_ms < due_ms:
        return due_ms
    step_ms = interval_s * 1000
    return due_ms + step_ms * ((mono_ms - due_ms) // step_ms + 1)
