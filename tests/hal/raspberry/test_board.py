"""The whole safety board from a packaged profile on fake sysfs, fake SPI and mock pins."""

import asyncio
import dataclasses
import errno
import os
import time
import timeit
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.interface import HardwareError, LockDrive, SafetyBoard, ServiceBoard
from hal.profile import (
    BoardProfile,
    PhaseSwitchProfile,
    PinProfile,
    ProfileError,
    TemperatureProfile,
    load_profile,
)
from hal.raspberry.board import Makers, RaspberrySafetyBoard
from hal.raspberry.pilot_adc import PilotAdc
from hal.raspberry.pilot_pwm import PilotPwm
from hal.raspberry.proximity import AdcProximity
from hal.raspberry.service_board import RaspberryServiceBoard
from hal.raspberry.temperature import AdcTemperature
from tests.support.fake_pwm import FakePwm, value
from tests.support.fake_spi import FakeSpi, FakeSpiDev, PilotWave

COIL, MIRROR, FAULT, TEST, LOCK, UNLOCK, FEEDBACK, PULSE = 17, 27, 24, 25, 20, 21, 26, 22


class Station:
    """A reference board on a desk."""

    def __init__(self, root: Path, name: str = "reference-pi4") -> None:
        self.root = root
        self.profile = load_profile(name)
        self.kernel = FakePwm(root)
        pwm = self.profile.evses[0].pwm
        assert pwm is not None
        self.chip = self.kernel.add_chip(2, pwm.device)
        self.wave = PilotWave(1000, 12000, 12000, other=738)  # PP: 220 ohms at 1 k
        self.spi = FakeSpi(self.wave.code)
        (root / "dev").mkdir()
        (root / "dev/spidev0.0").touch()
        self.pins: Any = MockFactory()

    def open(self, profile: BoardProfile | None = None) -> RaspberrySafetyBoard:
        makers = Makers(
            pwm=lambda p, root: PilotPwm(
                p, root, write=self.kernel.write, sleep=self.kernel.sleep, clock=self.kernel.clock
            ),
            adc=lambda p, root: PilotAdc(p, root, ioctl=self.spi.ioctl, clock_ns=self.spi.clock_ns),
            proximity=lambda p, root: AdcProximity(p, root, open_spi=lambda: FakeSpiDev(self.spi)),
            temperature=lambda p, adc, root: AdcTemperature(
                p, adc, root, open_spi=lambda: FakeSpiDev(self.spi)
            ),
        )
        return RaspberrySafetyBoard(profile or self.profile, self.root, pin_factory=self.pins, makers=makers)

    def level(self, pin: int) -> int:
        return int(self.pins.pin(pin).state)

    def duty(self) -> str:
        return value(self.chip / "pwm0", "duty_cycle")


@pytest.mark.parametrize("name", ["reference-pi3", "reference-pi4", "reference-pi5", "reference-zero2w"])
def test_every_part_of_a_reference_board_works(tmp_path: Path, name: str) -> None:
    station = Station(tmp_path, name)
    board: SafetyBoard = station.open()
    assert (station.level(COIL), station.level(TEST), station.duty()) == (0, 0, "0")
    board.refresh()
    (evse,) = board.evses
    assert evse.evse_id == 1
    evse.pilot.set_duty(533)
    assert station.duty() == "533000"
    assert abs(evse.pilot.sample().high_mv - 12000) <= 40
    evse.contactor.set_closed(True)
    station.pins.pin(MIRROR).drive_high()
    assert station.level(COIL) == 1 and evse.contactor.mirror_closed() is True
    assert evse.residual_current is not None and evse.residual_current.tripped()
    station.pins.pin(FAULT).drive_low()
    assert not evse.residual_current.tripped()
    assert evse.proximity is not None and evse.proximity.resistance_ohm() in range(217, 224)
    assert evse.lock is not None and evse.lock.locked() is False
    evse.lock.drive(LockDrive.LOCK)
    assert (station.level(LOCK), station.level(UNLOCK)) == (1, 0)
    assert board.watchdog is not None
    board.watchdog.pulse()
    assert station.level(PULSE) == 1
    board.close()
    assert station.duty() == "0"
    assert station.pins.pin(COIL).function == "input"


