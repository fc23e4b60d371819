"""Connection, registration, liveness and the queue on the wire, with the whole station behind it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.domain.events import FaultCleared, FaultRaised, TransactionEnded, TransactionStarted
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms, Step, answer, error, garbage, hang_up, never
from tests.support.ledger import Ledger
from tests.support.virtual_time import run_virtual

Settings = dict[str, str | int | bool]
OFFLINE: Settings = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": True}
BEFORE: Settings = {**OFFLINE, "TxCtrlr.TxBeforeAcceptedEnabled": True}


def refused_boot(status: str, interval_s: int) -> Step:
    return answer({"status": status, "interval": interval_s, "currentTime": "2026-01-01T00:00:00Z"})


async def change(csms: FakeCsms, key: str, value: str) -> str:
    answered = await csms.call("ChangeConfiguration", {"key": key, "value": value})
    return str(answered["status"])


# ---------------------------------------------------------------------- message ids, frames


def test_16_CONN_09_ids_are_never_used_again_over_reconnections_and_reboots(tmp_path: Path) -> None:
    """But for the repetition of the very same message."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin:
            await cabin.online()
            csms.script("StartTransaction", hang_up())
            for number in range(4):
                await cabin.charging(uid=f"CARD{number}")
                if number == 1:
                    await cabin.offline()
                await cabin.swipe(f"CARD{number}", settle_s=5)
                await cabin.unplug()
                if number == 1:
                    await csms.up()
                    await cabin.online()
                if number == 2:
                    await cabin.restart(reboot=True)
                await cabin.delivered()
            messages: dict[str, tuple[str, str]] = {}
            repeated = 0
            for message in csms.received:
                assert 0 < len(message.id) <= 36
                content = (message.action, json.dumps(message.payload))
                repeated += message.id in messages
                assert messages.setdefault(message.id, content) == content
            assert repeated == 1, "the start whose answer was lost"

    run_virtual(one())


def test_16_CONN_07_16_CONN_10_16_CONN_14_16_CONN_22_every_frame_of_a_session(tmp_path: Path) -> None:
    """UTF-8 JSON text, objects as payloads, ISO 8601 in UTC; the second opinion finds no field too many."""

    async def one() -> None:
        settings: Settings = {"SampledDataCtrlr.TxUpdatedInterval": 10}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await cabin.plug()
            await csms.call("RemoteStartTransaction", {"idTag": "Kärtchen", "connectorId": 1})
            await cabin.sleep(300)
            await csms.call("RemoteStopTransaction", {"transactionId": 1})
            await cabin.sleep(400)
            await csms.call("ClearCache", {})
            frames = [json.loads(frame[2:]) for frame in csms.frames if frame.startswith("<")]
            assert len(frames) > 40
            for frame in frames:
                payload = frame[3] if frame[0] == 2 else frame[2]
                assert isinstance(payload, dict)
            heartbeat = csms.of("Heartbeat")[0]
            assert heartbeat.payload == {}
            stamps = re.findall(r'imestamp": ?"([^"]+)"', "".join(csms.frames))
            assert stamps and all(stamp.endswith("Z") and datetime.fromisoformat(stamp) for stamp in stamps)
            assert not csms.violations

    run_virtual(one())


# ---------------------------------------------------------------------- registration


@pytest.mark.parametrize("reboot", [True, False])
def test_16_CORE_01_16_CONN_18_a_boot_after_each_start_and_none_after_a_reconnection(
    tmp_path: Path, reboot: bool
) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.sleep(60)
            await csms.hang_up()
            await cabin.sleep(60)
            assert csms.connections == 2 and len(csms.of("BootNotification")) == 1
            await cabin.restart(reboot=reboot)
            await cabin.online()
            first, second = [one.payload for one in csms.of("BootNotification")]
            assert first == second
            assert 0 < len(first["chargePointVendor"]) <= 20 and 0 < len(first["chargePointModel"]) <= 20
            assert csms.received[-1].action != "BootNotification", "statuses follow"

    run_virtual(one())


