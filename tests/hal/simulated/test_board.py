"""The in-process boards: what the Protocols promise, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from hal.interface import (
    HardwareError,
    IndicatorState,
    LockDrive,
    SafetyBoard,
    ServiceBoard,
    TokenKind,
    TokenRead,
)
from hal.profile import BoardProfile, EvseProfile
from hal.simulated.board import WAITING_CARDS, SimulatedBoard, SimulatedServiceBoard
from hal.simulated.world import World, simulated_profile
from tests.hal.simulated.helpers import Hand


def test_outputs_off_brings_every_output_to_its_safe_level() -> None:
    hand = Hand(World(evses=2, profile=simulated_profile(2, tethered=False)))
    hand.charge()
    assert hand.evse.lock is not None and hand.evse.residual_current is not None
    hand.evse.lock.drive(LockDrive.LOCK)
    hand.evse.residual_current.set_test(True)
    board: SafetyBoard = hand.board
    board.refresh()
    board.outputs_off()
    hand.run(100)
    evse = hand.world.evse(1)
    assert not any(evse.contactor.poles) and evse.wire.high_mv == -12_000
    assert not evse.residual_current.tripped and not evse.lock.bolted
    board.close()


def test_parts_that_the_profile_lacks_are_none_and_no_gate_is_needed() -> None:
    world = World(profile=BoardProfile("bare", "simulated", (EvseProfile(1, 16_000),)))
    board = SimulatedBoard(world)
    evse = board.evses[0]
    assert (evse.residual_current, evse.proximity, evse.lock, board.watchdog) == (None, None, None, None)
    evse.contactor.set_closed(True)
    world.advance(100_000)
    assert evse.contactor.mirror_closed() is None and any(world.evse(1).contactor.poles)
    assert SimulatedServiceBoard(world).meter(1) is None
    with pytest.raises(ValueError, match="duty 1001 permille"):
        evse.pilot.set_duty(1001)


def test_refresh_tells_when_the_board_is_silent() -> None:
    world = World()
    world.faults.set("board_silent")
    with pytest.raises(HardwareError, match="clear the fault board_silent"):
        SimulatedBoard(world).refresh()


def test_cards_wait_for_a_reader_and_the_oldest_are_lost_when_too_many() -> None:
    async def main() -> None:
        world = World()
        service: ServiceBoard = SimulatedServiceBoard(world)
        (reader, evse_id) = service.readers[0]
        assert evse_id is None
        for number in range(WAITING_CARDS + 2):
            world.swipe(f"{number:02X}000000")
        assert await reader.read() == TokenRead("02000000", TokenKind.ISO14443)
        await service.close()
        world.swipe("FF000000")
        for _ in range(WAITING_CARDS - 1):
            await reader.read()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(), 0.01)

    asyncio.run(main())


def test_meter_and_indicator() -> None:
    async def main() -> None:
        hand = Hand(World())
        hand.charge()
        service = SimulatedServiceBoard(hand.world)
        meter, indicator = service.meter(1), service.indicator(1)
        assert meter is not None and indicator is not None
        assert (await meter.read()).power_w == 11_054
        assert (await meter.identify()).serial == "SIM00001"
        await indicator.show(IndicatorState.CHARGING)
        assert hand.world.status()["evses"][0]["indicator"] == "charging"
        hand.world.faults.set("meter_silent")
        with pytest.raises(HardwareError, match="clear the fault meter_silent"):
            await meter.read()

    asyncio.run(main())


def test_one_phase_or_three_behind_the_phase_switch() -> None:
    hand = Hand(World(profile=simulated_profile(phase_switch=True)))
    hand.charge()
    switch, evse = hand.evse.phase_switch, hand.world.evse(1)
    assert switch is not None and switch.three_phase() is True and all(hand.current_ma)
    switch.set_three_phase(False)
    hand.run(5_000)
    assert switch.three_phase() is False
    assert hand.current_ma[0] > 0 and hand.current_ma[1:] == (0, 0)
    assert evse.phase_contactor.moved_live == 1, "the world counts what nobody should do"
    assert hand.world.status()["evses"][0]["phases"] == 1


def test_temperature_emergency_stop_and_enclosure() -> None:
    world = World(profile=simulated_profile())
    board: SafetyBoard = SimulatedBoard(world)
    (sensor,) = board.evses[0].temperatures
    assert (sensor.name, sensor.read_mdeg_c()) == ("plug", 25_000)
    world.set_ambient(40_000)
    assert sensor.read_mdeg_c() == 40_000
    assert board.emergency_stop is not None and board.enclosure is not None
    world.faults.set("emergency_stop")
    assert board.emergency_stop.active() and not board.enclosure.active()
    bare = SimulatedBoard(World(profile=BoardProfile("bare", "simulated", (EvseProfile(1, 16_000),))))
    assert (bare.emergency_stop, bare.enclosure) == (None, None)
    assert (bare.evses[0].phase_switch, bare.evses[0].temperatures) == (None, [])
