"""However the safety process ends, everything is off: real processes on a Raspberry Pi made of files.

Five stations charge side by side; each is ended in its own way.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.safety.controller_end import ControllerEnd
from tests.support.raspberry_station import COIL, FEED, TEST, Station
from tests.support.service_manager import ServiceManager, setting

ENDINGS = ("SIGKILL", "SIGSEGV", "exception", "SIGSTOP", "SIGTERM")


class Running:
    """A station, its service and the controller that leases power to it."""

    def __init__(self, root: Path) -> None:
        self.station = Station(root).build()
        start = self.station.command("--late-budget-ms", "5000")
        self.service = ServiceManager(root, start, self.station.command("--outputs-off"))
        self.controller: ControllerEnd | None = None

    def connect(self) -> ControllerEnd:
        service = self.service
        wait_for(
            lambda: bool(service.messages) or service.process.poll() is not None,
            15,
            lambda: "not ready",
        )
        assert service.process.poll() is None, (self.station.root / "stderr").read_text()
        self.controller = ControllerEnd(self.station.root / "safety.sock")
        return self.controller

    def close(self) -> None:
        if self.controller is not None:
            self.controller.close()
        self.service.close()


def wait_for(condition: Callable[[], bool], within_s: float, what: Callable[[], str]) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.01)


@pytest.fixture(scope="module")
def charging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """All of them, each with a vehicle that draws."""
    stations = {ending: Running(tmp_path_factory.mktemp(ending)) for ending in ENDINGS}
    try:
        for running in stations.values():
            controller = running.connect()
            controller.until(lambda report: not report.inhibits, 15)
            running.station.vehicle.write_text("C")
        for running in stations.values():
            assert running.controller is not None
            running.controller.until(lambda report: bool(report.mirror_closed), 20, lease_ma=9_000)
        yield stations
    finally:
        for running in stations.values():
            running.close()


def driven(station: Station) -> tuple[bool, int, int]:
    """Coil, duty in ns, enable."""
    return station.level(COIL), station.pwm("duty_cycle"), station.pwm("enable")


ON = (True, 150_000, 1)
OFF = (False, 0, 1)
"""PWM enabled at duty 0 holds the pilot at -12 V; a disabled channel would let it float."""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_killed_process_leaves_its_pins_driven_and_what_runs_after_it_switches_off(
    charging: dict[str, Running], name: str
) -> None:
    running = charging[name]
    assert driven(running.station) == ON
    number = signal.Signals[name]
    os.kill(running.service.process.pid, number)
    assert running.service.wait() == -number
    assert running.service.stop_post_status == 0
    assert driven(running.station) == OFF and not running.station.level(FEED)
    assert not running.station.level(TEST)


def test_an_exception_that_nobody_expects_switches_off_before_the_process_ends(
    charging: dict[str, Running],
) -> None:
    running = charging["exception"]
    assert driven(running.station) == ON
    running.service.process.send_signal(signal.SIGUSR1)
    status = running.service.process.wait(10)
    assert status == 1 and driven(running.station) == OFF
    running.service.wait()
    assert running.service.stop_post_status == 0
    assert "nobody expects this" in (running.station.root / "stderr").read_text()


def test_a_loop_that_hangs_is_noticed_by_its_silence_killed_and_switched_off(
    charging: dict[str, Running],
) -> None:
    running = charging["SIGSTOP"]
    service = running.service
    longest_s = max(service.silences_s[1:])
    os.kill(service.process.pid, signal.SIGSTOP)
    stopped_s = time.monotonic()
    level = running.station.level(FEED)
    assert service.wait() == -signal.SIGKILL and service.killed_by_watchdog
    print(f"longest silence {longest_s:.3f} s, off {time.monotonic() - stopped_s:.3f} s after the hang")
    assert longest_s < service.watchdog_s <= service.silences_s[-1]
    assert service.stop_post_status == 0 and driven(running.station) == OFF
    assert running.station.level(FEED) in (level, False), "no pulse since the hang: the gate has dropped"


def test_a_stop_is_gentle_and_its_end_is_told(charging: dict[str, Running]) -> None:
    running = charging["SIGTERM"]
    controller = running.controller
    assert controller is not None
    running.service.process.send_signal(signal.SIGTERM)
    report = controller.until(lambda report: not report.pwm, 5)
    assert report.contactor_commanded, "x1 first"
    running.station.vehicle.write_text("B")
    assert running.service.wait() == 0
    assert running.service.stop_post_status == 0 and driven(running.station) == OFF
    assert running.service.messages[0] == "READY=1\nWATCHDOG=1" and "STOPPING=1" in running.service.messages
    last = controller.until_closed()
    assert last.openings_under_load == 0


@pytest.mark.parametrize("missing", ["dev/spidev0.0", "sys/class/pwm/pwmchip0"])
def test_what_cannot_be_opened_does_not_keep_the_rest_from_being_switched_off(
    tmp_path: Path, missing: str
) -> None:
    """A dead ADC must not leave the coil driven by a process that is no more."""
    station = Station(tmp_path).build()
    for line in (COIL, TEST):
        (tmp_path / f"gpio/{line}").write_text("1")
    (tmp_path / "sys/class/pwm/pwmchip0/pwm0/duty_cycle").write_text("150000\n")
    (tmp_path / "sys/class/pwm/pwmchip0/pwm0/period").write_text("1000000\n")
    (tmp_path / missing).unlink()
    service = ServiceManager(tmp_path, station.command("--outputs-off"), ["true"])
    try:
        assert service.wait() == 1
    finally:
        service.close()
    assert not station.level(COIL) and not station.level(TEST)
    assert not missing.startswith("dev") or station.pwm("duty_cycle") == 0
    assert missing.split("/")[0] in (tmp_path / "stderr").read_text()


def test_the_unit_file_runs_what_these_tests_run() -> None:
    assert setting("WatchdogSec") == "1s" and setting("WatchdogSignal") == "SIGKILL"
    assert setting("ExecStopPost").endswith("--outputs-off") and setting("Restart") == "always"
