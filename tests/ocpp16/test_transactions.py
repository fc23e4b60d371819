"""Transactions on the wire: how they begin and end, who may end them, and what happens to the cable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import (
    MeterReplaced,
    StoppedReason,
    TokenLearned,
    TokenRefused,
    TransactionEnded,
    TransactionStarted,
)
from hal.profile import load_profile
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, answer, error, never
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

Settings = dict[str, str | int | bool]
OFFLINE: Settings = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": True}
REFUSED = {"transactionId": 7, "idTagInfo": {"status": "Blocked"}}


def payloads(csms: FakeCsms, action: str) -> list[dict[str, Any]]:
    return [one.payload for one in csms.of(action)]


def infos(csms: FakeCsms, connector_id: int = 1) -> list[tuple[str, str, str]]:
    return [
        (one["status"], one["errorCode"], one.get("info", ""))
        for one in payloads(csms, "StatusNotification")
        if one["connectorId"] == connector_id
    ]


async def change(csms: FakeCsms, key: str, value: str) -> str:
    answered = await csms.call("ChangeConfiguration", {"key": key, "value": value})
    return str(answered["status"])


async def stopped(cabin: Cabin, count: int = 1) -> dict[str, Any]:
    """The payload of the ``count``-th StopTransaction."""
    stop = await cabin.csms.wait("StopTransaction", count, 120)
    return stop.payload


# ---------------------------------------------------------------------- authorization


@pytest.mark.parametrize("plug_first", [True, False])
def test_16_CORE_47_16_CORE_15_16_CORE_16_16_CORE_37_16_CORE_39_16_CORE_48_16_CORE_50_a_session(
    tmp_path: Path, plug_first: bool
) -> None:
    async def one() -> None:
        settings: Settings = {"SampledDataCtrlr.TxUpdatedInterval": 20}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            if plug_first:
                await cabin.plug()
                await cabin.sleep(10)
                assert cabin.bay().offered_ma == 0 and not cabin.bay().closed, "no energy yet"
                await cabin.swipe("04A2B3C4")
            else:
                await cabin.swipe("04A2B3C4")
                assert cabin.statuses()[-1] == "Preparing"
                await cabin.plug()
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
            began = csms.now()
            await cabin.sleep(70)
            assert cabin.bay().locked
            await cabin.swipe("04A2B3C4", settle_s=5)
            assert not cabin.bay().locked
            stop = await stopped(cabin)
            assert payloads(csms, "Authorize") == [{"idTag": "04A2B3C4"}], "16.CORE.17: no second question"
            (start,) = payloads(csms, "StartTransaction")
            assert start["connectorId"] == 1 and start["idTag"] == "04A2B3C4" and start["meterStart"] == 5000
            assert start["timestamp"][:18] == began[:18]
            assert stop["transactionId"] == 1 and stop["idTag"] == "04A2B3C4"
            assert stop["meterStop"] > 5000 and stop["timestamp"] > start["timestamp"]
            assert stop.get("reason", "Local") == "Local"
            assert {one["transactionId"] for one in payloads(csms, "MeterValues")} == {1}
            order = [one for one in csms.actions if one.endswith(("Transaction", "Values", "Authorize"))]
            assert order == ["Authorize", "StartTransaction", *["MeterValues"] * 3, "StopTransaction"]

    run_virtual(one())


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid", "ConcurrentTx"])
def test_16_CORE_23_only_accepted_starts(tmp_path: Path, status: str) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.answers["Authorize"] = lambda _p: {"idTagInfo": {"status": status}}
            await cabin.online()
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=10)
            assert not csms.of("StartTransaction") and cabin.bay().offered_ma == 0
            assert [one.status for one in cabin.happened(TokenRefused)] == [status]

    run_virtual(one())


def test_16_CORE_18_16_CORE_19_16_CORE_20_who_may_stop(tmp_path: Path) -> None:
    """Another card of the same parent may, a card of another parent and the parent's own name may not."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            parents = {"ONE": "FLEET", "TWO": "FLEET", "OTHER": "ELSEWHERE", "LONER": None}

            def authorize(asked: dict[str, Any]) -> dict[str, Any]:
                if asked["id_tag"] not in parents:
                    return {"idTagInfo": {"status": "Invalid"}}
                info = {"status": "Accepted", "parentIdTag": parents[asked["id_tag"]]}
                return {"idTagInfo": {name: one for name, one in info.items() if one}}

            csms.answers["Authorize"] = authorize
            await cabin.online()
            await cabin.charging(uid="ONE")
            for stranger in ("OTHER", "LONER", "FLEET"):
                await cabin.swipe(stranger, settle_s=10)
                assert cabin.bay().current_ma > 0, f"{stranger} stops nothing"
            await cabin.swipe("TWO", settle_s=10)
            stop = await stopped(cabin)
            assert stop["idTag"] == "TWO"
            asked = [one["idTag"] for one in payloads(csms, "Authorize")]
            assert asked == ["ONE", "OTHER", "LONER", "FLEET", "TWO"], "a different one is asked about"
            await cabin.offline()
            await cabin.swipe("FLEET", settle_s=5)
            assert len(cabin.happened(TransactionStarted)) == 1, "a parent is no token, offline either"

    run_virtual(one())


