"""The choice of drivers."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from hal.board import open_safety_board, open_service_board
from hal.interface import HardwareError
from hal.profile import ProfileError, load_profile


def test_raspberry_opens_real_drivers_below_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With mock pins the contactor opens; the PWM is then looked for in the root that was given."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    from gpiozero import Device

    monkeypatch.setattr(Device, "pin_factory", None)
    with pytest.raises(HardwareError, match=rf"no PWM chip in {tmp_path}/sys/class/pwm"):
        open_safety_board(load_profile("reference-pi4"), tmp_path)


def test_simulated_looks_for_the_bench_below_the_root(tmp_path: Path) -> None:
    board = open_safety_board(load_profile("simulated", evses=2), tmp_path)
    assert [evse.evse_id for evse in board.evses] == [1, 2]
    with pytest.raises(HardwareError, match=rf"{tmp_path}/run/board\.sock"):
        board.refresh()


@pytest.mark.parametrize("name", ["simulated", "reference-pi4"])
def test_service_board_is_the_real_one_for_both(tmp_path: Path, name: str) -> None:
    board = open_service_board(load_profile(name), tmp_path)
    assert type(board).__name__ == "RaspberryServiceBoard"
    assert board.meter(1) is not None and len(board.readers) == 1


def test_unknown_driver_is_refused_by_both(tmp_path: Path) -> None:
    profile = dataclasses.replace(load_profile("simulated"), driver="arduino")
    for opener in (open_safety_board, open_service_board):
        with pytest.raises(ProfileError, match='driver: found "arduino"; accepted: "raspberry", "simulated"'):
            opener(profile, tmp_path)


def test_importing_the_factory_and_the_drivers_loads_no_pi_library() -> None:
    code = (
        "import sys, hal.board, hal.profile, hal.raspberry.board\n"
        "heavy = {'gpiozero', 'spidev', 'pymodbus', 'serial', 'asyncio'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
