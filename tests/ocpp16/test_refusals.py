"""What the station refuses, it says why: OCPP 1.6 has no field for it, so it is in the station's messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.local.commands.status import render
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.virtual_time import run_virtual

PROFILE = {
    "chargingProfileId": 51,
    "stackLevel": 3,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11}],
    },
}

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("ChangeAvailability", {"connectorId": 9, "type": "Inoperative"}, "there is no EVSE 9"),
    ("RemoteStopTransaction", {"transactionId": 77}, "transactionId 77 is not known"),
    ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE}, "transaction"),
    ("TriggerMessage", {"requestedMessage": "BootNotification"}, "the boot was accepted already"),
    ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "abc"}, "a whole number from 1 to 86400"),
    ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "3"}, "it is read-only"),
    ("ChangeConfiguration", {"key": "NoSuchKey", "value": "3"}, "there is no such key"),
]


@pytest.mark.parametrize(("action", "payload", "why"), CASES, ids=lambda case: str(case)[:30])
def test_a_refusal_is_explained_in_the_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, action: str, payload: dict[str, Any], why: str
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            caplog.clear()
            answer = await csms.call(action, payload)
            said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
            assert answer["status"] not in ("Accepted", "Scheduled")
            assert len(said) == 1, said
            assert said[0].startswith(action)
            assert answer["status"].lower()[:8] in said[0].lower().replace(" ", "")
            assert why in said[0]

    run_virtual(main())


def test_what_is_done_is_not_explained_and_a_secret_is_never_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            caplog.clear()
            for action, payload in (
                ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
                ("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": "90"}),
                ("UnlockConnector", {"connectorId": 1}),
            ):
                await csms.call(action, payload)
            assert [record.getMessage() for record in caplog.records] == []
            key = {"key": "AuthorizationKey", "value": "0011223344"}
            assert (await csms.call("ChangeConfiguration", key))["status"] == "Rejected"
            assert "AuthorizationKey: rejected: found 10" in caplog.text
            assert "0011223344" not in caplog.text

    run_virtual(main())


def test_a_boot_that_is_not_accepted_is_told_once_and_seen_in_the_status(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms:
            csms.answers["BootNotification"] = lambda _p: csms.boot("Pending", 30)
            async with Cabin.build(tmp_path, csms) as cabin:
                await cabin.sleep(200)
                assert len(csms.of("BootNotification")) > 2
                told = [one.getMessage() for one in caplog.records if "BootNotification" in one.getMessage()]
                assert len(told) == 1 and told[0].startswith("BootNotification: answered Pending")
                status = render(cabin.app.facade.status())
                assert "connected with ocpp1.6" in status and "registration Pending" in status
                await csms.call("RemoteStartTransaction", {"idTag": "T"})
                assert "RemoteStartTransaction: answered Rejected: not before" in caplog.text
                csms.answers["BootNotification"] = lambda _p: csms.boot("Accepted")
                await cabin.online()
                assert "CSMS      online with ocpp1.6" in render(cabin.app.facade.status())

    run_virtual(main())


def test_an_evse_that_will_be_unavailable_says_so_before(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.charging(1)
            inoperative = {"connectorId": 1, "type": "Inoperative"}
            assert await csms.call("ChangeAvailability", inoperative) == {"status": "Scheduled"}
            line = "EVSE 1: unavailable as soon as its transaction is over and its vehicle gone"
            assert line in render(cabin.app.facade.status())
            (row,) = [one for one in cabin.app.facade.why(1) if one["name"] == "EVSE unavailable"]
            assert row["kind"] == "later"
            await cabin.swipe("04A2B3C4")
            await cabin.sleep(2)
            verdict = cabin.app.facade.why(1)[0]["value"]
            assert "EVSE unavailable" in verdict, "Finishing: nobody can charge here any more"
            await cabin.unplug(1)
            await cabin.sleep(1)
            assert line not in render(cabin.app.facade.status())

    run_virtual(main())


def test_why_names_the_card_that_was_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            csms.answers["Authorize"] = lambda _ask: {"idTagInfo": {"status": "Blocked"}}
            await cabin.plug(1)
            await cabin.swipe("0BADCA7D")
            await cabin.sleep(2)

            def told(evse_id: int) -> tuple[str, str]:
                rows = {one["name"]: one for one in cabin.app.facade.why(evse_id)}
                return rows["not authorized"]["value"], rows["not authorized"]["source"]

            assert told(1) == told(2) == ("token 0BADCA7D refused: Blocked", "csms")
            await cabin.sleep(121)
            assert told(1) == ("no token", "")
            await cabin.swipe("0BADCA7D")
            await cabin.sleep(2)
            csms.answers["Authorize"] = lambda _ask: {"idTagInfo": {"status": "Accepted"}}
            await cabin.charging(2)
            assert told(1) == ("no token", ""), "another one was welcome"

    run_virtual(main())
