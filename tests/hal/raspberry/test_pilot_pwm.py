"""The pilot generator on a fake sysfs tree that refuses what the kernel refuses."""

import errno
import os
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.profile import PwmProfile
from hal.raspberry.pilot_pwm import READY_WITHIN_S, PilotPwm, find_chip, write_text
from tests.support.fake_pwm import FakePwm, value

DEVICE = "fe20c000.pwm"


def open_pwm(kernel: FakePwm, channel: int = 0, inverted: bool = False) -> PilotPwm:
    profile = PwmProfile(DEVICE, channel, inverted)
    return PilotPwm(profile, kernel.root, write=kernel.write, sleep=kernel.sleep, clock=kernel.clock)


def test_fresh_channel_period_first_then_duty_then_enable(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)
    pwm = open_pwm(kernel)
    assert kernel.log == [("export", "0"), ("period", "1000000"), ("duty_cycle", "0"), ("enable", "1")]
    assert value(chip / "pwm0", "enable") == "1"
    pwm.close()


def test_running_channel_is_brought_to_state_f_before_anything(tmp_path: Path) -> None:
    """A crash leaves the PWM running with its last offer."""
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)
    kernel.add_channel(chip, 0, period="2000000", duty_cycle="1066000", enable="1")
    open_pwm(kernel).close()
    assert kernel.log == [("duty_cycle", "0"), ("period", "1000000"), ("duty_cycle", "0"), ("enable", "1")]


def test_polarity_is_changed_only_while_disabled(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)
    kernel.add_channel(chip, 1, period="1000000", duty_cycle="266000", enable="1")
    open_pwm(kernel, channel=1, inverted=True).close()
    assert kernel.log[0] == ("duty_cycle", "0")
    assert kernel.log[-3:] == [("enable", "0"), ("polarity", "inversed"), ("enable", "1")]
    kernel.log.clear()
    open_pwm(kernel, channel=1, inverted=True).close()
    assert ("polarity", "inversed") not in kernel.log and ("enable", "0") not in kernel.log


@pytest.mark.parametrize(
    ("duty_pm", "duty_ns"), [(0, "0"), (1000, "1000000"), (100, "100000"), (533, "533000")]
)
def test_set_duty(tmp_path: Path, duty_pm: int, duty_ns: str) -> None:
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)
    pwm = open_pwm(kernel)
    pwm.set_duty(1000)
    pwm.set_duty(duty_pm)
    assert value(chip / "pwm0", "duty_cycle") == duty_ns
    pwm.close()


@pytest.mark.parametrize("duty_pm", [-1, 1001])
def test_duty_outside_permille_is_refused(tmp_path: Path, duty_pm: int) -> None:
    kernel = FakePwm(tmp_path)
    kernel.add_chip(0, DEVICE)
    pwm = open_pwm(kernel)
    with pytest.raises(ValueError, match=r"0\.\.1000"):
        pwm.set_duty(duty_pm)
    pwm.close()


def test_closed_generator_raises(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    kernel.add_chip(0, DEVICE)
    pwm = open_pwm(kernel)
    pwm.close()
    pwm.close()
    with pytest.raises(HardwareError, match="duty_cycle cannot be written: Bad file descriptor"):
        pwm.set_duty(100)


def test_chip_is_found_by_its_device_not_by_number(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    kernel.add_chip(0, "107d517a80.pwm")
    wanted = kernel.add_chip(7, "1f00098000.pwm")
    assert find_chip(tmp_path, "1f00098000.pwm") == wanted


def test_no_chip_lists_what_is_there(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    with pytest.raises(HardwareError, match="found no pwmchip; expected exactly one: add the dtoverlay"):
        find_chip(tmp_path, DEVICE)
    kernel.add_chip(0, "107d517a80.pwm")
    with pytest.raises(HardwareError, match=r"no PWM chip .* found pwmchip0 -> .*107d517a80\.pwm"):
        find_chip(tmp_path, DEVICE)


def test_two_matching_chips_are_refused(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    kernel.add_chip(0, "107d517a80.pwm")
    kernel.add_chip(1, "1f00098000.pwm")
    with pytest.raises(HardwareError, match="more than one PWM chip"):
        find_chip(tmp_path, ".pwm")


def test_waits_for_udev(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path, udev_after=5)
    kernel.add_chip(0, DEVICE)
    open_pwm(kernel).close()
    assert 0 < kernel.slept_s < 1


def test_wait_is_bounded_and_names_the_file(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path, udev_after=10**6)
    kernel.add_chip(0, DEVICE)
    with pytest.raises(HardwareError, match=r"pwm0/period is missing 10 s after export; .* group gpio"):
        open_pwm(kernel)
    assert READY_WITHIN_S <= kernel.slept_s < READY_WITHIN_S + 1


def test_exported_by_somebody_meanwhile_is_fine(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)

    def write(path: Path, text: str) -> None:
        if path.name == "export":
            kernel.add_channel(chip, 0)
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        kernel.write(path, text)

    PilotPwm(PwmProfile(DEVICE, 0), tmp_path, write=write, sleep=kernel.sleep, clock=kernel.clock).close()
    assert kernel.log[-1] == ("enable", "1")


def test_channel_the_chip_does_not_have(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path, channels=1)
    kernel.add_chip(0, DEVICE)
    with pytest.raises(HardwareError, match=r"channel 1 cannot be exported .* No such device"):
        open_pwm(kernel, channel=1)


def test_refused_write_names_file_and_text(tmp_path: Path) -> None:
    kernel = FakePwm(tmp_path)
    chip = kernel.add_chip(0, DEVICE)
    kernel.add_channel(chip, 0)

    def write(path: Path, text: str) -> None:
        if path.name == "enable":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        kernel.write(path, text)

    with pytest.raises(HardwareError, match='pwm0/enable cannot be set to "1": Invalid argument'):
        PilotPwm(PwmProfile(DEVICE, 0), tmp_path, write=write)


def test_real_writes_reach_files_and_do_not_create_them(tmp_path: Path) -> None:
    file = tmp_path / "enable"
    file.write_text("0")
    write_text(file, "1")
    assert file.read_text() == "1\n"
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none", "1")
