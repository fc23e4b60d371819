"""Security events: what was noticed becomes a ``SecurityEvent`` in the journal (white paper A04, 2.0.1 A04).

Owns: the start of the station, a setting of the clock and the enclosure as security events, and the bound on
how many of one type are recorded: ``BURST`` at once, then one a minute that says how many there were, so that
nobody can fill the journal by misbehaving, and nothing goes unsaid.
Refuses to know: which of them the CSMS is told (``security.events``), how they are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.domain.block import Handler
from controller.domain.events import ClockSet, Event, SecurityEvent
from controller.domain.evse.evse import Evse
from controller.domain.inputs import SecurityNoticed
from controller.domain.security.events import (
    RESET_OR_REBOOT,
    SETTING_SYSTEM_TIME,
    STARTUP_OF_THE_DEVICE,
    TAMPER_DETECTION_ACTIVATED,
)
from controller.domain.turn import Turn

BURST = 10
"""Events of one type recorded as they come, when there was none for ten minutes."""
REFILL_MS = 60_000
"""After that, one for each such time."""
MOST_TYPES = 64
"""Types are the program's own; this only bounds what a mistake could do."""
ENCLOSURE_OPEN = "enclosure-open"
INFO_LENGTH = 255
"""Characters of techInfo (white paper 5.15, 2.0.1 SecurityEventNotificationRequest)."""


@dataclass(slots=True)
class _Bucket:
    """How many of a type may still be recorded at once, and what was held back."""

    left: int = BURST
    refilled_at_ms: int = 0  # CLOCK_MONOTONIC
    held: int = 0
    info: str = ""

    def refill(self, now_ms: int) -> None:
        rounds = (now_ms - self.refilled_at_ms) // REFILL_MS
        if rounds > 0:
            self.left = min(BURST, self.left + rounds)
            self.refilled_at_ms += rounds * REFILL_MS


class Security:
    """All its state is about now: what was recorded is in the journal."""

    def __init__(self, evses: Mapping[int, Evse]) -> None:
        self._evses = evses
        self._buckets: dict[str, _Bucket] = {}
        self._open = False
        self.handlers: Mapping[type, Handler] = {SecurityNoticed: self._noticed}

    def started(self, turn: Turn, version: str, boot_reason: str) -> None:
        """Before everything else that is delivered after a start (white paper 8, 16.SEC.27)."""
        self._open = self._enclosure_open()
        if boot_reason != "PowerUp":
            self.record(turn, RESET_OR_REBOOT, boot_reason)
        self.record(turn, STARTUP_OF_THE_DEVICE, f"version {version}, {boot_reason}")

    def record(self, turn: Turn, type_: str, info: str) -> None:
        """For blocks that notice something themselves in a turn of theirs."""
        now_ms = turn.now.mono_ms
        bucket = self._buckets.get(type_)
        if bucket is None:
            if len(self._buckets) >= MOST_TYPES:
                raise ValueError(f"security event {type_[:50]!r}: found {MOST_TYPES} other types already")
            bucket = self._buckets[type_] = _Bucket(refilled_at_ms=now_ms)
        bucket.refill(now_ms)
        if bucket.left == 0:
            bucket.held += 1
            bucket.info = info
            return
        bucket.left -= 1
        if bucket.left == BURST - 1:
            bucket.refilled_at_ms = now_ms
        turn.emit(SecurityEvent(type_, info[:INFO_LENGTH], turn.now.utc_ms))

    def _noticed(self, noticed: SecurityNoticed, turn: Turn) -> None:
        self.record(turn, noticed.type, noticed.info)

    def settle(self, turn: Turn) -> None:
        for event in tuple(turn.events):
            threshold_ms = turn.policy.time_adjustment_threshold_s * 1000
            if isinstance(event, ClockSet) and abs(event.step_ms) > threshold_ms:
                self.record(turn, SETTING_SYSTEM_TIME, f"by {event.step_ms / 1000:+.1f} s")
        self._look_at_the_enclosure(turn)
        for type_, bucket in self._buckets.items():
            if bucket.held:
                bucket.refill(turn.now.mono_ms)
                if bucket.left:
                    bucket.left -= 1
                    text = f"{bucket.held} more; the last: {bucket.info}"[:INFO_LENGTH]
                    bucket.held, bucket.info = 0, ""
                    turn.emit(SecurityEvent(type_, text, turn.now.utc_ms))

    def _look_at_the_enclosure(self, turn: Turn) -> None:
        """One switch for the station: every EVSE has the fault, the event happened once."""
        was_open = self._open
        self._open = self._enclosure_open()
        if self._open and not was_open:
            self.record(turn, TAMPER_DETECTION_ACTIVATED, "the enclosure was opened")

    def _enclosure_open(self) -> bool:
        return any(ENCLOSURE_OPEN in evse.keeper.faults for evse in self._evses.values())

    def apply(self, event: Event) -> None:
        """Nothing is kept."""

    def checkpoint(self) -> list[Event]:
        return []

    def next_deadline_ms(self) -> int | None:
        held = [bucket.refilled_at_ms + REFILL_MS for bucket in self._buckets.values() if bucket.held]
        return min(held, default=None)
