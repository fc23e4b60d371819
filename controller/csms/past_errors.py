"""Faults that came and went while the CSMS could not be told.

Owns: which of them are worth a report after the reconnection (1.6 4.9: "MAY send a StatusNotification.req PDU
to report an error that occurred while the Charge Point was offline"). In memory: they are no transactions.
Refuses to know: how they are worded, and when one is offline.
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.events import Event, FaultCleared, FaultRaised

MOST = 20
"""A loose wire raises a fault a second; the CSMS is told of the latest ones."""


class PastErrors:
    def __init__(self) -> None:
        self._raised: list[FaultRaised] = []
        self._over: list[FaultRaised] = []

    def note(self, events: Iterable[Event]) -> None:
        """What happened offline."""
        for event in events:
            if isinstance(event, FaultRaised):
                self._raised = [*self._raised[1 - MOST :], event]
            elif isinstance(event, FaultCleared):
                same = [
                    one for one in self._raised if (one.evse_id, one.fault) == (event.evse_id, event.fault)
                ]
                for one in same:
                    self._raised.remove(one)
                self._over = [*self._over, *same][-MOST:]

    def take(self) -> list[FaultRaised]:
        """Those that are over, the oldest first. What lasts is told by the present status."""
        over, self._raised, self._over = self._over, [], []
        return sorted(over, key=lambda one: one.at_ms)
