"""Remote start, remote stop, unlock (1.6 5.11, 5.12, 5.18), with two connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import TransactionEnded
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, never
from tests.support.virtual_time import run_virtual

TAG = "REMOTE1"


async def start(csms: FakeCsms, **payload: Any) -> str:
    return str((await csms.call("RemoteStartTransaction", {"idTag": TAG} | payload))["status"])


async def stop(csms: FakeCsms, transaction_id: int) -> str:
    answer = await csms.call("RemoteStopTransaction", {"transactionId": transaction_id})
    return str(answer["status"])


def test_16_CORE_112_16_CORE_114_16_CORE_117_before_the_plug(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await csms.call("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "30"})
            assert await start(csms, connectorId=2) == "Accepted"
            await cabin.sleep(2)
            assert cabin.statuses(2)[-1] == "Preparing"
            answered = [n for n, frame in enumerate(csms.frames) if frame.startswith('< [3,"csms-')]
            preparing = [n for n, frame in enumerate(csms.frames) if '"Preparing"' in frame]
            assert answered[-1] < preparing[0], "the answer comes first"
            assert await start(csms, connectorId=2) == "Rejected", "it waits for a plug already"
            await cabin.sleep(29)
            assert cabin.statuses(2)[-1] == "Available", "ConnectionTimeOut"
            await cabin.plug(2)
            await cabin.sleep(5)
            assert csms.of("StartTransaction") == []
            await cabin.unplug(2)
            assert await start(csms, connectorId=2) == "Accepted"
            await cabin.sleep(10)
            await cabin.plug(2)
            await cabin.until(lambda: cabin.bay(2).current_ma > 0, "it charges")
            sent = csms.of("StartTransaction")[0].payload
            assert (sent["connectorId"], sent["idTag"]) == (2, TAG)
            assert cabin.bay(1).offered_ma == 0

    run_virtual(main())


@pytest.mark.parametrize(
    ("checked", "answer", "asked", "charges"),
    [
        (True, "Accepted", 1, True),
        (True, "Blocked", 1, False),
        (False, "Blocked", 0, True),  # the CSMS checks when the transaction starts (5.11)
    ],
)
def test_16_CORE_113_authorize_remote_tx_requests(
    tmp_path: Path, checked: bool, answer: str, asked: int, charges: bool
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            csms.answers["Authorize"] = lambda _ask: {"idTagInfo": {"status": answer}}
            await cabin.online()
            change = {"key": "AuthorizeRemoteTxRequests", "value": str(checked).lower()}
            assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}
            await cabin.plug(1)
            assert await start(csms, connectorId=1) == "Accepted", "it will try"
            await cabin.sleep(5)
            assert len(csms.of("Authorize")) == asked
            assert len(csms.of("StartTransaction")) == charges
            assert (cabin.bay(1).current_ma > 0) is charges

    run_virtual(main())


def test_16_CORE_113_the_cache_answers_without_the_csms(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await csms.call("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "true"})
            await cabin.charging(uid="04A2B3C4")
            await cabin.swipe("04A2B3C4")
            await cabin.unplug()
            await cabin.plug()
            count = len(csms.of("Authorize"))
            csms.always("Authorize", never())
            assert await start(csms, idTag="04A2B3C4") == "Accepted"
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges", 10)
            assert len(csms.of("Authorize")) == count

    run_virtual(main())


def test_16_CORE_115_16_CORE_116_which_connector(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            for unknown in (0, 3):
                assert await start(csms, connectorId=unknown) == "Rejected"
            cabin.bay(1).inhibits = (("enclosure-open", cabin.clock.now().mono_ms),)
            await cabin.sleep(1)
            assert await start(csms, connectorId=1) == "Rejected", "faulted"
            cabin.bay(1).inhibits = ()
            unavailable = {"connectorId": 1, "type": "Inoperative"}
            assert await csms.call("ChangeAvailability", unavailable) == {"status": "Accepted"}
            assert await start(csms, connectorId=1) == "Rejected", "unavailable"
            assert await csms.call("ChangeAvailability", unavailable | {"type": "Operative"}) == {
                "status": "Accepted"
            }
            await cabin.plug(2)
            assert await start(csms) == "Accepted"
            await cabin.until(lambda: cabin.bay(2).current_ma > 0, "it takes the connector with the vehicle")
            assert await start(csms, connectorId=2) == "Rejected", "occupied"
            assert await start(csms, idTag="OTHER") == "Accepted", "the other one is free"
            assert await start(csms, idTag="THIRD") == "Rejected", "none is left"

    run_virtual(main())


PROFILE = {
    "chargingProfileId": 5,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8}],
    },
}


def test_16_CORE_118_the_profile_is_that_of_the_transaction(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.plug(1)
            await cabin.plug(2)
            assert await start(csms, connectorId=1, chargingProfile=PROFILE) == "Accepted"
            assert await start(csms, connectorId=2, idTag="OTHER") == "Accepted"
            await cabin.until(lambda: cabin.bay(1).current_ma and cabin.bay(2).current_ma, "both charge")
            assert cabin.bay(1).offered_ma == 8_000
            assert cabin.bay(2).offered_ma == 32_000, "not of the other"
            await cabin.delivered()
            assert await stop(csms, csms_id(csms, 1)) == "Accepted"
            await cabin.sleep(2)
            await cabin.unplug(1)
            await cabin.plug(1)
            assert await start(csms, connectorId=1) == "Accepted"
            await cabin.until(lambda: cabin.bay(1).offered_ma == 32_000, "the next one is free of it")
            bad = PROFILE | {"chargingProfilePurpose": "ChargePointMaxProfile"}
            await cabin.unplug(2)
            assert await start(csms, connectorId=2, chargingProfile=bad) == "Rejected"

    run_virtual(main())


def test_16_CORE_118_without_smart_charging_the_profile_is_ignored(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {"SmartChargingCtrlr.Enabled": False}
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, settings=settings) as cabin,
        ):
            await cabin.online()
            await cabin.plug()
            assert await start(csms, connectorId=1, chargingProfile=PROFILE) == "Accepted"
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
            assert cabin.bay().offered_ma == 32_000

    run_virtual(main())


def csms_id(csms: FakeCsms, connector_id: int) -> int:
    """The transactionId of the newest transaction of a connector: the fake CSMS counts them from 1."""
    starts = [one.payload["connectorId"] for one in csms.of("StartTransaction")]
    return max(n for n, one in enumerate(starts, 1) if one == connector_id)


def test_16_CORE_119_remote_stop(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1, "04000001")
            await cabin.charging(2, "04000002")
            await cabin.delivered()
            for unknown in (0, -1, 77):
                assert await stop(csms, unknown) == "Rejected"
            assert cabin.bay(1).locked and cabin.bay(2).locked
            second = csms_id(csms, 2)
            assert await stop(csms, second) == "Accepted"
            sent = await csms.wait("StopTransaction", 1, 30)
            assert (sent.payload["transactionId"], sent.payload["reason"]) == (second, "Remote")
            assert "idTag" not in sent.payload
            await cabin.until(lambda: not cabin.bay(2).locked, "its cable is free")
            assert cabin.bay(1).locked and cabin.bay(1).current_ma > 0, "the other one goes on"
            assert await stop(csms, second) == "Rejected", "it is over"

    run_virtual(main())


def test_16_CORE_120_16_CORE_121_16_CORE_122_16_CORE_123_unlock(tmp_path: Path) -> None:
    """It moves the lock of that cable and nothing else: there is no door."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()

            async def unlock(connector_id: int) -> str:
                return str((await csms.call("UnlockConnector", {"connectorId": connector_id}))["status"])

            for unknown in (0, 3):
                assert await unlock(unknown) == "NotSupported"
            await cabin.charging(1, "04000001")
            await cabin.charging(2, "04000002")
            await cabin.delivered()
            assert await unlock(2) == "Unlocked"
            (ended,) = cabin.happened(TransactionEnded)
            assert ended.evse_id == 2
            sent = await csms.wait("StopTransaction", 1, 30)
            assert sent.payload["reason"] == "UnlockCommand"
            assert cabin.bay(1).locked and cabin.bay(1).current_ma > 0
            await cabin.until(lambda: cabin.statuses(2)[-1] == "Finishing", "Finishing is told")
            cabin.reports = False  # the lock does not move any more
            cabin.bay(2).locked = True
            assert cabin.app is not None
            cabin.app.inbox.take(cabin.facts(cabin.bay(2)))
            assert await unlock(2) == "UnlockFailed"

    run_virtual(main())
