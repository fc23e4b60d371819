"""A CSMS that means harm, on the wire: the station lives and charges on, and nothing is filled up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from controller.csms.thrift import REFILL_MS
from controller.domain.events import FirmwareStatus, ProfileInstalled
from tests.support import pki
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms
from tests.support.virtual_time import run_virtual
from tests.transfer.test_hostile import saying

OPERATOR, SERIAL = "Joule", "JP-0042"
CENTRAL, MAKER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"


def build(tmp_path: Path, csms: FakeCsms, **more: Any) -> Cabin:
    settings = {"SecurityCtrlr.OrganizationName": OPERATOR, **more.pop("settings", {})}
    options = {"password": "0123456789abcdef", "serial": SERIAL, **more}
    return Cabin.build(tmp_path, csms, "ocpp1.6", settings=settings, **options)


def test_16_SEC_17_16_SEC_23_16_SEC_33_no_certificate_ends_the_controller(tmp_path: Path) -> None:
    """Each of these once raised what nobody caught; in a task of the program that was its end."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            app = cabin.app
            leaf = pki.name(OPERATOR, SERIAL)
            pems = [one.pem for ca in (False, True) for one in pki.nasty(None, ca, leaf).values()]
            for pem in pems:
                for use in (CENTRAL, MAKER):
                    answer = await csms.call(
                        "InstallCertificate", {"certificateType": use, "certificate": pem}
                    )
                    assert answer["status"] in ("Accepted", "Rejected")
                answer = await csms.call("CertificateSigned", {"certificateChain": pem})
                assert answer == {"status": "Rejected"}
            assert cabin.app is app and cabin.station.online and cabin.bay().current_ma > 0

    run_virtual(main())


FAR = "2026-12-31T00:00:00Z"


def profile(level: int = 0) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": level,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": "2026-01-01T00:00:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 60 * n, "limit": 16.0} for n in range(24)],
            },
        },
    }


def reservation(id_tag: str = "A") -> dict[str, Any]:
    return {"connectorId": 1, "expiryDate": FAR, "idTag": id_tag, "reservationId": 1}


