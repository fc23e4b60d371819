"""What the vehicle makes of the current it is offered.

Owns: how long the offer stands, whether the vehicle leaves it, what it may still draw by the one before.
Refuses to know: how much is offered and why, transactions. Nothing of it is durable.
"""

from __future__ import annotations

from controller.domain.inputs import EvseFacts

ADAPT_MS = 5_000
"""So long a vehicle may take to follow a lowered offer (IEC 61851-1)."""
DECLINED_AFTER_MS = 15_000
"""A vehicle that lets an offer stand this long without taking it leaves its share to the others."""


def offered_ma(facts: EvseFacts | None) -> int:
    """What the pilot offers at this moment."""
    return facts.offered_ma if facts is not None and facts.pwm else 0


class Offer:
    """``declined``: the vehicle does not take what it is offered. Instants are CLOCK_MONOTONIC ms."""

    def __init__(self) -> None:
        self.declined = False
        self._since_ms: int | None = None
        self._draws_ma = 0  # what it may still draw until ``_draws_until_ms``, by the offer from before
        self._draws_until_ms: int | None = None

    def observe(self, previous: EvseFacts | None, facts: EvseFacts, mono_ms: int) -> None:
        if facts.pwm and (previous is None or not previous.pwm):
            self._since_ms = facts.at_ms
        elif not facts.pwm:
            self._since_ms = None
        if not facts.contactor_closed:
            self._draws_until_ms = None
        elif previous is not None and previous.contactor_closed and previous.pwm:
            now_ma = offered_ma(facts)
            if now_ma < previous.offered_ma:
                still = self._draws_until_ms is not None and mono_ms < self._draws_until_ms
                self._draws_ma = max(previous.offered_ma, self._draws_ma if still else 0)
                self._draws_until_ms = mono_ms + ADAPT_MS

    def lost(self) -> None:
        """Nobody reports the pilot any more."""
        self._since_ms = None

    def settle(self, facts: EvseFacts | None, running: bool, mono_ms: int) -> None:
        if self._draws_until_ms is not None and mono_ms >= self._draws_until_ms:
            self._draws_until_ms = None
        if not running or facts is None or facts.pilot != "B":
            self.declined = False
        elif facts.pwm and self._since_ms is not None:
            self.declined |= mono_ms - self._since_ms >= DECLINED_AFTER_MS

    def stands_ms(self, mono_ms: int) -> int:
        """For how long there has been an offer."""
        return mono_ms - (self._since_ms or mono_ms)

    def occupied_ma(self, facts: EvseFacts | None, mono_ms: int) -> int:
        """What the vehicle may draw at this moment: what it is offered, and what it was offered before, as
        long as it may take to follow."""
        if facts is None or not facts.contactor_closed:
            return 0
        if self._draws_until_ms is not None and mono_ms < self._draws_until_ms:
            return max(self._draws_ma, offered_ma(facts))
        return offered_ma(facts)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._draws_until_ms
