"""``joulepost calibrate`` on a Raspberry board of fake kernel files and mock pins, and on the real bench."""

from __future__ import annotations

import asyncio
import fcntl
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from gpiozero.pins.mock import MockFactory

import hal.board
from controller.local import exits
from controller.local.commands import calibrate as module
from controller.local.tree import root as tree
from controller.safety.server import PermitServer
from hal.data import data_path
from hal.profile import BoardProfile, load_profile
from hal.raspberry.board import Makers, RaspberrySafetyBoard
from hal.raspberry.pilot_adc import PilotAdc
from hal.raspberry.pilot_pwm import PilotPwm
from hal.raspberry.proximity import AdcProximity
from hal.simulated.server import BenchServer
from hal.simulated.world import World
from tests.support.fake_pwm import FakePwm, value
from tests.support.fake_spi import FakeSpi, FakeSpiDev

COIL, MIRROR, PULSE = 17, 27, 22
TRUE_GAIN_UV, TRUE_OFFSET_MV = 7230, -15_690
"""What the parts of this board really do; the profile says 7117 and -15510."""


class Station:
    """A reference board whose network is off by its tolerances; without pulses its gate drops the pilot."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.file = folder / "board.toml"
        self.file.write_text((data_path("boards") / "reference-pi4.toml").read_text())
        (self.root / "dev").mkdir(parents=True)
        (self.root / "dev/spidev0.0").touch()
        self.kernel = FakePwm(self.root)
        self.chip = self.kernel.add_chip(0, "fe20c000.pwm")
        self.spi = FakeSpi(self.code)
        self.pins: Any = MockFactory()
        self.high_mv, self.low_mv, self.plug_ohm = 11_900, -11_850, 0
        self.ripple_mv = 0
        self.closed_after = 0
        self.pulses: list[int] = []

    def code(self, channel: int, time_us: float) -> int:
        if channel == 1:
            return round(4096 * self.plug_ohm / (self.plug_ohm + 980))
        high = value(self.chip / "pwm0", "duty_cycle") == "1000000"
        true_mv = (self.high_mv if high else self.low_mv) + self.ripple_mv * (int(time_us / 20_000) % 2)
        return round((true_mv - TRUE_OFFSET_MV) * 1000 / TRUE_GAIN_UV)

    def open(self, profile: BoardProfile, root: Path) -> RaspberrySafetyBoard:
        assert root == self.root
        makers = Makers(
            pwm=lambda p, place: PilotPwm(
                p, place, write=self.kernel.write, sleep=self.kernel.sleep, clock=self.kernel.clock
            ),
            adc=lambda p, place: PilotAdc(p, place, ioctl=self.spi.ioctl, clock_ns=self.spi.clock_ns),
            proximity=lambda p, place: AdcProximity(p, place, open_spi=lambda: FakeSpiDev(self.spi)),
        )
        board = RaspberrySafetyBoard(profile, root, pin_factory=self.pins, makers=makers)
        self.pins.pin(MIRROR).drive_low()  # the mirror contact is closed: the main contacts are open
        assert board.watchdog is not None
        pulse = board.watchdog.pulse

        def counted() -> None:
            self.pulses.append(int(self.pins.pin(COIL).state))
            if self.closed_after and len(self.pulses) >= self.closed_after:
                self.pins.pin(MIRROR).drive_high()
            pulse()

        board.watchdog.pulse = counted  # type: ignore[method-assign]
        return board

    def calibrate(self, *words: str, typed: str = "") -> Result:
        args = ["calibrate", "--board", str(self.file), "--root", str(self.root)]
        args += ["--runtime", str(self.root.parent / "run"), *words]
        return CliRunner().invoke(tree, args, input=typed, standalone_mode=False)


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Station:
    found = Station(tmp_path)
    monkeypatch.setattr(hal.board, "open_safety_board", found.open)
    monkeypatch.setattr(module, "STEP_S", 0.001)
    return found


def failed(result: Result, status: int) -> str:
    assert isinstance(result.exception, exits.Exit), result.output
    assert result.exception.status == status
    return str(result.exception)


def test_a_guided_calibration_corrects_the_profile_and_keeps_a_backup(station: Station) -> None:
    before = station.file.read_text()
    result = station.calibrate(typed="-11,85 V\nabout 12\n11.9\n")
    assert result.exception is None, result.output
    assert "'about 12' is not a voltage" in result.stderr
    adc = load_profile(station.file).evses[0].adc
    assert adc is not None
    assert abs(adc.pilot_gain_uv - TRUE_GAIN_UV) <= 3 and abs(adc.pilot_offset_mv - TRUE_OFFSET_MV) <= 10
    assert (station.file.parent / "board.toml.bak1").read_text() == before
    assert (
        "pilot_gain_uv    7117 -> 72" in result.stdout and "Start the safety process again" in result.stdout
    )
    again = station.calibrate("--low-mv", "-11850", "--high-mv", "11900")
    assert again.exception is None
    assert (station.file.parent / "board.toml.bak2").exists()


def test_every_output_is_safe_afterwards_and_the_contactor_was_never_commanded(station: Station) -> None:
    assert station.calibrate("--low-mv", "-11850", "--high-mv", "11900").exception is None
    assert value(station.chip / "pwm0", "duty_cycle") == "0"
    assert station.pins.pin(COIL).function == "input"
    assert len(station.pulses) > 50 and set(station.pulses) == {0}
    assert next(text for name, text in station.kernel.log if name == "duty_cycle") == "0"


def test_json_carries_points_numbers_and_files(station: Station) -> None:
    result = station.calibrate("--low-mv", "-11850", "--high-mv", "11900", "--json")
    found = json.loads(result.stdout)
    assert [row["point"] for row in found["points"]] == ["low", "high"]
    for row in found["points"]:
        assert abs(row["after_mv"] - row["multimeter_mv"]) <= 2
        assert abs(row["before_mv"] - row["multimeter_mv"]) > 40
    assert found["before"] == {"gain_uv": 7117, "offset_mv": -15_510}
    assert (found["written"], found["rehearsal"]) == (str(station.file), False)
    assert found["backup"].endswith(".bak1")


def test_a_check_point_that_does_not_fit_is_refused(station: Station) -> None:
    before = station.file.read_text()
    result = station.calibrate("--low-mv", "-11850", "--high-mv", "11900", "--check", typed="11.7\n")
    assert "check point: 2" in failed(result, exits.FAILED)
    assert station.file.read_text() == before
    assert (
        station.calibrate("--low-mv", "-11850", "--high-mv", "11900", "--check", typed="11.9\n").exception
        is None
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--low-mv", "-11850", "--high-mv", "8900"), "high point: the multimeter says 8900 mV"),
        (("--low-mv", "11850", "--high-mv", "11900"), "low point: the multimeter says 11850 mV"),
        (("--low-mv", "-11850", "--high-mv", "12500"), "at most 600 mV apart"),
    ],
)
def test_implausible_points_write_nothing(station: Station, words: tuple[str, ...], said: str) -> None:
    before = station.file.read_text()
    message = failed(station.calibrate(*words), exits.FAILED)
    assert said in message and message.endswith("nothing was written")
    assert station.file.read_text() == before
    assert value(station.chip / "pwm0", "duty_cycle") == "0"


def test_an_unsteady_pilot_is_refused(station: Station) -> None:
    station.ripple_mv = 400
    assert "readings spread over" in failed(
        station.calibrate("--low-mv", "-1", "--high-mv", "1"), exits.FAILED
    )


def test_a_mirror_contact_that_closes_ends_it(station: Station) -> None:
    station.closed_after = 20
    message = failed(station.calibrate("--low-mv", "-11850", "--high-mv", "11900"), exits.FAILED)
    assert "the mirror contact says closed, nobody commanded it" in message
    assert len(station.pulses) == 20
    assert value(station.chip / "pwm0", "duty_cycle") == "0"


def test_a_level_is_not_held_for_ever(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_HOLD_STEPS", 30)
    message = failed(station.calibrate("--low-mv", "-11850", "--high-mv", "11900"), exits.FAILED)
    assert "start again" in message


def test_the_proximity_pilot_is_calibrated_with_two_resistors(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    resistors = iter((220, 1500))

    def connected(*_args: Any, **_options: Any) -> str:
        station.plug_ohm = next(resistors)
        return ""

    monkeypatch.setattr(module.click, "prompt", connected)
    result = station.calibrate("--low-mv", "-11850", "--high-mv", "11900", "--proximity", "220,1500")
    assert result.exception is None, result.output
    adc = load_profile(station.file).evses[0].adc
    assert adc is not None and abs(adc.proximity_pullup_ohm - 980) <= 3
    assert "proximity_pullup_ohm  1000 -> 98" in result.stdout


def test_dry_run_and_output_leave_the_profile_alone(station: Station, tmp_path: Path) -> None:
    before = station.file.read_text()
    points = ("--low-mv", "-11850", "--high-mv", "11900")
    assert "Nothing was written" in station.calibrate(*points, "--dry-run").stdout
    assert station.calibrate(*points, "--output", str(tmp_path / "new.toml")).exception is None
    assert station.file.read_text() == before
    adc = load_profile(tmp_path / "new.toml").evses[0].adc
    assert adc is not None and abs(adc.pilot_gain_uv - TRUE_GAIN_UV) <= 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board.toml", "new.toml", "root"]


def test_a_running_safety_process_is_named_and_nothing_is_touched(station: Station) -> None:
    runtime = station.root.parent / "run"
    runtime.mkdir()
    server = PermitServer(runtime)
    try:
        message = failed(station.calibrate("--low-mv", "-11850", "--high-mv", "11900"), exits.REFUSED)
    finally:
        server.close()
    assert f"the safety process is running ({runtime}/safety.sock)" in message
    assert "systemctl stop joulepost-safety" in message
    assert station.kernel.log == []


def test_the_safety_process_cannot_start_meanwhile(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = station.root.parent / "run"
    runtime.mkdir()
    refused = []

    def while_asked(*_args: Any, **_options: Any) -> str:
        with (runtime / "safety.lock").open("r+") as guard:
            try:
                fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                refused.append(True)
        return "-11.85" if len(refused) == 1 else "11.9"

    monkeypatch.setattr(module.click, "prompt", while_asked)
    assert station.calibrate().exception is None
    assert refused == [True, True]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--evse", "2"), "board reference-pi4 has EVSEs 1..1"),
        (("--proximity", "220"), "expected two resistors of 50..4000 ohms"),
        (("--board", "reference-pi5"), "packaged profile, which is not changed"),
    ],
)
def test_wrong_usage(station: Station, words: tuple[str, ...], said: str) -> None:
    result = station.calibrate(*words)
    assert result.exception is not None and said in str(result.exception)


def test_a_wrong_profile_is_a_configuration_error(station: Station) -> None:
    station.file.write_text("name = 1")
    assert "board.toml" in failed(station.calibrate(), exits.CONFIGURATION)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BenchServer]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    server = BenchServer(World(profile=load_profile("simulated", 1)), tmp_path / "root", 1.0)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield server
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def test_it_can_be_rehearsed_at_the_bench(bench: BenchServer, tmp_path: Path) -> None:
    """The bench's gate drops the pilot unless it is fed: the high point proves that it is."""
    args = ["calibrate", "--board", "simulated", "--root", str(tmp_path / "root"), "--dry-run", "--json"]
    args += ["--runtime", str(tmp_path / "run"), "--low-mv", "-12000", "--high-mv", "12000"]
    result = CliRunner().invoke(tree, args, standalone_mode=False)
    assert result.exception is None, result.output
    found = json.loads(result.stdout)
    assert found["rehearsal"] and found["written"] is None
    assert all(abs(row["before_mv"] - row["multimeter_mv"]) < 60 for row in found["points"])