def test_16_CORE_21_16_CORE_17_tokens_of_any_content_without_case(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            tag = "kärtchen #7 (blau)!"
            await cabin.plug()
            asked = await csms.call("RemoteStartTransaction", {"idTag": tag, "connectorId": 1})
            assert asked["status"] == "Accepted"
            start = await csms.wait("StartTransaction", 1, 60)
            assert start.payload["idTag"] == tag
            await cabin.swipe(tag.upper(), settle_s=10)
            await stopped(cabin)
            assert not csms.of("Authorize")

    run_virtual(one())


def test_16_CORE_55_the_answer_to_a_stop_updates_the_cache(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.answers["StopTransaction"] = lambda _p: {"idTagInfo": {"status": "Blocked"}}
            await cabin.online()
            await cabin.charging(uid="CARD")
            await cabin.swipe("CARD", settle_s=5)
            await stopped(cabin)
            await cabin.delivered()
            assert [str(one.info.status) for one in cabin.happened(TokenLearned)] == ["Accepted", "Blocked"]
            await cabin.unplug()
            await cabin.offline()
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=5)
            assert len(cabin.happened(TransactionStarted)) == 1, "blocked offline, too"

    run_virtual(one())


# ---------------------------------------------------------------------- answers to a start


@pytest.mark.parametrize("online", [True, False], ids=["online", "begun offline"])
def test_16_CORE_40_refused_after_the_start(tmp_path: Path, online: bool) -> None:
    """StopTransactionOnInvalidId: DeAuthorized, and the cable waits for its owner."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin:
            csms.script("StartTransaction", answer(REFUSED))
            await cabin.online()
            await cabin.delivered()
            if not online:
                await cabin.offline()
            await cabin.plug()
            await cabin.swipe("CARD")
            if not online:
                await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges offline")
                await csms.up()
            stop = await stopped(cabin)
            assert (stop["transactionId"], stop["reason"]) == (7, "DeAuthorized")
            assert "idTag" not in stop
            await cabin.sleep(60)
            assert cabin.statuses()[-1] == "Finishing"
            assert cabin.bay().locked, "until the owner comes"
            await cabin.pull_out()
            await cabin.restart()
            await cabin.online()
            await cabin.sleep(20)
            assert cabin.bay().locked, "whatever happens at the vehicle's side, and over a restart"
            await cabin.swipe("CARD", settle_s=2)
            assert not cabin.bay().locked
            await cabin.unplug()
            await cabin.sleep(5)
            assert cabin.statuses()[-1] == "Available"
            assert len(csms.of("StartTransaction")) == 1

    run_virtual(one())


def test_16_CORE_41_suspended_but_not_stopped(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "StopTransactionOnInvalidId", "false") == "Accepted"
            csms.script("StartTransaction", answer(REFUSED))
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=20)
            assert cabin.bay().current_ma == 0 and cabin.statuses()[-1] == "SuspendedEVSE"
            assert not csms.of("StopTransaction")
            await cabin.restart()
            await cabin.online()
            await cabin.sleep(20)
            assert cabin.bay().current_ma == 0, "over a restart, too"
            await cabin.swipe("CARD", settle_s=5)
            stop = await stopped(cabin)
            assert stop.get("reason", "Local") == "Local" and stop["meterStop"] - 5000 < 10

    run_virtual(one())


@pytest.mark.parametrize("stops", [True, False])
def test_16_CORE_42_some_energy_to_drive_away(tmp_path: Path, stops: bool) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "MaxEnergyOnInvalidId", "300") == "Accepted"
            assert await change(csms, "StopTransactionOnInvalidId", str(stops).lower()) == "Accepted"
            csms.script("StartTransaction", answer(REFUSED))
            await cabin.charging(uid="CARD")
            await cabin.sleep(30)
            assert cabin.bay().current_ma > 0
            await cabin.restart()
            await cabin.online()
            await cabin.sleep(5)
            assert cabin.bay().current_ma > 0, "it charges on"
            await cabin.until(lambda: cabin.bay().current_ma == 0, "300 Wh are through", 600)
            used_wh = cabin.bay().energy_mwh // 1000 - 5000
            assert 300 <= used_wh <= 320
            await cabin.sleep(10)
            if stops:
                assert (await stopped(cabin))["reason"] == "DeAuthorized"
            else:
                assert not csms.of("StopTransaction") and cabin.statuses()[-1] == "SuspendedEVSE"

    run_virtual(one())


@pytest.mark.parametrize("name", [0, -5, 2_147_483_647])
def test_16_CORE_44_any_integer_is_a_transaction_id(tmp_path: Path, name: int) -> None:
    async def one() -> None:
        settings: Settings = {"SampledDataCtrlr.TxUpdatedInterval": 20}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            csms.script(
                "StartTransaction", answer({"transactionId": name, "idTagInfo": {"status": "Accepted"}})
            )
            await cabin.online()
            await cabin.charging()
            await cabin.sleep(30)
            assert cabin.bay().current_ma > 0
            await cabin.restart()
            await cabin.online()
            stop = await csms.call("RemoteStopTransaction", {"transactionId": name})
            assert stop["status"] == "Accepted"
            assert (await stopped(cabin))["transactionId"] == name
            assert {one["transactionId"] for one in payloads(csms, "MeterValues")} == {name}

    run_virtual(one())


@pytest.mark.parametrize("step", [never(), error("InternalError")], ids=["silent", "refused"])
def test_16_CORE_43_a_start_that_is_never_answered_blocks_nothing(tmp_path: Path, step: Any) -> None:
    """After the last attempt its transaction is -1 for ever, over a restart, too; the next one is not."""

    async def one() -> None:
        settings: Settings = {
            "OCPPCommCtrlr.MessageAttempts[TransactionEvent]": 2,
            "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 5,
            "SampledDataCtrlr.TxUpdatedInterval": 60,
        }
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            csms.script("StartTransaction", step, step)
            await cabin.online()
            await cabin.charging(uid="ONE")
            await cabin.sleep(130)
            await cabin.restart()
            await cabin.online()
            await cabin.swipe("ONE", settle_s=5)
            assert (await stopped(cabin))["transactionId"] == -1
            assert {one["transactionId"] for one in payloads(csms, "MeterValues")} == {-1}
            assert len({one.id for one in csms.of("StartTransaction")}) == 1, "one message, twice"
            await cabin.unplug()
            await cabin.charging(uid="TWO")
            await cabin.swipe("TWO", settle_s=5)
            assert (await stopped(cabin, 2))["transactionId"] == 1

    run_virtual(one())


# ---------------------------------------------------------------------- time outs


def test_16_CORE_45_a_card_alone_is_forgotten_in_time(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "ConnectionTimeOut", "20") == "Accepted"
            for remote in (False, True):
                if remote:
                    await csms.call("RemoteStartTransaction", {"idTag": "CARD", "connectorId": 1})
                else:
                    await cabin.swipe("CARD")
                await cabin.sleep(17)
                assert cabin.statuses()[-1] == "Preparing"
                await cabin.sleep(4)
                assert cabin.statuses()[-1] == "Available"
            await cabin.plug()
            await cabin.sleep(5)
            assert not csms.of("StartTransaction")

    run_virtual(one())


def test_16_CORE_46_a_plug_alone_is_finishing_in_time(tmp_path: Path) -> None:
    """Errata 3.20 with its two connectors and one reader; and over a restart."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await change(csms, "ConnectionTimeOut", "20")
            await cabin.plug(1)
            await cabin.sleep(18)
            assert cabin.statuses(1)[-1] == "Preparing"
            await cabin.sleep(4)
            assert cabin.statuses(1)[-1] == "Finishing", "B6"
            await cabin.restart()
            await cabin.online()
            await cabin.sleep(2)
            assert cabin.statuses(1)[-1] == "Finishing"
            await cabin.swipe("DRIVER2", settle_s=5)
            assert not csms.of("StartTransaction")
            await cabin.plug(2)
            await cabin.sleep(5)
            (start,) = payloads(csms, "StartTransaction")
            assert start["connectorId"] == 2
            await cabin.unplug(1)
            await cabin.sleep(2)
            assert cabin.statuses(1)[-1] == "Available"
            await cabin.plug(1)
            await cabin.swipe("DRIVER1", settle_s=5)
            assert payloads(csms, "StartTransaction")[-1]["connectorId"] == 1

    run_virtual(one())


@pytest.mark.parametrize("versions", [("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6")], ids=["1.6 only", "both"])
def test_16_CORE_46_offline_since_its_start_a_station_keeps_to_its_protocol(
    tmp_path: Path, versions: tuple[str, ...]
) -> None:
    """One that may speak 2.0.1 has no such time-out before it knows."""

    async def one() -> None:
        settings: Settings = {**OFFLINE, "TxCtrlr.TxBeforeAcceptedEnabled": True}
        async with FakeCsms("ocpp1.6") as csms:
            await csms.down()
            async with Cabin.build(tmp_path, csms, *versions, settings=settings) as cabin:
                await cabin.plug()
                await cabin.sleep(120)
                await cabin.swipe("CARD", settle_s=5)
                assert bool(cabin.happened(TransactionStarted)) is (len(versions) > 1)

    run_virtual(one())


def test_a_time_out_by_setting_needs_no_replug(tmp_path: Path) -> None:
    async def one() -> None:
        settings: Settings = {"JoulepostCtrlr.ReplugAfterTimeOut": False}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await cabin.plug()
            await cabin.sleep(120)
            assert cabin.statuses()[-1] == "Finishing"
            await cabin.swipe("CARD", settle_s=5)
            assert cabin.bay().current_ma > 0

    run_virtual(one())


# ---------------------------------------------------------------------- the vehicle's side


def test_16_CORE_51_16_CORE_53_16_CORE_54_unplugged_at_the_vehicle_ends_it(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            found = await csms.call("GetConfiguration", {"key": ["UnlockConnectorOnEVSideDisconnect"]})
            assert found["configurationKey"][0]["value"] == "true"
            await cabin.charging()
            await cabin.pull_out()
            stop = await stopped(cabin)
            assert stop["reason"] == "EVDisconnected"
            await cabin.sleep(2)
            assert infos(csms)[-1] == ("Finishing", "NoError", "EV side disconnected")
            assert not cabin.bay().locked, "UnlockConnectorOnEVSideDisconnect"
            await cabin.plug()
            await cabin.sleep(30)
            assert cabin.bay().current_ma == 0 and len(csms.of("StartTransaction")) == 1, "not resumed"
            await cabin.pull_out()
            await cabin.swipe("04A2B3C4", settle_s=2)
            assert infos(csms)[-1] == ("Preparing", "NoError", ""), "F2: begun anew"
            await cabin.plug()
            await cabin.until(lambda: cabin.bay().current_ma > 0, "a new transaction")
            await cabin.pull_out()
            await stopped(cabin, 2)
            await cabin.unplug()
            await cabin.sleep(2)
            assert infos(csms)[-1] == ("Available", "NoError", "")

    run_virtual(one())


def test_16_CORE_54_locked_until_the_identifier_is_shown(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "UnlockConnectorOnEVSideDisconnect", "false") == "Accepted"
            await cabin.charging(uid="CARD")
            await cabin.pull_out()
            await stopped(cabin)
            await cabin.sleep(30)
            assert cabin.bay().locked
            await cabin.swipe("STRANGER", settle_s=2)
            assert cabin.bay().locked
            await cabin.swipe("CARD", settle_s=2)
            assert not cabin.bay().locked

    run_virtual(one())


def test_16_CORE_54_16_CORE_53_a_fixed_cable_has_nothing_to_unlock(tmp_path: Path) -> None:
    """Errata 3.84: always false, read-only. And nobody has to do anything after the end (C1)."""

    async def one() -> None:
        profile = load_profile("simulated", 1)
        fixed = replace(profile, evses=tuple(replace(one, tethered=True, lock=None) for one in profile.evses))
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, profile=fixed) as cabin:
            await cabin.online()
            key = "UnlockConnectorOnEVSideDisconnect"
            found = await csms.call("GetConfiguration", {"key": [key]})
            assert found["configurationKey"] == [{"key": key, "readonly": True, "value": "false"}]
            assert await change(csms, key, "true") == "Rejected"
            await cabin.charging()
            await cabin.pull_out()
            assert (await stopped(cabin))["reason"] == "EVDisconnected"
            await cabin.sleep(5)
            assert infos(csms)[-1] == ("Available", "NoError", "")

    run_virtual(one())


@pytest.mark.parametrize("unlocks", ["true", "false"])
def test_16_CORE_52_16_CORE_53_unplugged_at_the_vehicle_suspends_it(tmp_path: Path, unlocks: str) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await change(csms, "StopTransactionOnEVSideDisconnect", "false")
            await change(csms, "UnlockConnectorOnEVSideDisconnect", unlocks)
            await cabin.charging()
            await cabin.pull_out()
            await cabin.sleep(30)
            assert infos(csms)[-1] == ("SuspendedEV", "NoError", "EV side disconnected")
            assert cabin.bay().locked, "the cable stays, whatever the other key says"
            await cabin.restart()
            await cabin.sleep(30)
            assert cabin.bay().locked
            await cabin.plug()
            await cabin.until(lambda: cabin.bay().current_ma > 0, "energy again")
            await cabin.sleep(2)
            assert infos(csms)[-1] == ("Charging", "NoError", "")
            await cabin.swipe("04A2B3C4", settle_s=5)
            await stopped(cabin)
            assert len(csms.of("StartTransaction")) == 1
            assert not cabin.bay().locked, "16.CORE.50"

    run_virtual(one())


# ---------------------------------------------------------------------- reasons


async def _unlock(cabin: Cabin) -> None:
    await cabin.csms.call("UnlockConnector", {"connectorId": 1})


async def _remote(cabin: Cabin) -> None:
    await cabin.csms.call("RemoteStopTransaction", {"transactionId": 1})


async def _card(cabin: Cabin) -> None:
    await cabin.swipe("04A2B3C4")


async def _soft(cabin: Cabin) -> None:
    await cabin.csms.call("Reset", {"type": "Soft"})


async def _hard(cabin: Cabin) -> None:
    await cabin.csms.call("Reset", {"type": "Hard"})


async def _power(cabin: Cabin) -> None:
    await cabin.restart(reboot=True, after_s=60)


REASONS = {
    "Local": _card,
    "Remote": _remote,
    "UnlockCommand": _unlock,
    "SoftReset": _soft,
    "HardReset": _hard,
    "EVDisconnected": Cabin.pull_out,
    "PowerLoss": _power,
}


@pytest.mark.parametrize("reason", REASONS)
def test_16_CORE_49_16_CORE_48_16_CORE_56_the_reason_is_told(tmp_path: Path, reason: str) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            await cabin.sleep(30)
            await REASONS[reason](cabin)
            stop = await stopped(cabin)
            assert stop.get("reason", "Local") == reason
            assert ("idTag" in stop) is (reason == "Local")
            assert stop["meterStop"] == cabin.bay().energy_mwh // 1000
            (ended,) = cabin.happened(TransactionEnded)
            assert ended.stopped_reason is not StoppedReason.OTHER

    run_virtual(one())


@pytest.mark.parametrize("there", [True, False], ids=["vehicle there", "vehicle gone"])
@pytest.mark.parametrize("choice", ["End", "Continue"])
def test_16_CORE_56_16_CORE_60_power_fails_offline_with_two_vehicles(
    tmp_path: Path, choice: str, there: bool
) -> None:
    """The journal knows both; one meter is another one afterwards, and no bill changes by it."""

    async def one() -> None:
        settings: Settings = {**OFFLINE, "JoulepostCtrlr.TxAfterPowerLoss": choice}
        async with (
            Ledger("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, settings=settings) as cabin,
        ):
            await cabin.online()
            await cabin.delivered()
            await cabin.offline()
            await cabin.charging(1, "ONE")
            await cabin.charging(2, "TWO")
            await cabin.sleep(200)
            known_wh = cabin.bay(1).energy_mwh // 1000
            other_wh = cabin.bay(2).energy_mwh // 1000
            await cabin.kill()
            cabin.bay(1).energy_mwh = 3_000
            if not there:
                for bay in cabin.bays:
                    bay.plugged = bay.closed = bay.cable = False
            await cabin.restart(reboot=True, after_s=600)
            await csms.up()
            await cabin.online()
            await cabin.sleep(60)
            goes_on = choice == "Continue" and there
            if goes_on:
                assert [bay.current_ma > 0 for bay in cabin.bays] == [True, True], "both charge again"
                assert not cabin.happened(TransactionEnded)
                await cabin.swipe("ONE", settle_s=5)
                await cabin.swipe("TWO", settle_s=5)
            await cabin.delivered()
            books = {one.id: one for one in csms.check()}
            assert len(books) == 2
            one, two = books["1"], books["2"]
            assert one.stops[0] >= known_wh - 190 and one.stops[0] < known_wh + 600, (
                "neither negative nor a jump"
            )
            assert two.stops[0] == cabin.bay(2).energy_mwh // 1000 >= other_wh
            told = {"Continue": "EVDisconnected", "End": "PowerLoss"}[choice] if not goes_on else "Local"
            assert {one.reason, two.reason} == {told}
            (replaced,) = cabin.happened(MeterReplaced)
            assert replaced.evse_id == 1 and replaced.after_wh < 100

    run_virtual(one())


# ---------------------------------------------------------------------- values at the end


def test_16_CORE_58_16_CORE_59_begin_and_end_are_never_dropped(tmp_path: Path) -> None:
    """A long transaction with many values, and a restart in the middle."""

    async def one() -> None:
        settings: Settings = {
            "SampledDataCtrlr.TxUpdatedInterval": 60,
            "SampledDataCtrlr.TxEndedInterval": 15,
            "SampledDataCtrlr.TxEndedMeasurands": "Energy.Active.Import.Register,Voltage",
        }
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            found = await csms.call("GetConfiguration", {"key": ["StopTransactionMaxMeterValues"]})
            (row,) = found["configurationKey"]
            assert row["readonly"]
            most = int(row["value"])
            await cabin.charging()
            await cabin.sleep(1100)
            await cabin.restart()
            await cabin.sleep(700)
            await cabin.swipe("04A2B3C4", settle_s=5)
            data = (await stopped(cabin))["transactionData"]
            assert most // 2 <= len(data) <= most
            contexts = [one["sampledValue"][0]["context"] for one in data]
            assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
            assert set(contexts[1:-1]) == {"Sample.Periodic"}
            for one in (data[0], data[-1]):
                assert {value["measurand"] for value in one["sampledValue"]} == {
                    "Energy.Active.Import.Register",
                    "Voltage",
                }
            stamps = [one["timestamp"] for one in data]
            assert stamps == sorted(stamps) and len(set(stamps)) == len(stamps)

    run_virtual(one())


def test_16_CORE_57_no_values_when_the_lists_are_empty(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await change(csms, "StopTxnSampledData", "") == "Accepted"
            assert await change(csms, "StopTxnAlignedData", "") == "Accepted"
            await cabin.charging()
            await cabin.swipe("04A2B3C4", settle_s=5)
            assert "transactionData" not in await stopped(cabin)

    run_virtual(one())
