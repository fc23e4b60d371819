"""The cabin itself: a session in it looks to the CSMS like one of the house."""

from __future__ import annotations

from pathlib import Path

from controller.domain.events import TransactionEnded
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual


def test_a_session_with_a_reboot_in_the_middle(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            csms.answers["StopTransaction"] = lambda _stop: {}
            await cabin.online()
            await cabin.charging(2)
            await cabin.sleep(600)
            await cabin.restart()
            await cabin.online()
            await cabin.until(lambda: cabin.bay(2).current_ma > 0, "it charges on")
            await cabin.swipe("04A2B3C4")
            await cabin.unplug(2)
            await cabin.delivered()
            (ended,) = cabin.happened(TransactionEnded)
            assert ended.register_wh == cabin.bay(2).energy_mwh // 1000
            assert {"Preparing", "Charging", "Finishing", "Available"} <= set(cabin.statuses(2))

    run_virtual(main())
