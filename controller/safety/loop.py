"""The shell around the core: every 10 ms look, decide, drive, and feed the watchdog only then.

Owns: the order of a tick, the pace, what an exception means (that EVSE open, the loop goes on).
Refuses to know: how to decide (``core``), what a message looks like (``wire``), which board it is.

The hardware watchdog, which drops contactor and pilot by itself, is fed only after a tick in which every
EVSE did what it should: its outputs were delivered, or at least its command to open was. The same ticks,
and no others, keep systemd's watchdog quiet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.contactor import Phase
from controller.safety.core import OFF, Inputs, Outputs, State
from controller.safety.inhibits import Inhibit
from controller.safety.log import Level, Log
from controller.safety.notify import Notifier
from controller.safety.permit import Permit
from controller.safety.report import Report
from controller.safety.server import PermitServer
from controller.safety.wire import encode_report
from hal.interface import DigitalInput, EvseBoard, LockDrive, SafetyBoard

TICK_MS = 10
BOARD_READY_MS = 1_000
"""A board that gives no inputs for so long after the start is told of as an error."""
REPORT_EVERY_MS = 200
REWRITE_EVERY_MS = 500
"""Outputs are written when they change, and again so often: a pin that lost its level gets it back."""
LATE_BUDGET_MS = 100
"""IEC 61851-1 gives 100 ms from the vehicle's letting go to open contacts: a tick that is later, or a
detection that takes longer, broke it."""
TEMPERATURES_EVERY_MS = 1_000
"""Each sensor is asked so often, one per tick: heat is slow, and no driver may hold up the loop."""
DRAIN_MS = 8_000
"""Longest gentle stop: 6 s for the vehicle and the contactor's own time."""


class Panel(NamedTuple):
    """The station's own contacts in one tick; each opens every EVSE."""

    emergency_stop: bool = False
    enclosure_open: bool = False


CALM = Panel()