AGAIN = {
    "SetChargingProfile": profile(),
    "ReserveNow": reservation(),
    "ChangeAvailability": {"connectorId": 0, "type": "Operative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "77"},
    "ClearChargingProfile": {"id": 4711},
    "CancelReservation": {"reservationId": 4711},
    "ClearCache": {},
    "UnlockConnector": {"connectorId": 1},
    "RemoteStopTransaction": {"transactionId": 4711},
    "TriggerMessage": {"requestedMessage": "StatusNotification"},
    "DataTransfer": {"vendorId": "x", "data": "y" * 5000},
}


@pytest.mark.parametrize("action", AGAIN)
def test_what_changes_nothing_writes_nothing(tmp_path: Path, action: str) -> None:
    """Some central systems send the same profile every few seconds."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await csms.call(action, AGAIN[action])
            before = len(cabin.events())
            for _ in range(20):
                await csms.call(action, AGAIN[action])
            assert len(cabin.events()) == before

    run_virtual(main())


def test_a_profile_sent_again_counts_from_now_where_its_schedule_does(tmp_path: Path) -> None:
    """A station-wide Relative profile counts from the instant it was sent (1.6 7.9): that is new."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            relative = profile()
            relative["connectorId"] = 0
            relative["csChargingProfiles"] |= {
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Relative",
            }
            del relative["csChargingProfiles"]["chargingSchedule"]["startSchedule"]
            for _ in range(3):
                assert await csms.call("SetChargingProfile", relative) == {"status": "Accepted"}
                await cabin.sleep(5)
            assert len(cabin.happened(ProfileInstalled)) == 3

    run_virtual(main())


def test_a_csms_in_a_loop_is_slowed_down_and_not_refused(tmp_path: Path) -> None:
    """At the speed of the wire it would write a gigabyte an hour; an honest one never notices."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            assert cabin.app is not None and cabin.app.client is not None
            thrift = cabin.app.client._standing.thrift
            assert thrift.wait_ms(cabin.clock.now().mono_ms) == 0
            thrift.left = 20  # most of the burst is used up
            begun_ms = cabin.clock.now().mono_ms
            for number in range(120):
                if number == 60:  # a new connection is no new bucket
                    await csms.hang_up()
                    await cabin.until(lambda: csms.connections == 2, "it is back")
                    await cabin.online()
                answer = await csms.call("SetChargingProfile", profile(number % 2))
                assert answer == {"status": "Accepted"}, "it is carried out, only later"
            assert len(cabin.happened(ProfileInstalled)) == 120
            assert cabin.clock.now().mono_ms - begun_ms > 80 * REFILL_MS
            begun_ms = cabin.clock.now().mono_ms
            for number in range(20):
                change = {"key": "HeartbeatInterval", "value": str(300 + number)}
                assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}
            assert cabin.clock.now().mono_ms - begun_ms > 15 * REFILL_MS, "settings wear the card out, too"
            begun_ms = cabin.clock.now().mono_ms
            for _ in range(50):
                await csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert cabin.clock.now().mono_ms - begun_ms < REFILL_MS, "what only asks waits for nothing"
            assert cabin.bay().current_ma > 0

    run_virtual(main())


@pytest.mark.parametrize("endless", [b"HTTP/1.1 100 Continue\r\n\r\n", b"x"], ids=["no answer", "a file"])
def test_16_FW_06_a_download_that_never_ends_keeps_nobody_waiting(tmp_path: Path, endless: bytes) -> None:
    """It runs in a thread; the car charges, requests are answered, the next update takes its place."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            first = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" if endless == b"x" else b""
            with saying(first, endless, every_s=0.01, at_most=1 << 30) as (port, taken):
                order = {"location": f"http://127.0.0.1:{port}/x", "retrieveDate": "2026-01-01T00:00:00Z"}
                await csms.call("UpdateFirmware", order)
                while not taken[0]:
                    await asyncio.to_thread(time.sleep, 0.001)
                for _ in range(20):
                    await csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
                    assert cabin.bay().current_ma > 0
                assert cabin.station.firmware.status is FirmwareStatus.DOWNLOADING
                await csms.call("UpdateFirmware", {**order, "location": "http://127.0.0.1:1/", "retries": 0})
                await cabin.until(
                    lambda: cabin.station.firmware.status is FirmwareStatus.DOWNLOAD_FAILED, "replaced"
                )
            assert cabin.bay().current_ma > 0

    run_virtual(main())


@pytest.mark.parametrize(
    "value",
    ["hushhush", "hushhush" * 60, "hushhush\x00\x01", "hushhush-16-bytes-and-more", "é" * 9 + "hushhush"],
)
def test_a_password_that_is_refused_or_taken_is_not_repeated(
    tmp_path: Path, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            for key in ("AuthorizationKey", "authorizationkey", "SecurityCtrlr.BasicAuthPassword"):
                try:
                    answer = await csms.call("ChangeConfiguration", {"key": key, "value": value})
                except CallError as error:
                    assert "hush" not in str(error)
                    continue
                if answer["status"] == "Accepted":  # it leaves, and comes back with it
                    await cabin.sleep(60)
                    break
            assert "hush" not in caplog.text and "hush" not in "".join(cabin.said)
            assert "hush" not in repr(cabin.events())
            assert cabin.app is not None
            assert "hush" not in repr(cabin.app.facade.settings_list())
            assert "hush" not in str(cabin.app.recent.messages.lines())

    run_virtual(main())


def test_where_firmware_came_from_is_shown_without_its_password(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, build(tmp_path, csms) as cabin:
            await cabin.online()
            location = 'ftp://joule:hu"sh@hush@127.0.0.1:1/x?sig=hush'
            order = {"location": location, "retrieveDate": "2026-01-01T00:00:00Z", "retries": 0}
            await csms.call("UpdateFirmware", order)
            await cabin.until(
                lambda: cabin.station.firmware.status is FirmwareStatus.DOWNLOAD_FAILED, "it failed"
            )
            assert cabin.app is not None
            shown = repr(cabin.app.facade.journal_tail(100, None))
            assert "FirmwareUpdateBegun" in shown and "127.0.0.1" in shown
            for text in (shown, "".join(cabin.said), str(cabin.app.recent.messages.lines())):
                assert "hush" not in text and 'hu"' not in text

    run_virtual(main())
