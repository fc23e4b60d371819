"""The lock of an EVSE's socket: when the safety process is asked to open it, and when to hold it.

Owns: the unlock command until its answer (1.6 5.18, 2.0.1 F05), the wish to keep locked (1.6 4.10).
Refuses to know: whose plug it is (``kept_plug``), the motor.
"""

from __future__ import annotations

from controller.domain.commands import Status, Verdict
from controller.domain.effects import Settled
from controller.domain.evse.ending import CONTACTOR_WAIT_MS
from controller.domain.evse.kept_plug import KeptPlug
from controller.domain.evse.reported import Reported
from controller.domain.policy import Policy
from controller.domain.turn import Turn

UNLOCK_WAIT_MS = 5_000


class PlugLock:
    """``running``: there is a transaction, also one about to end."""

    def __init__(self, has_lock: bool, reported: Reported, plug: KeptPlug) -> None:
        self._has_lock = has_lock
        self._reported = reported
        self._plug = plug
        self._until_ms: int | None = None
        self._deferred: int | None = None

    def unlock(self, turn: Turn, deferred: int, running: bool) -> None:
        """Ask for the plug to be released; ``Settled(deferred)`` follows (1.6 5.18, 2.0.1 F05)."""
        self._plug.release(turn, "an unlock command")
        self._until_ms = turn.now.mono_ms + UNLOCK_WAIT_MS
        if running:
            self._until_ms += CONTACTOR_WAIT_MS
        self._deferred = deferred

    def settle(self, turn: Turn, running: bool) -> None:
        if self._until_ms is None or self._deferred is None:
            return
        facts = self._reported.facts
        unlocked = facts is not None and facts.locked is False and not running
        if not unlocked and turn.now.mono_ms < self._until_ms:
            return
        verdict = (
            Verdict(Status.UNLOCKED)
            if unlocked
            else Verdict(Status.UNLOCK_FAILED, "LockFault", "the lock did not report open in time")
        )
        turn.do(Settled(self._deferred, verdict))
        self._until_ms = self._deferred = None

    def opens(self, running: bool) -> bool:
        """The plug may be had."""
        return self._until_ms is not None or not (running or self._plug.kept)

    def keeps(self, running: bool, policy: Policy) -> bool:
        """Also when the vehicle's end is pulled out (1.6 4.10). A transaction that goes on then keeps the
        plug whatever UnlockConnectorOnEVSideDisconnect says."""
        if not self._has_lock or self._until_ms is not None:
            return False
        always = policy.stop_tx_on_ev_side_disconnect and policy.unlock_on_ev_side_disconnect
        return self._plug.kept is not None or (running and not always)

    @property
    def next_deadline_ms(self) -> int | None:
        return self._until_ms
