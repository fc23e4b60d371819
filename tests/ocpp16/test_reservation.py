"""Reservations over the wire, with reboots and two connectors: everything real but the hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import ReservationEnded
from controller.facade import word
from controller.local.commands.status import render
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, answer
from tests.support.virtual_time import run_virtual

HOLDER, STRANGER = "04A2B3C4", "04FFFFFF"


def at(csms: FakeCsms, seconds: float) -> str:
    """The instant so many seconds from now."""
    hours, minutes, rest = csms.now().partition("T")[2].rstrip("Z").split(":")
    total = int(hours) * 3600 + int(minutes) * 60 + float(rest) + seconds
    return f"2026-01-01T{int(total // 3600):02}:{int(total // 60 % 60):02}:{total % 60:06.3f}Z"


async def reserve(
    csms: FakeCsms, id_: int = 7, connector: int = 1, tag: str = HOLDER, for_s: float = 600, **more: str
) -> str:
    payload = {"connectorId": connector, "expiryDate": at(csms, for_s), "idTag": tag, "reservationId": id_}
    return str((await csms.call("ReserveNow", {**payload, **more}))["status"])


async def cancel(csms: FakeCsms, id_: int) -> str:
    return str((await csms.call("CancelReservation", {"reservationId": id_}))["status"])


async def told(cabin: Cabin, csms: FakeCsms, status: str, connector: int = 1) -> None:
    await csms.until(lambda: cabin.statuses(connector)[-1:] == [status], 60, f"{connector} is {status}")


def starts(csms: FakeCsms) -> list[tuple[int, str, int | None]]:
    found = [one.payload for one in csms.of("StartTransaction")]
    return [(one["connectorId"], one["idTag"], one.get("reservationId")) for one in found]


def words(cabin: Cabin) -> list[str]:
    return [word(view) for view in cabin.station.views(cabin.clock.now())[1:]]


@pytest.mark.parametrize("plug_first", [True, False])
def test_16_RESV_01_16_RESV_05_16_CORE_38_reserved_used_over(tmp_path: Path, plug_first: bool) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            assert await reserve(csms, 7, 2) == "Accepted"
            await told(cabin, csms, "Reserved", 2)
            assert cabin.bay(2).indicator == "reserved"
            assert words(cabin) == ["Available", "Reserved"]
            if plug_first:
                await cabin.plug(2)
            await cabin.swipe(HOLDER)
            if not plug_first:
                await told(cabin, csms, "Preparing", 2)
                await cabin.plug(2)
            await told(cabin, csms, "Charging", 2)
            assert starts(csms) == [(2, HOLDER, 7)]
            assert await cancel(csms, 7) == "Rejected", "it ended with the start"
            csms.answers["StopTransaction"] = lambda _stop: {}
            await cabin.swipe(HOLDER)
            await cabin.unplug(2)
            await told(cabin, csms, "Available", 2)
            assert cabin.statuses(1) == ["Available"]
            expected = ["Available", "Reserved", "Preparing", "Charging"]
            assert [one for one in cabin.statuses(2) if one in expected][:4] == expected

    run_virtual(main())


def test_16_RESV_02_16_RESV_03_16_RESV_10_every_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            assert await reserve(csms, 1, 1) == "Accepted"
            await told(cabin, csms, "Reserved")
            assert await reserve(csms, 2, 1) == "Occupied", "reserved, if for the same"
            assert await reserve(csms, 1, 2) == "Accepted", "the same id: it moves"
            await told(cabin, csms, "Available", 1)
            await told(cabin, csms, "Reserved", 2)
            await cabin.plug(1)
            assert await reserve(csms, 3, 1) == "Occupied"
            await cabin.unplug(1)
            cabin.bay(1).inhibits = (("pilot-fault", 0),)
            await told(cabin, csms, "Faulted", 1)
            assert await reserve(csms, 3, 1) == "Faulted"
            cabin.bay(1).inhibits = ()
            await told(cabin, csms, "Available", 1)
            await csms.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
            assert await reserve(csms, 3, 1) == "Unavailable"
            assert await reserve(csms, 3, 9) == "Rejected"
            assert await reserve(csms, 3, 1, for_s=-1) == "Rejected"
            assert await cancel(csms, 1) == "Accepted"
            await told(cabin, csms, "Available", 2)
            assert await cancel(csms, 1) == "Rejected"
            keys = await csms.call("GetConfiguration", {"key": ["ReserveConnectorZeroSupported"]})
            assert keys["configurationKey"] == [
                {"key": "ReserveConnectorZeroSupported", "readonly": True, "value": "true"}
            ]
            assert cabin.app is not None
            profiles = await csms.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
            assert {"Reservation", "LocalAuthListManagement"} <= set(
                profiles["configurationKey"][0]["value"].split(",")
            )

    run_virtual(main())


def test_16_RESV_03_16_RESV_07_switched_off(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {
            "ReservationCtrlr.Enabled": False,
            "ReserveConnectorZeroSupported": False,
        }
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            assert await reserve(csms) == "Rejected"
            assert cabin.app is not None
            await cabin.app.facade.settings_set("ReservationCtrlr.Enabled", "true")
            assert await reserve(csms, 1, 0) == "Rejected"
            assert await reserve(csms, 1, 1) == "Accepted"

    run_virtual(main())


def test_16_RESV_04_16_RESV_12_16_CORE_116_a_stranger_on_a_reserved_connector(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await reserve(csms) == "Accepted"
            await told(cabin, csms, "Reserved")
            await cabin.plug()
            await cabin.swipe(STRANGER)
            await cabin.sleep(30)
            assert cabin.bay().current_ma == 0
            remote = {"connectorId": 1, "idTag": STRANGER}
            assert await csms.call("RemoteStartTransaction", remote) == {"status": "Rejected"}
            await cabin.sleep(30)
            assert cabin.statuses()[-1] == "Reserved", "1.6 4.9, G2: only the identity makes it Preparing"
            assert starts(csms) == []
            assert cabin.app is not None
            status = cabin.app.facade.status()
            assert status["evses"][0]["reserved_for"] == HOLDER
            assert "EVSE 1: reserved for 04A2B3C4 until" in render(status)
            verdict, *rows = cabin.app.facade.why(1)
            assert "reserved" in verdict["value"]
            assert [row["value"] for row in rows if row["name"] == "reserved"] == [
                "for 04A2B3C4 until 2026-01-01 00:10:00 UTC"
            ]
            remote = {"connectorId": 1, "idTag": HOLDER}
            assert await csms.call("RemoteStartTransaction", remote) == {"status": "Accepted"}
            await told(cabin, csms, "Charging")
            assert starts(csms) == [(1, HOLDER, 7)]

    run_virtual(main())


@pytest.mark.parametrize("source", ["list", "cache", "authorize"])
def test_16_RESV_06_the_parent_starts_as_well(tmp_path: Path, source: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            info = {"status": "Accepted", "parentIdTag": "Family"}
            csms.answers["Authorize"] = lambda p: {
                "idTagInfo": info if p["id_tag"] == "SON" else {"status": "Accepted"}
            }
            await cabin.online()
            if source == "list":
                update = {"listVersion": 1, "updateType": "Full"}
                lines: list[dict[str, Any]] = [{"idTag": "SON", "idTagInfo": info}]
                await csms.call("SendLocalList", {**update, "localAuthorizationList": lines})
            elif source == "cache":
                await cabin.swipe("SON")
                await cabin.swipe("SON")
            asked = len(csms.of("Authorize"))
            assert await reserve(csms, parentIdTag="FAMILY") == "Accepted"
            await cabin.plug()
            await cabin.swipe(STRANGER)
            await cabin.sleep(5)
            assert len(csms.of("Authorize")) == asked + 1, "asked, for its parent is unknown"
            assert starts(csms) == []
            await cabin.swipe("SON")
            await told(cabin, csms, "Charging")
            assert starts(csms) == [(1, "SON", 7)]
            assert len(csms.of("Authorize")) == asked + (2 if source == "authorize" else 1)

    run_virtual(main())


def test_16_RESV_07_connector_0_keeps_one_of_two_free(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            assert await reserve(csms, 7, 0) == "Accepted"
            await cabin.charging(1, STRANGER)
            await told(cabin, csms, "Reserved", 2)
            await cabin.swipe("04EEEEEE")
            await cabin.plug(2)
            await cabin.swipe("04EEEEEE")
            await cabin.sleep(10)
            assert starts(csms) == [(1, STRANGER, None)]
            assert await reserve(csms, 8, 2) == "Occupied"
            assert await reserve(csms, 8, 0) == "Occupied"
            await cabin.unplug(2)
            await cabin.charging(2, HOLDER)
            assert starts(csms)[1:] == [(2, HOLDER, 7)]
            assert {view.evse_id: view.reserved for view in cabin.station.views(cabin.clock.now())} == {
                0: False,
                1: False,
                2: False,
            }

    run_virtual(main())


@pytest.mark.parametrize("connector", [1, 0])
def test_16_RESV_08_it_expires_and_available_is_sent(tmp_path: Path, connector: int) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await reserve(csms, 7, connector, for_s=300) == "Accepted"
            await told(cabin, csms, "Reserved")
            begun_s = csms.of("StatusNotification")[-1].at_s
            await told(cabin, csms, "Reserved")
            await cabin.sleep(298)
            assert cabin.statuses()[-1] == "Reserved"
            await csms.until(lambda: cabin.statuses()[-1] == "Available", 5, "it expires", poll_s=0.2)
            assert 298 < csms.of("StatusNotification")[-1].at_s - begun_s < 302
            assert await cancel(csms, 7) == "Rejected"
            await cabin.charging(1, STRANGER)
            assert starts(csms) == [(1, STRANGER, None)]

    run_virtual(main())


@pytest.mark.parametrize("how", ["offline", "off", "the clock is set"])
def test_16_RESV_08_it_expires_while_nobody_looks(tmp_path: Path, how: str) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await reserve(csms, for_s=300) == "Accepted"
            await told(cabin, csms, "Reserved")
            if how == "offline":
                await cabin.offline()
                await cabin.sleep(400)
                await csms.up()
            elif how == "off":
                await cabin.restart(reboot=True, after_s=400)
            else:
                cabin.clock.set_utc(cabin.clock.now().utc_ms + 400_000)
            await cabin.online()
            await told(cabin, csms, "Available")
            assert [one.why for one in cabin.happened(ReservationEnded)] == ["Expired"]

    run_virtual(main())


def test_16_RESV_09_faulted_or_unavailable_ends_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await reserve(csms, 1, 1)
            await reserve(csms, 2, 2)
            await told(cabin, csms, "Reserved", 2)
            cabin.bay(1).inhibits = (("pilot-fault", 0),)
            await told(cabin, csms, "Faulted", 1)
            cabin.bay(1).inhibits = ()
            await told(cabin, csms, "Available", 1)
            unavailable = {"connectorId": 2, "type": "Inoperative"}
            assert await csms.call("ChangeAvailability", unavailable) == {"status": "Accepted"}
            await told(cabin, csms, "Unavailable", 2)
            await csms.call("ChangeAvailability", {**unavailable, "type": "Operative"})
            await told(cabin, csms, "Available", 2)
            assert await cancel(csms, 1) == await cancel(csms, 2) == "Rejected"
            await cabin.charging(1, STRANGER)
            assert starts(csms) == [(1, STRANGER, None)]

    run_virtual(main())


@pytest.mark.parametrize("reboot", [True, False])
def test_16_RESV_11_it_survives(tmp_path: Path, reboot: bool) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await reserve(csms, 1, 1, for_s=3600, parentIdTag="P")
            await reserve(csms, 2, 0, STRANGER, for_s=3600)
            await cabin.restart(reboot=reboot)
            await csms.until(lambda: csms.connections == 2)
            await cabin.online()
            await cabin.sleep(5)
            assert [cabin.statuses(connector)[-1] for connector in (1, 2)] == ["Reserved", "Reserved"]
            await cabin.plug(1)
            await cabin.swipe(HOLDER)
            await told(cabin, csms, "Charging", 1)
            await cabin.swipe(STRANGER)
            await cabin.plug(2)
            await told(cabin, csms, "Charging", 2)
            assert starts(csms) == [(1, HOLDER, 1), (2, STRANGER, 2)]

    run_virtual(main())


def test_16_RESV_05_16_RESV_11_used_offline_and_told_after_a_reboot(tmp_path: Path) -> None:
    """Reserved, then the CSMS goes; the holder comes, charges, and the power fails: nothing is lost."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.swipe(HOLDER)  # the cache learns
            await cabin.swipe(HOLDER)
            await reserve(csms, 44)
            await cabin.offline()
            await cabin.plug()
            await cabin.swipe(STRANGER)
            await cabin.sleep(3)
            assert cabin.bay().current_ma == 0
            await cabin.swipe(HOLDER)
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
            await cabin.restart(reboot=True)
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            assert starts(csms) == [(1, HOLDER, 44)]
            assert cabin.station.reservations.all == {}
            assert await reserve(csms, 45) == "Occupied"

    run_virtual(main())


