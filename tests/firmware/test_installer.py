"""Installers: the pretended one over restarts, and commands that succeed, fail, hang and talk too much."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from controller.domain.inputs import InstallOutcome
from controller.firmware.installer import MOST_OUTPUT_BYTES, CommandInstaller, Installed, SimulatedInstaller
from tests.support.firmware import image
from tests.support.virtual_time import run_virtual


def write(directory: Path, content: bytes) -> Path:
    file = directory / "1.bin"
    file.write_bytes(content)
    return file


# ---------------------------------------------------------------------- simulated


@pytest.mark.parametrize("machine", [False, True])
def test_16_FW_09_the_pretended_version_runs_from_the_next_start_on(tmp_path: Path, machine: bool) -> None:
    first = SimulatedInstaller(tmp_path / "firmware", machine=machine)
    assert first.running() is None
    found = run_virtual(first.install(write(tmp_path, image("2.0.0"))))
    assert found == Installed(InstallOutcome.REBOOT if machine else InstallOutcome.RESTART, "2.0.0")
    assert first.running() is None
    second = SimulatedInstaller(tmp_path / "firmware")
    assert second.running() == "2.0.0"
    assert run_virtual(second.confirm()) == Installed(InstallOutcome.UNKNOWN)
    assert SimulatedInstaller(tmp_path / "firmware").running() == "2.0.0"


def test_16_FW_09_a_pretended_roll_back(tmp_path: Path) -> None:
    first = SimulatedInstaller(tmp_path)
    run_virtual(first.install(write(tmp_path, image("2.0.0", word="brick"))))
    second = SimulatedInstaller(tmp_path)
    assert second.running() is None
    assert run_virtual(second.confirm()).outcome is InstallOutcome.FAILED
    # The next update starts afresh.
    assert run_virtual(second.install(write(tmp_path, image("2.0.1")))).outcome is InstallOutcome.RESTART
    third = SimulatedInstaller(tmp_path)
    assert third.running() == "2.0.1"
    assert run_virtual(third.confirm()).outcome is InstallOutcome.UNKNOWN


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (image("2.0.0", word="broken"), InstallOutcome.FAILED),
        (b"no version here\n" + bytes(100), InstallOutcome.UNVERIFIED),
        (bytes(1000), InstallOutcome.UNVERIFIED),
        (b"", InstallOutcome.UNVERIFIED),
    ],
)
def test_pretended_failures(tmp_path: Path, content: bytes, outcome: InstallOutcome) -> None:
    installer = SimulatedInstaller(tmp_path)
    found = run_virtual(installer.install(write(tmp_path, content)))
    assert found.outcome is outcome
    assert found.info
    assert SimulatedInstaller(tmp_path).running() is None


def test_the_desks_image_is_one(tmp_path: Path) -> None:
    from controller.bench.csms_files import image as desk_image

    found = run_virtual(SimulatedInstaller(tmp_path).install(write(tmp_path, desk_image("99.0.0"))))
    assert found == Installed(InstallOutcome.RESTART, "99.0.0")


def test_without_its_file_it_pretends_nothing(tmp_path: Path) -> None:
    (tmp_path / "simulated.json").write_text("[garbage")
    assert SimulatedInstaller(tmp_path).running() is None


# ---------------------------------------------------------------------- command


def run(tmp_path: Path, script: str, timeout_s: float = 30) -> tuple[Installed, list[str]]:
    """A program of one line, in a process of its own and real time."""
    said: list[str] = []
    command = (sys.executable, "-c", script)
    file = write(tmp_path, b"image")
    return asyncio.run(CommandInstaller(command, timeout_s, said.append).install(file)), said


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, InstallOutcome.INSTALLED),
        (10, InstallOutcome.RESTART),
        (11, InstallOutcome.REBOOT),
        (20, InstallOutcome.UNVERIFIED),
        (1, InstallOutcome.FAILED),
        (99, InstallOutcome.FAILED),
    ],
)
def test_exit_statuses_say_what_became_of_it(tmp_path: Path, status: int, outcome: InstallOutcome) -> None:
    script = f"import sys; print('step 1'); print('last words'); sys.exit({status})"
    found, said = run(tmp_path, script)
    assert found.outcome is outcome
    assert said == ["installer: step 1", "installer: last words"]
    if outcome in (InstallOutcome.FAILED, InstallOutcome.UNVERIFIED):
        assert found.info.endswith(f"exit status {status}: last words")


def test_the_file_is_the_last_argument_and_no_shell_reads_it(tmp_path: Path) -> None:
    directory = tmp_path / "a $(touch pwned); b"
    directory.mkdir()
    script = "import sys; sys.exit(0 if open(sys.argv[-1], 'rb').read() == b'image' else 1)"
    found, _ = run(directory, script)
    assert found.outcome is InstallOutcome.INSTALLED
    assert not list(tmp_path.rglob("pwned"))


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    found, said = run(tmp_path, script, timeout_s=3)
    assert found.outcome is InstallOutcome.FAILED
    assert "not done within 3 s" in found.info
    stat = Path(f"/proc/{int(said[0].split()[-1])}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X"):
        os.sched_yield()  # SIGKILL was sent, it only has to be carried out


def test_a_child_that_keeps_the_output_open_is_not_waited_for(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)"
    )
    found, said = run(tmp_path, script, timeout_s=20)
    os.kill(int(said[0].split()[-1]), signal.SIGKILL)
    assert found.outcome is InstallOutcome.INSTALLED


def test_a_signal_is_told_by_its_name(tmp_path: Path) -> None:
    found, _ = run(tmp_path, "import os; os.kill(os.getpid(), 9)")
    assert found.outcome is InstallOutcome.FAILED
    assert "SIGKILL" in found.info


def test_output_without_end_is_bounded_and_made_readable(tmp_path: Path) -> None:
    found, said = run(tmp_path, "import sys; sys.stdout.buffer.write(b'\\x1b[31mx\\xff' * 200000)")
    assert found.outcome is InstallOutcome.INSTALLED
    assert sum(map(len, said)) <= 2 * MOST_OUTPUT_BYTES
    assert "\x1b" not in "".join(said)


def test_a_program_that_does_not_exist_fails_with_its_name(tmp_path: Path) -> None:
    installer = CommandInstaller(("/nowhere/install",), 5, lambda _text: None)
    found = asyncio.run(installer.install(write(tmp_path, b"")))
    assert found.outcome is InstallOutcome.FAILED
    assert "/nowhere/install: cannot be started: No such file" in found.info
    assert installer.running() is None
    assert asyncio.run(installer.confirm()).outcome is InstallOutcome.UNKNOWN


def test_when_the_program_ends_the_command_ends_with_it(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"

    async def main() -> int:
        installer = CommandInstaller((sys.executable, "-c", script), 600, lambda _text: None)
        task = asyncio.create_task(installer.install(write(tmp_path, b"")))
        while not (mark.exists() and mark.read_text()):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return int(mark.read_text())

    pid = asyncio.run(main())
    assert not Path(f"/proc/{pid}").exists()


def test_the_command_sees_nothing_of_the_controllers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    monkeypatch.setenv("LD_PRELOAD", "/nowhere/evil.so")
    monkeypatch.setenv("PATH", "/home/somebody/bin")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    found, said = run(tmp_path, "import os; print(*sorted(os.environ)); print(os.environ['PATH'])")
    assert found.outcome is InstallOutcome.INSTALLED
    names = set(said[0].removeprefix("installer: ").split())
    assert names <= {"HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"}
    assert "somebody" not in said[1]


def test_what_a_failed_command_left_running_is_ended(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=2)\n"
        "print(child.pid, flush=True)\n"
        "sys.exit(1)"
    )
    found, said = run(tmp_path, script)
    assert found.outcome is InstallOutcome.FAILED
    stat = Path(f"/proc/{int(said[0].split()[-1])}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X"):
        os.sched_yield()


def test_a_command_of_another_user_is_said_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """sudo: a signal from here is not permitted."""
    pids = []

    def killpg(group: int, _signal: int) -> None:
        pids.append(group)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("controller.firmware.installer.KILL_AFTER_S", 0.05)
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", killpg)
        found, _said = run(tmp_path, "import time; time.sleep(600)", timeout_s=0.3)
    os.killpg(pids[0], signal.SIGKILL)
    assert found.outcome is InstallOutcome.FAILED and "still runs" in found.info


def test_a_relative_path_is_no_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-rf").write_bytes(b"image")
    script = "import sys; sys.exit(0 if sys.argv[-1].startswith('/') else 1)"
    installer = CommandInstaller((sys.executable, "-c", script), 60, lambda _text: None)
    assert asyncio.run(installer.install(Path("-rf"))).outcome is InstallOutcome.INSTALLED
