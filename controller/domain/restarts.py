"""Resets: what ends first, and when the shell is told to restart (1.6 5.14; 2.0.1 B11, B12).

Owns: the Reset command, the wait for transactions to end, and that a restart is under way until the next
start.
Refuses to know: how program and machine are restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.block import Handler
from controller.domain.commands import Reset, ResetKind, Status, Verdict
from controller.domain.effects import Restart
from controller.domain.events import Event, RestartBegun, StationStarted, StoppedReason, Trigger
from controller.domain.evse.evse import Evse
from controller.domain.turn import Turn

RESET_WAIT_MS = 20_000
"""A reset waits this long for transactions to end, then restarts all the same: they end after it."""


class Restarts:
    """``begun``: which reset the restart is for that is under way; durable until the next start."""

    def __init__(self, evses: Mapping[int, Evse], installing: Callable[[], bool]) -> None:
        """``installing``: firmware is being installed, which nothing may interrupt."""
        self.begun: ResetKind | None = None
        self._evses = evses
        self._installing = installing
        self._wanted: tuple[ResetKind, int] | None = None  # until CLOCK_MONOTONIC ms at most
        self.handlers: Mapping[type, Handler] = {Reset: self._reset}

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case StationStarted():
                self.begun = None
            case RestartBegun():
                self.begun = event.kind
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        return [] if self.begun is None else [RestartBegun(self.begun, 0)]

    # ------------------------------------------------------------------ what others ask

    @property
    def pending(self) -> bool:
        """A reset is wanted or under way, be it one that waits until the station is idle."""
        return self._wanted is not None or self.begun is not None

    @property
    def resetting(self) -> bool:
        """A reset ends what runs; nothing new begins before it is over."""
        ending = self._wanted is not None and self._wanted[0] is not ResetKind.ON_IDLE
        return ending or self.begun is not None

    # ------------------------------------------------------------------ rules

    def _reset(self, command: Reset, turn: Turn) -> Verdict:
        """1.6 5.14, 2.0.1 B11/B12: transactions end first, then the restart."""
        if command.evse_id is not None:
            return Verdict(Status.REJECTED, "UnsupportedParam", "a single EVSE cannot be reset")
        if self._installing():
            return Verdict(Status.REJECTED, "FwUpdateInProgress", "firmware is being installed")
        if self.begun is not None:
            return Verdict(Status.ACCEPTED, info="a restart is under way")
        if command.kind is ResetKind.ON_IDLE:
            self._wanted = (command.kind, 2**62)
            return Verdict(Status.SCHEDULED if self._busy() else Status.ACCEPTED)
        self._wanted = (command.kind, turn.now.mono_ms + RESET_WAIT_MS)
        turn.operative = False
        soft = command.kind is ResetKind.SOFT
        for evse in self._evses.values():
            evse.visit.stop(
                turn,
                StoppedReason.SOFT_RESET if soft else StoppedReason.IMMEDIATE_RESET,
                Trigger.RESET_COMMAND,
            )
        return Verdict(Status.ACCEPTED)

    def settle(self, turn: Turn) -> None:
        if self._wanted is None:
            return
        kind, deadline_ms = self._wanted
        if self._busy() and turn.now.mono_ms < deadline_ms:
            return
        self._wanted = None
        turn.emit(RestartBegun(kind, turn.now.utc_ms))
        turn.do(Restart(kind))

    def next_deadline_ms(self) -> int | None:
        """The seconds of a tick are fine enough for a reset."""
        return None

    def _busy(self) -> bool:
        return any(evse.transaction is not None for evse in self._evses.values())
