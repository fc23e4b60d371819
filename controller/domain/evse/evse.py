"""One EVSE: session, authorization and transaction between a vehicle and the station.

Owns: the parts an EVSE is put together from, what is derived from several of them, and the order of their
rules: ``settle`` runs them to their end after each input. Each rule is in the room of its own name.
Refuses to know: other EVSEs, who presents tokens, OCPP messages, pins. Facts are kept, statuses derived.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.charging.delaying import Delaying
from controller.domain.charging.limits import (
    Claim,
    Moment,
    hardware_claims,
    installation_claim,
    lowest,
    silent_claim,
)
from controller.domain.events import (
    ChargingState,
    ClockSet,
    Event,
    SessionEnded,
    StoppedReason,
    TransactionEnded,
    Trigger,
)
from controller.domain.evse import phases, refused_token
from controller.domain.evse.admission import Admission
from controller.domain.evse.availability import EvseAvailability
from controller.domain.evse.charging_state import charging_state, unreported
from controller.domain.evse.contactor_book import ContactorBook
from controller.domain.evse.ending import Ending
from controller.domain.evse.fault_keeper import FaultKeeper
from controller.domain.evse.indicator import Indicator
from controller.domain.evse.interruption import Interruption
from controller.domain.evse.kept_plug import KeptPlug
from controller.domain.evse.meter import EvseMeter
from controller.domain.evse.offer import Offer
from controller.domain.evse.permit_wish import PermitWish
from controller.domain.evse.plug_lock import PlugLock
from controller.domain.evse.plugging import Plugging
from controller.domain.evse.reported import Reported
from controller.domain.evse.spec import EvseSpec
from controller.domain.evse.starting import Starting
from controller.domain.evse.transaction import Transaction
from controller.domain.evse.visit import Visit
from controller.domain.faults import (
    EMERGENCY_STOP,
    METER_SILENT,
    SAFETY_SILENT,
    TEMPERATURE_HIGH,
    UNDER_VOLTAGE,
)
from controller.domain.inputs import EvseFacts, Reading
from controller.domain.metering.measurands import MeterSample
from controller.domain.metering.sampler import Sampler
from controller.domain.policy import Policy
from controller.domain.timekeeping import moved
from controller.domain.turn import Turn
from controller.domain.views import EvseView


class Evse:
    """State of one EVSE. Durable parts change only in ``apply``; the rest is observation and timers."""

    def __init__(self, spec: EvseSpec) -> None:
        self.spec = spec
        # what is known of it
        self.reported = Reported(spec.has_socket)
        self.meter = EvseMeter(spec, self.reported)
        self.keeper = FaultKeeper(spec.evse_id)
        self.contactor = ContactorBook(spec.evse_id)
        self.offer = Offer()
        self.reset_faults = 0
        self.phases = spec.phases  # asked for in the latest permit
        # who may, and what goes on
        self.availability = EvseAvailability(spec.evse_id)
        self.visit = Visit(spec, self.meter)
        self.admission = Admission(spec.evse_id)
        self.delaying = Delaying(spec.evse_id)
        self.plug = KeptPlug(spec.evse_id)
        self.sampler = Sampler(spec, self.reported, self.meter, self.visit)
        # rules
        self._plugging = Plugging(spec.evse_id, self.visit, self.admission, self.delaying)
        self._starting = Starting(
            spec, self.reported, self.meter, self.visit, self.admission, self.sampler, self._plugging
        )
        self._ending = Ending(spec, self.reported, self.meter, self.visit, self.sampler, self.plug)
        self._interruption = Interruption(self.visit)
        # what is told
        self.lock = PlugLock(spec.has_lock, self.reported, self.plug)
        self._indicator = Indicator(spec.evse_id)
        self._view: EvseView | None = None
        self._durable = (
            # in the order in which a checkpoint has to tell them
            self.availability,
            self.visit,
            self.admission,
            self.keeper,
            self.delaying,
            self.contactor,
            self.meter.register,
            self.plug,
        )

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        """Take over one event of this EVSE; used when it is emitted and when the journal is replayed."""
        for part in self._durable:
            part.apply(event)
        self._plugging.apply(event)
        self._interruption.apply(event)
        if isinstance(event, ClockSet) and self._view is not None:
            # The clock was wrong until now: what began with it has begun at another time.
            self._view = replace(self._view, changed_at_ms=moved(event, self._view.changed_at_ms))

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state."""
        return [event for part in self._durable for event in part.checkpoint()]

    # ------------------------------------------------------------------ derived facts

    @property
    def facts(self) -> EvseFacts | None:
        """The newest report of the safety process; None = it is silent."""
        return self.reported.facts

    @property
    def transaction(self) -> Transaction | None:
        """The transaction, until its end is told."""
        return self.visit.transaction

    @property
    def plugged(self) -> bool:
        return self.reported.plugged

    @property
    def finishing(self) -> bool:
        """Somebody has to unplug: a transaction ended and the plug is still there, or it was not authorized
        in time (1.6 status Finishing, errata 3.20)."""
        transaction = self.transaction
        if transaction is not None:
            return transaction.stopping is not None and self.ev_left
        left = self.ev_left and self.admission.held is None  # else somebody begins anew (F2)
        return self.visit.ended is not None or self.admission.timed_out or left

    @property
    def ev_left(self) -> bool:
        """The cable was pulled out at the vehicle's side in a transaction that goes on, or that ended by it
        while the other end is still in the socket (1.6 4.9)."""
        if self.transaction is not None:
            return self.transaction.vehicle_left
        return (
            (self.plug.pulled_out or self.plug.kept is not None)
            and not self.plugged
            and self.reported.plug_in_socket
        )

    @property
    def in_use(self) -> bool:
        """A transaction runs, or its vehicle is still there: what is scheduled waits for both to be over."""
        return self.transaction is not None or self.finishing

    def fault(self) -> str | None:
        """The blocking fault to show, the oldest first."""
        return self.keeper.blocking

    def free(self) -> bool:
        """Neither authorized nor in a transaction, and able to charge."""
        return (
            self.availability.takes_new
            and self.fault() is None
            and self.transaction is None
            and self.admission.held is None
        )

    @property
    def available(self) -> bool:
        """A transaction may run or begin here: operative, and not held while none runs."""
        return self.availability.lets(self.transaction is not None)

    def claims(self, turn: Turn, shared: bool = True) -> list[Claim]:
        """Every named claim on the current of this EVSE now; the lowest decides. ``shared`` False: without
        those that are for all EVSEs together."""
        policy, facts = turn.policy, self.facts
        if facts is None:
            claims = [silent_claim(self.reported.fault)]
        else:
            claims = hardware_claims(facts)
        if self.spec.limit_ma is not None:
            claims.append(installation_claim(self.spec.limit_ma))
        if turn.storage_fault is not None:
            claims.append(Claim("storage", 0, turn.storage_fault, None, "the journal can be written again"))
        claims.extend(self.meter.claims(turn))
        claims.extend(self.keeper.claims(policy))
        if shared:
            claims.extend(turn.station_claims(turn, self.spec.evse_id))
        claims.extend(self.delaying.claims(turn, self.moment(turn.now.utc_ms)))
        claims.extend(refused_token.claims(self.transaction, self.meter.reading, policy))
        return claims

    def moment(self, utc_ms: int) -> Moment:
        """What schedules are evaluated for at an instant (UTC ms)."""
        transaction = self.transaction
        started_ms = transaction.started.at_ms if transaction else None
        transaction_id = transaction.id if transaction else None
        spec = self.spec
        return Moment(spec.evse_id, transaction_id, started_ms, spec.phases, utc_ms, spec.has_phase_switch)

    @property
    def phases_connected(self) -> int:
        """How many phases a vehicle may draw from: one only when the switch says so, and shall."""
        facts = self.facts
        if not self.spec.has_phase_switch or facts is None:
            return self.spec.phases
        return max(self.phases, facts.phases)

    def limit_ma(self, turn: Turn) -> int:
        """What may be offered now: 0 without a running transaction."""
        if self.visit.running is None or not self.availability.operative:
            return 0
        return max(0, lowest(self.claims(turn)).limit_ma)

    def permit(self, turn: Turn) -> PermitWish:
        if self.spec.has_phase_switch:
            self.phases = phases.wanted(self.claims(turn), self.phases)
        running = self.transaction is not None
        return PermitWish(
            evse_id=self.spec.evse_id,
            plug_no=self.facts.plug_no if self.facts else 0,
            limit_ma=self.limit_ma(turn),
            expires_at_ms=turn.now.mono_ms + turn.policy.permit_lease_s * 1000,
            phases=self.phases,
            unavailable=not self.available,
            unlock=self.lock.opens(running),
            reset_faults=self.reset_faults,
            keep_locked=self.lock.keeps(running, turn.policy),
        )

    def view(self, station_operative: bool, reserved: bool, utc_ms: int) -> EvseView:
        """The facts from which each OCPP version derives its status; keeps the instant of the last change."""
        transaction = self.transaction
        view = EvseView(
            evse_id=self.spec.evse_id,
            connector_id=self.spec.connector_id,
            operative=self.available and station_operative,
            fault=self.fault(),
            plugged=self.plugged,
            authorized=self.admission.held is not None,
            finishing=self.finishing,
            reserved=reserved,
            transaction_id=transaction.id if transaction else None,
            charging_state=transaction.charging_state if transaction else None,
            changed_at_ms=self._view.changed_at_ms if self._view else utc_ms,
            token=transaction.token if transaction else None,
            warning=self.keeper.warning,
            ev_left=self.ev_left,
        )
        if view != self._view:
            self._view = replace(view, changed_at_ms=utc_ms)
        return self._view or view

    # ------------------------------------------------------------------ observations

    def observe(self, facts: EvseFacts, turn: Turn) -> None:
        """A report of the safety process. ``plug_no`` tells one plug-in from the next."""
        previous = self.facts
        self.keeper.reported({name for name, _since in facts.inhibits})
        if not self.reported.take(facts, turn.now.mono_ms):
            return
        self._ending.observe(facts)
        self.offer.observe(previous, facts, turn.now.mono_ms)
        self.contactor.observe(previous, facts)
        self._follow_faults(turn)
        self._plugging.observe(turn, facts, first=previous is None)

    def measured(self, reading: Reading, turn: Turn) -> None:
        """A reading of this EVSE's meter."""
        believed = self.meter.measured(reading, turn)
        if believed is not None:
            self.keeper.measured(believed, self.facts, self.spec.phases, turn.policy)

    def clear_faults(self, turn: Turn) -> None:
        """Somebody looked: clear whatever is latched and has no cause any more."""
        self.reset_faults += 1
        self.keeper.reset(turn)

    def safety_lost(self, why: str, turn: Turn) -> None:
        self.reported.lost(why)
        self.offer.lost()
        self.keeper.reported({SAFETY_SILENT})

    def _follow_faults(self, turn: Turn) -> None:
        warnings = self.contactor.warnings(turn.policy)
        facts = self.facts
        if facts is not None and facts.temperature_limit_ma is not None and not facts.sensors_lost:
            warnings = warnings | {TEMPERATURE_HIGH}
        cleared = self.keeper.settle(turn, self.meter.silent(turn), warnings)
        if EMERGENCY_STOP in self.keeper.faults:
            # ISO 13850 4.1.4: releasing the button must not start anything again by itself (1.6 7.36).
            self.visit.stop(turn, StoppedReason.EMERGENCY_STOP, Trigger.ABNORMAL_CONDITION)
        if UNDER_VOLTAGE in cleared and self.transaction is not None:
            self.delaying.power_returned(turn)

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn) -> None:
        """Run every rule to its end. Called after each input and tick; idempotent."""
        self._follow_faults(turn)
        self.admission.settle(turn, self._waits_for_a_card)
        self._follow_kept_plug(turn)
        if self.plugged and not self.finishing and self.free():
            self.admission.free_vend(turn)
        self._starting.settle(turn, self.available)
        refused_token.settle(self.visit, self.meter.reading, turn)
        self._ending.settle(turn)
        self.offer.settle(self.facts, self.transaction is not None, turn.now.mono_ms)
        self._follow_delay(turn)
        self.contactor.settle(turn, turn.emitted(TransactionEnded) or turn.emitted(SessionEnded))
        self._follow_charging_state(turn)
        self.sampler.settle(turn)
        self.availability.settle(turn, self.in_use)
        self.lock.settle(turn, self.transaction is not None)
        self._show(turn)

    @property
    def _waits_for_a_card(self) -> bool:
        """A vehicle is plugged in, it could be charged, and nothing has begun."""
        could = self.plugged and self.visit.session is not None and self.available and self.fault() is None
        return could and self.transaction is None and not self.finishing

    def _follow_kept_plug(self, turn: Turn) -> None:
        if self.facts is None or self.reported.plug_in_socket:
            return
        self.plug.taken_out(turn)

    def _follow_delay(self, turn: Turn) -> None:
        transaction = self.visit.running
        if transaction is None:
            self.delaying.settle(turn, None, 0)
        else:
            known = transaction.last_updated or transaction.started
            self.delaying.settle(turn, self.moment(turn.now.utc_ms), known.at_ms)

    def _follow_charging_state(self, turn: Turn) -> None:
        transaction, facts = self.visit.running, self.facts
        if transaction is None:
            return
        before = transaction.charging_state
        if facts is None:
            state = unreported(before, SAFETY_SILENT in self.keeper.faults)
        else:
            state = charging_state(
                facts,
                before,
                lambda: self.limit_ma(turn),
                self.offer.stands_ms(turn.now.mono_ms),
                self.spec.has_phase_switch and facts.phases != self.phases,
            )
        if state is not before:
            taken = self._at_interruption(turn, before, state)
            self.visit.update(turn, Trigger.CHARGING_STATE_CHANGED, taken, state)

    def _at_interruption(
        self, turn: Turn, before: ChargingState, after: ChargingState
    ) -> tuple[MeterSample, ...]:
        """Values where an interruption begins and ends (1.6 7.35), if the transaction is sampled at all."""
        context = self._interruption.passed(before, after, self.fault() is not None)
        if context is None or turn.policy.sampled_interval_s == 0:
            return ()
        taken = self.sampler.take(turn, turn.policy.sampled_measurands, context)
        return (taken,) if taken is not None else ()

    def _show(self, turn: Turn) -> None:
        self._indicator.settle(
            turn,
            self.available and (turn.operative or self.in_use),
            self.fault() is not None,
            self.transaction.charging_state if self.transaction else None,
            self.admission.held is not None or self.plugged,
        )

    def next_deadline_ms(self, policy: Policy) -> int | None:
        """CLOCK_MONOTONIC ms of the next thing that happens by itself."""
        deadlines = [
            self.admission.next_deadline_ms,
            self.sampler.next_deadline_ms,
            self.lock.next_deadline_ms,
            self.offer.next_deadline_ms,
        ]
        if METER_SILENT not in self.keeper.faults:
            # The limit of a silent meter holds from that millisecond on, not from the next tick.
            deadlines.append(self.meter.stale_at_ms(policy.meter_stale_s))
        return min((one for one in deadlines if one is not None), default=None)
