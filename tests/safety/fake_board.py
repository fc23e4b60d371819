"""A board of plain attributes: what was driven is written down, what breaks is set by name."""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.safety.config import SafetyConfig
from hal.interface import HardwareError, LockDrive, PilotSample
from tests.safety.rig import wire


class Broken(Exception):
    """Something no driver should raise."""


@dataclass
class FakeSensor:
    """A temperature; ``broken`` is what it raises."""

    name: str = "plug"
    mdeg_c: int = 25_000
    broken: Exception | None = None
    reads: int = 0

    def read_mdeg_c(self) -> int:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return self.mdeg_c


@dataclass
class FakeContact:
    """Emergency stop or enclosure switch."""

    pressed: bool = False
    broken: Exception | None = None

    def active(self) -> bool:
        if self.broken is not None:
            raise self.broken
        return self.pressed


@dataclass
class FakeEvse:
    """All parts of one EVSE in one object; ``breaks`` names the calls that raise, ``bug`` how."""

    evse_id: int = 1
    vehicle: str = "A"
    has_lock: bool = False
    duty_pm: int | None = None
    closed: bool = False
    test: bool = False
    drive_now: LockDrive = LockDrive.OFF
    is_tripped: bool = False
    breaks: set[str] = field(default_factory=set)
    bug: type[Exception] = HardwareError
    log: list[str] = field(default_factory=list)
    samples: int = 0
    sensors: list[FakeSensor] = field(default_factory=list)
    has_phase_switch: bool = False
    three: bool = False

    def _do(self, name: str) -> None:
        if name in self.breaks:
            raise self.bug(f"{name} is broken")
        self.log.append(name)

    @property
    def pilot(self) -> FakeEvse:
        return self

    @property
    def contactor(self) -> FakeEvse:
        return self

    @property
    def residual_current(self) -> FakeEvse:
        return self

    @property
    def proximity(self) -> None:
        return None

    @property
    def lock(self) -> FakeEvse | None:
        return self if self.has_lock else None

    @property
    def temperatures(self) -> list[FakeSensor]:
        return self.sensors

    @property
    def phase_switch(self) -> FakeEvse | None:
        return self if self.has_phase_switch else None

    def set_three_phase(self, three: bool) -> None:
        self._do("three phases" if three else "one phase")
        self.three = three

    def three_phase(self) -> bool | None:
        self._do("phases")
        return self.three

    def sample(self) -> PilotSample:
        self._do("sample")
        self.samples += 1
        return wire(self.vehicle, 1000 if self.duty_pm is None else self.duty_pm)

    def set_duty(self, duty_pm: int) -> None:
        self._do("set_duty")
        self.duty_pm = duty_pm

    def set_closed(self, closed: bool) -> None:
        self._do("close" if closed else "open")
        self.closed = closed

    def mirror_closed(self) -> bool | None:
        self._do("mirror")
        return self.closed

    def tripped(self) -> bool:
        self._do("tripped")
        return self.is_tripped

    def set_test(self, active: bool) -> None:
        self._do("set_test")
        self.test = active

    def drive(self, drive: LockDrive) -> None:
        self._do("drive")
        self.drive_now = drive

    def locked(self) -> bool | None:
        return None


@dataclass
class FakeBoard:
    """A ``SafetyBoard`` of ``FakeEvse``."""

    evses: list[FakeEvse]
    breaks: set[str] = field(default_factory=set)
    pulses: int = 0
    off: int = 0
    was_closed: bool = False
    emergency_stop: FakeContact | None = None
    enclosure: FakeContact | None = None

    @property
    def watchdog(self) -> FakeBoard:
        return self

    def pulse(self) -> None:
        if "pulse" in self.breaks:
            raise HardwareError("pulse is broken")
        self.pulses += 1

    def refresh(self) -> None:
        if "refresh" in self.breaks:
            raise HardwareError("refresh is broken")

    def outputs_off(self) -> None:
        self.off += 1
        for evse in self.evses:
            evse.closed, evse.duty_pm = False, 0

    def close(self) -> None:
        self.was_closed = True


def board(count: int = 1) -> tuple[FakeBoard, list[SafetyConfig]]:
    """A board with so many EVSEs and its configurations."""
    numbers = range(1, count + 1)
    configs = [SafetyConfig(evse_id=n, rating_ma=16_000, has_residual_current=True) for n in numbers]
    return FakeBoard([FakeEvse(n) for n in numbers]), configs
