import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from controller.bench.supervisor import HEALTHY_S, LONGEST_DELAY_S, restart_delay_s

PROGRAM = """
import asyncio, sys
from controller.bench.supervisor import Program, supervise
programs = [Program(name, (sys.executable, "-c", code)) for name, code in {programs!r}]
def show(text): print(text, flush=True)
sys.exit(asyncio.run(supervise(programs, show)))
"""
STAYS = "import time, os; print('up', os.getpid(), flush=True); time.sleep(60)"


def started(*programs: tuple[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(programs=programs)], stdout=subprocess.PIPE, text=True
    )


def line_with(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"no line with {text!r}")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_the_back_off_doubles_up_to_its_bound_and_a_healthy_run_begins_anew() -> None:
    delays, failures = [], 0
    for _ in range(9):
        failures, delay_s = restart_delay_s(failures, 0.1)
        delays.append(delay_s)
    assert delays == [0.5, 1, 2, 4, 8, 16, LONGEST_DELAY_S, LONGEST_DELAY_S, LONGEST_DELAY_S]
    assert restart_delay_s(failures, HEALTHY_S) == (1, 0.5)


def test_output_is_prefixed_and_sigterm_stops_all_with_status_0() -> None:
    with started(("one", STAYS), ("second", STAYS)) as process:
        pids = []
        for name in ("one    | up", "second | up"):
            pids.append(int(line_with(process, name).split()[-1]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert all(gone(pid) for pid in pids)


def test_a_crash_is_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    crashes = f"""
import os, pathlib, sys
path = pathlib.Path({str(tmp_path / "count")!r})
path.write_text(path.read_text() + "x" if path.exists() else "x")
if len(path.read_text()) == 1: os.kill(os.getpid(), 9)
{STAYS}
"""
    with started(("calm", STAYS), ("shaky", crashes)) as process:
        assert "ended with SIGKILL: starts again in 0.5 s" in line_with(process, "shaky | ended")
        line_with(process, "shaky | up")
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_a_process_that_asks_to_be_restarted_is_at_once(tmp_path: Path) -> None:
    once = f"""
import pathlib, sys
path = pathlib.Path({str(tmp_path / "flag")!r})
if not path.exists():
    path.touch()
    sys.exit(75)
{STAYS}
"""
    with started(("controller", once)) as process:
        line_with(process, "asks to be started again")
        began = time.monotonic()
        line_with(process, "controller | up")
        assert time.monotonic() - began < 5
        process.terminate()
        assert process.wait(15) == 0


def test_a_configuration_error_stops_everything_with_its_status() -> None:
    with started(("calm", STAYS), ("wrong", "import sys; sys.exit(4)")) as process:
        pid = int(line_with(process, "calm  | up").split()[-1])
        line_with(process, "wrong | ended with status 4: starting it again would not help")
        assert process.wait(15) == 4
        assert gone(pid)


def test_children_end_when_the_supervisor_is_killed() -> None:
    with started(("calm", STAYS)) as process:
        pid = int(line_with(process, "up").split()[-1])
        os.kill(process.pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while not gone(pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)
