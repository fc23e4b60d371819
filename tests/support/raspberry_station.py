"""``python -m tests.support.raspberry_station --root DIR ...``: the real safety process on a Pi of files.

Everything above the kernel is what ships: ``controller.safety``, the raspberry drivers, gpiozero. Below it,
``DIR`` holds what outlives a process on a real Pi: sysfs' PWM channel (files), and the levels of the GPIO
lines (``DIR/gpio/<number>``, written by gpiozero's mock pins). A vehicle ("A", "B" or "C" in
``DIR/vehicle``), the contactor with its mirror, the detector and the ADC live in each tick's SPI transfer.

SIGUSR1 lets the next tick end in an exception that nobody expects.
"""

from __future__ import annotations

import runpy
import signal
import sys
import time
from ctypes import memmove, string_at
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.support.fake_pwm import FakePwm, value
from tests.support.fake_spi import FakeSpi, PilotWave

COIL, MIRROR, FAULT, TEST, FEED = 17, 27, 24, 25, 22
PROFILE = f"""
name = "files"
driver = "raspberry"
watchdog = {{ pin = {FEED} }}
[[evse]]
rating_ma = 16000
tethered = true
cable_ma = 16000
pwm = {{ device = "fe20c000.pwm", channel = 0 }}
contactor = {{ pin = {COIL} }}
mirror = {{ pin = {MIRROR}, active_high = false, pull = "up" }}
residual_current = {{ pin = {FAULT}, active_high = true, pull = "up" }}
residual_current_test = {{ pin = {TEST} }}
[evse.adc]
model = "MCP3208"
spi = "0.0"
speed_hz = 1000000
pilot_channel = 0
pilot_gain_uv = 7117
pilot_offset_mv = -15510
"""
LEVELS_MV = {"A": 12_000, "B": 8_980, "C": 5_990}
BURST_NS = 3_400_000
"""What a burst of 80 takes on the bus; the driver measures it when it opens."""


class Station:
    """The directory of one station: prepared by a test, read by it after the process is gone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.profile = root / "board.toml"
        self.vehicle = root / "vehicle"

    def build(self) -> Station:
        pwm = FakePwm(self.root)
        pwm.add_channel(pwm.add_chip(0, "fe20c000.pwm"), 0)
        for name in ("dev", "gpio"):
            (self.root / name).mkdir()
        (self.root / "dev/spidev0.0").touch()
        self.profile.write_text(PROFILE)
        self.vehicle.write_text("A")
        return self

    def command(self, *more: str) -> list[str]:
        """How the process is started, the way its unit file does."""
        options = ["--board", str(self.profile), "--runtime", str(self.root), "--root", str(self.root)]
        return [sys.executable, "-m", "tests.support.raspberry_station", *options, *more]

    def level(self, line: int) -> bool:
        """What is driven on a GPIO line, also by a process that is dead."""
        return (self.root / f"gpio/{line}").read_text() == "1"

    def pwm(self, name: str) -> int:
        return int(value(self.root / "sys/class/pwm/pwmchip0/pwm0", name))


class World:
    """What happens behind the pins, moved on with every burst of the ADC."""

    def __init__(self, station: Station, factory: Any) -> None:
        self._station = station
        self._factory = factory
        self.bus_ns = 0
        self._bursts: dict[tuple[str, int], bytes] = {}

    def ioctl(self, fd: int, request: int, argument: bytearray) -> int:
        vehicle = self._station.vehicle.read_text() or "A"
        self._follow()
        self.bus_ns += BURST_NS
        return self._burst(vehicle, self._station.pwm("duty_cycle") // 1000, fd, request, argument)

    def _follow(self) -> None:
        pin = self._factory.pin
        for line, low in ((MIRROR, pin(COIL).state), (FAULT, not pin(TEST).state)):
            if pin(line).function == "input":  # None of them is, while the board is being opened.
                pin(line).drive_low() if low else pin(line).drive_high()

    def _burst(self, vehicle: str, duty_pm: int, fd: int, request: int, argument: bytearray) -> int:
        if len(argument) < 32:
            return 0  # the mode of the bus
        rx = int.from_bytes(argument[8:16], sys.byteorder)
        size = len(argument) // 32 * 3
        known = self._bursts.get((vehicle, duty_pm))
        if known is None:
            wave = PilotWave(duty_pm, LEVELS_MV[vehicle], -12_000)
            FakeSpi(wave.code).ioctl(fd, request, argument)
            known = self._bursts[vehicle, duty_pm] = string_at(rx, size)
        memmove(rx, known, size)
        return size


def main() -> None:
    import gpiozero
    from gpiozero.pins.mock import MockFactory, MockPin

    from hal.raspberry import spi_burst
    from hal.raspberry.pilot_adc import PilotAdc

    station = Station(Path(sys.argv[sys.argv.index("--root") + 1]))

    class FilePin(MockPin):  # type: ignore[misc]
        """An output that keeps its level when its process dies, as the lines of a Pi do."""

        def _change_state(self, level: bool) -> bool:
            if self.function == "output":
                (station.root / f"gpio/{self.info.name.removeprefix('GPIO')}").write_text(str(int(level)))
            return bool(super()._change_state(level))

        def _set_function(self, function: str) -> None:
            super()._set_function(function)
            if function == "output":
                self._change_state(self._state)

    factory = gpiozero.Device.pin_factory = MockFactory(pin_class=FilePin)
    world = World(station, factory)
    vars(spi_burst)["fcntl"] = SimpleNamespace(ioctl=world.ioctl)
    vars(PilotAdc)["__init__"].__kwdefaults__["clock_ns"] = lambda: world.bus_ns
    crash: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, _frame: crash.append(number))

    actual_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if crash:
            raise RuntimeError("nobody expects this")
        actual_sleep(seconds)

    vars(time)["sleep"] = sleep
    runpy.run_module("controller.safety", run_name="__main__")


if __name__ == "__main__":
    main()
