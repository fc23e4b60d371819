"""The meter of one EVSE: its newest reading, and whether it counts.

Owns: the reading that is believed, how old one may be, when to ask for another, the limit of a silent meter.
Refuses to know: what is sampled and when, transactions; whether a register goes on says ``register_watch``.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.charging.limits import Claim
from controller.domain.effects import ReadMeter
from controller.domain.evse.reported import Reported
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import Reading
from controller.domain.metering.register_watch import RegisterWatch
from controller.domain.turn import Turn

FRESH_READING_MS = 2_500
"""A reading this young stands for now; while no current flows the register does not move."""
ASK_AGAIN_MS = 500
MOST_MA, MOST_V = 80_000, 277
"""More than any AC station delivers on a phase: a register that grows faster was replaced."""


class EvseMeter:
    """``reading``: the newest that was believed. ``fault``: why the meter does not answer, or None.
    ``register`` is durable."""

    def __init__(self, spec: EvseSpec, reported: Reported) -> None:
        self._spec = spec
        self._reported = reported
        self.register = RegisterWatch(spec.evse_id)
        self.reading: Reading | None = None
        self.fault: str | None = None
        self._asked_ms: int | None = None

    def measured(self, reading: Reading, turn: Turn) -> Reading | None:
        """A reading arrived. One whose register does not go on is left aside until it is sure (None)."""
        self.fault = None
        facts = self._reported.facts
        rating_ma = facts.rating_ma if facts is not None else MOST_MA
        most_w = rating_ma * self._spec.phases * MOST_V // 1000
        judged = self.register.judge(reading.energy_import_wh, reading.at_ms, most_w)
        if judged is False:
            return None
        if judged is not True:
            turn.emit(replace(judged, at_ms=turn.now.utc_ms))
        register_wh = reading.energy_import_wh + self.register.offset_wh
        self.reading = replace(reading, energy_import_wh=register_wh)
        return self.reading

    def fresh(self, mono_ms: int) -> Reading | None:
        """The reading, if it stands for now."""
        if self.reading is not None and mono_ms - self.reading.at_ms <= FRESH_READING_MS:
            return self.reading
        return None

    def ask(self, turn: Turn) -> None:
        """Ask for a reading now, at most twice a second."""
        if self._asked_ms is None or turn.now.mono_ms - self._asked_ms >= ASK_AGAIN_MS:
            self._asked_ms = turn.now.mono_ms
            turn.do(ReadMeter(self._spec.evse_id))

    def stale(self, turn: Turn) -> bool:
        """Too long without a reading; a controller that just started gives its meter the same time."""
        since_ms = self.reading.at_ms if self.reading is not None else self._reported.since_ms
        return since_ms is not None and turn.now.mono_ms - since_ms > turn.policy.meter_stale_s * 1000

    def silent(self, turn: Turn) -> bool:
        """Nothing may be charged: nobody would know how much it was."""
        return self._spec.has_meter and turn.policy.meter_required and self.stale(turn)

    def claims(self, turn: Turn) -> list[Claim]:
        if not self.silent(turn):
            return []
        return [Claim("meter", 0, self.fault or "no reading yet", None, "the meter answers again")]

    def stale_at_ms(self, stale_s: int) -> int | None:
        """CLOCK_MONOTONIC ms from which on the reading is too old."""
        return self.reading.at_ms + stale_s * 1000 + 1 if self.reading is not None else None
