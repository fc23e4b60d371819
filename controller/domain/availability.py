"""Whether the station as a whole is in service, and what the CSMS wants it to be.

Owns: ChangeAvailability of the station and of an EVSE (1.6 5.2; 2.0.1 G03, G04): at once where nothing runs,
scheduled where something does, and over restarts.
Refuses to know: what an EVSE does when it becomes unavailable (``evse.availability``), reservations
that end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.block import Handler
from controller.domain.commands import ChangeAvailability, Status, Verdict
from controller.domain.events import AvailabilityChanged, AvailabilityScheduled, Event
from controller.domain.evse.evse import Evse
from controller.domain.turn import Turn


class Availability:
    """``operative``: of the station, not of its EVSEs; durable, as is what is scheduled."""

    def __init__(self, evses: Mapping[int, Evse], resetting: Callable[[], bool]) -> None:
        """``resetting``: a reset keeps new transactions away, whatever the availability."""
        self.operative = True
        self._scheduled: bool | None = None
        self._evses = evses
        self._resetting = resetting
        self.handlers: Mapping[type, Handler] = {ChangeAvailability: self._change}

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case AvailabilityChanged(evse_id=0):
                self.operative = event.operative
                self._scheduled = None
            case AvailabilityScheduled(evse_id=0):
                self._scheduled = event.operative if event.operative != self.operative else None
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        events: list[Event] = []
        if not self.operative:
            events.append(AvailabilityChanged(0, False, 0))
        if self._scheduled is not None:
            events.append(AvailabilityScheduled(0, self._scheduled, 0))
        return events

    # ------------------------------------------------------------------ what others ask

    @property
    def open(self) -> bool:
        """The station as a whole takes new transactions. While it waits to become inoperative it does not:
        it would wait for ever."""
        return self.operative and self._scheduled is not False

    def open_to(self, evse: Evse) -> bool:
        """The station lets this EVSE work: it is open, or only waits for what is still going on there."""
        return self.open or (self.operative and evse.in_use)

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn) -> None:
        """What is scheduled happens when nothing is in use any more."""
        wanted = self._scheduled
        if wanted is not None and not any(evse.in_use for evse in self._evses.values()):
            turn.emit(AvailabilityChanged(0, wanted, turn.now.utc_ms))

    def next_deadline_ms(self) -> int | None:
        return None

    def _change(self, command: ChangeAvailability, turn: Turn) -> Verdict:
        """1.6 5.2, 2.0.1 G03/G04: at once when idle, else scheduled for the end of the transaction."""
        if command.evse_id == 0:
            return self._change_station(command, turn)
        target = self._evses.get(command.evse_id)
        if target is None:
            return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {command.evse_id}")
        done = target.availability.change(command.operative, target.transaction is not None, turn)
        return Verdict(Status.ACCEPTED) if done else Verdict(Status.SCHEDULED, "TxInProgress")

    def _change_station(self, command: ChangeAvailability, turn: Turn) -> Verdict:
        """EVSEs that are not in use become unavailable at once, whatever the others still do."""
        busy = any(evse.transaction is not None for evse in self._evses.values())
        operative, at_ms = command.operative, turn.now.utc_ms
        done = True
        if operative != self.operative and (operative or not busy):
            turn.emit(AvailabilityChanged(0, operative, at_ms))
        elif operative != self.operative or self._scheduled is not None:
            turn.emit(AvailabilityScheduled(0, operative, at_ms))
            done = self._scheduled is None
        for evse in self._evses.values():
            if command.every_evse:
                done &= evse.availability.change(operative, evse.transaction is not None, turn)
            if not operative:
                evse.admission.withdraw()
        turn.operative = self.open and not self._resetting()
        return Verdict(Status.ACCEPTED) if done else Verdict(Status.SCHEDULED, "TxInProgress")
