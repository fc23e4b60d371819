"""The real process: real sockets, real signals, the bench's world at the other end of the board socket."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.safety.__main__ import config_of, main, outputs_off
from controller.safety.inhibits import Inhibit
from controller.safety.phases import PhaseTimes
from hal.profile import load_profile
from hal.simulated.board import SimulatedBoard
from hal.simulated.server import BenchServer
from hal.simulated.world import World, simulated_profile
from tests.safety.controller_end import ControllerEnd

PROFILE = """
name = "desk"
driver = "simulated"
watchdog = true
[[evse]]
rating_ma = 16000
tethered = true
cable_ma = 32000
mirror = true
residual_current = true
residual_current_test = true
"""


class Desk:
    """A bench in a thread of its own, and the world to play with."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.profile = root / "desk.toml"
        self.profile.write_text(PROFILE)
        self.world = World(profile=load_profile(self.profile))
        self.bench = BenchServer(self.world, root)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.on_loop(self.bench.start)

    def on_loop(self, action: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
        async def act() -> Any:
            result = action(*arguments, **settings)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(act(), self.loop).result(10)

    def close(self) -> None:
        self.on_loop(self.bench.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


@contextmanager
def safety(desk: Desk) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "controller.safety", "--board", str(desk.profile)]
    command += ["--runtime", str(desk.root), "--root", str(desk.root), "--late-budget-ms", "2000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 10
        while not (desk.root / "safety.sock").exists():
            assert time.monotonic() < deadline and process.poll() is None, (
                process.stderr and process.stderr.read()
            )
            time.sleep(0.01)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def resident_kb(pid: int) -> tuple[int, int]:
    """All of it, and what is not shared with files."""
    status = Path(f"/proc/{pid}/status").read_text()
    everything, own = (int(status.split(name)[1].split()[0]) for name in ("VmRSS:", "RssAnon:"))
    return everything, own


def commanded(desk: Desk) -> bool:
    return bool(desk.on_loop(lambda: desk.world.evse(1).contactor_commanded))


def test_a_session_a_silent_board_a_lost_controller_and_a_kill(desk: Desk) -> None:
    """The end is what ExecStopPost is for: a world goes on being driven after a process has died."""
    with safety(desk) as process:
        controller = ControllerEnd(desk.root / "safety.sock")
        controller.until(lambda report: not report.inhibits)
        desk.on_loop(desk.bench.fault_set, "board_silent", 0)
        controller.until(lambda report: Inhibit.BOARD_SILENT in report.inhibits)
        desk.on_loop(desk.bench.fault_clear)
        desk.on_loop(desk.bench.plug, 1)
        controller.until(
            lambda report: report.contactor_commanded and bool(report.mirror_closed), 15, lease_ma=10_000
        )
        assert controller.report.offered_ma == 9_960 and controller.report.rating_ma == 16_000
        rss_kb, own_kb = resident_kb(process.pid)
        print(f"resident memory {rss_kb} kB, of it private {own_kb} kB")
        assert own_kb < 12_500
        # Nonsense changes nothing, the vehicle's word does, and its pause needs no replug.
        for message in (b"\1\1", b"\0" * 35, b"x" * 4_000):
            controller.socket.send(message)
        desk.on_loop(desk.bench.set_vehicle, 1, wants_charge=False)
        report = controller.until(lambda report: not report.contactor_commanded)
        assert not report.inhibits and report.openings_under_load == 0 and report.permit_held
        desk.on_loop(desk.bench.set_vehicle, 1, wants_charge=True)
        controller.until(lambda report: report.contactor_commanded, lease_ma=10_000)
        # A controller that goes away and comes back interrupts nothing.
        controller.close()
        controller = ControllerEnd(desk.root / "safety.sock")
        assert controller.until(lambda report: report.permit_held).contactor_commanded
        controller.close()
        process.kill()
        process.wait()
    assert commanded(desk)
    assert outputs_off(["--board", str(desk.profile), "--root", str(desk.root)]) == 0
    deadline = time.monotonic() + 5
    while commanded(desk):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_second_process_is_refused(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    with safety(desk):
        status = main(["--board", str(desk.profile), "--runtime", str(desk.root), "--root", str(desk.root)])
    assert status == 1 and "another safety process" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--board", "no-such-board"], "no-such-board"),
        (["--board", "/no/such/file.toml"], "/no/such/file.toml"),
        (["--board", "simulated", "--runtime", "/no/such/directory"], "/no/such/directory"),
    ],
)
def test_what_cannot_start_says_what_and_where(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        assert main(arguments) == 1
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("program", [outputs_off, lambda arguments: main(["--outputs-off", *arguments])])
def test_outputs_off_without_a_bench_says_so(
    program: Callable[[list[str]], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(["--board", "simulated", "--root", str(tmp_path)]) == 1
    assert "joulepost bench" in capsys.readouterr().err


@pytest.mark.parametrize("tethered", [True, False])
def test_the_configuration_follows_profile_and_parts(tethered: bool) -> None:
    profile = simulated_profile(tethered=tethered)
    parts = SimulatedBoard(World(profile=profile)).evses[0]
    config = config_of(profile.evses[0], parts)
    assert config.rating_ma == 32_000 and config.has_self_test and config.has_residual_current
    assert config.has_proximity is not tethered and config.has_lock is not tethered


def test_the_configuration_has_ladders_and_phase_times_of_the_profile() -> None:
    profile = simulated_profile(phase_switch=True)
    evse = profile.evses[0]
    assert evse.phase_switch is not None
    evse = replace(
        evse,
        temperatures=(replace(evse.temperatures[0], stop_c=80, when_lost="derate"),),
        phase_switch=replace(evse.phase_switch, dead_time_s=9, three_phase_every_s=600),
    )
    config = config_of(evse, SimulatedBoard(World(profile=profile)).evses[0])
    (ladder,) = config.ladders
    assert (ladder.name, ladder.derate_mdeg_c, ladder.stop_mdeg_c) == ("plug", 65_000, 80_000)
    assert ladder.restart_mdeg_c == 62_000 and not ladder.stop_when_lost
    assert config.has_phase_switch and config.phase_times == PhaseTimes(9_000, to_three_every_ms=600_000)
    plain = simulated_profile(phases=1)
    config = config_of(plain.evses[0], SimulatedBoard(World(profile=plain)).evses[0])
    assert config.phases == 1 and not config.has_phase_switch


def test_a_socket_without_a_proximity_input_is_refused() -> None:
    parts = SimulatedBoard(World(profile=simulated_profile(tethered=True))).evses[0]
    with pytest.raises(ValueError, match="without a proximity input"):
        config_of(simulated_profile(tethered=False).evses[0], parts)