def test_16_CORE_10_16_CORE_02_statuses_of_all_connectors_then_the_queue(tmp_path: Path) -> None:
    async def one() -> None:
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, settings=BEFORE) as cabin,
        ):
            await csms.down()
            await cabin.charging(2, "CARD")
            csms.script("BootNotification", refused_boot("Pending", 30), refused_boot("Rejected", 40))
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            assert csms.actions[:3] == ["BootNotification"] * 3
            boots = [one.at_s for one in csms.of("BootNotification")]
            assert [round(b - a) for a, b in pairwise(boots)] == [30, 40]
            told = [(one.payload["connectorId"], one.payload["status"]) for one in csms.received[3:6]]
            assert told == [(0, "Available"), (1, "Available"), (2, "Charging")]
            queue = [one for one in csms.actions[6:] if one != "SecurityEventNotification"]
            assert queue[0] == "StartTransaction"

    run_virtual(one())


@pytest.mark.parametrize("status", ["Rejected", "Pending"])
def test_16_CORE_11_16_CORE_04_16_CORE_05_whatever_the_reason_the_station_waits_and_asks_again(
    tmp_path: Path, status: str
) -> None:
    """Errata 3.68: an unknown IMSI, a contract that ended: the CSMS gives no reason. And it may last."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=BEFORE) as cabin:
            csms.always("BootNotification", refused_boot(status, 120))
            await cabin.charging()
            await cabin.sleep(20 * 60)
            assert set(csms.actions) == {"BootNotification"}
            assert len(csms.actions) in (10, 11), "no sooner than it was told, and no later"
            assert cabin.bay().current_ma > 0
            csms.always("BootNotification", None)
            await cabin.sleep(121)
            await cabin.delivered()
            assert csms.actions.count("StartTransaction") == 1

    run_virtual(one())


def test_16_CORE_04_interval_0_is_no_storm(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.always("BootNotification", refused_boot("Pending", 0))
            await cabin.sleep(600)
            assert 8 <= len(csms.of("BootNotification")) <= 11

    run_virtual(one())


def test_16_CONN_23_16_CORE_04_security_errors_before_acceptance(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            csms.script("BootNotification", error("SecurityError"), error("SecurityError"))
            await cabin.online()
            boots = [one.at_s for one in csms.of("BootNotification")]
            assert len(boots) == 3 and min(b - a for a, b in pairwise(boots)) >= 30

    run_virtual(one())


def test_16_CORE_09_16_CORE_15_nothing_is_charged_before_the_first_acceptance(tmp_path: Path) -> None:
    """And afterwards offline at once, over a reboot; but for a station that was moved to another CSMS."""

    async def one() -> None:
        async with (
            FakeCsms("ocpp1.6") as csms,
            FakeCsms("ocpp1.6") as other,
            Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin,
        ):
            await csms.down()
            await other.down()
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=10)
            assert not cabin.happened(TransactionStarted)
            await csms.up()
            await cabin.online()
            await cabin.offline()
            await cabin.restart(reboot=True)
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=10)
            assert len(cabin.happened(TransactionStarted)) == 1
            await cabin.unplug()
            await cabin.sleep(10)
            await cabin.kill()
            cabin.config_options["url"] = other.url
            cabin.start()
            await cabin.plug()
            await cabin.swipe("CARD", settle_s=10)
            assert len(cabin.happened(TransactionStarted)) == 1

    run_virtual(one())


# ---------------------------------------------------------------------- liveness


def test_16_CONN_19_the_ping_interval_is_a_key(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            for value, status in [
                ("-1", "Rejected"),
                ("x", "Rejected"),
                ("0", "Accepted"),
                ("45", "Accepted"),
            ]:
                assert await change(csms, "WebSocketPingInterval", value) == status
            found = await csms.call("GetConfiguration", {"key": ["WebSocketPingInterval"]})
            assert found["configurationKey"] == [
                {"key": "WebSocketPingInterval", "readonly": False, "value": "45"}
            ]

    run_virtual(one())


def test_16_CONN_20_pings_find_a_dead_link_before_a_message_is_given_up(tmp_path: Path) -> None:
    """Errata J 3.11: ping period below attempts x retry interval, as delivered."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            names = ["WebSocketPingInterval", "TransactionMessageAttempts", "TransactionMessageRetryInterval"]
            found = await csms.call("GetConfiguration", {"key": names})
            values = {row["key"]: int(row["value"]) for row in found["configurationKey"]}
            ping_s, attempts, interval_s = (values[name] for name in names)
            assert 0 < ping_s < attempts * interval_s

    run_virtual(one())


