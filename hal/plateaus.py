"""A burst of pilot samples reduced to its two plateaus and its duty.

Owns: the percentile method (robust against edges, overshoot and single bad samples).
Refuses to know: the ADC, the states A to F, what duty was commanded. Pure, standard library only.

The burst is split half-way between its levels into runs of high and low samples. Samples beside an
edge are on their way between the plateaus (IEC 61851-1 Annex A allows about 10 us of slope, and the
sensing filter adds its own) and are left out while at least ``FEWEST`` others remain. The duty is the
mean length of the complete high runs against that of the complete low runs: counting all samples
instead would be wrong by up to a quarter of a period where the burst starts and ends.

With 80 samples at about 24 ksps (3.3 periods) the duty is right within 25 permille, and within 45 where
the sample interval happens to divide the period exactly (the samples then meet every period alike).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from hal.interface import PilotSample

FEWEST = 3
"""A plateau needs this many samples; one or two at a level of their own are noise."""

STEADY_SPAN_MV = 1500
"""Levels closer together than this are one plateau (1.5 V: half of what parts two pilot states)."""


def plateaus(samples_mv: Sequence[int]) -> PilotSample:
    """Reduce equidistant samples (mV at the pilot terminal) to a ``PilotSample``.

    Raises ``ValueError`` for fewer than ``2 * FEWEST`` samples.
    """
    count = len(samples_mv)
    if count < 2 * FEWEST:
        raise ValueError(f"a pilot burst of {count} samples; at least {2 * FEWEST} are needed")
    ordered = sorted(samples_mv)
    low_mv, high_mv = ordered[FEWEST - 1], ordered[-FEWEST]
    if high_mv - low_mv < STEADY_SPAN_MV:
        middle_mv = ordered[count // 2]
        return PilotSample(middle_mv, middle_mv, (count - bisect_right(ordered, 0)) * 1000 // count)

    split_mv = (high_mv + low_mv) // 2
    levels = bytes(map(split_mv.__lt__, samples_mv))  # 1 where the sample is above the split
    inner_high: list[int] = []
    inner_low: list[int] = []
    high_total = high_runs = low_total = low_runs = 0
    start = 0
    while start < count:
        is_high = levels[start]
        end = levels.find(not is_high, start)
        first, last = (start + 1 if start else 0), end - 1
        if end < 0:
            end = last = count
        elif start:  # both edges seen: a complete run
            if is_high:
                high_total += end - start
                high_runs += 1
            else:
                low_total += end - start
                low_runs += 1
        if is_high:
            inner_high += samples_mv[first:last]
        else:
            inner_low += samples_mv[first:last]
        start = end

    boundary = bisect_right(ordered, split_mv)
    high_mv = _plateau(inner_high, ordered[boundary:], 4)
    low_mv = _plateau(inner_low, ordered[:boundary], 1)
    if low_mv >= 0 or high_mv <= 0:  # the wave stays on one side of 0 V
        return PilotSample(high_mv, low_mv, 1000 if low_mv >= 0 else 0)
    if high_runs and low_runs:
        high = high_total * low_runs
        return PilotSample(high_mv, low_mv, high * 1000 // (high + low_total * high_runs))
    return PilotSample(high_mv, low_mv, (count - boundary) * 1000 // count)


def _plateau(inner: list[int], ordered: list[int], fifths: int) -> int:
    """Median of the samples clear of edges, or the percentile away from the edges where too few are clear."""
    if len(inner) >= FEWEST:
        inner.sort()
        return inner[len(inner) // 2]
    return ordered[(len(ordered) - 1) * fifths // 5]
