"""``joulepost demo``: a simulated car charges at a station of real processes; every step is checked.

Owns: the course of the demo, its summary and exit status.
Refuses to know: processes (``demo_station``), expectations (``demo_steps``), terminals (``demo_screen``).
"""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from controller.bench.demo_screen import LiveScreen, PlainScreen, Screen, mark
from controller.bench.demo_station import DemoFailed, DemoStation, Snapshot
from controller.bench.demo_steps import Step, Story, steps
from controller.local import exits
from controller.local.client import Unreachable
from controller.local.messages import RpcError

POLL_S = 0.1
BETWEEN_SESSIONS_S = 3.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``ocpp``: "1.6", "2.0.1" or "2.1". ``speed``: energy flows so much faster."""

    once: bool = False
    ocpp: str = "2.0.1"
    speed: float = 60.0
    directory: Path | None = None
    picture: Path | None = None


def run_demo(options: DemoOptions) -> int:
    """Run until one session is over (``once``) or until Ctrl-C. Returns the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    screen: Screen = LiveScreen(options.picture) if sys.stdout.isatty() else PlainScreen(_print)
    summary: list[str] = []
    status = exits.OK
    try:
        with DemoStation(options.directory, options.ocpp, options.speed, _print) as station:
            demo = _Demo(station, screen, options)
            try:
                with screen:
                    demo.run()
            except (DemoFailed, Unreachable, RpcError) as exc:
                station.keep()
                status = exits.FAILED
                summary = [*demo.summary(), "", str(exc), "logs:", *(f"  {log}" for log in station.logs)]
            except KeyboardInterrupt:
                status = exits.INTERRUPTED if options.once or not demo.sessions else exits.OK
                summary = demo.summary()
            else:
                summary = demo.summary()
    except DemoFailed as exc:  # the directory cannot be used: nothing was started
        summary, status = [str(exc)], exits.FAILED
    for line in summary:
        _print(line)
    return status


class _Demo:
    def __init__(self, station: DemoStation, screen: Screen, options: DemoOptions) -> None:
        self._station = station
        self._screen = screen
        self._options = options
        self._frame_seq = 0
        self._done: list[tuple[Step, float, bool]] = []
        self._story = Story()
        self.sessions = 0

    def run(self) -> None:
        self._screen.session(
            steps(self._options.ocpp),
            f"OCPP {self._options.ocpp}, energy {self._options.speed:g} times faster",
        )
        self._screen.say(f"starting bench, CSMS, safety and controller in {self._station.home}")
        self._station.start()
        while True:
            self._session()
            self.sessions += 1
            if self._options.once:
                return
            self._watch(BETWEEN_SESSIONS_S)
            self._done = []
            self._screen.session(
                steps(self._options.ocpp), f"OCPP {self._options.ocpp}, session {self.sessions + 1}"
            )

    def _session(self) -> None:
        self._story = Story()
        for step in steps(self._options.ocpp):
            self._screen.begin(step)
            began = time.monotonic()
            try:
                self._do(step, began)
            except (DemoFailed, Unreachable, RpcError):
                self._end(step, began, False)
                raise
            self._end(step, began, True)
            if self._screen.live:
                self._watch(step.dwell_s)

    def _watch(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._look()
            time.sleep(POLL_S)

    def _do(self, step: Step, began: float) -> None:
        now = self._look()
        if step.act is not None:
            step.act(self._station, now, self._story)
        while True:
            now = self._look()
            if step.seen(now, self._story):
                return
            if time.monotonic() - began > step.timeout_s:
                raise DemoFailed(self._report(step, now))
            time.sleep(POLL_S)

    def _report(self, step: Step, now: Snapshot) -> str:
        transactions = [
            f"{one['id']} {one['token']} {one['stopped_reason'] or 'runs'} {one['energy_wh']} Wh"
            for one in now.transactions
        ]
        csms, safety = now.station.get("csms", {}), now.station.get("safety", {})
        inhibits = ", ".join(now.evse.get("inhibits", ())) or "none"
        return "\n".join(
            [
                f"{step.name}: not within {step.timeout_s:g} s",
                f"  expected: {step.expect}",
                f"  seen:     {now.line()}, plug {'locked' if now.wire['locked'] else 'unlocked'}, "
                f"{now.evse.get('openings_under_load')} openings under load",
                f"  CSMS:     EVSE 1 {now.told or 'nothing told'}; online {csms.get('online')}; "
                f"transactions: {', '.join(transactions) or 'none'}",
                f"  safety:   linked {safety.get('linked')}; inhibits {inhibits}",
                f"  why:      {self._station.why() or '-'}",
                *(f"  note:     {note}" for note in self._story.notes),
            ]
        )

    def _look(self) -> Snapshot:
        for frame in self._station.frames(self._frame_seq):
            self._frame_seq = frame["seq"]
            self._screen.frame(frame["line"])
        now = self._station.look()
        self._screen.look(now)
        return now

    def _end(self, step: Step, began: float, good: bool) -> None:
        took_s = time.monotonic() - began
        self._done.append((step, took_s, good))
        self._screen.end(step, took_s, good)

    def summary(self) -> list[str]:
        """The steps of the last session, energy and frames."""
        lines = [
            f"{mark(good, sys.stdout.encoding)} {step.name} ({took_s:.1f} s)"
            for step, took_s, good in self._done
        ]
        if self._story.energy_seen_wh:
            lines.append(
                f"energy: {', '.join(self._story.notes)}; OCPP {self._options.ocpp} frames: {self._frame_seq}"
            )
        return ["", *lines]


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _print(text: str) -> None:
    print(text, flush=True)
