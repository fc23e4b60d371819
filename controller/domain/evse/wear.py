"""What a contactor has lived through, counted over restarts of both processes. Pure.

Owns: totals from the counters of the safety process's runs, the trend of its travel times, the estimate of
wear. Refuses to know: how it is stored (one event per transaction, in the commit of its end) and shown.

The safety process counts from its start; ``run_ms`` (CLOCK_MONOTONIC of that start) tells its runs apart, so
a controller that was away while the safety process restarted adds the new run to the old total.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

BASELINE_SAMPLES = 20
"""The first travels of a new contactor, averaged: what the later ones are compared with."""
TREND_SHIFT = 3
"""The recent travel follows by an eighth of each difference."""
SAVE_EVERY = 10
"""Operations that may be counted before they are saved without a transaction's end."""
WORN_PERMILLE = 800
"""From here on the contactor is to be replaced."""
SLOW_PERCENT = 150
"""A travel so much longer than at first says: sticking, weak coil supply, or a burnt suppressor."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Travel times of one direction, in microseconds. ``samples``: how many were taken."""

    first_us: int = 0
    recent_us: int = 0
    samples: int = 0

    def take(self, took_ms: int) -> Trend:
        took_us = took_ms * 1000
        samples = self.samples + 1
        if self.samples < BASELINE_SAMPLES:
            mean_us = self.first_us + (took_us - self.first_us) // samples
            return Trend(mean_us, mean_us, samples)
        return Trend(self.first_us, self.recent_us + ((took_us - self.recent_us) >> TREND_SHIFT), samples)

    @property
    def slow(self) -> bool:
        return self.samples > BASELINE_SAMPLES and self.recent_us * 100 > self.first_us * SLOW_PERCENT


@dataclass(frozen=True, slots=True)
class Wear:
    """``operations``: closings. ``under_load``: openings while the vehicle still asked for current. The
    ``run`` fields are the safety process's own counters as last heard."""

    operations: int = 0
    under_load: int = 0
    close: Trend = Trend()
    open: Trend = Trend()
    run_ms: int = 0
    run_operations: int = 0
    run_under_load: int = 0


def count(wear: Wear, run_ms: int, operations: int, under_load: int) -> Wear:
    """Take in the counters of a report."""
    same = run_ms == wear.run_ms and operations >= wear.run_operations and under_load >= wear.run_under_load
    known_operations, known_under_load = (wear.run_operations, wear.run_under_load) if same else (0, 0)
    if same and (operations, under_load) == (known_operations, known_under_load):
        return wear
    return replace(
        wear,
        operations=wear.operations + operations - known_operations,
        under_load=wear.under_load + under_load - known_under_load,
        run_ms=run_ms,
        run_operations=operations,
        run_under_load=under_load,
    )


def travel(wear: Wear, closed: bool, took_ms: int | None) -> Wear:
    """A measured travel; None (a board without a mirror contact) says nothing."""
    if took_ms is None:
        return wear
    if closed:
        return replace(wear, close=wear.close.take(took_ms))
    return replace(wear, open=wear.open.take(took_ms))


def renewed(wear: Wear) -> Wear:
    """A new contactor: everything from nothing, the counters of the running safety process left behind."""
    return Wear(run_ms=wear.run_ms, run_operations=wear.run_operations, run_under_load=wear.run_under_load)


def wear_permille(wear: Wear, rated_operations: int, rated_under_load: int) -> int:
    """Miner's rule: each operation uses its part of the rated number. Above 1000 = more than rated."""
    gentle = max(0, wear.operations - wear.under_load)
    return gentle * 1000 // rated_operations + wear.under_load * 1000 // rated_under_load
