"""Local list, cache and offline authorization over the wire, with reboots; all real but the hardware."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import LocalListUpdated, TransactionStarted
from controller.settings.catalog import CATALOG
from controller.store.database import Database
from controller.store.tokens import SqliteTokenTables
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, Payload, answer
from tests.support.virtual_time import run_virtual

CARD = "04A2B3C4"


def line(tag: str, status: str | None = "Accepted", **more: str) -> Payload:
    return {"idTag": tag} if status is None else {"idTag": tag, "idTagInfo": {"status": status, **more}}


async def send(csms: FakeCsms, version: int, full: bool, *lines: Payload, **more: Any) -> str:
    kind = "Full" if full else "Differential"
    payload: Payload = {"listVersion": version, "updateType": kind, **more}
    if lines:
        payload["localAuthorizationList"] = list(lines)
    return str((await csms.call("SendLocalList", payload))["status"])


async def version(csms: FakeCsms) -> int:
    return int((await csms.call("GetLocalListVersion", {}))["listVersion"])


def authorized(csms: FakeCsms) -> list[str]:
    return [one.payload["idTag"] for one in csms.of("Authorize")]


def test_16_LIST_01_16_LIST_02_16_LIST_03_16_LIST_04_16_LIST_08_updates_over_the_wire(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await version(csms) == 0, "no list yet"
            assert await send(csms, 7, True, line("a"), line("b", "Blocked")) == "Accepted"
            assert await version(csms) == 7
            assert await send(csms, 7, False, line("c")) == "VersionMismatch"
            assert await send(csms, 8, False, line("B", None), line("c", parentIdTag="P")) == "Accepted"
            assert await send(csms, 9, False) == "Accepted"
            assert await send(csms, 10, False, localAuthorizationList=[]) == "Accepted"
            assert await version(csms) == 10
            keys = await csms.call("GetConfiguration", {"key": ["LocalAuthListMaxLength"]})
            assert keys["configurationKey"][0]["value"] == "10000"
            assert cabin.app is not None
            assert cabin.app.settings.get_configuration(["SupportedFeatureProfiles"])[0][0][2] is not None
            entries = CATALOG.find("LocalAuthListCtrlr", "Entries")
            assert entries is not None and cabin.app.settings[entries] == 2
            assert await send(csms, 3, True) == "Accepted"
            assert await version(csms) == 0, "1.6 5.10: 0 says that the list is empty"
            assert [one.version for one in cabin.happened(LocalListUpdated)] == [7, 8, 9, 10, 3]

    run_virtual(main())


def test_16_LIST_05_16_LIST_06_16_LIST_07_16_LIST_11_what_is_not_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert await send(csms, 1, True, line("a")) == "Accepted"
            assert await send(csms, 2, True, line("b"), line("B")) == "Failed"
            assert await send(csms, 2, True, line("b", None)) == "Failed"
            assert await send(csms, 0, True, line("b")) == "Failed"
            assert await send(csms, -1, False, line("b")) == "Failed"
            keys = await csms.call("GetConfiguration", {"key": ["SendLocalListMaxLength"]})
            most = int(keys["configurationKey"][0]["value"])
            many = [line(f"t{number}") for number in range(most + 1)]
            assert await send(csms, 2, True, *many) == "Failed"
            assert await version(csms) == 1
            for number in range(10):
                part = [line(f"t{number}.{index}") for index in range(most)]
                status = await send(csms, number + 2, number == 0, *part)
                assert status == "Accepted"
            assert await send(csms, 12, False, line("one more")) == "Failed", "10,000 are in it"
            assert await send(csms, 12, False, line("one more"), line("t0.0", None)) == "Accepted"
            off = {"key": "LocalAuthListEnabled", "value": "false"}
            assert await csms.call("ChangeConfiguration", off) == {"status": "Accepted"}
            assert await send(csms, 13, False, line("x")) == "NotSupported"
            assert await version(csms) == -1
            await csms.call("ChangeConfiguration", {**off, "value": "true"})
            assert await version(csms) == 12

    run_virtual(main())


def test_16_LIST_09_16_LIST_13_the_list_survives_reboots_and_decides_offline(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            soon = "2026-01-01T02:00:00+01:00"  # one hour after the start of time here
            lines = line("good"), line("short", expiryDate=soon), line("bad", "Invalid")
            assert await send(csms, 5, True, *lines) == "Accepted"
            await cabin.offline()
            await cabin.restart(reboot=True)
            await cabin.sleep(5)
            await cabin.swipe("bad")
            await cabin.plug(1)
            await cabin.swipe("SHORT")
            await cabin.until(lambda: cabin.bay(1).current_ma > 0, "not yet expired")
            await cabin.sleep(3600)
            await cabin.plug(2)
            await cabin.swipe("bad")
            await cabin.swipe("unknown")
            await cabin.swipe("good")
            await cabin.until(lambda: cabin.bay(2).current_ma > 0, "the list knows this one")
            await cabin.swipe("short")  # the token that started it may end it, expired or not
            await cabin.unplug(1)
            await cabin.plug(1)
            await cabin.swipe("short")
            await cabin.sleep(5)
            assert cabin.bay(1).current_ma == 0, "expired in the meantime"
            await csms.up()
            await cabin.online()
            assert await version(csms) == 5
            await cabin.delivered()
            started = [one.token.value for one in cabin.happened(TransactionStarted)]
            assert started == ["SHORT", "good"]

    run_virtual(main())


def test_16_LIST_12_16_CORE_80_a_conflict_is_told_with_connector_0(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await send(csms, 5, True, line(CARD))

            def told() -> Payload:
                station = [one.payload for one in csms.of("StatusNotification")]
                return [one for one in station if one["connectorId"] == 0][-1]

            assert told()["errorCode"] == "NoError"
            refusal = {"transactionId": 1, "idTagInfo": {"status": "Blocked"}}
            csms.script("StartTransaction", answer(refusal))
            await cabin.plug(2)
            await cabin.swipe(CARD)
            await csms.until(lambda: told()["errorCode"] == "LocalListConflict", what="the conflict is told")
            assert (told()["status"], told()["info"]) == ("Available", f"local-list-conflict {CARD}")
            assert authorized(csms) == [], "the list was enough"
            await cabin.restart()
            await cabin.online()
            await csms.until(lambda: len(csms.of("BootNotification")) == 2)
            await cabin.sleep(5)
            assert told()["errorCode"] == "LocalListConflict", "it outlives a restart"
            assert await send(csms, 6, False, line(CARD, "Blocked")) == "Accepted"
            await csms.until(lambda: told()["errorCode"] == "NoError", what="the list is corrected")

    run_virtual(main())


def test_16_LIST_09_a_crash_between_list_and_journal_leaves_no_wrong_answer(tmp_path: Path) -> None:
    """The list is the one truth about itself: stored, but not yet journalled nor answered, it is the new list
    with the new version; the CSMS, which asks or sends again, hears so."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await send(csms, 5, True, line("a"))
            await cabin.kill()
            database = Database.open(tmp_path / "joulepost.db")
            SqliteTokenTables(database).update_list(6, True, (), 1)
            database.close()
            cabin.start()
            await csms.until(lambda: csms.connections == 2)
            await cabin.online()
            assert await version(csms) == 0
            assert await send(csms, 6, False, line("b")) == "VersionMismatch"
            assert await send(csms, 6, True, line("b")) == "Accepted"
            assert await version(csms) == 6

    run_virtual(main())


