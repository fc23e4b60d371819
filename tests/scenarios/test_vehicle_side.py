"""The cable is pulled out at the vehicle's side: volts, lock and frames together (1.6 4.9, 4.10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.domain.events import TransactionEnded
from tests.support.csms import FakeCsms
from tests.support.house import House
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"


async def charge(house: House) -> None:
    await house.online()
    house.world.plug(1, max_ma=16_000)
    await house.sleep(1)
    house.world.swipe(CARD)
    await house.until(house.charging, "current flows")
    await house.sleep(3)


@pytest.mark.parametrize("unlocks", [True, False])
def test_16_CORE_54_the_lock_at_the_end_of_the_transaction(tmp_path: Path, unlocks: bool) -> None:
    async def one() -> None:
        settings: dict[str, str | int | bool] = {"OCPPCommCtrlr.UnlockOnEVSideDisconnect": unlocks}
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, settings=settings) as house:
            await charge(house)
            lock = house.world.evse(1).lock
            assert lock.bolted
            house.world.pull_out(1)
            await house.until(lambda: bool(house.happened(TransactionEnded)), "it ends")
            await house.sleep(5)
            assert lock.bolted is not unlocks
            if not unlocks:
                await house.restart_controller(1)
                await house.online()
                await house.sleep(3)
                assert lock.bolted, "nor does a restart give it away"
                house.world.swipe(CARD)
                await house.until(lambda: not lock.bolted, "its owner came")
            house.world.unplug(1)
            await house.sleep(2)
            told = [one.payload["status"] for one in csms.of("StatusNotification")]
            assert told[-2:] == ["Finishing", "Available"]
            await house.delivered()
            house.check_books()

    run_virtual(one())


def test_16_CORE_52_the_lock_while_the_transaction_goes_on(tmp_path: Path) -> None:
    async def one() -> None:
        settings: dict[str, str | int | bool] = {"TxCtrlr.StopTxOnEVSideDisconnect": False}
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, settings=settings) as house:
            await charge(house)
            lock = house.world.evse(1).lock
            house.world.pull_out(1)
            for _ in range(50):
                await house.sleep(0.1)
                assert lock.bolted and not house.charging(), "at no moment"
            house.world.plug(1, max_ma=16_000)
            await house.until(house.charging, "energy again")
            house.world.swipe(CARD)
            await house.until(lambda: bool(house.happened(TransactionEnded)), "it ends")
            await house.until(lambda: not lock.bolted, "a normal stop unlocks")
            house.world.unplug(1)
            await house.delivered()
            house.check_books()
            assert len(csms.of("StartTransaction")) == 1

    run_virtual(one())
