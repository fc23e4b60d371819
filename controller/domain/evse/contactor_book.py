"""The contactor's life as the controller writes it down. The rules are ``wear``'s.

Few writes: one event with the end of a transaction (in its commit), every ``SAVE_EVERY`` operations beside
that, and when a run of the safety process is over; what happens in between is counted by the safety process
itself.
"""

from __future__ import annotations

from controller.domain.events import ContactorUsed, Event
from controller.domain.evse.wear import (
    SAVE_EVERY,
    WORN_PERMILLE,
    Wear,
    count,
    renewed,
    travel,
    wear_permille,
)
from controller.domain.faults import CONTACTOR_WORN
from controller.domain.inputs import EvseFacts
from controller.domain.policy import Policy
from controller.domain.turn import Turn


class ContactorBook:
    """``wear``: up to now. Saved is what ``apply`` was given last."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.wear = Wear()
        self._saved = Wear()

    def apply(self, event: Event) -> None:
        if isinstance(event, ContactorUsed):
            self.wear = self._saved = event.wear

    def checkpoint(self) -> list[Event]:
        return [ContactorUsed(self._evse_id, self._saved, 0)] if self._saved != Wear() else []

    def observe(self, previous: EvseFacts | None, facts: EvseFacts) -> None:
        self.wear = count(self.wear, facts.safety_since_ms, facts.operations, facts.openings_under_load)
        if previous is not None and previous.contactor_closed is not facts.contactor_closed:
            took_ms = facts.close_took_ms if facts.contactor_closed else facts.open_took_ms
            self.wear = travel(self.wear, facts.contactor_closed, took_ms)

    def settle(self, turn: Turn, closing_time: bool) -> None:
        """``closing_time``: something else is written just now that ends a transaction."""
        new = self.wear.operations - self._saved.operations
        run_over = self._saved.run_ms != self.wear.run_ms and self._saved.run_operations > 0
        if new >= SAVE_EVERY or (new > 0 and (closing_time or run_over)):
            turn.emit(ContactorUsed(self._evse_id, self.wear, turn.now.utc_ms))

    def replaced(self, turn: Turn) -> None:
        """A technician fitted a new contactor."""
        turn.emit(ContactorUsed(self._evse_id, renewed(self.wear), turn.now.utc_ms))

    def permille(self, policy: Policy) -> int:
        return wear_permille(self.wear, policy.contactor_rated_operations, policy.contactor_rated_under_load)

    def warnings(self, policy: Policy) -> set[str]:
        return {CONTACTOR_WORN} if self.permille(policy) >= WORN_PERMILLE else set()
