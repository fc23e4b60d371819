"""``joulepost calibrate``: measure known voltages at the pilot, correct gain and offset in the board profile.

Owns: the conversation with the technician, the level held at the pilot meanwhile, the backup of the profile.
Refuses to know: the arithmetic and what is plausible (``hal.calibration``), drivers (``hal.board``).

The safety process owns ADC, pilot and gate, so it has to be stopped: this command takes its lock. The
contactor is never commanded here. The hardware gate drops the pilot to -12 V unless it is fed; so it is fed
while a level is held, for three minutes at most, and only as long as the mirror contact says open.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.local import exits
from controller.local.common import json_option, print_json, table, where_options
from controller.local.sockets import find_runtime, socket_path

if TYPE_CHECKING:
    from hal.calibration import Point, Scaling
    from hal.interface import EvseBoard, SafetyBoard
    from hal.profile import AdcProfile, BoardProfile

STEP_S = 0.01
"""Period of feeding the gate, as in the safety loop."""
READY_STEPS = 200
"""A board may need so long until its first measurements arrive (the bench's socket)."""
LONGEST_HOLD_STEPS = 18_000
SETTLE_STEPS = 20
READINGS = 25


@click.command(
    epilog="Example: joulepost calibrate --board /etc/joulepost/board.toml --evse 1 --check",
)
@click.option("--board", required=True, help="Board profile: a file (or a packaged name with --output).")
@click.option(
    "--evse", "evse_id", type=click.IntRange(min=1), default=1, show_default=True, help="This EVSE."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("/"),
    show_default=True,
    help="Where /sys and /dev are (DIR/root of a bench).",
)
@click.option("--low-mv", type=int, help="Measured at CP with steady low, instead of being asked.")
@click.option("--high-mv", type=int, help="Measured at CP with steady high, instead of being asked.")
@click.option("--check", is_flag=True, help="Ask for a third point with a load, and demand that it fits.")
@click.option("--proximity", metavar="OHM,OHM", help="Also the proximity pilot, with these two resistors.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead.")
@click.option("--dry-run", is_flag=True, help="Measure and compute; write nothing.")
@where_options
@json_option
def calibrate(
    board: str,
    evse_id: int,
    root: Path,
    low_mv: int | None,
    high_mv: int | None,
    check: bool,
    proximity: str | None,
    output: Path | None,
    dry_run: bool,
    directory: Path | None,
    runtime: Path | None,
    as_json: bool,
) -> None:
    """Calibrate pilot and proximity measurement with a multimeter.

    Stop the safety process, isolate the mains, unplug the vehicle, connect a multimeter of 0.1 % between
    CP and PE. Every output is at its safe level before and after. hardware/calibration.md explains the steps.
    """
    from hal.board import open_safety_board
    from hal.calibration import CalibrationError
    from hal.interface import HardwareError
    from hal.profile import ProfileError, load_profile

    ohms = _two_ohms(proximity)
    source = _source(board)
    if source is None and output is None and not dry_run:
        raise click.UsageError(
            f"--board {board} is a packaged profile, which is not changed; give --output FILE or --dry-run"
        )
    try:
        profile = load_profile(board)
        adc = _adc(profile, evse_id)
        with _alone(find_runtime(directory, runtime, os.environ)):
            opened = open_safety_board(profile, root)
            try:
                found = _measure(opened, evse_id, adc, low_mv, high_mv, check, ohms)
            finally:
                try:
                    opened.outputs_off()
                finally:
                    opened.close()
        backup = target = None
        if not dry_run and adc is not None:
            target = output or source
            assert target is not None
            backup = _write(board, profile, evse_id, found, target)
    except ProfileError as error:
        raise exits.Exit(exits.CONFIGURATION, str(error)) from error
    except CalibrationError as error:
        raise exits.Exit(exits.FAILED, f"{error}; nothing was written") from error
    except (HardwareError, OSError) as error:
        raise exits.Exit(exits.FAILED, str(error)) from error
    _show(found, adc, target, backup, as_json)


# --------------------------------------------------------------------------- what was found


@dataclass(frozen=True, slots=True)
class Found:
    """A calibration: points as (name, Point), what to enter, and what the proximity resistors read."""

    evse_id: int
    points: tuple[tuple[str, Point], ...]
    before: Scaling
    after: Scaling
    pullup_before_ohm: int | None = None
    pullup_ohm: int | None = None
    proximity: tuple[tuple[int, int], ...] = ()

    @property
    def values(self) -> dict[str, int]:
        """Keys of [evse.adc] and their new values."""
        found = {"pilot_gain_uv": self.after.gain_uv, "pilot_offset_mv": self.after.offset_mv}
        if self.pullup_ohm is not None:
            found["proximity_pullup_ohm"] = self.pullup_ohm
        return found


def _measure(
    board: SafetyBoard,
    evse_id: int,
    adc: AdcProfile | None,
    low_mv: int | None,
    high_mv: int | None,
    check: bool,
    ohms: tuple[int, int] | None,
) -> Found:
    from hal.calibration import Point, Scaling, check_third, pullup_ohm, two_points
    from hal.interface import DUTY_STEADY_HIGH, DUTY_STEADY_LOW

    evse = next(one for one in board.evses if one.evse_id == evse_id)
    # A simulated board has no gain to enter: its calibration is a rehearsal, in parts per million.
    before = Scaling(1_000_000, 0) if adc is None else Scaling(adc.pilot_gain_uv, adc.pilot_offset_mv)
    held = _Held(board, evse)
    with held:
        read_mv = held.steady_mv(DUTY_STEADY_LOW, "low point")
        low = Point(read_mv, _voltage(low_mv, "Steady low, nothing plugged in. Volts between CP and PE"))
        read_mv = held.steady_mv(DUTY_STEADY_HIGH, "high point")
        high = Point(read_mv, _voltage(high_mv, "Steady high, nothing plugged in. Volts between CP and PE"))
        held.check()
        after = two_points(before, high, low)
        points = [("low", low), ("high", high)]
        if check:
            true_mv = _voltage(None, "Connect the load (882 ohm and diode: state C). Volts between CP and PE")
            third = Point(held.steady_mv(DUTY_STEADY_HIGH, "check point"), true_mv)
            check_third(third, before, after)
            points.append(("check", third))
        read_ohms: tuple[tuple[int, int], ...] = ()
        pullup_before = pullup = None
        if ohms is not None:
            pullup_before = 1000 if adc is None else adc.proximity_pullup_ohm
            first, second = (held.proximity_ohm(ohm) for ohm in ohms)
            read_ohms = ((first, ohms[0]), (second, ohms[1]))
            pullup = pullup_ohm(pullup_before, ((first, ohms[0]), (second, ohms[1])))
    return Found(evse_id, tuple(points), before, after, pullup_before, pullup, read_ohms)


class _Held:
    """A level held at the pilot while a person measures it; the board is refreshed and its gate fed."""

    def __init__(self, board: SafetyBoard, evse: EvseBoard) -> None:
        self._board = board
        self._evse = evse
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._fresh = threading.Event()
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._feed, name="gate", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()
        if not self._fresh.wait(READY_STEPS * STEP_S * 2):
            self.check()

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join(10)

    def check(self) -> None:
        """Raise what ended the feeding, if anything did."""
        if self._problem is not None:
            raise self._problem

    def steady_mv(self, duty_pm: int, what: str) -> int:
        """Drive a steady level and read it. Raises ``HardwareError``, ``CalibrationError``."""
        from hal.calibration import CalibrationError, steady_mv

        self.check()
        with self._busy:
            self._evse.pilot.set_duty(duty_pm)
        self._stop.wait(SETTLE_STEPS * STEP_S)
        readings_mv = []
        for _ in range(READINGS):
            self.check()
            with self._busy:
                sample = self._evse.pilot.sample()
            if sample.high_mv != sample.low_mv:
                raise CalibrationError(
                    f"{what}: the pilot swings between {sample.low_mv} and {sample.high_mv} mV; expected a "
                    f"steady level: see that no other program drives the PWM (hardware/bring-up.md)"
                )
            readings_mv.append(sample.high_mv)
            self._stop.wait(STEP_S)
        return steady_mv(readings_mv, what)

    def proximity_ohm(self, ohm: int) -> int:
        """Ask for a resistor and read it. Raises ``HardwareError``, ``CalibrationError``."""
        from hal.calibration import CalibrationError

        if self._evse.proximity is None:
            raise CalibrationError(
                f"EVSE {self._evse.evse_id} has no proximity pilot; leave --proximity away"
            )
        click.prompt(
            f"Connect {ohm} ohm between PP and PE, then press Enter", default="", show_default=False, err=True
        )
        readings = []
        for _ in range(READINGS):
            self.check()
            with self._busy:
                found = self._evse.proximity.resistance_ohm()
            if found is None:
                raise CalibrationError(
                    f"proximity: reads open with {ohm} ohm connected; check the contact to PP and PE"
                )
            readings.append(found)
            self._stop.wait(STEP_S)
        return sorted(readings)[READINGS // 2]

    def _feed(self) -> None:
        from hal.interface import HardwareError

        try:
            self._until_stopped()
        except HardwareError as error:
            self._problem = error
        finally:
            self._fresh.set()

    def _until_stopped(self) -> None:
        from hal.interface import HardwareError

        for step in range(LONGEST_HOLD_STEPS):
            if self._stop.wait(STEP_S):
                return
            with self._busy:
                try:
                    self._board.refresh()
                except HardwareError:
                    if self._fresh.is_set() or step >= READY_STEPS:
                        raise
                    continue
                if self._evse.contactor.mirror_closed():
                    raise HardwareError(
                        f"EVSE {self._evse.evse_id}: the mirror contact says closed, nobody commanded it; "
                        f"the gate is no longer fed: isolate the mains and look for a welded contactor"
                    )
                if self._board.watchdog is not None:
                    self._board.watchdog.pulse()
            self._fresh.set()
        raise HardwareError(
            f"EVSE {self._evse.evse_id}: the level was held for {LONGEST_HOLD_STEPS * STEP_S:.0f} s; "
            f"the gate is no longer fed: start again"
        )


# --------------------------------------------------------------------------- around it


@contextmanager
def _alone(runtime: Path) -> Iterator[None]:
    """Hold the lock of the safety process while its hardware is used; without the directory it cannot run."""
    path = runtime / "safety.lock"
    try:
        guard = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield
        return
    try:
        try:
            fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise exits.Exit(
                exits.REFUSED,
                f"the safety process is running ({socket_path(runtime, 'safety')}) and owns the hardware; "
                f"stop it first: systemctl stop joulepost-safety (station), or end joulepost run (desk)",
            ) from error
        yield
    finally:
        os.close(guard)


def _voltage(given_mv: int | None, question: str) -> int:
    """In mV. Asked for in volts on standard error."""
    if given_mv is not None:
        return given_mv
    while True:
        text = str(click.prompt(question, err=True))
        try:
            return round(Decimal(text.strip().removesuffix("V").strip().replace(",", ".")) * 1000)
        except InvalidOperation:
            click.echo(
                f"{text!r} is not a voltage; type it as the multimeter shows it, e.g. -11.98", err=True
            )


def _two_ohms(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    if len(words) != 2 or not all(word.isdecimal() and 50 <= int(word) <= 4000 for word in words):
        raise click.UsageError(
            f"--proximity: expected two resistors of 50..4000 ohms, e.g. 220,1500; found {text!r}"
        )
    return int(words[0]), int(words[1])


def _source(board: str) -> Path | None:
    """The file that --board names, or None for a packaged profile."""
    return Path(board) if "/" in board or board.endswith(".toml") else None


def _adc(profile: BoardProfile, evse_id: int) -> AdcProfile | None:
    if evse_id > len(profile.evses):
        raise click.UsageError(f"--evse {evse_id}: board {profile.name} has EVSEs 1..{len(profile.evses)}")
    return profile.evses[evse_id - 1].adc


def _write(board: str, profile: BoardProfile, evse_id: int, found: Found, target: Path) -> Path | None:
    """The changed profile at ``target``, atomically; what was there becomes the backup that is returned."""
    from hal.calibration import CalibrationError, rewrite
    from hal.data import data_path
    from hal.profile import parse_profile

    source = _source(board) or data_path("boards") / f"{board}.toml"
    text = rewrite(source.read_text(encoding="utf-8"), evse_id, found.values)
    wanted = list(profile.evses)
    adc = wanted[evse_id - 1].adc
    assert adc is not None
    changes: dict[str, Any] = {**found.values}
    wanted[evse_id - 1] = replace(wanted[evse_id - 1], adc=replace(adc, **changes))
    if parse_profile(text, str(target)) != replace(profile, evses=tuple(wanted)):
        raise CalibrationError(
            f"{source}: the numbers could not be put in place; enter them by hand: {found.values}"
        )
    backup = None
    if target.exists():
        backup = next(
            path
            for number in range(1, 1000)
            if not (path := target.with_name(f"{target.name}.bak{number}")).exists()
        )
        backup.write_bytes(target.read_bytes())
    draft = target.with_name(f".{target.name}.new")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if target.exists():
        draft.chmod(target.stat().st_mode & 0o777)
    draft.replace(target)
    return backup


def _show(
    found: Found, adc: AdcProfile | None, target: Path | None, backup: Path | None, as_json: bool
) -> None:
    from hal.calibration import rescaled

    rows = [
        {
            "point": name,
            "multimeter_mv": point.true_mv,
            "before_mv": point.read_mv,
            "after_mv": rescaled(point.read_mv, found.before, found.after),
        }
        for name, point in found.points
    ]
    if as_json:
        print_json(
            {
                "evse_id": found.evse_id,
                "points": rows,
                "before": asdict(found.before),
                "after": asdict(found.after),
                "proximity": [{"read_ohm": read, "true_ohm": true} for read, true in found.proximity],
                "proximity_pullup_ohm": found.pullup_ohm,
                "rehearsal": adc is None,
                "written": None if target is None else str(target),
                "backup": None if backup is None else str(backup),
            }
        )
        return
    head = ["point", "multimeter", "before", "after"]
    click.echo(
        table([head, *[[str(row["point"]), *(f"{row[key]} mV" for key in list(row)[1:])] for row in rows]])
    )
    if adc is None:
        click.echo("A rehearsal: a simulated board has no gain and offset to correct.")
        return
    click.echo(f"pilot_gain_uv    {found.before.gain_uv} -> {found.after.gain_uv}")
    click.echo(f"pilot_offset_mv  {found.before.offset_mv} -> {found.after.offset_mv}")
    if found.pullup_ohm is not None:
        click.echo(f"proximity_pullup_ohm  {found.pullup_before_ohm} -> {found.pullup_ohm}")
    if target is None:
        click.echo("Nothing was written (--dry-run).")
    else:
        click.echo(
            f"Written to {target}{f'; before: {backup}' if backup else ''}. Start the safety process again."
        )