def test_16_CONN_21_message_timeout_can_be_set(tmp_path: Path) -> None:
    """Errata 3.83: and it holds for the very next message."""

    async def one() -> None:
        settings: Settings = {"OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 0}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            found = await csms.call("GetConfiguration", {"key": ["MessageTimeout"]})
            assert found["configurationKey"] == [{"key": "MessageTimeout", "readonly": False, "value": "30"}]
            assert await change(csms, "MessageTimeout", "0") == "Rejected"
            assert await change(csms, "MessageTimeout", "7") == "Accepted"
            csms.script("StartTransaction", never())
            await cabin.charging()
            await cabin.delivered()
            first, second = csms.of("StartTransaction")
            assert round(second.at_s - first.at_s) == 7 and first.id == second.id

    run_virtual(one())


def test_16_CORE_12_heartbeats_after_the_interval_and_after_a_new_one_at_once(tmp_path: Path) -> None:
    async def one() -> None:
        async with FakeCsms("ocpp1.6", interval_s=100) as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.sleep(1000)
            times = [one.at_s for one in csms.of("Heartbeat")]
            assert 9 <= len(times) <= 10
            assert await change(csms, "HeartbeatInterval", "30") == "Accepted"
            await cabin.sleep(300)
            assert 9 <= len(csms.of("Heartbeat")) - len(times) <= 10
            assert len(csms.of("BootNotification")) == 1, "without a reboot"

    run_virtual(one())


def test_16_CONN_04_after_an_outage_reconnections_are_spread(tmp_path: Path) -> None:
    """Stations that lost the CSMS at the same moment do not come back at the same moment."""

    async def one() -> None:
        returned = []
        for number in range(6):
            directory = tmp_path / str(number)
            directory.mkdir()
            async with FakeCsms("ocpp1.6") as csms, Cabin.build(directory, csms) as cabin:
                await cabin.online()
                await cabin.offline()
                await csms.up()
                began_s = cabin.clock.now().mono_ms / 1000
                await cabin.online()
                returned.append(cabin.clock.now().mono_ms / 1000 - began_s)
                assert len(csms.of("BootNotification")) == 1
        assert len({round(seconds, 1) for seconds in returned}) >= 3, returned

    run_virtual(one())


# ---------------------------------------------------------------------- the queue


def test_16_CORE_62_16_CORE_61_what_is_no_transaction_overtakes_the_queue(tmp_path: Path) -> None:
    """A customer is not kept waiting for a StopTransaction that the CSMS cannot digest."""

    async def one() -> None:
        settings: Settings = {"SampledDataCtrlr.TxUpdatedInterval": 0, "AuthCtrlr.LocalPreAuthorize": False}
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, settings=settings) as cabin,
        ):
            await cabin.online()
            csms.script("StopTransaction", error("InternalError"), error("InternalError"))
            await cabin.charging(1, "ONE")
            await cabin.swipe("ONE", settle_s=5)
            await cabin.unplug(1)
            await cabin.plug(2)
            asked_s = cabin.clock.now().mono_ms / 1000
            await cabin.swipe("TWO", settle_s=3)
            assert csms.of("Authorize")[-1].payload["idTag"] == "TWO"
            assert csms.of("Authorize")[-1].at_s - asked_s < 1
            assert cabin.bay(2).current_ma > 0
            assert len(csms.of("StartTransaction")) == 1, "its start waits for the stop before"
            await cabin.delivered()
            tries = [one.at_s for one in csms.of("StopTransaction")]
            waits = [round(b - a) for a, b in pairwise(tries)]
            assert waits == [60, 120], "16.CORE.63: interval x number of transmissions so far"
            assert csms.of("StartTransaction")[1].at_s >= tries[-1]

    run_virtual(one())


