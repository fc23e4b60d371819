"""How a transaction ends once it was told to stop: contactor open, last reading taken, then the end.

Owns: TransactionEnded, and how long it waits for both. Refuses to know: why it was stopped, who may have the
plug afterwards.
"""

from __future__ import annotations

from controller.domain.events import ChargingState, TransactionEnded, TransactionStopping
from controller.domain.evse.kept_plug import KeptPlug
from controller.domain.evse.meter import EvseMeter
from controller.domain.evse.reported import Reported
from controller.domain.evse.spec import EvseSpec
from controller.domain.evse.transaction import Transaction
from controller.domain.evse.visit import Visit
from controller.domain.inputs import EvseFacts
from controller.domain.metering.sampler import Sampler
from controller.domain.turn import Turn

CONTACTOR_WAIT_MS = 12_000
"""A stop waits this long for the contactor to open (6 s for the vehicle, then the safety process forces)."""
LAST_READING_WAIT_MS = 3_000
"""...and then this long for a reading taken with the contactor open."""


class Ending:
    """Instants are CLOCK_MONOTONIC ms; after a restart the wait begins anew."""

    def __init__(
        self,
        spec: EvseSpec,
        reported: Reported,
        meter: EvseMeter,
        visit: Visit,
        sampler: Sampler,
        plug: KeptPlug,
    ) -> None:
        self._spec = spec
        self._reported = reported
        self._meter = meter
        self._visit = visit
        self._sampler = sampler
        self._plug = plug
        self._opened_at_ms: int | None = None
        self._since_ms: int | None = None

    def observe(self, facts: EvseFacts) -> None:
        if facts.contactor_closed:
            self._opened_at_ms = None
        elif self._opened_at_ms is None:
            self._opened_at_ms = facts.at_ms

    def settle(self, turn: Turn) -> None:
        """Emit TransactionEnded once the contactor is open and the register is read, or waiting is over."""
        transaction = self._visit.transaction
        if transaction is None or transaction.stopping is None:
            self._since_ms = None
            return
        mono_ms, facts, reading = turn.now.mono_ms, self._reported.facts, self._meter.reading
        if self._since_ms is None:
            self._since_ms = mono_ms
        waited_ms = mono_ms - self._since_ms
        is_open = facts is not None and not facts.contactor_closed
        if not is_open and waited_ms < CONTACTOR_WAIT_MS:
            return
        if self._spec.has_meter:
            opened_at_ms = self._opened_at_ms if self._opened_at_ms is not None else mono_ms
            settled = reading is not None and reading.at_ms >= opened_at_ms
            waiting = waited_ms < CONTACTOR_WAIT_MS + LAST_READING_WAIT_MS
            if is_open and not settled and waiting and mono_ms - opened_at_ms < LAST_READING_WAIT_MS:
                self._meter.ask(turn)
                return
        self._end(turn, transaction, transaction.stopping)

    def _end(self, turn: Turn, transaction: Transaction, stopping: TransactionStopping) -> None:
        reading, register_wh = self._meter.reading, transaction.register_wh
        if reading is not None and reading.energy_import_wh >= register_wh:
            register_wh = reading.energy_import_wh
        else:
            reading = None  # the meter was reset or replaced: the last journalled register stands
        plugged = self._reported.plugged
        ended = TransactionEnded(
            transaction_id=transaction.id,
            evse_id=self._spec.evse_id,
            connector_id=self._spec.connector_id,
            seq_no=transaction.seq_no + 1,
            trigger=stopping.trigger,
            charging_state=ChargingState.EV_CONNECTED if plugged else ChargingState.IDLE,
            stopped_reason=stopping.stopped_reason,
            token=stopping.token,
            register_wh=register_wh,
            samples=self._sampler.end(turn, reading, transaction.ended_samples),
            offline=not turn.online,
            at_ms=turn.now.utc_ms,
        )
        turn.emit(ended)
        lockable = self._spec.has_lock and self._reported.plug_in_socket
        self._plug.ended(turn, transaction, ended, lockable)
        self._since_ms = None
