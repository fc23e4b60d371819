"""What the lamp of an EVSE shows.

Owns: which of the facts it shows first, and what it shows just now. Refuses to know: colours, lamps.
"""

from __future__ import annotations

from controller.domain.effects import ShowIndicator
from controller.domain.events import ChargingState
from controller.domain.turn import Turn


class Indicator:
    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self._shown: str | None = None

    def settle(
        self, turn: Turn, usable: bool, faulted: bool, charging_state: ChargingState | None, waiting: bool
    ) -> None:
        """``charging_state`` None = no transaction. ``waiting``: plugged or authorized, for the other."""
        if not usable:
            state = "unavailable"
        elif faulted:
            state = "faulted"
        elif charging_state is not None:
            state = "charging" if charging_state is ChargingState.CHARGING else "suspended"
        elif turn.reserved.shown(self._evse_id) is not None:
            state = "reserved"
        elif waiting:
            state = "waiting"
        else:
            state = "available"
        if state != self._shown:
            self._shown = state
            turn.do(ShowIndicator(self._evse_id, state))
