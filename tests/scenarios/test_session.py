"""A charging session from volts to frames, on 1.6 and on 2.0.1, leaving the same events in the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.domain.events import SessionEnded, TransactionEnded, TransactionStarted
from tests.support.csms import FakeCsms
from tests.support.house import House, shape
from tests.support.virtual_time import run_virtual

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")

Scenario = Callable[[House], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario, **options: object) -> dict[str, list[str]]:
    """Run a scenario under every version; returns the shape of each journal."""

    async def one(version: str) -> list[str]:
        directory = tmp_path / version
        directory.mkdir()
        async with (
            FakeCsms(version) as csms,
            House.build(directory, csms, version, **options) as house,  # type: ignore[arg-type]
        ):
            csms.answers["StopTransaction"] = lambda stop: (
                {"idTagInfo": {"status": "Accepted"}} if "id_tag" in stop else {}
            )
            await scenario(house)
            await house.sleep(1)
            await house.delivered()
            house.check_books()
            return shape(house.events())

    return {version: run_virtual(one(version)) for version in VERSIONS}


def same(journals: dict[str, list[str]]) -> None:
    first, *others = journals.values()
    for other in others:
        assert other == first


def stops(house: House) -> int:
    return len(house.happened(TransactionEnded))


async def plug_and_swipe(house: House) -> None:
    await house.online()
    house.world.plug(1, max_ma=16_000)
    await house.sleep(1)
    house.world.swipe("04A2B3C4")
    await house.until(house.charging, "current flows")


async def leave(house: House) -> None:
    await house.until(lambda: not house.world.evse(1).lock.bolted, "the plug is released")
    house.world.unplug(1)
    await house.until(lambda: house.happened(SessionEnded), "the session ends")


def test_card_starts_and_card_stops(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        await house.sleep(20)
        house.world.swipe("04A2B3C4")
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        assert not house.closed()
        assert house.happened(TransactionEnded)[0].stopped_reason == "Local"
        await leave(house)

    same(play(tmp_path, scenario))


def test_remote_start_remote_stop(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.online()
        house.world.plug(1)
        await house.sleep(1)
        old = house.csms.subprotocol == "ocpp1.6"
        if old:
            answer = await house.csms.call("RemoteStartTransaction", {"idTag": "CARD1", "connectorId": 1})
        else:
            token = {"idToken": "CARD1", "type": "Central"}
            request = {"idToken": token, "remoteStartId": 7, "evseId": 1}
            answer = await house.csms.call("RequestStartTransaction", request)
        assert answer["status"] == "Accepted"
        await house.until(house.charging, "current flows")
        await house.sleep(5)
        await house.delivered()
        if old:
            answer = await house.csms.call("RemoteStopTransaction", {"transactionId": 1})
        else:
            (started,) = house.happened(TransactionStarted)
            answer = await house.csms.call(
                "RequestStopTransaction", {"transactionId": started.transaction_id}
            )
        assert answer["status"] == "Accepted"
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        assert house.safety.evses[0].state.contactor.openings_under_load == 0
        await leave(house)

    journals = play(tmp_path, scenario)
    # remote_start_id and the token's type exist in 2.x only.
    plain = [
        [row.replace("'remote_start_id': 7", "'remote_start_id': None") for row in rows]
        for rows in journals.values()
    ]
    assert plain[0] == plain[1] == plain[2]


def test_limit_lowers_within_a_second_and_zero_suspends(tmp_path: Path) -> None:
    def profile(limit: float, old: bool, house: House) -> tuple[str, dict[str, object]]:
        schedule: dict[str, object] = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
            "startSchedule": "2026-01-01T00:00:00Z",
        }
        common: dict[str, object] = {
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
        }
        if old:
            return "SetChargingProfile", {
                "connectorId": 1,
                "csChargingProfiles": {**common, "chargingProfileId": 1, "chargingSchedule": schedule},
            }
        return "SetChargingProfile", {
            "evseId": 1,
            "chargingProfile": {**common, "id": 1, "chargingSchedule": [{"id": 0, **schedule}]},
        }

    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        await house.until(lambda: house.current_ma() > 15_000, "the vehicle takes 16 A")
        old = house.csms.subprotocol == "ocpp1.6"
        assert (await house.csms.call(*profile(10, old, house)))["status"] == "Accepted"
        await house.until(lambda: house.safety.evses[0].state.offered_ma <= 10_000, "10 A offered", 1)
        await house.until(lambda: house.current_ma() <= 10_000, "10 A drawn", 6)
        assert (await house.csms.call(*profile(0, old, house)))["status"] == "Accepted"
        await house.until(lambda: not house.closed(), "suspended", 8)
        await house.sleep(4)
        assert (await house.csms.call(*profile(13, old, house)))["status"] == "Accepted"
        await house.until(lambda: house.current_ma() > 12_000, "charging again without a replug", 30)
        house.world.swipe("04A2B3C4")
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        await leave(house)

    same(play(tmp_path, scenario))


def test_pulling_the_plug_ends_the_session_with_every_watt_hour(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        await house.sleep(30)
        house.world.unplug(1, force=True)
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        assert house.happened(TransactionEnded)[0].stopped_reason == "EVDisconnected"

    same(play(tmp_path, scenario))


def test_charged_offline_and_delivered_in_order_afterwards(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.online()
        await house.csms.down()
        await house.until(lambda: not house.station.online, "the station notices", 120)
        house.world.plug(1, max_ma=16_000)
        await house.sleep(1)
        house.world.swipe("04A2B3C4")
        await house.until(house.charging, "current flows")
        await house.sleep(15)
        house.world.swipe("04A2B3C4")
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        await leave(house)
        assert all(event.offline for event in house.happened(TransactionStarted))
        await house.csms.up()
        await house.delivered()
        old = house.csms.subprotocol == "ocpp1.6"
        if old:
            actions = [one for one in house.csms.actions if one in ("StartTransaction", "StopTransaction")]
            assert actions == ["StartTransaction", "StopTransaction"]
        else:
            events = [one.payload for one in house.csms.of("TransactionEvent")]
            assert (events[0]["eventType"], events[-1]["eventType"]) == ("Started", "Ended")
            assert [one["seqNo"] for one in events] == list(range(len(events)))
            assert all(one["offline"] for one in events)

    same(play(tmp_path, scenario, settings={"AuthCtrlr.OfflineTxForUnknownIdEnabled": True}))


def test_the_controller_is_killed_while_charging(tmp_path: Path) -> None:
    """The charge goes on, the CSMS sees one start and one end, and the registers are right."""

    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        await house.sleep(5)
        operations = house.safety.evses[0].state.contactor.operations
        await house.kill_controller()
        await house.sleep(4)
        assert house.charging(), "the lease outlives the controller"
        house.start_controller()
        await house.online()
        await house.sleep(10)
        assert house.safety.evses[0].state.contactor.operations == operations, "the contactor did not move"
        house.world.swipe("04A2B3C4")
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        await leave(house)

    same(play(tmp_path, scenario))


def test_the_controller_stays_away_and_the_lease_lapses(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        await house.kill_controller()
        await house.sleep(25)
        assert not house.closed(), "silence means a gentle stop"
        assert house.safety.evses[0].state.contactor.openings_under_load == 0
        house.start_controller()
        await house.until(house.charging, "charging goes on without a replug", 60)
        house.world.swipe("04A2B3C4")
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        await leave(house)

    same(play(tmp_path, scenario))


@pytest.mark.parametrize("fault", ["rcd_trip"])
def test_a_fault_opens_at_once_and_charging_resumes_or_ends_cleanly(tmp_path: Path, fault: str) -> None:
    async def scenario(house: House) -> None:
        await plug_and_swipe(house)
        house.world.faults.set(fault, 1)
        await house.until(lambda: not house.closed(), "the contactor opens", 0.2)
        await house.sleep(2)
        house.world.faults.clear(fault, 1)
        house.world.unplug(1, force=True)
        await house.until(lambda: stops(house) == 1, "the transaction ends")
        await house.until(lambda: house.station.views(house.clock.now())[1].fault is None, "cleared", 20)

    same(play(tmp_path, scenario))


def test_two_evses_charge_side_by_side(tmp_path: Path) -> None:
    async def scenario(house: House) -> None:
        await house.online()
        for evse_id in (1, 2):
            house.world.plug(evse_id, max_ma=16_000)
            await house.sleep(1)
            house.world.swipe(f"04A2B3C{evse_id}", reader=0)
            await house.until(lambda: house.charging(evse_id), f"EVSE {evse_id} charges")  # noqa: B023
        await house.sleep(10)
        for evse_id in (1, 2):
            house.world.swipe(f"04A2B3C{evse_id}", reader=0)
        await house.until(lambda: stops(house) == 2, "both end")

    same(play(tmp_path, scenario, evses=2))