def test_16_CORE_60_16_CORE_64_a_message_that_is_refused_for_ever_and_a_reboot_in_between(
    tmp_path: Path,
) -> None:
    async def one() -> None:
        settings: Settings = {**OFFLINE, "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]": 2}
        async with Ledger("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=settings) as cabin:
            await cabin.online()
            await cabin.delivered()
            await cabin.offline()
            for number in range(3):
                await cabin.charging(uid=f"CARD{number}")
                await cabin.sleep(70)
                await cabin.swipe(f"CARD{number}", settle_s=5)
                await cabin.unplug()
                await cabin.restart(reboot=True)
            csms.always("MeterValues", error("FormationViolation"))
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            assert len({one.id for one in csms.of("MeterValues")}) >= 3
            starts = [one.payload["idTag"] for one in csms.of("StartTransaction")]
            assert starts == ["CARD0", "CARD1", "CARD2"]
            assert len(csms.check()) == 3
            started, ended = cabin.happened(TransactionStarted), cabin.happened(TransactionEnded)
            assert [one.starts[0] for one in csms.transactions()] == [one.register_wh for one in started]
            assert [one.stops[0] for one in csms.transactions()] == [one.register_wh for one in ended]

    run_virtual(one())


@pytest.mark.parametrize("text", ['[3,"', "[]", '{"a":1}', '[9,"x",{}]', "nonsense", '[3,"x",[]]', "\u0000"])
def test_16_CONN_08_garbage_at_any_time_costs_nothing(tmp_path: Path, text: str) -> None:
    async def one() -> None:
        async with Ledger("ocpp1.6") as csms, Cabin.build(tmp_path, csms, settings=OFFLINE) as cabin:
            await cabin.online()
            await csms.raw(text)
            csms.script("Authorize", garbage(text))
            await cabin.charging()
            for _ in range(3):
                await csms.raw(text)
                await cabin.sleep(1)
            await cabin.swipe("04A2B3C4", settle_s=5)
            await cabin.delivered()
            csms.check()
            assert csms.connections == 1

    run_virtual(one())


# ---------------------------------------------------------------------- after offline


def test_16_CORE_66_only_the_present_status_if_it_changed(tmp_path: Path) -> None:
    async def one() -> None:
        async with (
            FakeCsms("ocpp1.6") as csms,
            Cabin.build(tmp_path, csms, evses=2, settings=OFFLINE) as cabin,
        ):
            await cabin.online()
            await cabin.delivered()
            told = len(csms.of("StatusNotification"))
            await cabin.offline()
            await cabin.charging(1)
            await cabin.swipe("04A2B3C4", settle_s=5)
            await cabin.unplug(1)
            await cabin.plug(2)
            await cabin.sleep(5)
            await csms.up()
            await cabin.online()
            await cabin.delivered()
            new: list[Any] = [one.payload for one in csms.of("StatusNotification")[told:]]
            assert [(one["connectorId"], one["status"]) for one in new] == [(2, "Preparing")]

    run_virtual(one())


def test_16_CORE_67_16_CORE_66_an_error_that_came_and_went_offline_is_told(tmp_path: Path) -> None:
    """In its order, with its time, before the present status; one that lasts is told by the status itself."""

    async def one() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=2) as cabin:
            await cabin.online()
            await cabin.delivered()
            told = len(csms.of("StatusNotification"))
            await cabin.offline()
            now_ms = cabin.clock.now().mono_ms
            cabin.bay(1).inhibits = (("residual-current", now_ms),)
            await cabin.sleep(5)
            cabin.bay(1).inhibits = ()
            cabin.bay(2).inhibits = (("contactor-welded", now_ms),)
            await cabin.sleep(600)
            await csms.up()
            await cabin.online()
            await cabin.sleep(5)
            raised = {one.fault: one.at_ms for one in cabin.happened(FaultRaised)}
            assert [one.fault for one in cabin.happened(FaultCleared)] == ["residual-current"]
            new: list[Any] = [one.payload for one in csms.of("StatusNotification")[told:]]
            rows = [(one["connectorId"], one["status"], one["errorCode"]) for one in new]
            assert rows == [
                (1, "Available", "GroundFailure"),
                (1, "Available", "NoError"),
                (2, "Faulted", "PowerSwitchFailure"),
            ]
            at_ms = round(datetime.fromisoformat(new[0]["timestamp"]).timestamp() * 1000)
            assert at_ms == raised["residual-current"]
            await csms.hang_up()
            await cabin.sleep(60)
            assert len(csms.of("StatusNotification")) == told + 3, "told once"

    run_virtual(one())
