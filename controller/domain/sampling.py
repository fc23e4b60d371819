"""When a running transaction is sampled: two grids, each on its interval since the start.

Owns: the due instants of TxUpdated and TxEnded samples (1.6 MeterValueSampleInterval; 2.0.1 J02).
Refuses to know: what is sampled. Late samples do not shift the grid.
"""

from __future__ import annotations

from controller.domain.policy import Policy


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
