"""The pilot's 1 kHz generator: one channel of the kernel's hardware PWM in sysfs.

Owns: finding the chip by its device, the order of writes the kernel accepts, the duty.
Refuses to know: what a duty means to a vehicle.

Hardware PWM runs without the CPU: it keeps its exact period while Python stalls, and it also outlives this
process with the last duty. Therefore the first thing done to a channel is duty 0 (state F).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from hal.interface import DUTY_STEADY_HIGH, HardwareError
from hal.profile import PwmProfile

PERIOD_NS = 1_000_000
"""IEC 61851-1 Annex A: 1 kHz."""

READY_WITHIN_S = 10.0
"""How long udev may take to hand a freshly exported channel to the group gpio."""

POLL_S = 0.02

Write = Callable[[Path, str], None]


def write_text(path: Path, text: str) -> None:
    """One write to a sysfs file. Raises ``OSError``."""
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, f"{text}\n".encode())
    finally:
        os.close(fd)


class PilotPwm:
    """The generator, running at duty 0 (steady -12 V, state F) when created.

    Blocks up to ``READY_WITHIN_S`` when created, never later. ``write`` and ``sleep`` are for tests.
    Raises ``HardwareError``.
    """

    def __init__(
        self,
        profile: PwmProfile,
        root: Path = Path("/"),
        *,
        write: Write = write_text,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        chip = find_chip(root, profile.device)
        self._channel = chip / f"pwm{profile.channel}"
        self._export(chip, profile.channel)
        self._wait_writable(sleep, clock)
        self._start("inversed" if profile.inverted else "normal")
        try:
            self._duty_fd = os.open(self._channel / "duty_cycle", os.O_WRONLY)
        except OSError as error:
            raise self._failed("duty_cycle", "opened", error) from error

    def set_duty(self, duty_pm: int) -> None:
        """0 = steady low (F), 1000 = steady high (x1), else PWM in permille: one system call.

        Raises ``ValueError`` outside 0..1000, ``HardwareError`` when the kernel refuses.
        """
        if not 0 <= duty_pm <= DUTY_STEADY_HIGH:
            raise ValueError(f"pilot duty {duty_pm} permille; accepted: 0..{DUTY_STEADY_HIGH}")
        try:
            os.pwrite(self._duty_fd, b"%d\n" % (duty_pm * PERIOD_NS // 1000), 0)
        except OSError as error:
            raise self._failed("duty_cycle", "written", error) from error

    def close(self) -> None:
        """Release the file. The channel stays exported and enabled: unexporting would let the pin float."""
        if self._duty_fd >= 0:
            os.close(self._duty_fd)
            self._duty_fd = -1

    def _export(self, chip: Path, channel: int) -> None:
        if self._channel.is_dir():
            return
        try:
            self._write(chip / "export", str(channel))
        except OSError as error:
            if error.errno != errno.EBUSY:  # EBUSY: exported meanwhile
                raise HardwareError(
                    f"PWM channel {channel} cannot be exported on {chip}: {error.strerror}; expected a "
                    f"channel of this chip: check evse.pwm.channel and dtoverlay (hardware/pinout.md)"
                ) from error

    def _wait_writable(self, sleep: Callable[[float], None], clock: Callable[[], float]) -> None:
        needed = [self._channel / name for name in ("period", "duty_cycle", "enable", "polarity")]
        deadline = clock() + READY_WITHIN_S
        while not all(os.access(path, os.W_OK) for path in needed):
            if clock() >= deadline:
                closed = next(path for path in needed if not os.access(path, os.W_OK))
                problem = "not writable" if closed.exists() else "missing"
                raise HardwareError(
                    f"{closed} is {problem} {READY_WITHIN_S:.0f} s after export; expected write access: "
                    f"join the group gpio and install the udev rules (systemd/)"
                )
            sleep(POLL_S)

    def _start(self, polarity: str) -> None:
        """Duty 0 first, whatever ran before; polarity only while disabled; then period, duty, enable.

        The kernel refuses (EINVAL) a duty above the period, so it refuses every duty, and every polarity, on
        a fresh channel, whose period is 0. Such a channel has never run: it needs no stopping.
        """
        if self._read("period") != "0":
            self._set("duty_cycle", "0")
        self._set("period", str(PERIOD_NS))
        self._set("duty_cycle", "0")
        if self._read("polarity") != polarity:
            if self._read("enable") != "0":
                self._set("enable", "0")
            self._set("polarity", polarity)
        self._set("enable", "1")

    def _read(self, name: str) -> str:
        try:
            return (self._channel / name).read_text().strip()
        except OSError as error:
            raise self._failed(name, "read", error) from error

    def _set(self, name: str, text: str) -> None:
        try:
            self._write(self._channel / name, text)
        except OSError as error:
            raise self._failed(name, f'set to "{text}"', error) from error

    def _failed(self, name: str, verb: str, error: OSError) -> HardwareError:
        return HardwareError(
            f"{self._channel / name} cannot be {verb}: {error.strerror}; expected the hardware PWM of "
            f"the pilot: see that no other program uses the channel and restart the safety process"
        )


def find_chip(root: Path, device: str) -> Path:
    """The pwmchip whose ``device`` link leads through ``device`` (its number differs between kernels).

    Raises ``HardwareError`` when none or more than one does.
    """
    folder = root / "sys/class/pwm"
    devices = {chip: os.path.realpath(chip / "device") for chip in sorted(folder.glob("pwmchip*"))}
    matching = [chip for chip, path in devices.items() if device in path]
    if len(matching) == 1:
        return matching[0]
    found = ", ".join(f"{chip.name} -> {path}" for chip, path in devices.items()) or "no pwmchip"
    problem = "more than one" if matching else "no"
    raise HardwareError(
        f'{problem} PWM chip in {folder} matches evse.pwm.device = "{device}"; found {found}; '
        f"expected exactly one: add the dtoverlay line of hardware/pinout.md to config.txt and reboot, "
        f"or correct the key"
    )
