"""Where the power of a charging vehicle was taken by a fault or a lost supply, and where it came back.

Owns: the contexts Interruption.Begin and Interruption.End (1.6 7.35). Refuses to know: which values are told.
A pause by limit or vehicle is no interruption.
"""

from __future__ import annotations

from controller.domain.events import ChargingState, Event, StationStarted, TransactionStarted
from controller.domain.evse.visit import Visit
from controller.domain.metering.measurands import ReadingContext


class Interruption:
    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._fault = False  # a fault took the power from the running transaction
        self._woke = False  # power came back and the transaction has not charged since

    def apply(self, event: Event) -> None:
        match event:
            case StationStarted():
                self._woke = event.boot_reason == "PowerUp" and self._visit.transaction is not None
            case TransactionStarted():
                self._fault = self._woke = False
            case _:
                pass

    def passed(self, before: ChargingState, after: ChargingState, faulted: bool) -> ReadingContext | None:
        """Which of both a change of the charging state is; None = neither."""
        if before is ChargingState.CHARGING and faulted:
            self._fault = True
            return ReadingContext.INTERRUPTION_BEGIN
        if after is ChargingState.CHARGING and (self._fault or self._woke):
            self._fault = self._woke = False
            return ReadingContext.INTERRUPTION_END
        return None
