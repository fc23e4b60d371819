"""What the station refuses, it says why: OCPP 1.6 has no field for it, so it is in the station's messages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
