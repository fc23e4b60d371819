"""Configuration keys (1.6 5.3, 5.8, chapter 9): every standard one, its access, its type, its persistence.

``config_keys.csv`` lists the keys of the standard, its errata, the white paper and two application notes.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from controller.csms.v16 import FEATURE_PROFILES
from controller.csms.v16.commands import TABLE
from controller.csms.v16.document import page, senders
from controller.csms.v16.messages import MESSAGES, PROFILES, SECURITY
from controller.settings.catalog import CATALOG, Variable
from controller.settings.document16 import keys16_markdown, type16
from tests.csms.second_opinion import checked_answer
from tests.settings.support import MemoryValues, station
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms
from tests.support.virtual_time import run_virtual

DOCS = Path(__file__).parents[2] / "docs" / "ocpp16"

with Path(__file__).with_name("config_keys.csv").open(encoding="utf-8", newline="") as _file:
    KEYS: dict[str, dict[str, str]] = {row["key"]: row for row in csv.DictReader(_file)}

OTHER_PROFILES = {
    "ISO15118 PnC (app note)": "an AC station without ISO 15118 has no Plug and Charge",
    "California pricing (whitepaper)": "the station has no display for prices",
}
NOT_PROVIDED = {
    "DisableSecurityEventNotifications": "another maker's key; security events are not to be switched off",
}
"""Keys of the profiles that are implemented, but not here, and why."""


def provided() -> dict[str, dict[str, str]]:
    """The standard's keys of the profiles that this station has."""
    return {
        key: row
        for key, row in KEYS.items()
        if row["profile"] not in OTHER_PROFILES
        and key not in NOT_PROVIDED
        and (row["profile"] in FEATURE_PROFILES or row["profile"].startswith("Security"))
    }


def access(row: Any) -> str:
    """As 1.6 sees it."""
    if not isinstance(row, Variable):
        return "R"
    ((_key, readonly, value),), _ = station().get_configuration([row.key16 or ""])
    return "R" if readonly else "W" if value is None else "RW"


@pytest.mark.parametrize("key", provided())
def test_16_CORE_100_every_standard_key_with_its_access_and_type(key: str) -> None:
    row, found = KEYS[key], CATALOG.find16(key)
    assert found is not None, f"{key} of {row['profile']} is missing"
    allowed = {"RW": {"RW"}, "R": {"R"}, "W": {"W"}}.get(row["accessibility"].partition(" ")[0], {"R", "RW"})
    assert access(found) in allowed, key
    assert type16(found) == row["type"], key


def test_16_CORE_100_no_key_is_left_out_without_a_reason() -> None:
    rest = {key for key, row in KEYS.items() if row["profile"] not in OTHER_PROFILES} - provided().keys()
    of_missing = {key for key in rest if KEYS[key]["profile"] in set(PROFILES) - set(FEATURE_PROFILES)}
    assert rest - of_missing == NOT_PROVIDED.keys()
    assert not {key for key in NOT_PROVIDED if CATALOG.find16(key) is not None}


