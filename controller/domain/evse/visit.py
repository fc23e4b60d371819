"""The visit of a vehicle: the plug-in, its transaction, and the one that ended in it.

Owns: what those events add up to, how a stop begins, the numbers of updates in a transaction.
Refuses to know: when a transaction starts, stops or ends.

Durable, all of it. A transaction can outlast the plug-in in which it began (1.6
StopTransactionOnEVSideDisconnect).
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.access.tokens import IdToken
from controller.domain.events import (
    ChargingState,
    ClockSet,
    Event,
    SampleKept,
    SessionEnded,
    SessionStarted,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionStopping,
    TransactionUpdated,
    Trigger,
)
from controller.domain.evse.meter import EvseMeter
from controller.domain.evse.spec import EvseSpec
from controller.domain.evse.transaction import Transaction
from controller.domain.metering.measurands import MeterSample
from controller.domain.timekeeping import moved
from controller.domain.turn import Turn


class Visit:
    """``session`` None: nobody is plugged in. ``ended``: the last transaction of this session."""

    def __init__(self, spec: EvseSpec, meter: EvseMeter) -> None:
        self._spec = spec
        self._meter = meter
        self.session: SessionStarted | None = None
        self.transaction: Transaction | None = None
        self.ended: TransactionEnded | None = None

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case ClockSet():
                self._move(event)
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

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state."""
        events: list[Event] = []
        transaction = self.transaction
        if self.session is not None and not (transaction is not None and transaction.vehicle_left):
            events.append(self.session)
        if transaction is not None:
            events.append(transaction.started)
            events.extend(
                SampleKept(transaction.id, self._spec.evse_id, one, 0)
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
                events.append(SessionEnded(self._spec.evse_id, 0))
                if self.session is not None:
                    events.append(self.session)
        elif self.ended is not None:
            events.append(self.ended)
        return events

    # ------------------------------------------------------------------ its transaction

    @property
    def running(self) -> Transaction | None:
        """The transaction, unless it is about to end."""
        transaction = self.transaction
        return transaction if transaction is not None and transaction.stopping is None else None

    def stop(self, turn: Turn, reason: StoppedReason, trigger: Trigger, token: IdToken | None = None) -> None:
        """Begin to end the transaction: power is withdrawn first, the vehicle lets go, then it ends."""
        transaction = self.running
        if transaction is None:
            return
        turn.emit(
            TransactionStopping(transaction.id, self._spec.evse_id, trigger, reason, token, turn.now.utc_ms)
        )

    def update(
        self,
        turn: Turn,
        trigger: Trigger,
        samples: tuple[MeterSample, ...],
        state: ChargingState | None = None,
    ) -> None:
        """Emit a TransactionUpdated of the transaction."""
        transaction = self.transaction
        if transaction is None:
            return
        reading = self._meter.fresh(turn.now.mono_ms)
        register_wh = reading.energy_import_wh if reading else None
        if register_wh is not None and register_wh < transaction.register_wh:
            register_wh = None
        turn.emit(
            TransactionUpdated(
                transaction_id=transaction.id,
                evse_id=self._spec.evse_id,
                connector_id=self._spec.connector_id,
                seq_no=transaction.seq_no + 1,
                trigger=trigger,
                charging_state=state or transaction.charging_state,
                register_wh=register_wh,
                samples=samples,
                offline=not turn.online,
                at_ms=turn.now.utc_ms,
            )
        )

    def keep_for_end(self, turn: Turn, taken: MeterSample) -> None:
        """Remember a sample that is told with the end of the transaction."""
        if self.transaction is not None:
            turn.emit(SampleKept(self.transaction.id, self._spec.evse_id, taken, turn.now.utc_ms))