class Pace:
    """Absolute deadlines every ``period_ms``: a late tick does not shift the following ones.

    Missed ticks are skipped and counted, never made up for. Two things are measured against the budget: how
    late a tick begins, and the detection time: from the look before a change, over the two looks that accept
    it, to the end of what follows from the second. A slow call inside a tick is in the latter, also when it
    is slow every time and no tick ever begins late. ``worst_lateness_us`` and ``worst_detection_us`` since
    the start.
    """

    def __init__(self, now_ns: int, budget_ms: int = LATE_BUDGET_MS, period_ms: int = TICK_MS) -> None:
        self._due_ns = now_ns
        self._period_ns = period_ms * 1_000_000
        self._budget_ns = budget_ms * 1_000_000
        self._before_ns = self._look_ns = self._last_look_ns = now_ns
        self._slow = False
        self.overruns = 0
        self.worst_lateness_us = 0
        self.worst_detection_us = 0

    def begin(self, now_ns: int) -> bool:
        """A tick begins. Returns whether it is later, or the last one was slower, than the budget allows."""
        late_ns = max(0, now_ns - self._due_ns)
        missed = late_ns // self._period_ns
        self.overruns += missed
        self.worst_lateness_us = max(self.worst_lateness_us, late_ns // 1_000)
        self._due_ns += (missed + 1) * self._period_ns
        self._before_ns, self._look_ns, self._last_look_ns = self._look_ns, self._last_look_ns, now_ns
        return late_ns > self._budget_ns or self._slow

    def end(self, now_ns: int) -> None:
        """The outputs of this tick are driven."""
        detection_ns = now_ns - self._before_ns
        self._slow = detection_ns > self._budget_ns
        self.worst_detection_us = max(self.worst_detection_us, detection_ns // 1_000)

    def rest_s(self, now_ns: int) -> float:
        """Seconds until the next deadline, 0 when it has passed."""
        return max(0, self._due_ns - now_ns) / 1e9


def _silent(late: bool, panel: Panel) -> Inputs:
    return Inputs(None, late=late, emergency_stop=panel.emergency_stop, enclosure_open=panel.enclosure_open)


class EvseLoop:
    """One EVSE of the loop: reads its inputs, steps its core, drives its outputs."""

    def __init__(self, board: EvseBoard, config: SafetyConfig, now_ms: int, log: Log) -> None:
        if board.evse_id != config.evse_id:
            raise ValueError(f"EVSE: board has number {board.evse_id}, configuration {config.evse_id}")
        if len(board.temperatures) != len(config.ladders):
            raise ValueError(
                f"EVSE {config.evse_id}: {len(config.ladders)} temperature ladders for "
                f"{len(board.temperatures)} sensors, expected one each"
            )
        self.state = core.initial(config, now_ms)
        self.counting_since_ms = now_ms
        self.faults = 0
        self._board = board
        self._log = log
        self._permit: Permit | None = None
        self._distrusted = False
        self._driven: Outputs | None = None
        self._driven_ms = 0
        self._told: set[str] = set()
        self._temperatures: tuple[int | None, ...] = (None,) * len(board.temperatures)
        self._silent_sensors: set[int] = set()
        self._next_sensor = 0
        self._sensor_due_ms = now_ms

    def offer(self, permit: Permit) -> None:
        """A permit has arrived; the latest one before a tick counts."""
        self._permit = permit

    @property
    def at_rest(self) -> bool:
        """The contactor is open and nothing is on its way."""
        return self.state.contactor.phase is Phase.OPEN

    def tick(self, now_ms: int, trusted: bool, late: bool, panel: Panel = CALM) -> bool:
        """One step. Returns whether its outputs, or at least the command to open, were delivered."""
        faults = self.faults
        inputs = self._look(trusted, late, panel, now_ms)
        permit, self._permit = self._permit, None
        before = self.state
        try:
            self.state, outputs = core.step(before, inputs, permit, now_ms)
        except Exception as error:  # noqa: BLE001 - a bug opens this EVSE only
            self._fault("step", error, now_ms)
            # What led here is not known: forget all of it, number the next plug-in anew, start again.
            # The phase switch stays: it may not move while the contactor is on its way.
            plug_no, three = max(now_ms, before.plug_no + 1), before.phases.three
            self.state, outputs = core.initial(before.config, now_ms, plug_no, three), OFF
            self.counting_since_ms = now_ms
        self._tell(before, self.state, now_ms)
        delivered = self._drive(outputs, now_ms)
        if self._told and self.faults == faults and inputs.sample is not None:
            self._told.clear()
            self._log.line(Level.INFO, f"EVSE {self.state.config.evse_id}: no more errors", now_ms)
        return delivered

    def _look(self, trusted: bool, late: bool, panel: Panel, now_ms: int) -> Inputs:
        distrusted, self._distrusted = self._distrusted, False
        if not trusted or distrusted:
            return _silent(late, panel)
        board = self._board
        guard, plug, lock, switch = (
            board.residual_current,
            board.proximity,
            board.lock,
            board.phase_switch,
        )
        if self._temperatures and now_ms >= self._sensor_due_ms:
            self._feel(now_ms)
        try:
            return Inputs(
                board.pilot.sample(),
                board.contactor.mirror_closed(),
                guard is not None and guard.tripped(),
                None if plug is None else plug.resistance_ohm(),
                None if lock is None else lock.locked(),
                late,
                self._temperatures,
                panel.emergency_stop,
                panel.enclosure_open,
                None if switch is None else switch.three_phase(),
            )
        except Exception as error:  # noqa: BLE001 - doubt means open
            self._fault("inputs", error, now_ms)
            return _silent(late, panel)

    def _feel(self, now_ms: int) -> None:
        """Ask the next temperature sensor; each is asked once in ``TEMPERATURES_EVERY_MS``."""
        sensors, index = self._board.temperatures, self._next_sensor
        name = f"EVSE {self.state.config.evse_id} temperature sensor {sensors[index].name}"
        value: int | None = None
        try:
            value = sensors[index].read_mdeg_c()
        except Exception as error:  # noqa: BLE001 - the core knows what a missing value costs
            if index not in self._silent_sensors:
                self._silent_sensors.add(index)
                self._log.line(Level.ERROR, f"{name}: {type(error).__name__}: {error}", now_ms)
        else:
            if index in self._silent_sensors:
                self._silent_sensors.remove(index)
                self._log.line(Level.INFO, f"{name} answers: {value} mdeg C", now_ms)
        self._temperatures = (*self._temperatures[:index], value, *self._temperatures[index + 1 :])
        self._next_sensor = (index + 1) % len(sensors)
        self._sensor_due_ms = now_ms + TEMPERATURES_EVERY_MS // len(sensors)

    def _drive(self, outputs: Outputs, now_ms: int) -> bool:
        board, driven = self._board, self._driven
        if driven is None or now_ms - self._driven_ms >= REWRITE_EVERY_MS:
            driven = None
            self._driven_ms = now_ms
        elif outputs == driven:
            return True
        self._driven = None
        try:
            # Opening comes first, whatever else there is to do; closing comes last.
            if not outputs.contactor_closed and (driven is None or driven.contactor_closed):
                board.contactor.set_closed(False)
            if driven is None or outputs.duty_pm != driven.duty_pm:
                board.pilot.set_duty(outputs.duty_pm)
            if board.lock is not None and (driven is None or outputs.lock is not driven.lock):
                board.lock.drive(outputs.lock)
            if board.residual_current is not None and (
                driven is None or outputs.residual_test is not driven.residual_test
            ):
                board.residual_current.set_test(outputs.residual_test)
            three = outputs.three_phase
            if (
                board.phase_switch is not None
                and three is not None
                and (driven is None or three is not driven.three_phase)
            ):
                board.phase_switch.set_three_phase(three)
            if outputs.contactor_closed and (driven is None or not driven.contactor_closed):
                board.contactor.set_closed(True)
        except Exception as error:  # noqa: BLE001 - doubt means open
            self._fault("outputs", error, now_ms)
            self._distrusted = True
            return self._open(now_ms)
        self._driven = outputs
        return True

    def _open(self, now_ms: int) -> bool:
        """Something could not be driven: at least the contactor gets its command, and the motor stops."""
        if self._board.lock is not None:
            try:
                self._board.lock.drive(LockDrive.OFF)
            except Exception as error:  # noqa: BLE001 - tried, told, and less urgent than the contactor
                self._fault("lock", error, now_ms)
        try:
            self._board.contactor.set_closed(False)
        except Exception as error:  # noqa: BLE001 - the caller stops feeding the watchdog, which opens it
            self._fault("contactor", error, now_ms)
            return False
        return True

    def _fault(self, where: str, error: Exception, now_ms: int) -> None:
        self.faults += 1
        if where not in self._told:  # once, not a hundred times a second; the inhibit tells how long
            self._told.add(where)
            text = f"EVSE {self.state.config.evse_id} {where}: {type(error).__name__}: {error}"
            self._log.line(Level.ERROR, text, now_ms)

    def _tell(self, before: State, after: State, now_ms: int) -> None:
        name = f"EVSE {after.config.evse_id}"
        if after.inhibits.mask != before.inhibits.mask:
            for inhibit in Inhibit:
                if inhibit in after.inhibits and inhibit not in before.inhibits:
                    self._log.line(Level.WARNING, f"{name} inhibited: {inhibit.name}", now_ms)
                elif inhibit in before.inhibits and inhibit not in after.inhibits:
                    self._log.line(Level.INFO, f"{name} no longer inhibited: {inhibit.name}", now_ms)
        if after.contactor.commanded is not before.contactor.commanded:
            verb = "closes" if after.contactor.commanded else "opens"
            load = (
                " under load"
                if after.contactor.openings_under_load > before.contactor.openings_under_load
                else ""
            )
            self._log.line(Level.INFO, f"{name} contactor {verb}{load}, pilot {after.pilot.name}", now_ms)
        elif after.pilot is not before.pilot:
            self._log.line(Level.DEBUG, f"{name} pilot {before.pilot.name} to {after.pilot.name}", now_ms)


class SafetyLoop:
    """All EVSEs of one board. ``tick`` is one step; whoever calls it owns the clock."""

    def __init__(
        self, board: SafetyBoard, configs: Sequence[SafetyConfig], now_ms: int, log: Log | None = None
    ) -> None:
        if not configs or len(configs) != len(board.evses):
            raise ValueError(
                f"safety loop: {len(configs)} configurations for {len(board.evses)} EVSEs, expected one each"
            )
        self._board = board
        self._log = log or Log()
        self.evses = [
            EvseLoop(evse, config, now_ms, self._log)
            for evse, config in zip(board.evses, configs, strict=True)
        ]
        self._by_id = {config.evse_id: evse for config, evse in zip(configs, self.evses, strict=True)}
        self._seq = 0
        self._told: list[tuple[object, ...] | None] = [None] * len(self.evses)
        self._told_ms = now_ms - REPORT_EVERY_MS
        self.strangers = 0
        self.draining = False
        self._refreshed = True
        self._ready = False  # the inputs were there once
        self._awaited_since_ms: int | None = None
        self._unread: set[str] = set()

    def offer(self, permit: Permit) -> None:
        """Take a permit for the next tick; one for an EVSE that is not here is counted in ``strangers``."""
        evse = self._by_id.get(permit.evse_id)
        if evse is None:
            self.strangers += 1
        elif not self.draining:
            evse.offer(permit)

    def drain(self) -> None:
        """Withdraw every permit and take no new ones: each EVSE stops as gently as its vehicle lets it."""
        self.draining = True
        for evse in self.evses:
            state = evse.state
            evse.offer(Permit(state.config.evse_id, state.plug_no, 0, 0))

    @property
    def at_rest(self) -> bool:
        """Every contactor is open."""
        return all(evse.at_rest for evse in self.evses)

    def tick(self, now_ms: int, late: bool = False) -> bool:
        """One step of every EVSE. Returns whether it was completed; only then was the watchdog fed."""
        completed = True
        trusted = self._refresh(now_ms)
        panel = self._panel(now_ms) if trusted else CALM
        for evse in self.evses:
            completed = evse.tick(now_ms, trusted, late, panel) and completed
        if completed and self._board.watchdog is not None:
            try:
                self._board.watchdog.pulse()
            except Exception as error:  # noqa: BLE001 - an unfed watchdog opens: the safe side, but say why
                self._log.line(Level.ERROR, f"watchdog: {type(error).__name__}: {error}", now_ms)
                completed = False
        return completed

    def _panel(self, now_ms: int) -> Panel:
        board = self._board
        return Panel(
            self._pressed("emergency stop", board.emergency_stop, now_ms),
            self._pressed("enclosure switch", board.enclosure, now_ms),
        )

    def _pressed(self, name: str, contact: DigitalInput | None, now_ms: int) -> bool:
        """A contact that cannot be read counts as active."""
        if contact is None:
            return False
        try:
            active = contact.active()
        except Exception as error:  # noqa: BLE001 - doubt means open
            if name not in self._unread:
                self._unread.add(name)
                self._log.line(Level.ERROR, f"{name}: {type(error).__name__}: {error}", now_ms)
            return True
        self._unread.discard(name)
        return active

    def _refresh(self, now_ms: int) -> bool:
        try:
            self._board.refresh()
        except Exception as error:  # noqa: BLE001 - inputs that cannot be had are doubt, and doubt means open
            if self._awaited_since_ms is None:
                self._awaited_since_ms = now_ms
            # A board that has only just been opened may need a moment: nothing is on meanwhile.
            if self._refreshed and (self._ready or now_ms - self._awaited_since_ms >= BOARD_READY_MS):
                self._log.line(Level.ERROR, f"board: {type(error).__name__}: {error}", now_ms)
                self._refreshed = False
            return False
        if not self._refreshed:
            self._log.line(Level.INFO, "board: inputs are back", now_ms)
        self._refreshed = self._ready = True
        return True

    def reports(
        self,
        now_ms: int,
        everything: bool = False,
        overruns: int = 0,
        lateness_us: int = 0,
        detection_us: int = 0,
    ) -> list[Report]:
        """Reports that are due: of an EVSE that changed at once, of all of them five times a second."""
        if everything or now_ms - self._told_ms >= REPORT_EVERY_MS:
            everything = True
            self._told_ms = now_ms
        due = []
        for index, evse in enumerate(self.evses):
            visible = core.visible(evse.state)
            if everything or visible != self._told[index]:
                self._told[index] = visible
                self._seq += 1
                report = core.report(evse.state, self._seq, now_ms, overruns, lateness_us)
                due.append(
                    replace(report, counting_since_ms=evse.counting_since_ms, worst_detection_us=detection_us)
                )
        return due


def run(
    loop: SafetyLoop,
    server: PermitServer,
    pace: Pace,
    notifier: Notifier,
    *,
    monotonic_ns: Callable[[], int],
    sleep: Callable[[float], None],
    stopping: Callable[[], int],
) -> None:
    """Tick until asked to stop. ``stopping`` counts the requests: the first is gentle, the second is not."""
    drained_by_ms = 0
    while True:
        now_ns = monotonic_ns()
        now_ms = now_ns // 1_000_000
        late = pace.begin(now_ns)
        news = server.receive(loop.offer)
        if loop.tick(now_ms, late):
            notifier.completed(now_ms)
        pace.end(monotonic_ns())
        due = loop.reports(now_ms, news, pace.overruns, pace.worst_lateness_us, pace.worst_detection_us)
        if due:
            server.send([encode_report(report) for report in due])
        requests = stopping()
        if requests and not loop.draining:
            loop.drain()
            drained_by_ms = now_ms + DRAIN_MS
            notifier.tell("STOPPING=1")
        elif loop.draining and (requests > 1 or loop.at_rest or now_ms >= drained_by_ms):
            return
        sleep(pace.rest_s(monotonic_ns()))