def test_outputs_off_brings_every_output_to_its_safe_level(tmp_path: Path) -> None:
    station = Station(tmp_path)
    board = station.open()
    (evse,) = board.evses
    evse.contactor.set_closed(True)
    evse.pilot.set_duty(1000)
    assert evse.residual_current and evse.lock and board.watchdog
    evse.residual_current.set_test(True)
    evse.lock.drive(LockDrive.UNLOCK)
    board.watchdog.pulse()
    assert [station.level(pin) for pin in (COIL, TEST, UNLOCK, PULSE)] == [1, 1, 1, 1]
    board.outputs_off()
    assert [station.level(pin) for pin in (COIL, TEST, LOCK, UNLOCK, PULSE)] == [0, 0, 0, 0, 0]
    assert station.duty() == "0"
    board.close()


def test_outputs_off_tries_all_and_raises_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path)
    board = station.open()
    (evse,) = board.evses
    evse.contactor.set_closed(True)
    evse.pilot.set_duty(533)
    assert evse.residual_current
    evse.residual_current.set_test(True)

    def fail(value: bool) -> None:
        raise OSError("line lost")

    with monkeypatch.context() as patch:
        patch.setattr(station.pins.pin(COIL), "_change_state", fail)
        patch.setattr(station.pins.pin(PULSE), "_change_state", fail)
        with pytest.raises(HardwareError, match="contactor coil on GPIO17"):
            board.outputs_off()
    assert station.duty() == "0" and station.level(TEST) == 0
    board.close()


def test_close_releases_everything_even_when_an_output_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = Station(tmp_path)
    board = station.open()

    def fail(value: bool) -> None:
        raise OSError("line lost")

    with monkeypatch.context() as patch:
        patch.setattr(station.pins.pin(LOCK), "_change_state", fail)
        with pytest.raises(HardwareError, match="lock motor on GPIO20"):
            board.close()
    station.open().close()  # every line is free again


def test_a_part_that_cannot_be_opened_leaves_the_rest_off_and_free(tmp_path: Path) -> None:
    station = Station(tmp_path)
    channel = station.kernel.add_channel(station.chip, 0, period="1000000", duty_cycle="533000", enable="1")
    station.spi.error = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(HardwareError, match=r"spidev0\.0"):
        station.open()
    assert value(channel, "duty_cycle") == "0"  # a running generator was stopped before the ADC failed
    assert station.pins.pin(COIL).function == "input"
    station.spi.error = None
    station.open().close()


def test_a_minimal_board_has_none_for_what_it_lacks(tmp_path: Path) -> None:
    station = Station(tmp_path)
    evse = station.profile.evses[0]
    assert evse.adc
    bare = dataclasses.replace(
        evse, tethered=True, cable_ma=32000, mirror=None, residual_current=None, residual_current_test=None,
        lock=None, adc=dataclasses.replace(evse.adc, proximity_channel=None),
    )  # fmt: skip
    board = station.open(dataclasses.replace(station.profile, evses=(bare,), watchdog=None))
    (parts,) = board.evses
    assert (parts.residual_current, parts.proximity, parts.lock, board.watchdog) == (None,) * 4
    assert parts.contactor.mirror_closed() is None
    board.close()


@pytest.mark.parametrize("missing", ["contactor", "pwm", "adc"])
def test_an_incomplete_profile_is_refused(tmp_path: Path, missing: str) -> None:
    station = Station(tmp_path)
    evse = dataclasses.replace(station.profile.evses[0], **{missing: None})
    with pytest.raises(ProfileError, match=rf"evse\[1\]\.{missing}: found nothing"):
        station.open(dataclasses.replace(station.profile, evses=(evse,)))
    assert station.pins.pin(COIL).function == "input"


