"""The demo with its real processes: what a newcomer runs first."""

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from controller.bench.demo import DemoOptions, _Demo, run_demo
from controller.bench.demo_screen import LiveScreen, PlainScreen, mark
from controller.bench.demo_station import DemoFailed, DemoStation
from controller.bench.demo_steps import Step, steps
from controller.local import exits
from tests.bench.test_demo_steps import seen


def demo(directory: Path, *args: str, **more: Any) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "controller.local.cli", "demo", "--dir", str(directory), *args]
    more = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
    return subprocess.Popen(argv, text=True, env={**os.environ, "PYTHONIOENCODING": "utf-8"}, **more)


def processes_of(directory: Path) -> list[str]:
    """Command lines of living processes that name the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if f"{directory}" in line:
                found.append(line)
    return found


def wait_until_gone(directory: Path) -> None:
    deadline = time.monotonic() + 10
    while left := processes_of(directory):
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_once_passes_with_16_and_with_201(tmp_path: Path) -> None:
    runs = {ocpp: demo(tmp_path / ocpp, "--once", "--ocpp", ocpp) for ocpp in ("1.6", "2.0.1")}
    for ocpp, process in runs.items():
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0, f"{ocpp}:\n{out}"
        summary = out[out.rindex("\n\n") :]
        assert summary.count("✓") == len(steps(ocpp)) and "✗" not in summary
        assert "energy: CSMS" in summary
        message = "-> StopTransaction" if ocpp == "1.6" else "-> TransactionEvent eventType=Ended"
        assert message in out
        assert processes_of(tmp_path / ocpp) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, exits.INTERRUPTED), (signal.SIGKILL, -9)])
def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with demo(tmp_path / "d", "--once") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "the station is online (" in line:
                break
        assert len(processes_of(tmp_path / "d")) == 5  # the demo and its four
        process.send_signal(number)
        assert process.wait(30) == status
    wait_until_gone(tmp_path / "d")


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.tex").touch()
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert run_demo(DemoOptions(once=True, directory=tmp_path)) == exits.FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "expected an empty directory" in capsys.readouterr().out
    assert [one.name for one in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_process_that_ends_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with DemoStation(tmp_path / "d", "1.6", 1.0, print) as station:
        station._spawn("csms", [sys.executable, "-c", "import sys; print('no luck'); sys.exit(3)"])
        with pytest.raises(DemoFailed, match=r"csms ended with status 3; the end of .*csms\.log:\nno luck"):
            station._answer("csms")


class Standing(DemoStation):
    """A station where nothing ever changes, for the report of a step that fails."""

    def look(self) -> Any:
        return seen(told="Preparing")

    def frames(self, after: int) -> list[dict[str, Any]]:
        return [{"seq": after + 1, "line": "-> Heartbeat"}] if after < 2 else []

    def why(self) -> str:
        return "not charging: no vehicle"


def test_a_step_that_fails_says_what_was_expected_and_what_was_seen(tmp_path: Path) -> None:
    lines: list[str] = []
    story = _Demo(Standing(tmp_path, "1.6", 1.0, print), PlainScreen(lines.append), DemoOptions())
    step = Step("the moon rises", "a moon", 0.0, lambda now, story: False)
    with pytest.raises(DemoFailed) as caught:
        story._do(step, time.monotonic() - 1)
    text = str(caught.value)
    assert "expected: a moon" in text
    assert "duty 53.3 %, contactor closed, 16.0 A" in text
    assert "EVSE 1 Preparing" in text and "why:      not charging: no vehicle" in text
    assert any("-> Heartbeat" in line for line in lines)


def test_ticks_are_letters_where_the_terminal_knows_no_other() -> None:
    assert [mark(True, "utf-8"), mark(False, "utf-8")] == ["✓", "✗"]
    assert [mark(True, "ascii"), mark(False, None)] == ["ok", "FAILED"]


def test_the_live_screen_draws_volts_duty_contactor_frames_and_saves_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, terminal = pty.openpty()
    out = bytearray()

    def read() -> None:
        try:
            while chunk := os.read(lead, 65536):
                out.extend(chunk)
        except OSError:
            pass  # EIO: the other end is closed and all is read

    reader = threading.Thread(target=read)
    reader.start()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        monkeypatch.setattr("controller.bench.demo_screen.sys.stdout", stream)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "110")
        steps = [Step(f"step {number}", "", 1, lambda now, story: True) for number in range(6)]
        with LiveScreen(tmp_path / "demo.svg") as screen:
            screen.session(steps, "OCPP 1.6")
            for step in steps:
                screen.begin(step)
                screen.end(step, 0.1, True)
            screen.frame("-> Heartbeat")
            screen.look(seen(wire={"power_w": 11000}, evse={"status": "Charging", "offered_ma": 32000}))
    reader.join(10)
    assert not reader.is_alive()
    os.close(lead)
    text = out.decode(errors="replace")
    for expected in ("+6.0 V / -12.0 V", "53.3 %", "CLOSED", "16.0 A", "11.00 kW", "Heartbeat", "step 5"):
        assert expected in text
    picture = (tmp_path / "demo.svg").read_text()
    assert picture.startswith("<svg") and "CLOSED" in picture
