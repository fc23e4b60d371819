"""ChangeAvailability (1.6 5.2): at once, later, for one connector and for all, and over a reboot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual


async def change(csms: FakeCsms, connector_id: int, kind: str) -> str:
    answer = await csms.call("ChangeAvailability", {"connectorId": connector_id, "type": kind})
    return str(answer["status"])


def told(csms: FakeCsms) -> dict[int, str]:
    """The last status of each connector."""
    return {one.payload["connectorId"]: one.payload["status"] for one in csms.of("StatusNotification")}


def test_16_CORE_128_16_CORE_130_16_CORE_133_16_CORE_134_an_idle_connector(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.sleep(1)
            count = len(csms.of("StatusNotification"))
            assert await change(csms, 2, "Operative") == "Accepted", "already so"
            assert await change(csms, 2, "Inoperative") == "Accepted"
            assert await change(csms, 2, "Inoperative") == "Accepted", "already so"
            await cabin.sleep(1)
            assert told(csms) == {0: "Available", 1: "Available", 2: "Unavailable"}
            start = {"idTag": "X", "connectorId": 2}
            assert await csms.call("RemoteStartTransaction", start) == {"status": "Rejected"}
            await cabin.plug(2)
            await cabin.swipe("04A2B3C4")
            assert cabin.bay(2).offered_ma == 0
            await cabin.unplug(2)
            assert await change(csms, 2, "Operative") == "Accepted"
            await cabin.sleep(1)
            assert told(csms)[2] == "Available"
            assert [one.payload["connectorId"] for one in csms.of("StatusNotification")[count:]].count(2) == 2
            for unknown in (3, 99):
                assert await change(csms, unknown, "Inoperative") == "Rejected"

    run_virtual(main())


@pytest.mark.parametrize("reboot", [False, True])
@pytest.mark.parametrize("connector_id", [0, 2])
def test_16_CORE_129_16_CORE_132_scheduled_until_the_transaction_is_over(
    tmp_path: Path, connector_id: int, reboot: bool
) -> None:
    """A restart in between forgets nothing: what was scheduled is scheduled."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(2)
            assert await change(csms, connector_id, "Inoperative") == "Scheduled"
            assert await change(csms, connector_id, "Inoperative") == "Scheduled"
            await cabin.sleep(5)
            assert told(csms)[2] == "Charging"
            assert cabin.bay(2).current_ma > 0
            assert told(csms)[1] == ("Unavailable" if connector_id == 0 else "Available")
            assert told(csms)[0] == "Available", "it is still charging"
            assert cabin.bay(2).indicator == "charging"
            assert cabin.bay(1).indicator == ("unavailable" if connector_id == 0 else "available")
            start = {"idTag": "X", "connectorId": 1}
            expected = "Rejected" if connector_id == 0 else "Accepted"
            assert await csms.call("RemoteStartTransaction", start) == {"status": expected}
            if reboot:
                await cabin.restart()
                await cabin.online()
                await cabin.until(lambda: cabin.bay(2).current_ma > 0, "it charges on")
            await cabin.swipe("04A2B3C4")
            await cabin.sleep(2)
            assert told(csms)[2] == "Finishing"
            assert await csms.call("RemoteStartTransaction", start | {"connectorId": 2}) == {
                "status": "Rejected"
            }
            await cabin.unplug(2)
            await cabin.sleep(1)
            assert told(csms)[2] == "Unavailable"
            assert told(csms)[0] == ("Unavailable" if connector_id == 0 else "Available")

    run_virtual(main())


def test_16_CORE_129_what_was_scheduled_can_be_withdrawn(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1)
            for connector_id in (1, 0):
                assert await change(csms, connector_id, "Inoperative") == "Scheduled"
                assert await change(csms, connector_id, "Operative") == "Accepted"
            await cabin.swipe("04A2B3C4")
            await cabin.unplug(1)
            await cabin.sleep(2)
            assert told(csms) == {0: "Available", 1: "Available", 2: "Available"}

    run_virtual(main())


@pytest.mark.parametrize("machine", [False, True])
def test_16_CORE_131_16_CORE_132_connector_0_is_the_station_and_all(tmp_path: Path, machine: bool) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            assert await change(csms, 1, "Inoperative") == "Accepted"
            assert await change(csms, 0, "Inoperative") == "Accepted"
            await cabin.sleep(1)
            every: dict[int, Any] = dict.fromkeys((0, 1, 2), "Unavailable")
            assert told(csms) == every
            csms.received.clear()
            await cabin.restart(reboot=machine)
            await cabin.online()
            await cabin.sleep(2)
            assert told(csms) == every, "it survives a reboot"
            assert await csms.call("RemoteStartTransaction", {"idTag": "X"}) == {"status": "Rejected"}
            assert await change(csms, 0, "Operative") == "Accepted"
            await cabin.sleep(1)
            assert told(csms) == dict.fromkeys((0, 1, 2), "Available"), "connector 1, too (5.2)"
            await cabin.charging(1)

    run_virtual(main())
