"""The kernel's PWM class in sysfs as a directory tree that refuses what the kernel refuses.

``write`` stands in for writes to sysfs: it keeps the rules of drivers/pwm (a duty above the period, or any
change while the period is 0, is EINVAL; polarity only while disabled) and a log of (file, text).
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

FRESH = {"period": "0", "duty_cycle": "0", "polarity": "normal", "enable": "0"}


class FakePwm:
    """One or more pwmchips below ``root``; ``udev_after`` sleeps until an exported channel appears."""

    def __init__(self, root: Path, *, channels: int = 2, udev_after: int = 0) -> None:
        self.root = root
        self.log: list[tuple[str, str]] = []
        self.slept_s = 0.0
        self._channels = channels
        self._udev_after = udev_after
        self._exported: list[Path] = []
        (root / "sys/class/pwm").mkdir(parents=True)

    def add_chip(self, number: int, device: str) -> Path:
        chip = self.root / f"sys/devices/platform/soc/{device}/pwm/pwmchip{number}"
        chip.mkdir(parents=True)
        (chip / "device").symlink_to(f"../../../{device}")
        (chip / "export").touch()
        link = self.root / f"sys/class/pwm/pwmchip{number}"
        link.symlink_to(os.path.relpath(chip, link.parent))
        return link

    def add_channel(self, chip: Path, number: int, **values: str) -> Path:
        channel = chip / f"pwm{number}"
        channel.mkdir()
        for name, text in {**FRESH, **values}.items():
            (channel / name).write_text(text + "\n")
        return channel

    def write(self, path: Path, text: str) -> None:
        self.log.append((path.name, text))
        if path.name == "export":
            self._export(path.parent, int(text))
            return
        values = {name: (path.parent / name).read_text().strip() for name in FRESH}
        values[path.name] = text
        if path.name == "polarity" and values["enable"] == "1":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if int(values["period"]) == 0 or int(values["duty_cycle"]) > int(values["period"]):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        path.write_text(text + "\n")

    def sleep(self, seconds: float) -> None:
        """What udev does happens while the driver sleeps."""
        self.slept_s += seconds
        self._udev_after -= 1
        if self._udev_after <= 0:
            for channel in self._exported:
                self.add_channel(channel.parent, int(channel.name[3:]))
            self._exported.clear()

    def clock(self) -> float:
        return self.slept_s

    def _export(self, chip: Path, number: int) -> None:
        if number >= self._channels:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        channel = chip / f"pwm{number}"
        if self._udev_after > 0:
            self._exported.append(channel)
        elif channel.exists():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        else:
            self.add_channel(chip, number)


def value(channel: Path, name: str) -> str:
    """What the kernel would hold: a file keeps the tail of a longer earlier write, sysfs does not."""
    return (channel / name).read_text().splitlines()[0]
