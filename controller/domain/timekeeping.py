"""When the wall clock was set, and by how much what was written before is wrong.

Owns: which runs of the machine there were, the settings of the clock in each, and what they mean for
instants that were noted before. Refuses to know: who set the clock, and how it is read.

A Raspberry Pi has no battery-backed clock: it starts with the time of its last shutdown, or with 1970, and
learns the true time from the CSMS or from NTP, perhaps hours and several transactions later. Each journal
entry holds both clocks, and CLOCK_MONOTONIC only counts: once the true time is known, the time of every entry
of the same run follows. The rules, in this order:

1. An entry from before the first setting of its run is moved by what that setting found.
2. After it the clock is believed. A setting of more than a minute later on is more than a crystal's drift
   explains: the CSMS had told a wrong time, and what was written since is moved, too.
3. A run that ended before its clock was set can only be estimated. Where it said a time before 2024 it had no
   clock at all, and is moved by what the next setting found, as if the machine had not been off meanwhile.
   Any other time stands as it was told: nobody can know better.

The composition root starts the clock of a new run no earlier than the last entry of the journal: order is
kept, and what had expired stays so even while nobody tells the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from controller.domain.block import Handler
from controller.domain.events import ClockSet, Event, MachineStarted
from controller.domain.instant import OLDEST_UTC_MS
from controller.domain.turn import Turn

STEP_MS = 1_000
"""Less is no setting: two clocks that are read one after the other differ a little."""
DRIFT_MS = 60_000
"""More than a crystal drifts between two answers of a CSMS, even over a week offline."""
MOST_RUNS = 64
"""Runs of the machine that are remembered: what waits for delivery longer is from a station given up."""


def moved(event: ClockSet, at_ms: int) -> int:
    """An instant (UTC ms) that was noted before the clock was set, as it is known now."""
    if not event.corrects:
        return at_ms
    this_run = event.from_ms <= at_ms <= event.at_ms - event.step_ms
    timeless = at_ms < OLDEST_UTC_MS <= event.at_ms
    return at_ms + event.step_ms if this_run or timeless else at_ms


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the machine. ``later``: all settings after the first, as one."""

    started: MachineStarted
    first: ClockSet | None = None
    later: ClockSet | None = None
    carried_ms: int = 0  # rule 3

    @property
    def began_ms(self) -> int:
        """UTC ms of its beginning, as far as known."""
        steps = (one.step_ms for one in (self.first, self.later) if one is not None)
        return self.started.at_ms + sum(steps) + self.carried_ms

    @property
    def offset_ms(self) -> int | None:
        """UTC minus CLOCK_MONOTONIC after the latest setting, None = it was never set."""
        latest = self.later or self.first
        return None if latest is None else latest.at_ms - latest.mono_ms


class Timekeeping:
    """A block without commands. Durable: the runs."""

    def __init__(self) -> None:
        self.handlers: Mapping[type, Handler] = {}
        self._runs: dict[str, Run] = {}
        self._boot_id = ""
        self._offset_ms: int | None = None  # of the clock when it was last looked at

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case MachineStarted():
                self._boot_id = event.boot_id
                self._runs[event.boot_id] = Run(event)
                while len(self._runs) > MOST_RUNS:
                    self._runs.pop(next(iter(self._runs)))
            case ClockSet():
                self._set(event)
            case _:
                pass

    def _set(self, event: ClockSet) -> None:
        run = self._runs.get(event.boot_id)
        if run is None:
            run = Run(MachineStarted(event.boot_id, event.from_ms))
        if run.first is None:
            run = replace(run, first=event)
            self._carry(event)
        elif run.later is None:
            run = replace(run, later=event)
        else:
            run = replace(run, later=replace(event, step_ms=run.later.step_ms + event.step_ms))
        self._runs[event.boot_id] = run

    def _carry(self, event: ClockSet) -> None:
        for boot_id, run in self._runs.items():
            timeless = run.started.at_ms < OLDEST_UTC_MS <= event.at_ms
            if boot_id != event.boot_id and run.first is None and not run.carried_ms and timeless:
                self._runs[boot_id] = replace(run, carried_ms=event.step_ms)

    def checkpoint(self) -> list[Event]:
        events: list[Event] = []
        for run in self._runs.values():
            events.append(run.started)
            events.extend(one for one in (run.first, run.later) if one is not None)
        return events

    # ------------------------------------------------------------------ rules

    def begin(self, boot_id: str, turn: Turn) -> None:
        """The program starts in this run of the machine ("" = whoever starts it does not know runs)."""
        if boot_id and boot_id != self._boot_id:
            turn.emit(MachineStarted(boot_id, turn.now.utc_ms))
            self._offset_ms = None
        self.look(turn)

    def look(self, turn: Turn) -> None:
        """First thing in a turn: what follows is dated by the clock as it is now."""
        offset_ms = turn.now.utc_ms - turn.now.mono_ms
        before_ms, step_ms = self._offset_ms, offset_ms - (self._offset_ms or 0)
        if before_ms is not None and abs(step_ms) < STEP_MS:
            return
        self._offset_ms = offset_ms
        if before_ms is None:
            return
        run = self._runs.get(self._boot_id)
        turn.emit(
            ClockSet(
                boot_id=self._boot_id,
                mono_ms=turn.now.mono_ms,
                step_ms=step_ms,
                from_ms=run.began_ms if run is not None else before_ms,
                corrects=run is None or run.first is None or abs(step_ms) > DRIFT_MS,
                at_ms=turn.now.utc_ms,
            )
        )

    def settle(self, turn: Turn) -> None:
        """Nothing happens to the clock by itself."""

    def next_deadline_ms(self) -> int | None:
        return None

    # ------------------------------------------------------------------ what others ask

    def offset_ms(self, boot_id: str) -> int | None:
        """UTC minus CLOCK_MONOTONIC as it was last set in this run, None = it was not set yet."""
        run = self._runs.get(boot_id)
        return None if run is None else run.offset_ms

    def wrong_by_ms(self, boot_id: str, utc_ms: int, mono_ms: int) -> int:
        """What has to be added to what was noted in the run ``boot_id`` when the clocks said this."""
        run = self._runs.get(boot_id)
        if run is None:
            return 0
        true_ms = run.offset_ms
        if run.first is None or true_ms is None:
            return run.carried_ms if utc_ms < OLDEST_UTC_MS else 0
        wrong_ms = true_ms - (utc_ms - mono_ms)
        early = mono_ms <= run.first.mono_ms
        return wrong_ms if early or abs(wrong_ms) > DRIFT_MS else 0

    def dated(self, event: Event, boot_id: str, utc_ms: int, mono_ms: int) -> Event:
        """A journalled event with true timestamps; ``utc_ms`` and ``mono_ms`` as in its entry."""
        by_ms = self.wrong_by_ms(boot_id, utc_ms, mono_ms)
        if by_ms == 0:
            return event
        began_ms = self._runs[boot_id].started.at_ms
        changes: dict[str, object] = {"at_ms": event.at_ms + by_ms}
        samples = getattr(event, "samples", None)
        if samples is not None:
            # One that was taken before this run of the machine has its own, true time.
            changes["samples"] = tuple(
                replace(one, at_ms=one.at_ms + by_ms)
                if one.at_ms >= began_ms or one.at_ms < OLDEST_UTC_MS
                else one
                for one in samples
            )
        sample = getattr(event, "sample", None)
        if sample is not None:
            changes["sample"] = replace(sample, at_ms=sample.at_ms + by_ms)
        return replace(event, **changes)  # type: ignore[arg-type]
