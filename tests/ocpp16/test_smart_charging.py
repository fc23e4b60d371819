"""The whole controller against a CSMS that speaks 1.6 (3.13, 5.5, 5.7, 5.16)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import ProfileInstalled, TransactionEnded
from controller.domain.station import Station, replay
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms
from tests.support.house import House
from tests.support.virtual_time import run_virtual

Scenario = Callable[[Cabin], Awaitable[None]]


def play(
    tmp_path: Path, scenario: Scenario, evses: int = 1, settings: dict[str, str | int | bool] | None = None
) -> None:
    async def main() -> None:
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=evses, settings=settings) as cabin,
        ):
            csms.answers["StopTransaction"] = lambda _stop: {}
            await cabin.online()
            await scenario(cabin)

    run_virtual(main())


def at(cabin: Cabin | House, seconds: float = 0) -> str:
    """So many seconds from now, as 1.6 writes it."""
    ms = cabin.clock.now().utc_ms + round(seconds * 1000)
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def period(start_s: int, limit: float, phases: int | None = None) -> dict[str, Any]:
    return {
        "startPeriod": start_s,
        "limit": limit,
        **({} if phases is None else {"numberPhases": phases}),
    }


def profile(
    *periods: dict[str, Any],
    id_: int = 1,
    level: int = 0,
    purpose: str = "TxDefaultProfile",
    kind: str = "Absolute",
    unit: str = "A",
    start: str | None = "2026-01-01T00:00:00Z",
    duration: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    schedule: dict[str, Any] = {"chargingRateUnit": unit, "chargingSchedulePeriod": list(periods)}
    if start is not None:
        schedule["startSchedule"] = start
    if duration is not None:
        schedule["duration"] = duration
    return {
        "chargingProfileId": id_,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


def own(*periods: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A TxProfile, relative to its transaction."""
    return profile(*periods, purpose="TxProfile", kind="Relative", start=None, **more)


async def install(cabin: Cabin | House, connector: int, one: dict[str, Any], check: bool = True) -> str:
    answer = await cabin.csms.call(
        "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": one}, check=check
    )
    return str(answer["status"])


async def composite(cabin: Cabin, connector: int, duration: int = 3600, **more: Any) -> dict[str, Any]:
    payload = {"connectorId": connector, "duration": duration, **more}
    return await cabin.csms.call("GetCompositeSchedule", payload)


def points(answer: dict[str, Any]) -> list[tuple[int, float]]:
    assert answer["status"] == "Accepted"
    return [
        (one["startPeriod"], one["limit"]) for one in answer["chargingSchedule"]["chargingSchedulePeriod"]
    ]


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(CallError) as failure:
        await call
    return failure.value.code


def limit_a(cabin: Cabin | House, evse_id: int = 1) -> float:
    return cabin.station.limit_ma(evse_id, cabin.clock.now()) / 1000


# ---------------------------------------------------------------------- keys and refusals


