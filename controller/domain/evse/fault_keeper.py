"""Which faults one EVSE has: what the safety process reports, what the controller finds, what is remembered.

Owns: FaultRaised and FaultCleared of an EVSE, the checks of ``protection`` over time, resets.
Refuses to know: how a fault is shown, OCPP, transactions.

Durable: which faults there are, how often a check came back in this plug-in, and a weld, which stays until
somebody resets it although the safety process, restarted, may no longer see it.
"""

from __future__ import annotations

from dataclasses import replace

from controller.domain.charging.limits import Claim
from controller.domain.events import ClockSet, Event, FaultCleared, FaultRaised, FaultsReset, SessionEnded
from controller.domain.evse.protection import (
    CHECKS,
    Watch,
    advance,
    find,
    latched,
    reset,
    times,
    unplugged,
)
from controller.domain.faults import CONTACTOR_WELDED, METER_SILENT, OWN, SAFETY_SILENT, describe
from controller.domain.inputs import EvseFacts, Reading
from controller.domain.policy import Policy
from controller.domain.timekeeping import moved
from controller.domain.turn import Turn

RESET_WAIT_MS = 5_000
"""A reset forgets a remembered fault if the safety process stops reporting it within this time."""


class FaultKeeper:
    """``faults``: name -> UTC ms of its beginning. Durable parts change only in ``apply``."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.faults: dict[str, int] = {}
        self._watches = {check: Watch() for check in CHECKS}
        self._reported: frozenset[str] | None = None  # by the safety process; None = not heard yet
        self._forget_until_ms: int | None = None

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case FaultRaised():
                self.faults[event.fault] = event.at_ms
                if event.fault in self._watches:
                    watch = self._watches[event.fault]
                    self._watches[event.fault] = replace(watch, active=True, tries=event.tries)
            case FaultCleared():
                self.faults.pop(event.fault, None)
                if event.fault in self._watches:
                    self._watches[event.fault] = replace(self._watches[event.fault], active=False)
            case ClockSet():
                self.faults = {name: moved(event, at_ms) for name, at_ms in self.faults.items()}
            case FaultsReset():
                self._watches = {check: reset(watch) for check, watch in self._watches.items()}
            case SessionEnded():
                self._watches = {check: unplugged(watch) for check, watch in self._watches.items()}
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state."""
        events: list[Event] = []
        for check, watch in self._watches.items():
            if watch.tries and check not in self.faults:  # it came and went in this plug-in
                events.append(FaultRaised(self._evse_id, check, 0, watch.tries))
                events.append(FaultCleared(self._evse_id, check, 0))
        for name, at_ms in sorted(self.faults.items()):
            tries = self._watches[name].tries if name in self._watches else 0
            events.append(FaultRaised(self._evse_id, name, at_ms, tries))
        return events

    # ------------------------------------------------------------------ observations

    def reported(self, inhibits: set[str]) -> None:
        """The inhibits of the newest report; ``{SAFETY_SILENT}`` when there are no reports."""
        self._reported = frozenset(inhibits - {"starting"})

    def measured(self, reading: Reading, facts: EvseFacts | None, phases: int, policy: Policy) -> None:
        for check, finding in find(reading, facts, phases, policy).items():
            limits = times(check, policy)
            self._watches[check] = advance(self._watches[check], finding, reading.at_ms, limits)

    def reset(self, turn: Turn) -> None:
        """Somebody looked and says go on."""
        self._forget_until_ms = turn.now.mono_ms + RESET_WAIT_MS
        turn.emit(FaultsReset(self._evse_id, turn.now.utc_ms))

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn, meter_silent: bool, warnings: set[str]) -> set[str]:
        """Emit what changed. Returns the names that were cleared now."""
        present = {check for check, watch in self._watches.items() if watch.active} | warnings
        if meter_silent:
            present.add(METER_SILENT)
        if self._reported is None:
            present |= self.faults.keys() - OWN | self.faults.keys() & {SAFETY_SILENT}
        else:
            present |= self._reported | self._remembered(turn)
        cleared = self.faults.keys() - present
        for name in sorted(present - self.faults.keys()):
            tries = self._watches[name].tries if name in self._watches else 0
            turn.emit(FaultRaised(self._evse_id, name, turn.now.utc_ms, tries))
        for name in sorted(cleared):
            turn.emit(FaultCleared(self._evse_id, name, turn.now.utc_ms))
        return cleared

    def _remembered(self, turn: Turn) -> set[str]:
        if self._forget_until_ms is not None:
            if turn.now.mono_ms < self._forget_until_ms:
                return set()
            self._forget_until_ms = None
        return {name for name in self.faults if describe(name).remembered}

    # ------------------------------------------------------------------ what others may see

    @property
    def blocking(self) -> str | None:
        """The blocking fault to show, the oldest first."""
        return self._oldest(True)

    @property
    def warning(self) -> str | None:
        """The oldest fault that does not block."""
        return self._oldest(False)

    def _oldest(self, blocking: bool) -> str | None:
        names = [name for name in self.faults if describe(name).blocking is blocking]
        return min(names, key=lambda name: (self.faults[name], name)) if names else None

    def detail(self, name: str) -> str:
        """What was measured when the check became active; "" for other faults."""
        watch = self._watches.get(name)
        return watch.detail if watch is not None else ""

    def clears_by(self, name: str, policy: Policy) -> str:
        watch = self._watches.get(name)
        if watch is not None and latched(watch, times(name, policy)):
            return f"it came back {watch.tries} times: unplug, or `joulepost command reset_faults`"
        return describe(name).clears_by

    def claims(self, policy: Policy) -> list[Claim]:
        """What the controller's own checks and the remembered weld ask for: nothing may be offered."""
        names = [check for check, watch in self._watches.items() if watch.active]
        if CONTACTOR_WELDED in self.faults:
            names.append(CONTACTOR_WELDED)
        return [
            Claim(
                name,
                0,
                self.detail(name) or describe(name).cause,
                self.faults.get(name),
                self.clears_by(name, policy),
            )
            for name in names
        ]
