"""Instants as the domain sees them: two clocks side by side, read by nobody here."""

from __future__ import annotations

from dataclasses import dataclass

OLDEST_UTC_MS = 1_704_067_200_000
"""2024-01-01: whoever tells an earlier time has no clock."""


@dataclass(frozen=True, slots=True)
class Now:
    """The moment an input was taken from the inbox.

    ``mono_ms``: CLOCK_MONOTONIC in ms, for intervals and deadlines (same clock as the safety process).
    ``utc_ms``: ms since 1970-01-01T00:00:00Z, for timestamps; it may jump.
    """

    mono_ms: int
    utc_ms: int