def test_16_SC_33_16_SC_25_the_keys_tell_what_can_be_done(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        asked = [
            "ChargeProfileMaxStackLevel",
            "ChargingScheduleAllowedChargingRateUnit",
            "ChargingScheduleMaxPeriods",
            "MaxChargingProfilesInstalled",
            "ConnectorSwitch3to1PhaseSupported",
            "SupportedFeatureProfiles",
        ]
        answer = await cabin.csms.call("GetConfiguration", {"key": asked})
        assert "unknownKey" not in answer
        rows = {one["key"]: one for one in answer["configurationKey"]}
        assert all(rows[key]["readonly"] for key in asked)
        values = {key: rows[key]["value"] for key in asked}
        assert "SmartCharging" in values.pop("SupportedFeatureProfiles").split(",")
        assert values == {
            "ChargeProfileMaxStackLevel": "100",
            "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
            "ChargingScheduleMaxPeriods": "100",
            "MaxChargingProfilesInstalled": "200",
            "ConnectorSwitch3to1PhaseSupported": "true",
        }

    play(tmp_path, scenario)


def test_16_SC_24_as_many_as_the_keys_say_and_not_one_more(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        hundred = [period(at_s, 10) for at_s in range(100)]
        assert await install(cabin, 1, profile(*hundred)) == "Accepted"
        assert await install(cabin, 1, profile(*hundred, period(100, 8))) == "Rejected"
        assert await install(cabin, 1, profile(period(0, 8), level=101)) == "Rejected"
        assert await install(cabin, 1, profile(period(0, 8), level=-1), check=False) == "Rejected"
        for number in range(200):
            one = profile(period(0, 10), id_=number, level=number % 100)
            assert await install(cabin, number // 100, one) == "Accepted"
        assert await install(cabin, 1, profile(period(0, 8), id_=999, level=100)) == "Rejected"
        assert await install(cabin, 1, profile(period(0, 8), id_=999, level=99)) == "Accepted"
        assert points(await composite(cabin, 1)) == [(0, 8)]

    play(tmp_path, scenario)


def test_16_SC_23_only_allowed_units(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        assert await install(cabin, 1, profile(period(0, 2000), unit="W")) == "Rejected"
        assert await install(cabin, 1, profile(period(0, 10))) == "Accepted"
        assert (await composite(cabin, 1, chargingRateUnit="W")) == {"status": "Rejected"}

    play(tmp_path, scenario, settings={"ChargingScheduleAllowedChargingRateUnit": "Current"})


def test_16_SC_21_16_SC_31_an_unknown_unit_is_a_callerror(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        asked = install(cabin, 1, profile(period(0, 10), unit="kW"), check=False)
        assert await refused(asked) == "PropertyConstraintViolation"
        payload = {"connectorId": 1, "duration": 60, "chargingRateUnit": "V"}
        told = cabin.csms.call("GetCompositeSchedule", payload, check=False)
        assert await refused(told) == "PropertyConstraintViolation"
        for field, value in (("chargingProfileKind", "Sometimes"), ("chargingProfilePurpose", "TxMax")):
            wrong = {**profile(period(0, 10)), field: value}
            assert await refused(install(cabin, 1, wrong, check=False)) == "PropertyConstraintViolation"
        assert not cabin.happened(ProfileInstalled)

    play(tmp_path, scenario)


def test_16_SC_22_an_unknown_connector_is_a_callerror(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        for purpose in ("TxDefaultProfile", "TxProfile", "ChargePointMaxProfile"):
            for connector in (3, 99, -1):
                asked = install(cabin, connector, profile(period(0, 10), purpose=purpose), check=False)
                assert await refused(asked) == "PropertyConstraintViolation"
        assert await install(cabin, 2, profile(period(0, 10))) == "Accepted"

    play(tmp_path, scenario, evses=2)


def test_16_SC_01_16_SC_03_16_SC_11_16_SC_15_what_cannot_be_is_rejected(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        ten = period(0, 10)
        for connector, one in [
            (1, profile(ten, purpose="ChargePointMaxProfile")),
            (0, profile(ten, purpose="TxProfile")),
            (1, profile(ten, purpose="TxProfile")),
            (1, profile(ten, purpose="TxProfile", transactionId=1)),
            (1, profile(period(5, 10))),
            (1, profile(ten, period(60, 8), period(60, 6))),
            (1, profile(ten, kind="Recurring")),
            (1, profile(ten, kind="Recurring", recurrencyKind="Daily", start=None)),
        ]:
            assert await install(cabin, connector, one) == "Rejected", one
        assert not cabin.happened(ProfileInstalled)

    play(tmp_path, scenario)


def test_16_SC_18_tenths_are_taken_and_hundredths_refused(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        await cabin.charging()
        for tenths in (61, 81, 101, 163, 319):
            assert await install(cabin, 1, profile(period(0, tenths / 10))) == "Accepted"
            assert limit_a(cabin) == tenths / 10
            assert points(await composite(cabin, 1)) == [(0, tenths / 10)]
        code = await refused(install(cabin, 1, profile(period(0, 8.15)), check=False))
        assert code == "PropertyConstraintViolation"

    play(tmp_path, scenario)


# ---------------------------------------------------------------------- in a transaction


def test_16_SC_34_16_SC_19_16_SC_27_suspended_by_0_and_freed_by_more(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        await cabin.charging()
        assert await install(cabin, 0, profile(period(0, 0))) == "Accepted"
        await cabin.until(lambda: cabin.statuses()[-1] == "SuspendedEVSE", "suspended")
        assert cabin.bay().offered_ma == 0
        assert await install(cabin, 0, profile(period(0, 5.9))) == "Accepted"
        await cabin.sleep(5)
        assert cabin.statuses()[-1] == "SuspendedEVSE"
        assert await install(cabin, 0, profile(period(0, 10))) == "Accepted"
        await cabin.until(lambda: cabin.statuses()[-1] == "Charging", "charging again")
        assert cabin.bay().offered_ma == 10_000
        clear = {"chargingProfilePurpose": "TxDefaultProfile", "connectorId": 1}
        assert await cabin.csms.call("ClearChargingProfile", clear) == {"status": "Unknown"}
        clear = {"chargingProfilePurpose": "TxDefaultProfile", "connectorId": 0, "stackLevel": 0}
        assert await cabin.csms.call("ClearChargingProfile", clear) == {"status": "Accepted"}
        await cabin.sleep(1)
        assert cabin.bay().offered_ma == 32_000
        assert await cabin.csms.call("ClearChargingProfile", {}) == {"status": "Unknown"}

    play(tmp_path, scenario)


def test_16_SC_04_16_SC_09_a_tx_profile_ends_with_its_transaction(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        assert await install(cabin, 0, profile(period(0, 20))) == "Accepted"
        await cabin.charging()
        await cabin.delivered()
        limited = {"transactionId": 1, "validFrom": at(cabin, -60), "validTo": at(cabin, 60)}
        one = own(period(0, 8), id_=2, **limited)
        assert await install(cabin, 1, one) == "Accepted"
        await cabin.sleep(1)
        assert cabin.bay().offered_ma == 8_000
        await cabin.sleep(60)
        assert cabin.bay().offered_ma == 20_000, "validTo passed"
        assert await install(cabin, 1, {**one, "validTo": at(cabin, 9_999)}) == "Accepted"
        await cabin.unplug()
        await cabin.until(lambda: cabin.happened(TransactionEnded), "the end")
        assert list(cabin.station.smart_charging.profiles) == [1]
        await cabin.charging()
        assert cabin.bay().offered_ma == 20_000
        await cabin.delivered()
        assert await install(cabin, 1, one) == "Rejected", "of the transaction before (16.SC.05)"

    play(tmp_path, scenario)


def test_16_SC_26_a_profile_that_follows_the_answer_to_the_start_at_once(tmp_path: Path) -> None:
    """The CSMS learns of the transaction, answers, and limits it in the same breath, while meter values wait
    behind the start."""

    async def scenario(cabin: Cabin) -> None:
        start_profile = profile(
            period(0, 10), id_=1, level=3, purpose="TxProfile", kind="Relative", start=None
        )
        later = profile(
            period(0, 13), id_=2, level=3, purpose="TxProfile", kind="Relative", start=None, transactionId=77
        )
        statuses: list[str] = []
        jobs = []

        async def follow() -> None:
            statuses.append(await install(cabin, 1, later))

        def answer(_start: dict[str, Any]) -> dict[str, Any]:
            jobs.append(asyncio.get_running_loop().create_task(follow()))
            return {"transactionId": 77, "idTagInfo": {"status": "Accepted"}}

        cabin.csms.answers["StartTransaction"] = answer
        await cabin.offline()
        await cabin.sleep(1)
        await cabin.csms.up()
        await cabin.online()
        await cabin.plug()
        asked = {"connectorId": 1, "idTag": "04A2B3C4", "chargingProfile": start_profile}
        assert (await cabin.csms.call("RemoteStartTransaction", asked))["status"] == "Accepted"
        await cabin.until(lambda: statuses, "the second profile is answered")
        assert statuses == ["Accepted"]
        assert list(cabin.station.smart_charging.profiles) == [2]
        assert limit_a(cabin) == 13
        stacked = {**later, "chargingProfileId": 3, "stackLevel": 4, "chargingSchedule": {}}
        stacked["chargingSchedule"] = {**later["chargingSchedule"], "duration": 60}
        assert await install(cabin, 1, stacked) == "Accepted"
        assert sorted(cabin.station.smart_charging.profiles) == [2, 3]

    play(tmp_path, scenario)


def test_16_SC_26_a_transaction_that_is_learned_late_can_be_limited_at_once(tmp_path: Path) -> None:
    """Begun offline with meter values behind it: the answer teaches its id, the next frame uses it."""

    async def scenario(cabin: Cabin) -> None:
        await cabin.charging()
        await cabin.delivered()
        await cabin.offline()
        await cabin.unplug()
        await cabin.charging()
        await cabin.sleep(100)  # values wait behind the start
        statuses: list[str] = []
        jobs = []

        async def follow(transaction_id: int) -> None:
            statuses.append(await install(cabin, 1, own(period(0, 9), transactionId=transaction_id)))

        def answer(_start: dict[str, Any]) -> dict[str, Any]:
            jobs.append(asyncio.get_running_loop().create_task(follow(99)))
            return {"transactionId": 99, "idTagInfo": {"status": "Accepted"}}

        cabin.csms.answers["StartTransaction"] = answer
        await cabin.csms.up()
        await cabin.until(lambda: statuses, "the profile is answered", 600)
        assert statuses == ["Accepted"]
        assert limit_a(cabin) == 9

    play(
        tmp_path,
        scenario,
        settings={"MeterValueSampleInterval": 30, "AllowOfflineTxForUnknownId": "true"},
    )


def test_16_SC_35_no_moment_without_a_limit_while_a_profile_is_refreshed(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        assert await install(cabin, 1, profile(period(0, 10), start=at(cabin), duration=90)) == "Accepted"
        await cabin.charging()
        assert cabin.app is not None
        seen: set[float] = set()
        cabin.app.inbox.on_taken.append(lambda: seen.add(limit_a(cabin)))
        for _ in range(5):
            await cabin.sleep(60)
            fresh = profile(period(0, 10), start=at(cabin, -30), duration=120)
            assert await install(cabin, 1, fresh) == "Accepted"
        assert seen == {10}
        assert cabin.statuses().count("Charging") == 1

    play(tmp_path, scenario)


def test_16_SC_14_a_day_profile_follows_the_clock_with_either_offset(tmp_path: Path) -> None:
    """The example of 1.6 3.13.7, told in another zone, its first boundary a hundred seconds ahead."""

    async def scenario(cabin: Cabin) -> None:
        zone = timezone(timedelta(hours=5, minutes=30))
        began_ms = cabin.clock.now().utc_ms // 1000 * 1000 - (28_800 - 100) * 1000
        began = datetime.fromtimestamp(began_ms / 1000, zone).replace(year=2013)
        day = profile(
            period(0, 11_000, 3),
            period(28_800, 6_000, 3),
            period(72_000, 11_000, 3),
            id_=100,
            kind="Recurring",
            recurrencyKind="Daily",
            unit="W",
            start=began.isoformat(),
            duration=86_400,
        )
        assert await install(cabin, 0, day) == "Accepted"
        await cabin.charging()
        into_s = cabin.clock.now().utc_ms // 1000 - began_ms // 1000
        told = points(await composite(cabin, 1, 86_400, chargingRateUnit="W"))
        assert told == [(0, 11_000), (28_800 - into_s, 6_000), (72_000 - into_s, 11_000)]
        assert limit_a(cabin) == 15.942
        await cabin.sleep(100)
        assert limit_a(cabin) == 8.695

    play(tmp_path, scenario)


# ---------------------------------------------------------------------- reboots and offline


def test_16_SC_20_16_SC_32_profiles_outlive_a_reboot_without_a_csms(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        assert await install(cabin, 0, profile(period(0, 20), id_=1)) == "Accepted"
        maximum = profile(period(0, 13), id_=2, purpose="ChargePointMaxProfile")
        assert await install(cabin, 0, maximum) == "Accepted"
        await cabin.charging(1)
        await cabin.delivered()
        own = profile(period(0, 8), period(60, 11), id_=3, purpose="TxProfile", kind="Relative", start=None)
        assert await install(cabin, 1, own) == "Accepted"
        await cabin.csms.down()
        for reboot in (False, True):
            await cabin.restart(reboot=reboot)
            await cabin.sleep(10)
            if not reboot:
                await cabin.until(lambda: cabin.bay(1).offered_ma == 8_000, "its TxProfile holds")
                await cabin.sleep(60)
                assert cabin.bay(1).offered_ma == 11_000
        profiles = set(cabin.station.smart_charging.profiles)
        transaction = cabin.station.evses[1].transaction
        assert profiles == ({1, 2, 3} if transaction is not None else {1, 2})
        copy = Station(
            [evse.spec for evse in cabin.station.evses.values()],
            cabin.station.policy,
            cabin.app.inbox._tokens,
            lambda: "never",
        )
        replay(copy, cabin.events())
        assert copy.smart_charging.profiles == cabin.station.smart_charging.profiles

    play(tmp_path, scenario, evses=2)


def test_16_SC_32_offline_known_profiles_hold_and_without_any_nothing_does(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        await cabin.swipe("04A2B3C4")  # known to the cache from here on
        await cabin.swipe("04A2B3C4")
        await cabin.offline()
        await cabin.charging()
        assert cabin.bay().offered_ma == 32_000, "as if no constraints apply"
        await cabin.unplug()
        await cabin.csms.up()
        await cabin.online()
        assert await install(cabin, 0, profile(period(0, 12), id_=1)) == "Accepted"
        maximum = profile(period(0, 10), period(9_000_000, 8), id_=2, purpose="ChargePointMaxProfile")
        assert await install(cabin, 0, maximum) == "Accepted"
        await cabin.offline()
        await cabin.charging()
        assert cabin.bay().offered_ma == 10_000
        await cabin.csms.up()
        await cabin.online()
        await cabin.delivered()
        assert await install(cabin, 1, own(period(0, 7), id_=3)) == "Accepted"
        await cabin.offline()
        await cabin.sleep(100)
        assert cabin.bay().offered_ma == 7_000, "for the duration of the transaction"
        await cabin.unplug()
        await cabin.charging()
        assert cabin.bay().offered_ma == 10_000

    play(tmp_path, scenario)


# ---------------------------------------------------------------------- composite schedules


def test_16_SC_28_16_SC_29_16_SC_10_the_composite_as_it_is_told(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        start = at(cabin)
        maximum = profile(period(0, 16), period(900, 8), id_=1, purpose="ChargePointMaxProfile", start=start)
        assert await install(cabin, 0, maximum) == "Accepted"
        default = profile(period(0, 10), period(600, 20), id_=2, start=start, duration=1800)
        assert await install(cabin, 0, default) == "Accepted"
        await cabin.sleep(100)
        now = at(cabin)
        answer = await composite(cabin, 1, 2000)
        told = datetime.fromisoformat(answer["scheduleStart"])
        assert 0 <= (datetime.fromisoformat(now) - told).total_seconds() < 1.1
        into = round((told - datetime.fromisoformat(start)).total_seconds())
        assert answer == {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": answer["scheduleStart"],
            "chargingSchedule": {
                "duration": 2000,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    period(0, 10, 3),
                    period(600 - into, 16, 3),
                    period(900 - into, 8, 3),
                ],
            },
        }

    play(tmp_path, scenario)


def test_16_SC_30_16_SC_31_all_connectors_one_that_is_not_there_and_either_unit(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        assert await install(cabin, 0, profile(period(0, 10), id_=1)) == "Accepted"
        assert await install(cabin, 2, profile(period(0, 2_300, 1), id_=2, unit="W")) == "Accepted"
        assert points(await composite(cabin, 0, chargingRateUnit="A")) == [(0, 20)]
        assert points(await composite(cabin, 0, chargingRateUnit="W")) == [(0, 9_200)]
        assert points(await composite(cabin, 2, chargingRateUnit="W")) == [(0, 2_300)]
        assert points(await composite(cabin, 2, chargingRateUnit="A")) == [(0, 10)]
        maximum = profile(period(0, 14), id_=3, purpose="ChargePointMaxProfile")
        assert await install(cabin, 0, maximum) == "Accepted"
        assert points(await composite(cabin, 0)) == [(0, 14)]
        assert await composite(cabin, 3) == {"status": "Rejected"}
        assert await composite(cabin, 1, 0) == {"status": "Rejected"}

    play(tmp_path, scenario, evses=2)


# ---------------------------------------------------------------------- two connectors


def test_16_SC_01_16_SC_02_two_connectors_share_what_is_for_all(tmp_path: Path) -> None:
    async def scenario(cabin: Cabin) -> None:
        maximum = profile(period(0, 20), id_=1, purpose="ChargePointMaxProfile")
        assert await install(cabin, 0, maximum) == "Accepted"
        assert await install(cabin, 0, profile(period(0, 16), id_=2)) == "Accepted"
        assert await install(cabin, 2, profile(period(0, 7), id_=3)) == "Accepted"
        assert cabin.app is not None
        cabin.app.inbox.on_taken.append(lambda: sums.append(sum(bay.current_ma for bay in cabin.bays)))
        sums: list[int] = []
        for bay in cabin.bays:
            bay.draws_ma = 32_000
        await cabin.charging(1, "04A2B3C4")
        assert cabin.bay(1).offered_ma == 16_000
        await cabin.charging(2, "04D4D4D4")
        await cabin.sleep(10)
        assert [cabin.bay(1).offered_ma, cabin.bay(2).offered_ma] == [13_000, 7_000]
        assert max(sums) <= 20_000
        await cabin.unplug(1)
        await cabin.sleep(10)
        assert cabin.bay(2).offered_ma == 7_000
        rows = {row["name"]: row for row in cabin.app.facade.why(2)}
        assert rows["profile 3"]["source"] == "TxDefaultProfile id 3, stack level 0"
        assert "profile 1" in rows
        assert "profile 2" not in rows
        assert "limited by profile 3" in rows["EVSE 2"]["value"]

    play(tmp_path, scenario, evses=2)


# ---------------------------------------------------------------------- volts and contacts


def test_the_offer_follows_within_a_tick_of_the_permit_at_each_boundary(tmp_path: Path) -> None:
    """Installed between two ticks of the controller, with periods as short as they can be."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms) as house:
            csms.answers["StopTransaction"] = lambda _stop: {}
            await house.online()
            house.world.plug(1, max_ma=32_000)
            await house.sleep(1)
            house.world.swipe("04A2B3C4")
            await house.until(house.charging, "it charges")
            await house.sleep(3.35)
            limits = [20, 16, 13, 10, 8, 6]  # what falls is followed at once, what rises every 5 s
            starts_ms = house.clock.now().utc_ms + 300
            schedule = [period(number, limit) for number, limit in enumerate(limits)]
            assert await install(house, 1, profile(*schedule, start=at(house, 0.3))) == "Accepted"
            seen: list[tuple[int, int]] = []
            while house.clock.now().utc_ms < starts_ms + 6_500:
                offered_ma = house.safety.evses[0].state.offered_ma
                if not seen or seen[-1][1] != offered_ma:
                    seen.append((house.clock.now().utc_ms - starts_ms, offered_ma))
                await house.sleep(0.01)
            changes = seen[1:]
            assert [offered_ma for _at_ms, offered_ma in changes] == [
                limit * 1000 // 60 * 60  # the pilot tells steps of 60 mA
                for limit in limits
            ]
            late_ms = [at_ms - number * 1000 for number, (at_ms, _ma) in enumerate(changes)]
            assert all(0 <= late <= 30 for late in late_ms), late_ms
            assert house.safety.evses[0].state.contactor.openings_under_load == 0

    run_virtual(main())


def test_16_SC_01_what_two_vehicles_draw_together_stays_below_the_limit(tmp_path: Path) -> None:
    """Real ampere, of vehicles that take their time: one comes, one lets go and comes back, one leaves."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, House.build(tmp_path, csms, evses=2) as house:
            csms.answers["StopTransaction"] = lambda _stop: {}
            await house.online()
            maximum = profile(period(0, 20), purpose="ChargePointMaxProfile")
            assert await install(house, 0, maximum) == "Accepted"
            most_ma = 0

            async def until(condition: Callable[[], Any], what: str, timeout_s: float = 60) -> None:
                def watched() -> Any:
                    nonlocal most_ma
                    most_ma = max(most_ma, house.current_ma(1) + house.current_ma(2))
                    return condition()

                await house.until(watched, what, timeout_s)

            house.world.plug(1, max_ma=32_000, obey_ms=4_900)
            await house.sleep(1)
            house.world.swipe("04A2B3C4")
            await until(lambda: house.current_ma(1) > 19_500, "the first takes it all")
            house.world.plug(2, max_ma=32_000, s2_close_ms=100)
            await house.sleep(1)
            house.world.swipe("04D4D4D4")
            await until(lambda: min(house.current_ma(1), house.current_ma(2)) > 9_500, "half each")
            assert house.safety.evses[0].state.contactor.openings_under_load == 0
            house.world.unplug(1, force=True)
            await until(lambda: house.current_ma(2) > 19_500, "the second takes it all")
            assert most_ma <= 20_500, "and a meter's error"

    run_virtual(main())


def test_16_SC_22_without_smart_charging_a_callerror(tmp_path: Path) -> None:
    """Errata 3.39. The owner may switch it off; a profile of a remote start is then left aside (1.6 5.11)."""

    async def scenario(cabin: Cabin) -> None:
        assert await refused(install(cabin, 1, profile(period(0, 10)))) == "NotSupported"
        assert await refused(composite(cabin, 1)) == "NotSupported"
        assert await refused(cabin.csms.call("ClearChargingProfile", {})) == "NotSupported"
        answer = await cabin.csms.call("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
        assert "SmartCharging" not in answer["configurationKey"][0]["value"]
        await cabin.plug()
        asked = {"connectorId": 1, "idTag": "04A2B3C4", "chargingProfile": own(period(0, 10))}
        assert (await cabin.csms.call("RemoteStartTransaction", asked))["status"] == "Accepted"
        await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
        assert cabin.bay().offered_ma == 32_000
        assert not cabin.happened(ProfileInstalled)

    play(tmp_path, scenario, settings={"SmartChargingCtrlr.Enabled": "false"})
