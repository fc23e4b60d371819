"""``python -m controller.safety``: the composition root of the safety process.

Owns: the command line, which board is driven, and that everything is off when this process ends, whichever
way it ends. The only file of this package that knows ``hal.board`` and ``hal.profile``.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from controller.safety import realtime
from controller.safety.config import SafetyConfig
from controller.safety.lock import LockTimes
from controller.safety.log import Level, Log
from controller.safety.loop import LATE_BUDGET_MS, Pace, SafetyLoop, run
from controller.safety.notify import Notifier
from controller.safety.phases import PhaseTimes
from controller.safety.residual import RetryBudget
from controller.safety.server import PermitServer, ServerError
from controller.safety.temperature import Ladder
from hal.board import open_safety_board
from hal.interface import EvseBoard, HardwareError, SafetyBoard
from hal.profile import (
    BoardProfile,
    EvseProfile,
    PhaseSwitchProfile,
    ProfileError,
    TemperatureProfile,
    load_profile,
)


def config_of(profile: EvseProfile, board: EvseBoard) -> SafetyConfig:
    """What the safety core has to know, from the profile and from the parts the board really has.

    Raises ``ValueError`` for a combination that cannot be safe.
    """
    if not profile.tethered and board.proximity is None:
        raise ValueError(
            f"EVSE {profile.evse_id}: a socket (tethered = false) without a proximity input; the cable's "
            "ampacity would be unknown. Add proximity_channel to the profile's adc, or set tethered = true"
        )
    return SafetyConfig(
        evse_id=profile.evse_id,
        rating_ma=profile.rating_ma,
        cable_ma=profile.cable_ma,
        ventilation=profile.ventilation,
        has_residual_current=board.residual_current is not None,
        has_self_test=profile.residual_current_test is not None,
        has_proximity=not profile.tethered,
        has_lock=board.lock is not None,
        simplified_ma=profile.simplified_ma,
        residual=RetryBudget(profile.residual_current_retries, profile.residual_current_retry_s * 1_000),
        unlock_on_fault=profile.unlock_on_fault == "unlock",
        phases=profile.phases,
        has_phase_switch=board.phase_switch is not None,
        phase_times=_phase_times(profile.phase_switch),
        ladders=tuple(_ladder(sensor) for sensor in profile.temperatures),
        lock=LockTimes() if profile.lock is None else LockTimes(pulse_ms=profile.lock.pulse_ms),
    )


def _phase_times(switch: PhaseSwitchProfile | None) -> PhaseTimes:
    if switch is None:
        return PhaseTimes()
    return PhaseTimes(dead_ms=switch.dead_time_s * 1000, to_three_every_ms=switch.three_phase_every_s * 1000)


def _ladder(sensor: TemperatureProfile) -> Ladder:
    return Ladder(
        sensor.name,
        derate_mdeg_c=sensor.derate_c * 1000,
        derate_more_mdeg_c=sensor.derate_more_c * 1000,
        stop_mdeg_c=sensor.stop_c * 1000,
        restart_mdeg_c=sensor.restart_c * 1000,
        stop_when_lost=sensor.when_lost == "stop",
    )


def _parser(program: str, text: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=text)
    parser.add_argument("--board", required=True, metavar="NAME|FILE", help="board profile")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="where /sys and /dev are")
    parser.add_argument("--evses", type=int, metavar="N", help="number of EVSEs of a simulated board")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM. Exit status 0 after a stop, 1 after a failure, 2 for wrong arguments."""
    parser = _parser("joulepost safety", "Drives pilot and contactor. Power is a lease; silence means off.")
    parser.add_argument("--runtime", type=Path, default=Path("/run/joulepost"), metavar="DIR")
    parser.add_argument("--log-level", choices=[level.name.lower() for level in Level], default="info")
    parser.add_argument("--outputs-off", action="store_true", help="everything off, then end")
    parser.add_argument("--late-budget-ms", type=int, default=LATE_BUDGET_MS, metavar="MS")
    options = parser.parse_args(arguments)
    if not 20 <= options.late_budget_ms <= 10_000:
        parser.error(f"--late-budget-ms: found {options.late_budget_ms}, expected 20..10000")
    if options.outputs_off:
        return _outputs_off(options)
    log = Log(Level[options.log_level.upper()])
    requests = _count_requests()
    try:
        profile = load_profile(options.board, options.evses)
        server = PermitServer(options.runtime)
    except (ProfileError, ServerError) as error:
        return _refuse(error)
    try:
        return _serve(profile, server, options, log, requests)
    finally:
        server.close()


def _serve(
    profile: BoardProfile, server: PermitServer, options: argparse.Namespace, log: Log, requests: list[int]
) -> int:
    try:
        board = open_safety_board(profile, options.root)
    except HardwareError as error:
        return _refuse(error)
    notifier = Notifier(os.environ.get("NOTIFY_SOCKET", ""))
    try:
        configs = [config_of(evse, part) for evse, part in zip(profile.evses, board.evses, strict=True)]
        for line in realtime.claim():
            log.line(Level.WARNING, line, _now_ms())
        loop = SafetyLoop(board, configs, _now_ms(), log)
        log.line(Level.INFO, f"board {profile.name}, {len(configs)} EVSE, socket {server.path}", _now_ms())
        realtime.stop_collecting()
        pace = Pace(time.monotonic_ns(), options.late_budget_ms)
        run(
            loop,
            server,
            pace,
            notifier,
            monotonic_ns=time.monotonic_ns,
            sleep=time.sleep,
            stopping=lambda: len(requests),
        )
        log.line(
            Level.INFO,
            f"stopped; {pace.overruns} ticks missed, worst lateness {pace.worst_lateness_us} us",
            _now_ms(),
        )
    except ValueError as error:
        return _refuse(error)
    finally:
        # Reached by a normal stop, an exception and Ctrl-C alike; SIGKILL is for the hardware watchdog.
        notifier.close()
        status = _all_off(board)
    return status


def outputs_off(arguments: Sequence[str] | None = None) -> int:
    """Bring every output of a board to its safe level and end: for ``ExecStopPost`` and for hands."""
    parser = _parser("joulepost safety --outputs-off", "Contactors open, pilots at -12 V, motors off.")
    return _outputs_off(parser.parse_args(arguments))


def _outputs_off(options: argparse.Namespace) -> int:
    try:
        board = open_safety_board(load_profile(options.board, options.evses), options.root)
    except (ProfileError, HardwareError) as error:
        return _refuse(error)
    return _all_off(board)


def _all_off(board: SafetyBoard) -> int:
    try:
        board.outputs_off()
    except HardwareError as error:
        return _refuse(error)
    finally:
        board.close()
    return 0


def _count_requests() -> list[int]:
    requests: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if len(requests) < 2:
            requests.append(number)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return requests


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _refuse(error: Exception) -> int:
    print(f"joulepost safety: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
