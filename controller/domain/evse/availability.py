"""Whether an EVSE may be used: the operator's word, at once or for later, and holds of the station's own.

Owns: ``operative``, what is scheduled (1.6 5.2, 2.0.1 G03), ``Hold``. Refuses to know: faults, reservations,
the availability of the whole station.

Durable: the operator's word. A hold is not: who holds says so again after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.domain.events import AvailabilityChanged, AvailabilityScheduled, Event
from controller.domain.turn import Turn


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing new may start here for a while, for a reason of the station's own; not the operator's
    availability, and not durable. ``why``: for people, after "EVSE 1: "."""

    why: str
    clears_by: str
    since_ms: int  # UTC


class EvseAvailability:
    """``scheduled``: what ``operative`` becomes when the EVSE is no longer in use; None = stays."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.operative = True
        self.scheduled: bool | None = None
        self.hold: Hold | None = None

    def apply(self, event: Event) -> None:
        match event:
            case AvailabilityChanged():
                self.operative = event.operative
                self.scheduled = None
            case AvailabilityScheduled():
                self.scheduled = event.operative if event.operative != self.operative else None
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        events: list[Event] = []
        if not self.operative:
            events.append(AvailabilityChanged(self._evse_id, False, 0))
        if self.scheduled is not None:
            events.append(AvailabilityScheduled(self._evse_id, self.scheduled, 0))
        return events

    def lets(self, running: bool) -> bool:
        """A transaction may run or begin here: operative, and not held while none runs."""
        return self.operative and (self.hold is None or running)

    @property
    def takes_new(self) -> bool:
        """Somebody new may come: neither held nor about to become inoperative."""
        return self.operative and self.hold is None and self.scheduled is not False

    def change(self, operative: bool, running: bool, turn: Turn) -> bool:
        """At once, or scheduled while a transaction runs (1.6 5.2, 2.0.1 G03). False = scheduled."""
        if operative != self.operative:
            if not running:
                turn.emit(AvailabilityChanged(self._evse_id, operative, turn.now.utc_ms))
                return True
        elif self.scheduled is None:
            return True
        turn.emit(AvailabilityScheduled(self._evse_id, operative, turn.now.utc_ms))
        return self.scheduled is None

    def settle(self, turn: Turn, in_use: bool) -> None:
        """What was scheduled comes true when the last vehicle is gone."""
        if self.scheduled is not None and not in_use:
            turn.emit(AvailabilityChanged(self._evse_id, self.scheduled, turn.now.utc_ms))
