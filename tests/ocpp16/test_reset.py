"""Reset (1.6 5.14): the answer, the transactions, the restart; and when the machine does not obey."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from controller.local.exits import RESTART
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, never
from tests.support.virtual_time import run_virtual

KINDS = [("Soft", "SoftReset"), ("Hard", "HardReset")]


async def reset(csms: FakeCsms, kind: str) -> dict[str, str]:
    return await csms.call("Reset", {"type": kind})


@pytest.mark.parametrize(("kind", "reason"), KINDS)
def test_16_CORE_124_16_CORE_125_16_CORE_127_transactions_end_first(
    tmp_path: Path, kind: str, reason: str
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1, "04000001")
            await cabin.charging(2, "04000002")
            await cabin.delivered()
            assert await reset(csms, kind) == {"status": "Accepted"}
            assert csms.of("StopTransaction") == [], "the answer comes first"
            assert await csms.call("RemoteStartTransaction", {"idTag": "X"}) == {"status": "Rejected"}
            assert await cabin.ended() == RESTART
            stops = [one.payload for one in csms.of("StopTransaction")]
            assert [(one["transactionId"], one["reason"]) for one in stops] == [(1, reason), (2, reason)]
            cabin.start()
            await cabin.online()
            await csms.wait("BootNotification", 2, 30)
            assert cabin.app is not None and cabin.app.boot_reason == "RemoteReset"
            await cabin.sleep(5)
            assert len(csms.of("StopTransaction")) == 2, "nothing is sent twice"
            assert cabin.statuses(1)[-1] == "Finishing"

    run_virtual(main())


@pytest.mark.parametrize(("kind", "reason"), KINDS)
def test_16_CORE_126_what_could_not_be_delivered_waits(tmp_path: Path, kind: str, reason: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            await cabin.delivered()
            csms.always("StopTransaction", never())
            assert await reset(csms, kind) == {"status": "Accepted"}
            assert await cabin.ended(60) == RESTART
            lost = csms.of("StopTransaction")[0]
            csms.always("StopTransaction", None)
            count = len(csms.of("StopTransaction"))
            cabin.start()
            await cabin.online()
            await cabin.delivered()
            again = csms.of("StopTransaction")[count]
            assert again.payload == lost.payload
            assert again.id == lost.id
            assert again.payload["reason"] == reason
            boots = [n for n, one in enumerate(csms.received) if one.action == "BootNotification"]
            assert csms.received.index(again) > boots[-1], "not before the boot is accepted"

    run_virtual(main())


def test_16_CORE_125_16_CORE_127_a_hard_reset_restarts_the_machine(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, AsyncExitStack() as stack:
            asked: list[str] = []
            cabin = Cabin.build(tmp_path, csms)

            async def reboot() -> str:
                asked.append("reboot")
                assert csms.of("StopTransaction"), "what could be delivered was"
                assert cabin.app is not None
                cabin.app.stop()  # as the service manager does when the machine goes down
                await cabin.sleep(600)
                return "never reached"

            cabin.reboot = reboot
            await stack.enter_async_context(cabin)
            await cabin.online()
            await cabin.charging()
            assert await reset(csms, "Hard") == {"status": "Accepted"}
            assert await reset(csms, "Hard") == {"status": "Accepted"}, "one is enough"
            assert await cabin.ended() == 0
            assert asked == ["reboot"]
            cabin.boot_id = "boot-2"
            cabin.start()
            await cabin.online()
            assert cabin.app is not None and cabin.app.boot_reason == "RemoteReset"
            assert await reset(csms, "Soft") == {"status": "Accepted"}
            assert await cabin.ended() == RESTART
            assert asked == ["reboot"], "a soft reset leaves the machine alone"

    run_virtual(main())


@pytest.mark.parametrize("retries", [0, 2])
def test_16_CORE_109_16_CORE_80_a_reset_that_fails_is_tried_again_and_told(
    tmp_path: Path, retries: int
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, AsyncExitStack() as stack:
            asked: list[str] = []
            cabin = Cabin.build(tmp_path, csms)

            async def reboot() -> str:
                asked.append("reboot")
                await cabin.sleep(60)
                return "systemctl reboot: ended with 1: access denied"

            cabin.reboot = reboot
            await stack.enter_async_context(cabin)
            await cabin.online()
            await csms.call("ChangeConfiguration", {"key": "ResetRetries", "value": str(retries)})
            assert await reset(csms, "Hard") == {"status": "Accepted"}
            assert await cabin.ended(600) == RESTART, "the controller alone is restarted"
            assert len(asked) == 1 + retries
            told = [one.payload for one in csms.of("StatusNotification")][-1]
            assert (told["connectorId"], told["errorCode"], told["status"]) == (
                0,
                "ResetFailure",
                "Available",
            )
            assert any("access denied" in line for line in cabin.said)
            cabin.start()
            await cabin.online()
            await cabin.until(
                lambda: (
                    [
                        one.payload["errorCode"]
                        for one in csms.of("StatusNotification")
                        if one.payload["connectorId"] == 0
                    ][-1]
                    == "NoError"
                ),
                "the next start has no such fault",
            )

    run_virtual(main())
