"""The meter at the grid connection, where the station has one: what all EVSEs and the station itself take.

Owns: its values as those of EVSE 0 (1.6 3.16.3, 4.7; 2.0.1 J01): clock-aligned, and periodic while any
transaction runs.
Refuses to know: which limit follows from what it shows.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.domain.block import Handler
from controller.domain.events import Event, MeterValuesTaken
from controller.domain.evse.evse import Evse
from controller.domain.inputs import Reading
from controller.domain.metering.measurands import MeterSample, ReadingContext, Wanted
from controller.domain.metering.sampling import Grid, Intervals
from controller.domain.metering.values import Registers, Surroundings, sample
from controller.domain.turn import Turn

FRESH_MS = 2_500
"""A reading this young stands for now."""

_NOTHING_OFFERED = Surroundings(None, None, None)


class MainMeter:
    """Says nothing until the first reading: then there is one. Nothing of it is durable."""

    def __init__(self, evses: Mapping[int, Evse]) -> None:
        self._reading: Reading | None = None
        self._intervals = Intervals()
        self._due_ms: int | None = None
        self._evses = evses
        self.handlers: Mapping[type, Handler] = {}

    def apply(self, event: Event) -> None:
        pass

    def checkpoint(self) -> list[Event]:
        return []

    def measured(self, reading: Reading) -> None:
        self._reading = reading

    def take(
        self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid = Grid.UPDATED
    ) -> MeterSample | None:
        """None without a fresh reading."""
        reading = self._fresh(turn)
        if reading is None:
            return None
        since = self._intervals.since(grid)
        return sample(reading, _NOTHING_OFFERED, wanted, context, turn.now.utc_ms, since)

    def settle(self, turn: Turn) -> None:
        """The start of a transaction begins the grid of MeterValueSampleInterval, while none else runs."""
        running = any(evse.transaction is not None for evse in self._evses.values())
        interval_ms = turn.policy.sampled_interval_s * 1000
        if not running or interval_ms == 0:
            self._due_ms = None
        elif self._due_ms is None:
            self._due_ms = turn.now.mono_ms + interval_ms
            self._intervals.mark(Grid.UPDATED, Registers.of(self._fresh(turn)))
        elif turn.now.mono_ms >= self._due_ms:
            self._due_ms += interval_ms * (1 + (turn.now.mono_ms - self._due_ms) // interval_ms)
            self._tell(turn, turn.policy.sampled_measurands, ReadingContext.SAMPLE_PERIODIC, Grid.UPDATED)

    def sample_aligned(self, turn: Turn) -> None:
        self._tell(turn, turn.policy.aligned_measurands, ReadingContext.SAMPLE_CLOCK, Grid.ALIGNED)

    def next_deadline_ms(self) -> int | None:
        return self._due_ms

    def _tell(self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid) -> None:
        taken = self.take(turn, wanted, context, grid)
        self._intervals.mark(grid, Registers.of(self._fresh(turn)))
        if taken is not None:
            turn.emit(MeterValuesTaken(0, 0, taken, turn.now.utc_ms))

    def _fresh(self, turn: Turn) -> Reading | None:
        reading = self._reading
        return reading if reading is not None and turn.now.mono_ms - reading.at_ms <= FRESH_MS else None
