"""How a transaction starts: the right is there, the vehicle is there, and the register is read.

Owns: TransactionStarted, its trigger and what it uses up. Refuses to know: who got the right and why.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.events import ChargingState, ProfileInstalled, TransactionStarted, Trigger
from controller.domain.evse.admission import Admission, Authorization
from controller.domain.evse.meter import EvseMeter
from controller.domain.evse.plugging import Plugging
from controller.domain.evse.reported import Reported
from controller.domain.evse.spec import EvseSpec
from controller.domain.evse.visit import Visit
from controller.domain.metering.sampler import Sampler
from controller.domain.turn import Turn


class Starting:
    """It keeps nothing of its own."""

    def __init__(
        self,
        spec: EvseSpec,
        reported: Reported,
        meter: EvseMeter,
        visit: Visit,
        admission: Admission,
        sampler: Sampler,
        plugging: Plugging,
    ) -> None:
        self._spec = spec
        self._reported = reported
        self._meter = meter
        self._visit = visit
        self._admission = admission
        self._sampler = sampler
        self._plugging = plugging

    def settle(self, turn: Turn, available: bool) -> None:
        """``available``: the EVSE may be used (see ``availability``)."""
        held, facts = self._admission.held, self._reported.facts
        if held is None or self._visit.transaction is not None or facts is None or not self._reported.plugged:
            return
        if not turn.charging_allowed:
            self._admission.withdraw()
            return
        if not available or turn.storage_fault is not None:
            return
        reading = self._meter.fresh(turn.now.mono_ms)
        if reading is None and self._spec.has_meter:
            self._meter.ask(turn)
            return
        spec, now = self._spec, turn.now
        begin, begin_of_end = self._sampler.begin(turn, reading)
        started = TransactionStarted(
            transaction_id=turn.new_id(),
            evse_id=spec.evse_id,
            connector_id=spec.connector_id,
            seq_no=0,
            trigger=_trigger(held),
            charging_state=ChargingState.EV_CONNECTED,
            token=held.token,
            group=held.group,
            register_wh=reading.energy_import_wh if reading else 0,
            samples=(begin,) if begin else (),
            offline=not turn.online,
            at_ms=now.utc_ms,
            remote_start_id=held.remote_start_id,
            reservation_id=turn.reserved.held(spec.evse_id, held.token, held.group),
            cable_ma=facts.cable_ma,
            phases=spec.phases,
        )
        self._admission.withdraw()
        turn.emit(started)
        if begin_of_end is not None and (begin_of_end,) != started.samples:
            self._visit.keep_for_end(turn, begin_of_end)
        if held.profile is not None:
            profile = replace(held.profile, transaction_id=started.transaction_id)
            turn.emit(ProfileInstalled(spec.evse_id, profile, now.utc_ms))
        if held.source == "free":
            self._plugging.began_by_itself(turn)


def _trigger(held: Authorization) -> Trigger:
    """What came last."""
    if held.source == "remote":
        return Trigger.REMOTE_START
    return Trigger.AUTHORIZED if held.plugged_first else Trigger.CABLE_PLUGGED_IN
