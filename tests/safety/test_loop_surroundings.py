"""The loop with sensors, panel and phase switch: how often they are asked, what an error means."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from controller.safety.config import SafetyConfig
from controller.safety.log import Level, Log
from controller.safety.loop import SafetyLoop
from controller.safety.temperature import Ladder
from hal.interface import HardwareError
from tests.safety.fake_board import Broken, FakeContact, FakeSensor
from tests.safety.test_loop import Bench


def bench(sensors: int = 0, *, switch: bool = False, panel: bool = False) -> Bench:
    """The bench of ``test_loop`` with more parts."""
    made = Bench()
    evse, board = made.evse, made.board
    evse.sensors = [FakeSensor(f"s{number}") for number in range(1, sensors + 1)]
    evse.has_phase_switch = switch
    if panel:
        board.emergency_stop, board.enclosure = FakeContact(), FakeContact()
    ladders = tuple(Ladder(sensor.name) for sensor in evse.sensors)
    config = replace(
        SafetyConfig(evse_id=1, rating_ma=16_000, has_residual_current=True),
        ladders=ladders,
        has_phase_switch=switch,
    )
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    made.stderr = reader
    made.loop = SafetyLoop(board, [config], made.now_ms, Log(Level.DEBUG, writer))
    return made


@pytest.mark.parametrize("sensors", [1, 3, 4])
def test_each_sensor_is_asked_once_a_second_one_per_tick(sensors: int) -> None:
    made = bench(sensors)
    made.run(10_000)
    for sensor in made.evse.sensors:
        assert 9 <= sensor.reads <= 11
    before = [sensor.reads for sensor in made.evse.sensors]
    for _ in range(200):
        made.run(10)
        after = [sensor.reads for sensor in made.evse.sensors]
        assert sum(after) - sum(before) <= 1
        before = after


@pytest.mark.parametrize("error", [HardwareError("wire broken"), Broken("bug")])
def test_a_sensor_that_raises_is_told_once_and_stops_the_charge(error: Exception) -> None:
    made = bench(2).charging()
    made.said()
    made.evse.sensors[1].broken = error
    made.run(4_000)
    made.evse.vehicle = "B"
    made.run(4_000)
    assert made.inhibits() == {"TEMPERATURE_SENSOR_LOST"} and not made.evse.closed
    said = made.said()
    assert said.count("temperature sensor s2: ") == 1 and str(error) in said
    assert all(made.completed), "a sensor is no reason to starve the watchdog"
    made.evse.sensors[1].broken = None
    made.run(14_000)
    assert not made.inhibits() and "temperature sensor s2 answers: 25000 mdeg C" in made.said()


def test_sensors_and_ladders_have_to_match() -> None:
    made = bench(1)
    config = SafetyConfig(evse_id=1, rating_ma=16_000)
    with pytest.raises(ValueError, match="0 temperature ladders for 1 sensors"):
        SafetyLoop(made.board, [config], made.now_ms)


@pytest.mark.parametrize(
    ("part", "name"), [("emergency_stop", "EMERGENCY_STOP"), ("enclosure", "ENCLOSURE_OPEN")]
)
def test_the_panel_opens_in_the_same_tick(part: str, name: str) -> None:
    made = bench(panel=True).charging()
    contact = getattr(made.board, part)
    contact.pressed = True
    made.run(10)
    assert not made.evse.closed and made.inhibits() == {name}


def test_a_contact_that_cannot_be_read_counts_as_pressed_and_is_told_once() -> None:
    made = bench(panel=True).charging()
    made.said()
    assert made.board.emergency_stop is not None
    made.board.emergency_stop.broken = HardwareError("GPIO5 is gone")
    made.run(2_000)
    assert not made.evse.closed and made.inhibits() == {"EMERGENCY_STOP"}
    assert made.said().count("emergency stop: HardwareError: GPIO5 is gone") == 1


def test_a_board_without_inputs_is_silent_not_pressed() -> None:
    made = bench(panel=True).charging()
    made.board.breaks.add("refresh")
    made.run(100)
    assert made.inhibits() == {"BOARD_SILENT"}


def test_the_phase_switch_is_driven_after_opening_and_before_closing() -> None:
    made = bench(switch=True)
    made.run(4_000)
    assert made.evse.three
    outputs = [name for name in made.evse.log if name in ("open", "three phases", "one phase")]
    assert outputs[:2] == ["open", "one phase"] and outputs[-2:] == ["open", "three phases"]
    made.evse.vehicle = "C"
    made.run(10_000)
    outputs = [name for name in made.evse.log if name in ("open", "close", "three phases", "one phase")]
    assert made.evse.closed and outputs[-2:] == ["three phases", "close"]


def test_a_switch_that_cannot_be_driven_opens() -> None:
    made = bench(switch=True)
    made.run(4_000)
    made.evse.vehicle = "C"
    made.run(10_000)
    assert made.evse.closed
    made.evse.breaks.add("three phases")
    made.run(1_000)
    assert not made.evse.closed and "BOARD_SILENT" in made.inhibits()


def test_a_bug_in_the_step_leaves_the_switch_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made = bench(switch=True)
    made.run(4_000)
    made.evse.vehicle = "C"
    made.run(10_000)
    made.evse.log.clear()

    def bug(*_: object) -> None:
        raise Broken("a bug")

    with monkeypatch.context() as patch:
        patch.setattr("controller.safety.core._duty", bug)
        made.run(100)
    made.run(30)
    assert not made.evse.closed or made.evse.three
    assert "one phase" not in made.evse.log
