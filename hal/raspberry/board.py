"""The safety board of a Raspberry Pi, put together from a profile.

Owns: opening and closing the drivers in a safe order. Refuses to know: when to switch what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hal.interface import (
    DUTY_STEADY_LOW,
    EvseBoard,
    HardwareError,
    LockDrive,
    PilotSample,
    TemperatureSensor,
)
from hal.profile import (
    AdcProfile,
    BoardProfile,
    EvseProfile,
    PinProfile,
    ProfileError,
    PwmProfile,
    TemperatureProfile,
)
from hal.raspberry.contactor import GpioContactor
from hal.raspberry.gpio import GpioInput
from hal.raspberry.lock import GpioLock
from hal.raspberry.phase_switch import GpioPhaseSwitch
from hal.raspberry.pilot_adc import PilotAdc
from hal.raspberry.pilot_pwm import PilotPwm
from hal.raspberry.proximity import AdcProximity
from hal.raspberry.residual_current import GpioResidualCurrent
from hal.raspberry.sysfs_reader import SysfsReader
from hal.raspberry.temperature import AdcTemperature, SysfsTemperature
from hal.raspberry.watchdog import GpioWatchdog


@dataclass(frozen=True)
class Makers:
    """How the drivers that need more than a pin are made; tests hand in ones that know a fake kernel."""

    pwm: Callable[[PwmProfile, Path], PilotPwm] = PilotPwm
    adc: Callable[[AdcProfile, Path], PilotAdc] = PilotAdc
    proximity: Callable[[AdcProfile, Path], AdcProximity] = AdcProximity
    temperature: Callable[[TemperatureProfile, AdcProfile, Path], AdcTemperature] = AdcTemperature
    files: Callable[[Sequence[Path]], SysfsReader] = SysfsReader


@dataclass(frozen=True, slots=True)
class RaspberryPilot:
    """``hal.interface.Pilot``: hardware PWM out, ADC burst in."""

    pwm: PilotPwm
    adc: PilotAdc

    def set_duty(self, duty_pm: int) -> None:
        self.pwm.set_duty(duty_pm)

    def sample(self) -> PilotSample:
        return self.adc.sample()


@dataclass(frozen=True, slots=True)
class RaspberryEvse:
    """``hal.interface.EvseBoard``."""

    evse_id: int
    pilot: RaspberryPilot
    contactor: GpioContactor
    residual_current: GpioResidualCurrent | None
    proximity: AdcProximity | None
    lock: GpioLock | None
    temperatures: Sequence[TemperatureSensor]
    phase_switch: GpioPhaseSwitch | None


class RaspberrySafetyBoard:
    """``hal.interface.SafetyBoard``. Every output is at its safe level once the constructor returns.

    ``pin_factory`` is gpiozero's (None = its own choice). Raises ``HardwareError``, ``ProfileError``.
    """

    def __init__(
        self,
        profile: BoardProfile,
        root: Path = Path("/"),
        *,
        pin_factory: Any = None,
        makers: Makers | None = None,
    ) -> None:
        self._root = root
        self._pin_factory = pin_factory
        self._makers = makers or Makers()
        self._off: list[Callable[[], None]] = []
        with ExitStack() as opened:
            # Everything that is driven comes before everything that is read: whatever fails to open later
            # (a dead ADC, a lost sensor), contactors, test outputs, lock motors and pilots are off by then.
            contactors = [self._contactor(evse, opened) for evse in profile.evses]
            detectors = [self._detector(evse, opened) for evse in profile.evses]
            locks = [self._lock(evse, opened) for evse in profile.evses]
            generators = [self._generator(evse, opened) for evse in profile.evses]
            files = self._files(profile, opened)
            self._evses = [
                self._evse(evse, contactor, detector, lock, pwm, files, opened)
                for evse, contactor, detector, lock, pwm in zip(
                    profile.evses, contactors, detectors, locks, generators, strict=True
                )
            ]
            self._emergency_stop = self._input(profile.emergency_stop, "emergency stop", opened)
            self._enclosure = self._input(profile.enclosure, "enclosure switch", opened)
            self._watchdog: GpioWatchdog | None = None
            if profile.watchdog:
                self._watchdog = GpioWatchdog(profile.watchdog, pin_factory)
                opened.callback(self._watchdog.close)
                self._off.append(self._watchdog.off)
            self._opened = opened.pop_all()

    @property
    def evses(self) -> Sequence[EvseBoard]:
        return self._evses

    @property
    def watchdog(self) -> GpioWatchdog | None:
        return self._watchdog

    @property
    def emergency_stop(self) -> GpioInput | None:
        return self._emergency_stop

    @property
    def enclosure(self) -> GpioInput | None:
        return self._enclosure

    def refresh(self) -> None:
        """Nothing to prepare: every input is read when asked."""

    def outputs_off(self) -> None:
        """Contactors first, then tests, locks, pilots, watchdog: all are tried; phase switches stay.

        Raises the first ``HardwareError``.
        """
        first: HardwareError | None = None
        for off in self._off:
            try:
                off()
            except HardwareError as error:
                first = first or error
        if first:
            raise first

    def close(self) -> None:
        """Outputs off, then release all devices. Raises the first ``HardwareError``; all are released."""
        with self._opened:
            self.outputs_off()

    def _contactor(self, evse: EvseProfile, opened: ExitStack) -> GpioContactor:
        if evse.contactor is None:
            raise _incomplete(evse, "contactor")
        contactor = GpioContactor(evse.contactor, evse.mirror, self._pin_factory)
        opened.callback(contactor.close)
        self._off.append(lambda: contactor.set_closed(False))
        return contactor

    def _detector(self, evse: EvseProfile, opened: ExitStack) -> GpioResidualCurrent | None:
        if not evse.residual_current:
            return None
        detector = GpioResidualCurrent(evse.residual_current, evse.residual_current_test, self._pin_factory)
        opened.callback(detector.close)
        self._off.append(lambda: detector.set_test(False))
        return detector

    def _lock(self, evse: EvseProfile, opened: ExitStack) -> GpioLock | None:
        if not evse.lock:
            return None
        lock = GpioLock(evse.lock, self._pin_factory)
        opened.callback(lock.close)
        self._off.append(lambda: lock.drive(LockDrive.OFF))
        return lock

    def _generator(self, evse: EvseProfile, opened: ExitStack) -> PilotPwm:
        if evse.pwm is None:
            raise _incomplete(evse, "pwm")
        pwm = self._makers.pwm(evse.pwm, self._root)
        opened.callback(pwm.close)
        self._off.append(lambda: pwm.set_duty(DUTY_STEADY_LOW))
        return pwm

    def _input(self, profile: PinProfile | None, name: str, opened: ExitStack) -> GpioInput | None:
        if profile is None:
            return None
        line = GpioInput(profile, name, self._pin_factory)
        opened.callback(line.close)
        return line

    def _files(self, profile: BoardProfile, opened: ExitStack) -> dict[str, SysfsTemperature]:
        """The sensors that are files, by path: one helper process reads them all."""
        sensors = [sensor for evse in profile.evses for sensor in evse.temperatures if sensor.path]
        if not sensors:
            return {}
        reader = self._makers.files([self._root / sensor.path.lstrip("/") for sensor in sensors])
        opened.callback(reader.close)
        return {
            sensor.path: SysfsTemperature(sensor.name, reader, index) for index, sensor in enumerate(sensors)
        }

    def _evse(
        self,
        evse: EvseProfile,
        contactor: GpioContactor,
        detector: GpioResidualCurrent | None,
        lock: GpioLock | None,
        pwm: PilotPwm,
        files: dict[str, SysfsTemperature],
        opened: ExitStack,
    ) -> RaspberryEvse:
        if evse.adc is None:
            raise _incomplete(evse, "adc")
        adc = self._makers.adc(evse.adc, self._root)
        opened.callback(adc.close)
        proximity = None
        if evse.adc.proximity_channel is not None:
            proximity = self._makers.proximity(evse.adc, self._root)
            opened.callback(proximity.close)
        temperatures: list[TemperatureSensor] = []
        for sensor in evse.temperatures:
            if sensor.path:
                temperatures.append(files[sensor.path])
                continue
            thermometer = self._makers.temperature(sensor, evse.adc, self._root)
            opened.callback(thermometer.close)
            temperatures.append(thermometer)
        phase_switch = None
        if evse.phase_switch:
            phase_switch = GpioPhaseSwitch(evse.phase_switch, self._pin_factory)
            opened.callback(phase_switch.close)
        return RaspberryEvse(
            evse.evse_id,
            RaspberryPilot(pwm, adc),
            contactor,
            detector,
            proximity,
            lock,
            temperatures,
            phase_switch,
        )


def _incomplete(evse: EvseProfile, name: str) -> ProfileError:
    return ProfileError(
        f"evse[{evse.evse_id}].{name}: found nothing; expected on a raspberry board; "
        f"add [evse.{name}] to the profile"
    )
