"""Which vehicle is plugged in: one plug-in told from the next, also over restarts.

Owns: SessionStarted and SessionEnded, what an unplug means for the transaction (1.6 4.9), and whether a
vehicle that is there after a loss of power is the one from before (1.6 7.36).
Refuses to know: the pilot's voltages, the lock.
"""

from __future__ import annotations

from controller.domain.charging.delaying import Delaying
from controller.domain.events import (
    Event,
    SessionEnded,
    SessionStarted,
    StationStarted,
    StoppedReason,
    Trigger,
)
from controller.domain.evse.admission import Admission
from controller.domain.evse.visit import Visit
from controller.domain.inputs import EvseFacts
from controller.domain.turn import Turn


class Plugging:
    def __init__(self, evse_id: int, visit: Visit, admission: Admission, delaying: Delaying) -> None:
        self._evse_id = evse_id
        self._visit = visit
        self._admission = admission
        self._delaying = delaying
        self._woke = False  # the machine started, and nothing was reported yet
        self._woke_plugged = False  # power came back and the vehicle has been here since

    def apply(self, event: Event) -> None:
        if isinstance(event, StationStarted):
            self._woke = self._woke_plugged = event.boot_reason == "PowerUp"

    def observe(self, turn: Turn, facts: EvseFacts, first: bool) -> None:
        """A report; ``plug_no`` tells one plug-in from the next. ``first``: none came before it."""
        if not facts.vehicle_connected:
            self._woke_plugged = False
        session = self._visit.session
        if facts.pilot in ("E", "F") and session is not None and facts.plug_no == session.plug_no:
            return  # doubt about the pilot is not an unplug
        woke, self._woke = self._woke, False
        same = session is not None and session.plug_no == facts.plug_no
        if session is not None and not (facts.vehicle_connected and same):
            # After a restart of the safety process or the machine nobody knows who was plugged in between.
            unknown = first and not same and facts.vehicle_connected
            # Reboot: of the safety process alone.
            rebooted = StoppedReason.POWER_LOSS if woke else StoppedReason.REBOOT
            if woke and not facts.vehicle_connected:
                unknown = not turn.policy.tx_continues_after_power_loss
            if facts.vehicle_connected and unknown and self._goes_on(turn, facts):
                return
            self._unplugged(turn, rebooted if unknown else StoppedReason.EV_DISCONNECTED)
        if facts.vehicle_connected and self._visit.session is None:
            turn.emit(SessionStarted(self._evse_id, facts.plug_no, turn.now.utc_ms))
            self._admission.plugged_in()

    def _goes_on(self, turn: Turn, facts: EvseFacts) -> bool:
        """By setting, the vehicle that is plugged in now is taken for the one from before (1.6 7.36)."""
        if self._visit.running is None or not turn.policy.tx_continues_after_power_loss:
            return False
        turn.emit(SessionStarted(self._evse_id, facts.plug_no, turn.now.utc_ms))
        if self._woke_plugged:
            self._delaying.power_returned(turn)
        return True

    def _unplugged(self, turn: Turn, reason: StoppedReason) -> None:
        left = reason is StoppedReason.EV_DISCONNECTED
        if turn.policy.stop_tx_on_ev_side_disconnect or not left:
            trigger = Trigger.EV_COMMUNICATION_LOST if left else Trigger.ABNORMAL_CONDITION
            self._visit.stop(turn, reason, trigger)
        self._admission.withdraw()
        turn.emit(SessionEnded(self._evse_id, turn.now.utc_ms))

    def began_by_itself(self, turn: Turn) -> None:
        """A transaction began without a driver; if because power came back, then not at once."""
        if self._woke_plugged:
            self._delaying.power_returned(turn)
