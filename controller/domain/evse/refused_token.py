"""A transaction whose token the CSMS refused after it had begun (1.6 3.5.4, errata 3.17; 2.0.1 C15, E05).

Owns: StopTransactionOnInvalidId and MaxEnergyOnInvalidId: whether it stops, and how much it may still draw.
Refuses to know: who said no, what becomes of the plug. It keeps nothing: the refusal is an event.
"""

from __future__ import annotations

from controller.domain.charging.limits import Claim
from controller.domain.events import StoppedReason, Trigger
from controller.domain.evse.transaction import Transaction
from controller.domain.evse.visit import Visit
from controller.domain.inputs import Reading
from controller.domain.policy import Policy
from controller.domain.turn import Turn


def refuse(visit: Visit, turn: Turn) -> None:
    """The CSMS refused the token of the running transaction."""
    transaction = visit.running
    if transaction is None:
        return
    if turn.policy.max_energy_on_invalid_id_wh == 0 and turn.policy.stop_tx_on_invalid_id:
        visit.stop(turn, StoppedReason.DEAUTHORIZED, Trigger.DEAUTHORIZED)
    elif not transaction.deauthorized:
        visit.update(turn, Trigger.DEAUTHORIZED, ())


def settle(visit: Visit, reading: Reading | None, turn: Turn) -> None:
    """Stop when the energy that was still allowed is spent."""
    transaction = visit.transaction
    if transaction is None or not turn.policy.stop_tx_on_invalid_id:
        return
    if _spent(transaction, reading, turn.policy):
        visit.stop(turn, StoppedReason.DEAUTHORIZED, Trigger.DEAUTHORIZED)


def claims(transaction: Transaction | None, reading: Reading | None, policy: Policy) -> list[Claim]:
    if transaction is None or not _spent(transaction, reading, policy):
        return []
    return [Claim("authorization", 0, "the CSMS withdrew the token", None, "another authorization")]


def _spent(transaction: Transaction, reading: Reading | None, policy: Policy) -> bool:
    """True when its token was refused and may draw nothing (more) (1.6 9.1.14 MaxEnergyOnInvalidId)."""
    if transaction.refused is None:
        return False
    most_wh = policy.max_energy_on_invalid_id_wh
    if most_wh == 0:
        return True
    register_wh = transaction.register_wh if reading is None else reading.energy_import_wh
    return register_wh >= (transaction.refused.register_wh or 0) + most_wh