def test_16_RESV_05_connection_timeout_after_the_card(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await reserve(csms, for_s=3600)
            await cabin.swipe(HOLDER)
            await told(cabin, csms, "Preparing")
            await told(cabin, csms, "Reserved")
            await cabin.charging(1, HOLDER)
            assert starts(csms) == [(1, HOLDER, 7)]

    run_virtual(main())


def test_16_RESV_04_a_refusing_csms_does_not_cost_the_holder_the_reservation(tmp_path: Path) -> None:
    """It is recommended to validate the token before the start (1.6 5.13); refused, nothing starts."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await reserve(csms)
            csms.script("Authorize", answer({"idTagInfo": {"status": "Blocked"}}))
            await cabin.plug()
            await cabin.swipe(HOLDER)
            await cabin.sleep(5)
            assert starts(csms) == []
            assert await cancel(csms, 7) == "Accepted"

    run_virtual(main())


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_H01_H04_the_same_reservations_in_2_0_1(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with FakeCsms(version) as csms, Cabin.build(tmp_path, csms, version, evses=2) as cabin:
            await cabin.online()

            async def reserve201(id_: int, for_s: float, **more: Any) -> str:
                token = {"idToken": HOLDER, "type": "ISO14443"}
                payload = {"id": id_, "expiryDateTime": at(csms, for_s), "idToken": token, **more}
                return str((await csms.call("ReserveNow", payload))["status"])

            assert await reserve201(1, 60, evseId=1) == "Accepted"
            assert await reserve201(2, 6000) == "Accepted"
            update = await csms.wait("ReservationStatusUpdate")
            assert update.payload == {"reservationId": 1, "reservationUpdateStatus": "Expired"}
            cancelled = await csms.call("CancelReservation", {"reservationId": 1})
            assert cancelled["status"] == "Rejected"
            await cabin.charging(2, HOLDER)
            (begun,) = [
                one.payload for one in csms.of("TransactionEvent") if one.payload["eventType"] == "Started"
            ]
            assert begun["reservationId"] == 2
            assert len(csms.of("ReservationStatusUpdate")) == 1
            told = [one.payload for one in csms.of("StatusNotification") if one.payload["evseId"] == 1]
            assert [one["connectorStatus"] for one in told][:3] == ["Available", "Reserved", "Available"]

    run_virtual(main())


def test_16_CORE_70_16_CORE_71_16_CORE_76_the_changes_around_a_reservation(tmp_path: Path) -> None:
    """A7, G1, G2, G8, G9 of the table in 1.6 4.9; and I7: a reservation of any connector outlives the fault
    of one that it does not need, and is shown there when that is the last."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()

            async def then(*statuses: str) -> None:
                """Just these are told next, of connector 1."""
                wanted = [*cabin.statuses()[: count[0]], *statuses]
                await csms.until(lambda: len(cabin.statuses()) >= len(wanted), 90, f"{statuses}", poll_s=0.2)
                assert cabin.statuses() == wanted
                count[0] = len(wanted)

            count = [0]
            await then("Available")
            await reserve(csms, 1)
            await then("Reserved")  # A7
            await cancel(csms, 1)
            await then("Available")  # G1, cancelled
            await reserve(csms, 2, for_s=30)
            await then("Reserved", "Available")  # G1, expired
            await reserve(csms, 3)
            await then("Reserved")
            unavailable = {"connectorId": 1, "type": "Inoperative"}
            await csms.call("ChangeAvailability", unavailable)
            await then("Unavailable")  # G8
            await csms.call("ChangeAvailability", {**unavailable, "type": "Operative"})
            await then("Available")
            await reserve(csms, 4)
            await then("Reserved")
            cabin.bay(1).inhibits = (("pilot-fault", 0),)
            await then("Faulted")  # G9
            cabin.bay(1).inhibits = ()
            await then("Available")
            await reserve(csms, 5, 0)
            await cabin.charging(2, STRANGER)
            await then("Reserved")
            cabin.bay(1).inhibits = (("pilot-fault", 0),)
            await then("Faulted")
            cabin.bay(1).inhibits = ()
            await then("Reserved")  # I7
            await cabin.swipe(HOLDER)
            await then("Preparing")  # G2

    run_virtual(main())
