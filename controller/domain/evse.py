"""One EVSE: session, authorization and transaction between a vehicle and the station.

Owns: every rule that concerns a single EVSE, run to its end after each input by ``settle``.
Refuses to know: other EVSEs, who presents tokens, OCPP messages, pins. Facts are kept, statuses derived.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain import phases
from controller.domain.admission import Admission
from controller.domain.charging_state import charging_state, unreported
from controller.domain.commands import Status, Verdict
from controller.domain.contactor_book import ContactorBook
from controller.domain.delaying import Delaying
from controller.domain.effects import ReadMeter, Settled
from controller.domain.events import (
    ChargingState,
    ClockSet,
    Event,
    MeterValuesTaken,
    ProfileInstalled,
    SampleKept,
    SessionEnded,
    SessionStarted,
    StationStarted,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
    Trigger,
)
from controller.domain.evse_availability import EvseAvailability
from controller.domain.evse_spec import EvseSpec
from controller.domain.fault_keeper import FaultKeeper
from controller.domain.faults import (
    EMERGENCY_STOP,
    METER_SILENT,
    SAFETY_SILENT,
    TEMPERATURE_HIGH,
    UNDER_VOLTAGE,
)
from controller.domain.indicator import Indicator
from controller.domain.inputs import EvseFacts, Reading
from controller.domain.kept_plug import KeptPlug
from controller.domain.limits import (
    Claim,
    Moment,
    hardware_claims,
    installation_claim,
    lowest,
    silent_claim,
)
from controller.domain.measurands import MeterSample, ReadingContext, Wanted
from controller.domain.metering import Registers, Surroundings, sample
from controller.domain.offer import Offer
from controller.domain.permit_wish import PermitWish
from controller.domain.policy import Policy
from controller.domain.register_watch import RegisterWatch
from controller.domain.reported import Reported
from controller.domain.sampling import Grid, Intervals, Sampling
from controller.domain.timekeeping import moved
from controller.domain.tokens import IdToken
from controller.domain.transaction import Transaction
from controller.domain.turn import Turn
from controller.domain.views import EvseView

FRESH_READING_MS = 2_500
"""A reading this young stands for now; while no current flows the register does not move."""
CONTACTOR_WAIT_MS = 12_000
"""A stop waits this long for the contactor to open (6 s for the vehicle, then the safety process forces)."""
LAST_READING_WAIT_MS = 3_000
"""...and then this long for a reading taken with the contactor open."""
UNLOCK_WAIT_MS = 5_000
MOST_MA, MOST_V = 80_000, 277
"""More than any AC station delivers on a phase: a register that grows faster was replaced."""


class Evse:
    """State of one EVSE. Durable parts change only in ``apply``; the rest is observation and timers."""

    def __init__(self, spec: EvseSpec) -> None:
        self.spec = spec
        # durable: rebuilt from events
        self.session: SessionStarted | None = None
        self.transaction: Transaction | None = None
        self.ended: TransactionEnded | None = None  # the last transaction of this session
        self.keeper = FaultKeeper(spec.evse_id)
        self.delaying = Delaying(spec.evse_id)
        self.contactor = ContactorBook(spec.evse_id)
        self.register = RegisterWatch(spec.evse_id)
        self.plug = KeptPlug(spec.evse_id)
        self.availability = EvseAvailability(spec.evse_id)
        self.admission = Admission(spec.evse_id)
        # observations
        self.reported = Reported(spec.has_socket)
        self.offer = Offer()
        self.reading: Reading | None = None
        self.meter_fault: str | None = None
        # timers and wishes
        self.reset_faults = 0
        self.phases = spec.phases  # asked for in the latest permit
        self._woke = False  # the machine started, and nothing was reported yet
        self._pulled_out = False  # the vehicle's end, at the end of a transaction; the cable is in the socket
        self._woke_plugged = False  # power came back and the vehicle has been here since
        self._woke_in_transaction = False  # power came back and the transaction has not charged since
        self._opened_at_ms: int | None = None
        self._stopping_since_ms: int | None = None
        self._sampling = Sampling()
        self._intervals = Intervals()
        self._interrupted = False  # a fault took the power from the running transaction
        self._meter_asked_ms: int | None = None
        self._unlock_until_ms: int | None = None
        self._unlock_deferred: int | None = None
        self._view: EvseView | None = None
        self._indicator = Indicator(spec.evse_id)

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        """Take over one event of this EVSE; used when it is emitted and when the journal is replayed."""
        self.keeper.apply(event)
        self.delaying.apply(event)
        self.contactor.apply(event)
        self.register.apply(event)
        self.plug.apply(event)
        self.availability.apply(event)
        self.admission.apply(event)
        match event:
            case ClockSet():
                self._move(event)
            case StationStarted():
                self._woke = self._woke_plugged = event.boot_reason == "PowerUp"
                self._woke_in_transaction = self._woke_plugged and self.transaction is not None
            case SessionStarted():
                self.session = event
                self.ended = None
                if self.transaction is not None and self.transaction.stopping is None:
                    self.transaction.vehicle_left = False
            case SessionEnded():
                self.session = None
                self.ended = None
                if self.transaction is not None:
                    self.transaction.vehicle_left = True
            case TransactionStarted():
                self.transaction = Transaction.begin(event)
                self.ended = None
                self._woke_in_transaction = False
            case TransactionUpdated() if self.transaction is not None:
                self.transaction.update(event)
            case SampleKept() if self.transaction is not None:
                self.transaction.keep_for_end(event.sample)
            case TransactionStopping() if self.transaction is not None:
                self.transaction.stopping = event
            case TransactionEnded():
                left = self.transaction is not None and self.transaction.vehicle_left
                self.transaction = None
                self.ended = event if self.session is not None and not left else None
            case _:
                pass

    def _move(self, event: ClockSet) -> None:
        """The clock was wrong until now: what began with it has begun at another time."""
        if self.session is not None:
            self.session = replace(self.session, at_ms=moved(event, self.session.at_ms))
        if self.transaction is not None:
            self.transaction.move(lambda at_ms: moved(event, at_ms))
        if self.ended is not None:
            self.ended = replace(self.ended, at_ms=moved(event, self.ended.at_ms))
        if self._view is not None:
            self._view = replace(self._view, changed_at_ms=moved(event, self._view.changed_at_ms))

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state."""
        events = self.availability.checkpoint()
        transaction = self.transaction
        if self.session is not None and not (transaction is not None and transaction.vehicle_left):
            events.append(self.session)
        if transaction is not None:
            events.append(transaction.started)
            events.extend(
                SampleKept(transaction.id, self.spec.evse_id, one, 0)
                for one in transaction.ended_samples
                if one not in transaction.started.samples
            )
            if transaction.refused is not None:
                events.append(transaction.refused)
            if transaction.last_updated is not None:
                events.append(replace(transaction.last_updated, register_wh=transaction.register_wh))
            if transaction.stopping is not None:
                events.append(transaction.stopping)
            if transaction.vehicle_left:
                events.append(SessionEnded(self.spec.evse_id, 0))
                if self.session is not None:
                    events.append(self.session)
        elif self.ended is not None:
            events.append(self.ended)
        for part in (self.admission, self.keeper, self.delaying, self.contactor, self.register, self.plug):
            events.extend(part.checkpoint())
        return events

    # ------------------------------------------------------------------ derived facts

    @property
    def facts(self) -> EvseFacts | None:
        """The newest report of the safety process; None = it is silent."""
        return self.reported.facts

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
        return self.ended is not None or self.admission.timed_out or left

    @property
    def ev_left(self) -> bool:
        """The cable was pulled out at the vehicle's side in a transaction that goes on, or that ended by it
        while the other end is still in the socket (1.6 4.9)."""
        if self.transaction is not None:
            return self.transaction.vehicle_left
        return (
            (self._pulled_out or self.plug.kept is not None)
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

    def fresh_reading(self, mono_ms: int) -> Reading | None:
        if self.reading is not None and mono_ms - self.reading.at_ms <= FRESH_READING_MS:
            return self.reading
        return None

    def claims(self, turn: Turn, shared: bool = True) -> list[Claim]:
        """Every named claim on the current of this EVSE now; the lowest decides. ``shared`` False: without
        those that are for all EVSEs together."""
        policy, transaction, facts = turn.policy, self.transaction, self.facts
        if facts is None:
            claims = [silent_claim(self.reported.fault)]
        else:
            claims = hardware_claims(facts)
        if self.spec.limit_ma is not None:
            claims.append(installation_claim(self.spec.limit_ma))
        if turn.storage_fault is not None:
            claims.append(Claim("storage", 0, turn.storage_fault, None, "the journal can be written again"))
        if self._meter_silent(turn):
            why = self.meter_fault or "no reading yet"
            claims.append(Claim("meter", 0, why, None, "the meter answers again"))
        claims.extend(self.keeper.claims(policy))
        if shared:
            claims.extend(turn.station_claims(turn, self.spec.evse_id))
        claims.extend(self.delaying.claims(turn, self.moment(turn.now.utc_ms)))
        if transaction is not None and transaction.deauthorized and self._energy_spent(transaction, policy):
            claims.append(
                Claim("authorization", 0, "the CSMS withdrew the token", None, "another authorization")
            )
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

    def _follow_delay(self, turn: Turn) -> None:
        transaction = self.transaction
        if transaction is None or transaction.stopping is not None:
            self.delaying.settle(turn, None, 0)
        else:
            known = transaction.last_updated or transaction.started
            self.delaying.settle(turn, self.moment(turn.now.utc_ms), known.at_ms)

    def _meter_silent(self, turn: Turn) -> bool:
        return self.spec.has_meter and turn.policy.meter_required and self._meter_stale(turn)

    def _meter_stale(self, turn: Turn) -> bool:
        """Too long without a reading; a controller that just started gives its meter the same time."""
        since_ms = self.reading.at_ms if self.reading is not None else self.reported.since_ms
        return since_ms is not None and turn.now.mono_ms - since_ms > turn.policy.meter_stale_s * 1000

    def _energy_spent(self, transaction: Transaction, policy: Policy) -> bool:
        """True when a refused token may draw nothing (more) (1.6 9.1.14 MaxEnergyOnInvalidId)."""
        most_wh = policy.max_energy_on_invalid_id_wh
        if most_wh == 0 or transaction.refused is None:
            return True
        register_wh = transaction.register_wh if self.reading is None else self.reading.energy_import_wh
        return register_wh >= (transaction.refused.register_wh or 0) + most_wh

    def limit_ma(self, turn: Turn) -> int:
        """What may be offered now: 0 without a running transaction."""
        if (
            self.transaction is None
            or self.transaction.stopping is not None
            or not self.availability.operative
        ):
            return 0
        return max(0, lowest(self.claims(turn)).limit_ma)

    def permit(self, turn: Turn) -> PermitWish:
        if self.spec.has_phase_switch:
            self.phases = phases.wanted(self.claims(turn), self.phases)
        return PermitWish(
            evse_id=self.spec.evse_id,
            plug_no=self.facts.plug_no if self.facts else 0,
            limit_ma=self.limit_ma(turn),
            expires_at_ms=turn.now.mono_ms + turn.policy.permit_lease_s * 1000,
            phases=self.phases,
            unavailable=not self.available,
            unlock=self._unlock_until_ms is not None or not (self.transaction or self.plug.kept),
            reset_faults=self.reset_faults,
            keep_locked=self._keeps_locked(turn.policy),
        )

    def _keeps_locked(self, policy: Policy) -> bool:
        """Also when the vehicle's end is pulled out (1.6 4.10). A transaction that goes on then keeps the
        plug whatever UnlockConnectorOnEVSideDisconnect says."""
        if not self.spec.has_lock or self._unlock_until_ms is not None:
            return False
        always = policy.stop_tx_on_ev_side_disconnect and policy.unlock_on_ev_side_disconnect
        return self.plug.kept is not None or (self.transaction is not None and not always)

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
        if previous is not None and previous.contactor_closed and not facts.contactor_closed:
            self._opened_at_ms = facts.at_ms
        if not facts.contactor_closed and self._opened_at_ms is None:
            self._opened_at_ms = facts.at_ms
        if facts.contactor_closed:
            self._opened_at_ms = None
        if not facts.vehicle_connected:
            self._woke_plugged = False
        self.offer.observe(previous, facts, turn.now.mono_ms)
        self.contactor.observe(previous, facts)
        self._follow_faults(turn)
        self._follow_plug(turn, facts, first=previous is None)

    def measured(self, reading: Reading, turn: Turn) -> None:
        """A reading of this EVSE's meter. One whose register does not go on is left aside until it is
        sure."""
        self.meter_fault = None
        rating_ma = self.facts.rating_ma if self.facts is not None else MOST_MA
        most_w = rating_ma * self.spec.phases * MOST_V // 1000
        judged = self.register.judge(reading.energy_import_wh, reading.at_ms, most_w)
        if judged is False:
            return
        if judged is not True:
            turn.emit(replace(judged, at_ms=turn.now.utc_ms))
        register_wh = reading.energy_import_wh + self.register.offset_wh
        self.reading = reading = replace(reading, energy_import_wh=register_wh)
        self.keeper.measured(reading, self.facts, self.spec.phases, turn.policy)

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
        cleared = self.keeper.settle(turn, self._meter_silent(turn), warnings)
        if EMERGENCY_STOP in self.keeper.faults:
            # ISO 13850 4.1.4: releasing the button must not start anything again by itself (1.6 7.36).
            self.stop(turn, StoppedReason.EMERGENCY_STOP, Trigger.ABNORMAL_CONDITION)
        if UNDER_VOLTAGE in cleared and self.transaction is not None:
            self.delaying.power_returned(turn)

    def _follow_plug(self, turn: Turn, facts: EvseFacts, first: bool) -> None:
        if facts.pilot in ("E", "F") and self.session is not None and facts.plug_no == self.session.plug_no:
            return  # doubt about the pilot is not an unplug
        woke, self._woke = self._woke, False
        same = self.session is not None and self.session.plug_no == facts.plug_no
        if self.session is not None and not (facts.vehicle_connected and same):
            # After a restart of the safety process or the machine nobody knows who was plugged in between.
            unknown = first and not same and facts.vehicle_connected
            rebooted = (
                StoppedReason.POWER_LOSS if woke else StoppedReason.REBOOT
            )  # of the safety process alone
            if woke and not facts.vehicle_connected:
                unknown = not turn.policy.tx_continues_after_power_loss
            if facts.vehicle_connected and unknown and self._goes_on_after_power_loss(turn):
                return
            self._unplugged(turn, rebooted if unknown else StoppedReason.EV_DISCONNECTED)
        if facts.vehicle_connected and self.session is None:
            turn.emit(SessionStarted(self.spec.evse_id, facts.plug_no, turn.now.utc_ms))
            self.admission.plugged_in()

    def _goes_on_after_power_loss(self, turn: Turn) -> bool:
        """By setting, the vehicle that is plugged in now is taken for the one from before (1.6 7.36)."""
        transaction = self.transaction
        if transaction is None or transaction.stopping is not None or self.facts is None:
            return False
        if not turn.policy.tx_continues_after_power_loss:
            return False
        turn.emit(SessionStarted(self.spec.evse_id, self.facts.plug_no, turn.now.utc_ms))
        if self._woke_plugged:
            self.delaying.power_returned(turn)
        return True

    def _unplugged(self, turn: Turn, reason: StoppedReason) -> None:
        transaction = self.transaction
        ends = turn.policy.stop_tx_on_ev_side_disconnect or reason is not StoppedReason.EV_DISCONNECTED
        if transaction is not None and transaction.stopping is None and ends:
            trigger = (
                Trigger.EV_COMMUNICATION_LOST
                if reason is StoppedReason.EV_DISCONNECTED
                else Trigger.ABNORMAL_CONDITION
            )
            self.stop(turn, reason, trigger)
        self.admission.withdraw()
        turn.emit(SessionEnded(self.spec.evse_id, turn.now.utc_ms))

    # ------------------------------------------------------------------ wishes

    def stop(self, turn: Turn, reason: StoppedReason, trigger: Trigger, token: IdToken | None = None) -> None:
        """Begin to end the transaction: power is withdrawn first, the vehicle lets go, then it ends."""
        transaction = self.transaction
        if transaction is None or transaction.stopping is not None:
            return
        turn.emit(
            TransactionStopping(transaction.id, self.spec.evse_id, trigger, reason, token, turn.now.utc_ms)
        )

    def unlock(self, turn: Turn, deferred: int) -> None:
        """Ask for the plug to be released; ``Settled(deferred)`` follows (1.6 5.18, 2.0.1 F05)."""
        self.plug.release(turn, "an unlock command")
        self._unlock_until_ms = turn.now.mono_ms + UNLOCK_WAIT_MS
        if self.transaction is not None:
            self._unlock_until_ms += CONTACTOR_WAIT_MS
        self._unlock_deferred = deferred

    def deauthorized(self, turn: Turn) -> None:
        """The CSMS refused the token of the running transaction (1.6 3.5.4, E3.17; 2.0.1 C15, E05)."""
        transaction = self.transaction
        if transaction is None or transaction.stopping is not None:
            return
        energy_wh = turn.policy.max_energy_on_invalid_id_wh
        if energy_wh == 0 and turn.policy.stop_tx_on_invalid_id:
            self.stop(turn, StoppedReason.DEAUTHORIZED, Trigger.DEAUTHORIZED)
        elif not transaction.deauthorized:
            self.update(turn, Trigger.DEAUTHORIZED, ())

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn) -> None:
        """Run every rule to its end. Called after each input and tick; idempotent."""
        self._follow_faults(turn)
        self.admission.settle(turn, self._waits_for_a_card)
        self._follow_kept_plug(turn)
        if self.plugged and not self.finishing and self.free():
            self.admission.free_vend(turn)
        self._start_if_possible(turn)
        self._stop_when_energy_spent(turn)
        self._end_if_possible(turn)
        self.offer.settle(self.facts, self.transaction is not None, turn.now.mono_ms)
        self._follow_delay(turn)
        self.contactor.settle(turn, turn.emitted(TransactionEnded) or turn.emitted(SessionEnded))
        self._follow_charging_state(turn)
        self._sample_periodically(turn)
        self.availability.settle(turn, self.in_use)
        self._follow_unlock(turn)
        self._show(turn)

    @property
    def _waits_for_a_card(self) -> bool:
        """A vehicle is plugged in, it could be charged, and nothing has begun."""
        could = self.plugged and self.session is not None and self.available and self.fault() is None
        return could and self.transaction is None and not self.finishing

    def _follow_kept_plug(self, turn: Turn) -> None:
        if self.facts is None or self.reported.plug_in_socket:
            return
        self._pulled_out = False
        self.plug.release(turn, "the plug is not in the socket")

    def _start_if_possible(self, turn: Turn) -> None:
        held = self.admission.held
        if held is None or self.transaction is not None or not self.plugged or self.facts is None:
            return
        if not turn.charging_allowed:
            self.admission.withdraw()
            return
        if not self.available or turn.storage_fault is not None:
            return
        reading = self.fresh_reading(turn.now.mono_ms)
        if reading is None and self.spec.has_meter:
            self._ask_meter(turn)
            return
        now = turn.now
        register_wh = reading.energy_import_wh if reading else 0
        if held.source == "remote":
            trigger = Trigger.REMOTE_START
        elif held.plugged_first:
            trigger = Trigger.AUTHORIZED
        else:
            trigger = Trigger.CABLE_PLUGGED_IN
        around = self._surroundings(turn.policy)
        self._intervals.begin(Registers.of(reading))
        self._interrupted = False
        begin = sample(
            reading, around, turn.policy.started_measurands, ReadingContext.TRANSACTION_BEGIN, now.utc_ms
        )
        started = TransactionStarted(
            transaction_id=turn.new_id(),
            evse_id=self.spec.evse_id,
            connector_id=self.spec.connector_id,
            seq_no=0,
            trigger=trigger,
            charging_state=ChargingState.EV_CONNECTED,
            token=held.token,
            group=held.group,
            register_wh=register_wh,
            samples=(begin,) if begin else (),
            offline=not turn.online,
            at_ms=now.utc_ms,
            remote_start_id=held.remote_start_id,
            reservation_id=turn.reserved.held(self.spec.evse_id, held.token, held.group),
            cable_ma=self.facts.cable_ma,
            phases=self.spec.phases,
        )
        self.admission.withdraw()
        turn.emit(started)
        assert self.transaction is not None
        ended_begin = sample(
            reading, around, _for_end(turn.policy), ReadingContext.TRANSACTION_BEGIN, now.utc_ms
        )
        if ended_begin is not None and [ended_begin] != self.transaction.ended_samples:
            self._keep_for_end(turn, self.transaction, ended_begin)
        if held.profile is not None:
            profile = replace(held.profile, transaction_id=started.transaction_id)
            turn.emit(ProfileInstalled(self.spec.evse_id, profile, now.utc_ms))
        self._sampling.start(now.mono_ms, turn.policy)
        if held.source == "free" and self._woke_plugged:
            self.delaying.power_returned(turn)

    def _stop_when_energy_spent(self, turn: Turn) -> None:
        transaction = self.transaction
        if (
            transaction is not None
            and transaction.deauthorized
            and turn.policy.stop_tx_on_invalid_id
            and self._energy_spent(transaction, turn.policy)
        ):
            self.stop(turn, StoppedReason.DEAUTHORIZED, Trigger.DEAUTHORIZED)

    def _end_if_possible(self, turn: Turn) -> None:
        """Emit TransactionEnded once the contactor is open and the register is read, or waiting is over."""
        transaction = self.transaction
        if transaction is None or transaction.stopping is None:
            self._stopping_since_ms = None
            return
        now = turn.now
        if self._stopping_since_ms is None:
            self._stopping_since_ms = now.mono_ms
        waited_ms = now.mono_ms - self._stopping_since_ms
        is_open = self.facts is not None and not self.facts.contactor_closed
        if not is_open and waited_ms < CONTACTOR_WAIT_MS:
            return
        if self.spec.has_meter:
            opened_at_ms = self._opened_at_ms if self._opened_at_ms is not None else now.mono_ms
            settled = self.reading is not None and self.reading.at_ms >= opened_at_ms
            waiting = waited_ms < CONTACTOR_WAIT_MS + LAST_READING_WAIT_MS
            if is_open and not settled and waiting and now.mono_ms - opened_at_ms < LAST_READING_WAIT_MS:
                self._ask_meter(turn)
                return
        self._end(turn, transaction, transaction.stopping)

    def _end(self, turn: Turn, transaction: Transaction, stopping: TransactionStopping) -> None:
        now = turn.now
        reading = self.reading
        register_wh = transaction.register_wh
        if reading is not None and reading.energy_import_wh >= register_wh:
            register_wh = reading.energy_import_wh
        else:
            reading = None  # the meter was reset or replaced: the last journalled register stands
        wanted = _for_end(turn.policy)
        end = sample(
            reading,
            self._surroundings(turn.policy),
            wanted,
            ReadingContext.TRANSACTION_END,
            now.utc_ms,
            self._intervals.since(Grid.ENDED),
        )
        # 1.6 3.16.5: with empty lists no values at all, whatever was kept before.
        samples = list(transaction.ended_samples) if wanted else []
        if end is not None:
            samples.append(end)
        ended = TransactionEnded(
            transaction_id=transaction.id,
            evse_id=self.spec.evse_id,
            connector_id=self.spec.connector_id,
            seq_no=transaction.seq_no + 1,
            trigger=stopping.trigger,
            charging_state=ChargingState.EV_CONNECTED if self.plugged else ChargingState.IDLE,
            stopped_reason=stopping.stopped_reason,
            token=stopping.token,
            register_wh=register_wh,
            samples=tuple(samples),
            offline=not turn.online,
            at_ms=now.utc_ms,
        )
        turn.emit(ended)
        self._pulled_out = stopping.stopped_reason is StoppedReason.EV_DISCONNECTED
        if self.spec.has_lock and self.reported.plug_in_socket:
            self.plug.ended(turn, transaction, ended)
        self._stopping_since_ms = None
        self._sampling.stop()

    def _follow_charging_state(self, turn: Turn) -> None:
        transaction, facts = self.transaction, self.facts
        if transaction is None or transaction.stopping is not None:
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
            self.update(
                turn, Trigger.CHARGING_STATE_CHANGED, self._at_interruption(turn, before, state), state
            )

    def _at_interruption(
        self, turn: Turn, before: ChargingState, after: ChargingState
    ) -> tuple[MeterSample, ...]:
        """Values where a fault or a lost supply takes the power from a charging vehicle, and where it
        charges again (1.6 7.35 Interruption.Begin and .End). A pause by limit or vehicle is no interruption.
        """
        if before is ChargingState.CHARGING and self.fault() is not None:
            context, self._interrupted = ReadingContext.INTERRUPTION_BEGIN, True
        elif after is ChargingState.CHARGING and (self._interrupted or self._woke_in_transaction):
            context, self._interrupted, self._woke_in_transaction = (
                ReadingContext.INTERRUPTION_END,
                False,
                False,
            )
        else:
            return ()
        if turn.policy.sampled_interval_s == 0:
            return ()
        taken = self.take_sample(turn, turn.policy.sampled_measurands, context)
        return (taken,) if taken is not None else ()

    def update(
        self,
        turn: Turn,
        trigger: Trigger,
        samples: tuple[MeterSample, ...],
        state: ChargingState | None = None,
    ) -> None:
        """Emit a TransactionUpdated of the running transaction."""
        transaction = self.transaction
        if transaction is None:
            return
        reading = self.fresh_reading(turn.now.mono_ms)
        register_wh = reading.energy_import_wh if reading else None
        if register_wh is not None and register_wh < transaction.register_wh:
            register_wh = None
        turn.emit(
            TransactionUpdated(
                transaction_id=transaction.id,
                evse_id=self.spec.evse_id,
                connector_id=self.spec.connector_id,
                seq_no=transaction.seq_no + 1,
                trigger=trigger,
                charging_state=state or transaction.charging_state,
                register_wh=register_wh,
                samples=samples,
                offline=not turn.online,
                at_ms=turn.now.utc_ms,
            )
        )

    def take_sample(
        self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid = Grid.UPDATED
    ) -> MeterSample | None:
        """What can be told now. The energy of an interval counts from the last sample of the grid."""
        reading = self.fresh_reading(turn.now.mono_ms)
        since = self._intervals.since(grid)
        return sample(reading, self._surroundings(turn.policy), wanted, context, turn.now.utc_ms, since)

    def _take_regular(
        self, turn: Turn, wanted: tuple[Wanted, ...], context: ReadingContext, grid: Grid
    ) -> MeterSample | None:
        """A sample of a grid: the next interval begins."""
        taken = self.take_sample(turn, wanted, context, grid)
        self._intervals.mark(grid, Registers.of(self.fresh_reading(turn.now.mono_ms)))
        return taken

    def _surroundings(self, policy: Policy) -> Surroundings:
        facts = self.facts
        if facts is None:
            return Surroundings()
        phases_used = min(self.spec.phases, facts.phases)
        offered_w = facts.offered_ma * policy.nominal_voltage_v * phases_used // 1000
        return Surroundings(facts.offered_ma, offered_w, facts.hottest_mdeg_c)

    def _sample_periodically(self, turn: Turn) -> None:
        transaction, now, policy = self.transaction, turn.now, turn.policy
        if transaction is None or transaction.stopping is not None:
            return
        updated, ended = self._sampling.due(now.mono_ms, policy)
        if not (updated or ended):
            return
        if self.spec.has_meter and self.fresh_reading(now.mono_ms) is None and not self._meter_stale(turn):
            self._ask_meter(turn)  # a moment later, with a value that is true now
            return
        self._sampling.advance(now.mono_ms, policy)
        if updated:
            taken = self._take_regular(
                turn, policy.sampled_measurands, ReadingContext.SAMPLE_PERIODIC, Grid.UPDATED
            )
            if taken is not None:
                self.update(turn, Trigger.METER_VALUE_PERIODIC, (taken,))
        if ended:
            taken = self._take_regular(
                turn, policy.ended_measurands, ReadingContext.SAMPLE_PERIODIC, Grid.ENDED
            )
            if taken is not None:
                self._keep_for_end(turn, transaction, taken)

    def sample_aligned(self, turn: Turn) -> None:
        """Clock-aligned values (1.6 3.16.2, 2.0.1 J01): into the transaction when one runs, else alone."""
        taken = self._take_regular(
            turn, turn.policy.aligned_measurands, ReadingContext.SAMPLE_CLOCK, Grid.ALIGNED
        )
        if taken is None:
            return
        if self.transaction is not None and self.transaction.stopping is None:
            self.update(turn, Trigger.METER_VALUE_CLOCK, (taken,))
        else:
            turn.emit(MeterValuesTaken(self.spec.evse_id, self.spec.connector_id, taken, turn.now.utc_ms))

    def keep_aligned(self, turn: Turn) -> None:
        """Clock-aligned values for the end of the transaction (1.6 9.1.25 StopTxnAlignedData, 2.0.1 J01)."""
        transaction = self.transaction
        if transaction is None or transaction.stopping is not None:
            return
        taken = self._take_regular(
            turn, turn.policy.aligned_ended_measurands, ReadingContext.SAMPLE_CLOCK, Grid.ALIGNED_ENDED
        )
        if taken is not None:
            self._keep_for_end(turn, transaction, taken)

    def _keep_for_end(self, turn: Turn, transaction: Transaction, taken: MeterSample) -> None:
        turn.emit(SampleKept(transaction.id, self.spec.evse_id, taken, turn.now.utc_ms))

    def _ask_meter(self, turn: Turn) -> None:
        """Ask for a reading now, at most twice a second."""
        if self._meter_asked_ms is None or turn.now.mono_ms - self._meter_asked_ms >= 500:
            self._meter_asked_ms = turn.now.mono_ms
            turn.do(ReadMeter(self.spec.evse_id))

    def _follow_unlock(self, turn: Turn) -> None:
        if self._unlock_until_ms is None or self._unlock_deferred is None:
            return
        unlocked = self.facts is not None and self.facts.locked is False and self.transaction is None
        if not unlocked and turn.now.mono_ms < self._unlock_until_ms:
            return
        verdict = (
            Verdict(Status.UNLOCKED)
            if unlocked
            else Verdict(Status.UNLOCK_FAILED, "LockFault", "the lock did not report open in time")
        )
        turn.do(Settled(self._unlock_deferred, verdict))
        self._unlock_until_ms = None
        self._unlock_deferred = None

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
            self._sampling.next_deadline_ms,
            self._unlock_until_ms,
            self.offer.next_deadline_ms,
        ]
        if self.reading is not None and METER_SILENT not in self.keeper.faults:
            # The limit of a silent meter holds from that millisecond on, not from the next tick.
            deadlines.append(self.reading.at_ms + policy.meter_stale_s * 1000 + 1)
        return min((one for one in deadlines if one is not None), default=None)


def _for_end(policy: Policy) -> tuple[Wanted, ...]:
    """What first and last value of a transaction are told of: everything that is kept for its end (1.6
    errata 3.14), sampled or clock-aligned."""
    return (*policy.ended_measurands, *policy.aligned_ended_measurands)
