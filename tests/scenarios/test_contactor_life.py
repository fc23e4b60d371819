"""A contactor's operations, counted over restarts of both processes, with few writes."""

from __future__ import annotations

from pathlib import Path

from controller.domain.events import ContactorUsed, SessionEnded, TransactionEnded
from controller.safety.__main__ import config_of
from controller.safety.loop import SafetyLoop
from hal.simulated.board import SimulatedBoard
from tests.support.csms import FakeCsms
from tests.support.house import House
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"


async def charge_once(house: House) -> None:
    ended = len(house.happened(TransactionEnded))
    left = len(house.happened(SessionEnded))
    house.world.plug(1, max_ma=16_000)
    await house.sleep(1)
    house.world.swipe(CARD)
    await house.until(house.charging, "current flows")
    house.world.swipe(CARD)
    await house.until(lambda: len(house.happened(TransactionEnded)) > ended, "the transaction ends")
    await house.until(lambda: not house.world.evse(1).lock.bolted, "the plug is released")
    house.world.unplug(1)
    await house.until(lambda: len(house.happened(SessionEnded)) > left, "the session ends")
    await house.sleep(2)


def restart_safety(house: House) -> None:
    board = SimulatedBoard(house.world)
    parts = zip(house.world.profile.evses, board.evses, strict=True)
    configs = [config_of(evse, part) for evse, part in parts]
    house.safety = SafetyLoop(board, configs, house.clock.now().mono_ms)


def test_operations_add_up_over_restarts_of_both_processes(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, "ocpp1.6") as house:
            await house.online()
            await charge_once(house)
            await charge_once(house)
            await house.restart_controller(1)
            await house.online()
            await charge_once(house)
            restart_safety(house)
            await house.sleep(2)
            await charge_once(house)
            await house.kill_controller()
            restart_safety(house)
            await house.sleep(1)
            house.start_controller()
            await house.online()
            await charge_once(house)

            (row,) = house.app.facade.contactors() if house.app else ()
            assert row["operations"] == 5
            assert house.world.evse(1).contactor.operations == 10, "five times closed, five times opened"
            assert row["openings_under_load"] == 0
            assert 10_000 <= row["close_us"] <= 60_000
            assert 10_000 <= row["open_us"] <= 60_000
            assert not row["slow"]
            assert not row["welded"]
            assert len(house.happened(ContactorUsed)) == 5, "one write a transaction"

    run_virtual(scenario())


def test_an_opening_under_load_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, "ocpp1.6") as house:
            await house.online()
            house.world.plug(1, max_ma=16_000)
            await house.sleep(1)
            house.world.swipe(CARD)
            await house.until(house.charging, "current flows")
            house.world.faults.set("emergency_stop")
            await house.until(lambda: not house.closed(), "it opens at once")
            await house.sleep(1)
            (row,) = house.app.facade.contactors() if house.app else ()
            assert (row["operations"], row["openings_under_load"]) == (1, 1)

    run_virtual(scenario())
