"""``python -m controller.safety``: the composition root of the safety process.

Owns: which board is driven, and that everything is off when this process ends, whichever way it ends. The
only file of this package that knows ``hal.board`` and ``hal.profile``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from types import FrameType

from controller.safety import realtime
from controller.safety.apart import apart
from controller.safety.config import SafetyConfig
from controller.safety.lock import LockTimes
from controller.safety.log import Level, Log
from controller.safety.loop import Pace, SafetyLoop, run
from controller.safety.notify import Notifier
from controller.safety.options import Options
from controller.safety.phases import PhaseTimes
from controller.safety.residual import RetryBudget
from controller.safety.server import PermitServer, ServerError
from controller.safety.temperature import Ladder
from hal.board import open_safety_board
from hal.interface import EvseBoard, HardwareError, SafetyBoard
from hal.profile import (
    EvseProfile,
    PhaseSwitchProfile,
    ProfileError,
    TemperatureProfile,
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


def main(arguments: Sequence[str] | None = None, *, forked: bool = False) -> int:
    """Run until SIGTERM. Exit status 0 after a stop, 1 after a failure, 2 for wrong arguments.

    ``forked``: arguments and profile are read in a child (see ``apart``); for a process without threads.
    """
    try:
        options = apart(partial(_read, arguments), ProfileError) if forked else _read(arguments)
    except ProfileError as error:
        return _refuse(error)
    if options.outputs_off:
        return _outputs_off(options)
    log = Log(options.log_level)
    requests = _count_requests()
    try:
        server = PermitServer(options.runtime)
    except ServerError as error:
        return _refuse(error)
    try:
        return _serve(server, options, log, requests)
    finally:
        server.close()


def _read(arguments: Sequence[str] | None) -> Options:
    from controller.safety.arguments import read

    return read(arguments)


def _serve(server: PermitServer, options: Options, log: Log, requests: list[int]) -> int:
    profile = options.profile
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
    return main([*(sys.argv[1:] if arguments is None else arguments), "--outputs-off"])


def _outputs_off(options: Options) -> int:
    try:
        board = open_safety_board(options.profile, options.root)
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
    sys.exit(main(forked=True))
