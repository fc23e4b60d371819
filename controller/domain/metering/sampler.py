"""The samples of one EVSE: at the begin and end of a transaction, on its grids, by the clock, asked for.

Owns: which values are taken for which of them, and where each goes: into the transaction, kept for its end,
or alone. Refuses to know: how a value is made (``metering``), when a grid is due (``sampling``).
"""

from __future__ import annotations

from controller.domain.events import MeterValuesTaken, Trigger
from controller.domain.evse.meter import EvseMeter
from controller.domain.evse.reported import Reported
from controller.domain.evse.spec import EvseSpec
from controller.domain.evse.visit import Visit
from controller.domain.inputs import Reading
from controller.domain.metering.measurands import MeterSample, ReadingContext, Wanted
from controller.domain.metering.sampling import Grid, Intervals, Sampling
from controller.domain.metering.values import Registers, Surroundings, sample
from controller.domain.policy import Policy
from controller.domain.turn import Turn


class Sampler:
    """Nothing of it is durable: after a restart the grids begin anew."""

    def __init__(self, spec: EvseSpec, reported: Reported, meter: EvseMeter, visit: Visit) -> None:
        self._spec = spec
        self._reported = reported
        self._meter = meter
        self._visit = visit
        self._sampling = Sampling()
        self._intervals = Intervals()

    def take(
        self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid = Grid.UPDATED
    ) -> MeterSample | None:
        """What can be told now. The energy of an interval counts from the last sample of the grid."""
        reading = self._meter.fresh(turn.now.mono_ms)
        since = self._intervals.since(grid)
        return sample(reading, self._surroundings(turn.policy), wanted, context, turn.now.utc_ms, since)

    def _take_regular(
        self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid
    ) -> MeterSample | None:
        """A sample of a grid: the next interval begins."""
        taken = self.take(turn, wanted, context, grid)
        self._intervals.mark(grid, Registers.of(self._meter.fresh(turn.now.mono_ms)))
        return taken

    def _surroundings(self, policy: Policy) -> Surroundings:
        facts = self._reported.facts
        if facts is None:
            return Surroundings()
        phases_used = min(self._spec.phases, facts.phases)
        offered_w = facts.offered_ma * policy.nominal_voltage_v * phases_used // 1000
        return Surroundings(facts.offered_ma, offered_w, facts.hottest_mdeg_c)

    # ------------------------------------------------------------------ begin and end of a transaction

    def begin(self, turn: Turn, reading: Reading | None) -> tuple[MeterSample | None, MeterSample | None]:
        """First values of a transaction that starts now: those told with its start, those with its end."""
        around, context, utc_ms = (
            self._surroundings(turn.policy),
            ReadingContext.TRANSACTION_BEGIN,
            turn.now.utc_ms,
        )
        self._intervals.begin(Registers.of(reading))
        self._sampling.start(turn.now.mono_ms, turn.policy)
        return (
            sample(reading, around, turn.policy.started_measurands, context, utc_ms),
            sample(reading, around, _for_end(turn.policy), context, utc_ms),
        )

    def end(self, turn: Turn, reading: Reading | None, kept: list[MeterSample]) -> tuple[MeterSample, ...]:
        """All that is told with the end of a transaction: what was kept for it, and the last values."""
        self._sampling.stop()
        wanted = _for_end(turn.policy)
        if not wanted:
            return ()  # 1.6 3.16.5: with empty lists no values at all, whatever was kept before
        last = sample(
            reading,
            self._surroundings(turn.policy),
            wanted,
            ReadingContext.TRANSACTION_END,
            turn.now.utc_ms,
            self._intervals.since(Grid.ENDED),
        )
        return (*kept, last) if last is not None else tuple(kept)

    # ------------------------------------------------------------------ by time

    def settle(self, turn: Turn) -> None:
        """Take what is due on the grids of the running transaction."""
        now, policy = turn.now, turn.policy
        if self._visit.running is None:
            return
        updated, ended = self._sampling.due(now.mono_ms, policy)
        if not (updated or ended):
            return
        unread = self._spec.has_meter and self._meter.fresh(now.mono_ms) is None
        if unread and not self._meter.stale(turn):
            self._meter.ask(turn)  # a moment later, with a value that is true now
            return
        self._sampling.advance(now.mono_ms, policy)
        context = ReadingContext.SAMPLE_PERIODIC
        if updated:
            taken = self._take_regular(turn, policy.sampled_measurands, context, Grid.UPDATED)
            if taken is not None:
                self._visit.update(turn, Trigger.METER_VALUE_PERIODIC, (taken,))
        if ended:
            taken = self._take_regular(turn, policy.ended_measurands, context, Grid.ENDED)
            if taken is not None:
                self._visit.keep_for_end(turn, taken)

    def aligned(self, turn: Turn) -> None:
        """Clock-aligned values (1.6 3.16.2, 2.0.1 J01): into the transaction when one runs, else alone."""
        wanted, spec = turn.policy.aligned_measurands, self._spec
        taken = self._take_regular(turn, wanted, ReadingContext.SAMPLE_CLOCK, Grid.ALIGNED)
        if taken is None:
            return
        if self._visit.running is not None:
            self._visit.update(turn, Trigger.METER_VALUE_CLOCK, (taken,))
        else:
            turn.emit(MeterValuesTaken(spec.evse_id, spec.connector_id, taken, turn.now.utc_ms))

    def keep_aligned(self, turn: Turn) -> None:
        """Clock-aligned values for the end of the transaction (1.6 9.1.25 StopTxnAlignedData, 2.0.1 J01)."""
        if self._visit.running is None:
            return
        wanted = turn.policy.aligned_ended_measurands
        taken = self._take_regular(turn, wanted, ReadingContext.SAMPLE_CLOCK, Grid.ALIGNED_ENDED)
        if taken is not None:
            self._visit.keep_for_end(turn, taken)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._sampling.next_deadline_ms


def _for_end(policy: Policy) -> tuple[Wanted, ...]:
    """What first and last value of a transaction are told of: everything that is kept for its end (1.6
    errata 3.14), sampled or clock-aligned."""
    return (*policy.ended_measurands, *policy.aligned_ended_measurands)