def test_16_CORE_99_all_keys_at_once_and_unknown_ones(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            every = await csms.call("GetConfiguration", {})
            rows = {row["key"]: row for row in every["configurationKey"]}
            assert "unknownKey" not in every
            for key, row in provided().items():
                if row["accessibility"] == "W":
                    assert "value" not in rows.get(key, {}), "WriteOnly keys are never told"
                else:
                    assert key in rows, key
                    assert len(rows[key]["value"]) <= 500, "16.CORE.104"
                    assert rows[key]["readonly"] is (access(CATALOG.find16(key)) == "R"), key
            some = await csms.call("GetConfiguration", {"key": ["NUMBEROFCONNECTORS", "Nonsense", "x" * 50]})
            assert some == {
                "configurationKey": [{"key": "NumberOfConnectors", "readonly": True, "value": "2"}],
                "unknownKey": ["Nonsense", "x" * 50],
            }
            only = await csms.call("GetConfiguration", {"key": ["Nonsense"]})
            assert only["unknownKey"] == ["Nonsense"] and not only.get("configurationKey")

    run_virtual(main())


def test_16_CORE_101_more_keys_than_the_maximum_are_all_answered(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            (row,) = (await csms.call("GetConfiguration", {"key": ["GetConfigurationMaxKeys"]}))[
                "configurationKey"
            ]
            most = int(row["value"])
            keys = [f"Unknown{number}" for number in range(most)] + ["HeartbeatInterval"]
            answer = await csms.call("GetConfiguration", {"key": keys})
            assert len(answer["unknownKey"]) == most
            assert [one["key"] for one in answer["configurationKey"]] == ["HeartbeatInterval"]

    run_virtual(main())


def test_16_CORE_103_16_CORE_104_values_stay_over_a_reboot(tmp_path: Path) -> None:
    changes = {
        "heartbeatINTERVAL": "77",
        "ConnectionTimeOut": "45",
        "MeterValueSampleInterval": "15",
        "LocalPreAuthorize": "FALSE",
        "ConnectorPhaseRotation": "0.RST,1.RTS",
        "StopTxnAlignedData": "Voltage.L1-N",
    }

    async def main() -> None:
        async with FakeCsms("ocpp1.6", interval_s=77) as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            for key, value in changes.items():
                answer = await csms.call("ChangeConfiguration", {"key": key, "value": value})
                assert answer == {"status": "Accepted"}, key
            await cabin.restart(reboot=True)
            await cabin.online()
            rows = (await csms.call("GetConfiguration", {"key": list(changes)}))["configurationKey"]
            told = {row["key"].casefold(): row["value"].casefold() for row in rows}
            assert told == {key.casefold(): value.casefold() for key, value in changes.items()}
            for key, value in [("x" * 51, "1"), ("HeartbeatInterval", "1" * 501)]:
                with pytest.raises(CallError):
                    await csms.call("ChangeConfiguration", {"key": key, "value": value}, check=False)

    run_virtual(main())


BAD = {"boolean": ["", "yes", "1"], "integer": ["", "-1", "1.5", "many", "999999999"], "CSL": ["Nonsense,"]}


@pytest.mark.parametrize("key", [key for key, row in provided().items() if row["accessibility"] != "W"])
def test_16_CORE_102_bad_values_and_read_only_keys_are_rejected(key: str) -> None:
    values = MemoryValues()
    settings = station(values)
    before = settings.get_configuration([key])
    row = CATALOG.find16(key)
    tries = BAD.get(type16(row), ["x" * 501]) if row is not None else []
    if access(row) == "R":
        ((_key, _readonly, value),) = before[0]
        tries = [value or "1", "1", "true", ""]
    for text in tries:
        if key == "CpoName":
            continue  # any text is a name
        assert settings.change_configuration(key, text).value == "Rejected", (key, text)
    assert settings.get_configuration([key]) == before
    assert values.log == []


def test_16_CORE_105_lists_without_a_length_take_more_than_the_safe_one() -> None:
    """A CSMS that finds no ...MaxLength key writes one item: one is always accepted. Every writable list has
    its length here, so it need not be careful."""
    lists = [one for one in CATALOG.variables if one.key16 and type16(one) == "CSL"]
    writable = [one for one in lists if access(one) == "RW"]
    assert writable
    settings = station()
    for one in writable:
        key = one.key16 or ""
        assert CATALOG.find16(f"{key}MaxLength") is not None, key
        first = settings.get_configuration([key])[0][0][2] or "Voltage"
        assert settings.change_configuration(key, first.split(",")[0]).value == "Accepted", "one item is safe"


def test_16_CORE_106_16_CORE_111_supported_feature_profiles(tmp_path: Path) -> None:
    """Exactly the profiles of which every message is done, in either direction."""
    sent_by = senders()
    for profile in PROFILES:
        mine = [one for one in MESSAGES if one.profile == profile]
        done = all(
            (not one.asked or one.name in TABLE) and (not one.sent or one.asked or one.name in sent_by)
            for one in mine
        )
        assert (profile in FEATURE_PROFILES) is done, profile

    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            keys = {"key": ["SupportedFeatureProfiles", "SupportedFeatureProfilesMaxLength"]}
            rows = (await csms.call("GetConfiguration", keys))["configurationKey"]
            assert rows[0]["value"] == ",".join(FEATURE_PROFILES)
            assert rows[1]["value"] == str(len(FEATURE_PROFILES))

    run_virtual(main())


@pytest.mark.parametrize("evses", [1, 3])
def test_16_CORE_107_number_of_connectors(tmp_path: Path, evses: int) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=evses) as cabin:
            await cabin.online()
            await cabin.sleep(2)
            answer = await csms.call("GetConfiguration", {"key": ["NumberOfConnectors"]})
            assert answer["configurationKey"][0]["value"] == str(evses)
            told = {one.payload["connectorId"] for one in csms.of("StatusNotification")}
            assert told == set(range(evses + 1))

    run_virtual(main())


def test_16_CORE_110_light_intensity_and_blink_repeat_drive_the_lights(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            csms.answers["Authorize"] = lambda _ask: {"idTagInfo": {"status": "Invalid"}}
            await cabin.online()
            await cabin.sleep(2)

            async def change(key: str, value: str) -> str:
                answer = await csms.call("ChangeConfiguration", {"key": key, "value": value})
                await cabin.sleep(0.5)
                return str(answer["status"])

            assert [bay.light for bay in cabin.bays] == [(100, 3), (100, 3)]
            assert await change("LightIntensity", "30") == "Accepted"
            assert await change("BlinkRepeat", "5") == "Accepted"
            assert [bay.light for bay in cabin.bays] == [(30, 5), (30, 5)]
            for bad in ("101", "-1", "bright"):
                assert await change("LightIntensity", bad) == "Rejected"
            bay = cabin.bay(1)
            bay.indicated.clear()
            await cabin.swipe("0BADCA4D")
            assert bay.indicated == ["refused"], "a signal"
            await cabin.sleep(3)
            assert bay.indicated == ["refused", "available"], "and then as before"
            await cabin.restart()
            await cabin.online()
            await cabin.sleep(1)
            assert cabin.bay(2).light == (30, 5)

    run_virtual(main())


def test_the_page_of_the_keys_is_current_and_complete() -> None:
    hint = "run: python -m controller.settings.document16 > docs/ocpp16/keys.md"
    text = keys16_markdown(CATALOG)
    assert (DOCS / "keys.md").read_text(encoding="utf-8") == text, hint
    for key in provided():
        assert f"\n| `{key}` |" in text


def test_the_page_of_the_messages_is_current_and_complete() -> None:
    hint = "run: python -m controller.csms.v16.document > docs/ocpp16/messages.md"
    assert (DOCS / "messages.md").read_text(encoding="utf-8") == page(), hint
    assert TABLE.keys() <= {one.name for one in MESSAGES if one.asked}
    assert {one.profile for one in MESSAGES} == {*PROFILES, SECURITY}
    assert len({one.name for one in MESSAGES}) == len(MESSAGES) == 39


def test_16_CORE_104_a_full_answer_fits_the_schema() -> None:
    rows = [
        {"key": key, "readonly": readonly} | ({} if value is None else {"value": value})
        for key, readonly, value in station().get_configuration()[0]
    ]
    checked_answer("ocpp1.6", "GetConfiguration", {"configurationKey": rows})
