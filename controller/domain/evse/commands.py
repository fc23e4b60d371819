"""Commands to one EVSE, from the CSMS or a technician beside it: a stop, an unlock, faults, delay, contactor.

Owns: finding the EVSE, and why it cannot be done there.
Refuses to know: how it is done (``evse`` and its parts).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.block import Handler
from controller.domain.commands import (
    ContactorReplaced,
    OverrideDelay,
    RemoteStop,
    ResetFaults,
    Status,
    UnlockConnector,
    Verdict,
)
from controller.domain.events import StoppedReason, Trigger
from controller.domain.evse.evse import Evse
from controller.domain.turn import Turn


class EvseCommands:
    """Keeps nothing."""

    def __init__(self, evses: Mapping[int, Evse], number: Callable[[], int]) -> None:
        """``number``: the next number for a verdict that comes later."""
        self._evses = evses
        self._number = number
        self.handlers: Mapping[type, Handler] = {
            RemoteStop: self._remote_stop,
            UnlockConnector: self._unlock,
            ResetFaults: self._reset_faults,
            OverrideDelay: self._override_delay,
            ContactorReplaced: self._contactor_replaced,
        }

    def _remote_stop(self, command: RemoteStop, turn: Turn) -> Verdict:
        """1.6 5.12, 2.0.1 F03."""
        for evse in self._evses.values():
            transaction = evse.transaction
            if transaction is not None and transaction.id == command.transaction_id:
                evse.visit.stop(turn, StoppedReason.REMOTE, Trigger.REMOTE_STOP)
                return Verdict(Status.ACCEPTED)
        return Verdict(Status.REJECTED, "TxNotFound", f"no running transaction {command.transaction_id}")

    def _unlock(self, command: UnlockConnector, turn: Turn) -> Verdict | int:
        """1.6 5.18, 2.0.1 F05: told when the lock has moved, or has not."""
        evse = self._evses.get(command.evse_id)
        if evse is None or command.connector_id != evse.spec.connector_id:
            return Verdict(Status.UNKNOWN_CONNECTOR, "UnknownConnectorId")
        if not evse.spec.has_lock:
            return Verdict(Status.NOT_SUPPORTED, "FixedCable", "the cable of this EVSE is fixed")
        if evse.transaction is not None:
            if not command.stop_transaction:
                return Verdict(Status.ONGOING_TRANSACTION, "TxInProgress")
            evse.visit.stop(turn, StoppedReason.UNLOCK_COMMAND, Trigger.UNLOCK_COMMAND)
        number = self._number()
        evse.lock.unlock(turn, number, evse.transaction is not None)
        return number

    def _reset_faults(self, command: ResetFaults, turn: Turn) -> Verdict:
        evse = self._evses.get(command.evse_id)
        if evse is None:
            return _unknown(command.evse_id)
        evse.clear_faults(turn)
        return Verdict(Status.ACCEPTED)

    def _override_delay(self, command: OverrideDelay, turn: Turn) -> Verdict:
        evse = self._evses.get(command.evse_id)
        if evse is None:
            return _unknown(command.evse_id)
        if not evse.delaying.override(turn, "a command"):
            return Verdict(Status.REJECTED, "NoDelay", "no random delay runs")
        return Verdict(Status.ACCEPTED)

    def _contactor_replaced(self, command: ContactorReplaced, turn: Turn) -> Verdict:
        evse = self._evses.get(command.evse_id)
        if evse is None:
            return _unknown(command.evse_id)
        if evse.facts is None or evse.facts.contactor_closed:
            return Verdict(Status.REJECTED, "ContactorClosed", "a contactor in use is not a new one")
        evse.contactor.replaced(turn)
        return Verdict(Status.ACCEPTED)


def _unknown(evse_id: int) -> Verdict:
    return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {evse_id}")