def test_16_CORE_28_16_CORE_32_16_CORE_33_16_CORE_35_the_cache_survives_and_is_cleared(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.charging()
            csms.script("Authorize", answer({"idTagInfo": {"status": "Blocked"}}))
            csms.answers["StopTransaction"] = lambda _stop: {"idTagInfo": {"status": "Accepted"}}
            await cabin.swipe("bad")
            await cabin.swipe(CARD)
            await cabin.unplug()
            await cabin.delivered()
            assert authorized(csms) == [CARD, "bad"]
            await cabin.offline()
            await cabin.restart(reboot=True)
            await cabin.sleep(2)
            await cabin.charging()  # offline, known to the cache
            await cabin.swipe(CARD)
            await cabin.unplug()
            await cabin.plug()
            await cabin.swipe("bad")
            await cabin.sleep(5)
            assert len(cabin.happened(TransactionStarted)) == 2
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            await cabin.swipe("bad")
            assert authorized(csms) == [CARD, "bad", "bad"], "online, one that was refused is asked about"
            assert await csms.call("ClearCache", {}) == {"status": "Accepted"}
            await cabin.offline()
            await cabin.unplug()
            await cabin.plug()
            await cabin.swipe(CARD)
            await cabin.sleep(5)
            assert len(cabin.happened(TransactionStarted)) == 3, "the one before; this one is unknown now"
            await cabin.restart()
            await cabin.sleep(2)
            await cabin.swipe(CARD)
            await cabin.sleep(5)
            assert len(cabin.happened(TransactionStarted)) == 3

    run_virtual(main())


def test_16_CORE_31_the_size_of_the_cache_is_a_setting(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {"JoulepostCtrlr.AuthCacheEntries": 2}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            for card in ("A1", "A2", "A3"):
                await cabin.swipe(card)
                await cabin.swipe(card)  # withdrawn
            assert authorized(csms) == ["A1", "A2", "A3"]
            for card in ("A3", "A2"):
                await cabin.swipe(card)
                await cabin.swipe(card)
            assert authorized(csms) == ["A1", "A2", "A3"], "pre-authorized by the cache"
            await cabin.swipe("A1")
            assert authorized(csms) == ["A1", "A2", "A3", "A1"], "the oldest made room"

    run_virtual(main())


def test_16_CORE_34_16_CORE_36_without_a_cache(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {"AuthCacheCtrlr.Enabled": False}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            assert await csms.call("ClearCache", {}) == {"status": "Rejected"}
            for _time in range(4):
                await cabin.swipe(CARD)
            assert authorized(csms) == [CARD, CARD], "asked for anew each time it is not a withdrawal"

    run_virtual(main())


@pytest.mark.parametrize("pre_authorize", [True, False])
def test_16_CORE_24_pre_authorize_over_the_wire(tmp_path: Path, pre_authorize: bool) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {"AuthCtrlr.LocalPreAuthorize": pre_authorize}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await send(csms, 1, True, line(CARD))
            csms.answers["Authorize"] = lambda _p: {"idTagInfo": {"status": "Blocked"}}
            await cabin.plug()
            await cabin.swipe(CARD)
            await cabin.sleep(5)
            assert (cabin.bay().current_ma > 0) is pre_authorize
            assert authorized(csms) == ([] if pre_authorize else [CARD])

    run_virtual(main())


def test_16_CORE_25_16_CORE_26_16_CORE_27_offline_policies_over_the_wire(tmp_path: Path) -> None:
    """The three keys, changed by the CSMS; what they mean shows when it has gone."""

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await send(csms, 1, True, line("known"), line("bad", "Blocked"))

            async def starts(card: str, **keys: str) -> bool:
                await csms.up()
                await cabin.online()
                for key, value in keys.items():
                    change = {"key": key, "value": value}
                    assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}
                await cabin.offline()
                await cabin.plug()
                await cabin.swipe(card)
                await cabin.sleep(3)
                charges = cabin.bay().current_ma > 0
                await cabin.unplug()
                await cabin.sleep(5)
                return charges

            await cabin.offline()
            assert await starts("known", LocalAuthorizeOffline="true")
            assert not await starts("unknown", AllowOfflineTxForUnknownId="false")
            assert await starts("unknown", AllowOfflineTxForUnknownId="true")
            assert not await starts("bad")
            assert not await starts("known", LocalAuthorizeOffline="false")

    run_virtual(main())


def test_free_vend_needs_no_token(tmp_path: Path) -> None:
    async def main() -> None:
        settings: dict[str, str | int | bool] = {
            "AuthCtrlr.Enabled": False,
            "JoulepostCtrlr.FreeVendToken": "F",
        }
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await cabin.plug()
            await cabin.until(lambda: cabin.bay().current_ma > 0, "it charges")
            start = await csms.wait("StartTransaction")
            assert start.payload["idTag"] == "F"
            assert authorized(csms) == []

    run_virtual(main())


@pytest.mark.parametrize("subprotocol", ["ocpp2.0.1", "ocpp2.1"])
def test_D01_D02_the_same_list_in_2_0_1(tmp_path: Path, subprotocol: str) -> None:
    async def main() -> None:
        async with FakeCsms(subprotocol) as csms, Cabin.build(tmp_path, csms, subprotocol) as cabin:
            await cabin.online()

            def entry(uid: str, status: str | None = "Accepted") -> Payload:
                token: Payload = {"idToken": {"idToken": uid, "type": "ISO14443"}}
                return token if status is None else {**token, "idTokenInfo": {"status": status}}

            async def send201(number: int, kind: str, *entries: Payload) -> str:
                payload: Payload = {"versionNumber": number, "updateType": kind}
                if entries:
                    payload["localAuthorizationList"] = list(entries)
                return str((await csms.call("SendLocalList", payload))["status"])

            async def version201() -> int:
                return int((await csms.call("GetLocalListVersion", {}))["versionNumber"])

            assert await version201() == 0
            assert await send201(3, "Full", entry(CARD), entry("B")) == "Accepted"
            assert await send201(3, "Differential", entry("C")) == "VersionMismatch"
            assert await send201(4, "Differential", entry("D"), entry("d")) == "Failed"
            assert await send201(4, "Differential", entry("B", None)) == "Accepted"
            await cabin.charging()
            assert not csms.of("Authorize")
            assert await send201(9, "Full") == "Accepted"
            assert await version201() == 9, "D02: an emptied list keeps its version"

    run_virtual(main())
