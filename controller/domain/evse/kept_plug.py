"""A plug that stays locked after its transaction, until its owner comes.

Owns: when that is the case and who may have it. Refuses to know: the lock, which the safety process drives.

1.6 errata 3.5: after a stop because the CSMS refused the token, the cable stays locked until the same
identifier, or one with the same parent, is presented. 1.6 4.10: so it does when the vehicle's end was
pulled out and UnlockConnectorOnEVSideDisconnect is false: whoever pulled it is not to walk off with the
cable. Durable, for a restart must not give it away. UnlockConnector releases it, and so does another
transaction.
"""

from __future__ import annotations

from controller.domain.access.tokens import IdToken
from controller.domain.events import (
    Event,
    PlugKept,
    PlugReleased,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
)
from controller.domain.evse.transaction import Transaction
from controller.domain.turn import Turn


class KeptPlug:
    """``kept`` None: nothing is kept. ``pulled_out``: the transaction ended with the vehicle's end, and the
    other end is still in the socket; not durable."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.kept: PlugKept | None = None
        self.pulled_out = False

    def apply(self, event: Event) -> None:
        match event:
            case PlugKept():
                self.kept = event
            case PlugReleased() | TransactionStarted():
                self.kept = None
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        return [] if self.kept is None else [self.kept]

    def ended(self, turn: Turn, transaction: Transaction, event: TransactionEnded, lockable: bool) -> None:
        """After the end of a transaction. ``lockable``: its plug is in a socket with a lock."""
        refused = event.stopped_reason is StoppedReason.DEAUTHORIZED
        self.pulled_out = pulled = event.stopped_reason is StoppedReason.EV_DISCONNECTED
        if not lockable:
            return
        if (refused or (pulled and not turn.policy.unlock_on_ev_side_disconnect)) and transaction.token:
            why = "the CSMS refused the token" if refused else "the vehicle's end was pulled out"
            turn.emit(PlugKept(self._evse_id, transaction.token, transaction.group, why, turn.now.utc_ms))

    def belongs_to(self, token: IdToken, group: IdToken | None = None) -> bool:
        """Whether this identifier, or one of this group (parentIdTag), may have the plug."""
        kept = self.kept
        if kept is None:
            return False
        same_group = group is not None and kept.group is not None and kept.group.key == group.key
        return kept.token.key == token.key or same_group

    def taken_out(self, turn: Turn) -> None:
        """Nothing is in the socket any more."""
        self.pulled_out = False
        self.release(turn, "the plug is not in the socket")

    def release(self, turn: Turn, why: str) -> None:
        if self.kept is not None:
            turn.emit(PlugReleased(self._evse_id, why, turn.now.utc_ms))