def test_a_tick_of_python_work_is_short(tmp_path: Path) -> None:
    """Without the SPI burst: 200 us on a desktop; four times that for a loaded machine, best of five."""
    station = Station(tmp_path)
    board = station.open()
    (evse,) = board.evses
    frozen = evse.pilot.adc._burst.transfer()  # type: ignore[attr-defined]
    evse.pilot.adc._burst.transfer = lambda: frozen  # type: ignore[attr-defined]
    assert evse.residual_current and evse.lock and board.watchdog
    lock, residual_current, watchdog = evse.lock, evse.residual_current, board.watchdog

    def tick() -> None:
        board.refresh()
        evse.pilot.sample()
        evse.contactor.mirror_closed()
        residual_current.tripped()
        lock.locked()
        evse.pilot.set_duty(533)
        evse.contactor.set_closed(False)
        watchdog.pulse()

    best_s = min(timeit.repeat(tick, number=50, repeat=5)) / 50
    assert best_s < 800e-6
    board.close()


def test_service_board_of_a_simulated_station_opens_nothing_yet(tmp_path: Path) -> None:
    board: ServiceBoard = RaspberryServiceBoard(load_profile("simulated", evses=2), tmp_path)
    assert board.meter(1) is not None and board.meter(2) is not None and board.meter(3) is None
    assert board.meter(1) is not board.meter(2)
    assert [evse_id for _, evse_id in board.readers] == [None]
    assert board.indicator(1) is None
    asyncio.run(board.close())


def test_service_board_closes_all_and_raises_the_first_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = RaspberryServiceBoard(load_profile("simulated", evses=2), tmp_path)
    closed: list[int] = []

    class Device:
        def __init__(self, number: int) -> None:
            self.number = number

        async def close(self) -> None:
            closed.append(self.number)
            raise HardwareError(f"device {self.number}")

    monkeypatch.setattr(board, "_meters", {1: Device(1), 2: Device(2)})
    monkeypatch.setattr(board, "_readers", [(Device(3), None)])
    with pytest.raises(HardwareError, match="device 1"):
        asyncio.run(board.close())
    assert closed == [1, 2, 3]


def test_temperatures_panel_and_phase_switch(tmp_path: Path) -> None:
    station = Station(tmp_path)
    (tmp_path / "sys/class/hwmon/hwmon1").mkdir(parents=True)
    (tmp_path / "sys/class/hwmon/hwmon1/temp1_input").write_text("31250\n")
    file = TemperatureProfile("air", path="/sys/class/hwmon/hwmon1/temp1_input")
    evse = dataclasses.replace(
        station.profile.evses[0],
        temperatures=(TemperatureProfile("plug", adc_channel=2, pullup_ohm=5_000), file),
        phase_switch=PhaseSwitchProfile(PinProfile(16), PinProfile(19, False, "up")),
    )
    profile = dataclasses.replace(
        station.profile,
        evses=(evse,),
        emergency_stop=PinProfile(5, True, "up"),
        enclosure=PinProfile(6, True, "up"),
    )
    board: SafetyBoard = station.open(profile)
    try:
        (part,) = board.evses
        plug, air = part.temperatures
        assert (plug.name, air.name) == ("plug", "air")
        assert 20_000 < plug.read_mdeg_c() < 30_000  # 1100 ohm: code 738 of 4096
        deadline_s = time.monotonic() + 5
        while True:
            try:
                assert air.read_mdeg_c() == 31_250
                break
            except HardwareError:
                assert time.monotonic() < deadline_s, "the helper reads the file"
                time.sleep(0.01)
        assert board.emergency_stop is not None and board.emergency_stop.active(), "nothing is connected"
        station.pins.pin(5).drive_low()
        assert not board.emergency_stop.active()
        assert board.enclosure is not None and board.enclosure.active()
        assert part.phase_switch is not None
        part.phase_switch.set_three_phase(True)
        board.outputs_off()
        assert station.level(16) == 1, "it moves after the contactor, not with it"
    finally:
        board.close()
    assert station.pins.pin(16).function == "input"
