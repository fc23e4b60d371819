"""The whole client against a scriptable CSMS: real websockets, real journal, virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.domain.access.tokens import AuthorizationStatus
from controller.domain.commands import (
    ClearCache,
    RemoteStart,
    Reset,
    Status,
    TriggerKind,
    TriggerMessage,
    UnlockConnector,
    Verdict,
)
from controller.domain.effects import AskAuthorize, Send
from controller.domain.inputs import AuthorizeAnswered, TransactionAnswered
from controller.settings.catalog import (
    HEARTBEAT_INTERVAL,
    MESSAGE_TIMEOUT,
    MINIMUM_STATUS_DURATION,
    OFFLINE_THRESHOLD,
    PING_INTERVAL,
    RETRY_WAIT_MINIMUM,
)
from controller.store.ports import StorageError
from tests.csms.rig import TOKEN, Rig, ended, rig, started, updated, view
from tests.support import csms as does
from tests.support.csms import CallError, FakeCsms
from tests.support.virtual_time import run_virtual

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
EVERY = pytest.mark.parametrize("spoken", [V16, V201, V21])

Main = Callable[[FakeCsms, Rig], Awaitable[None]]


def play(
    tmp_path: Path,
    spoken: str,
    main: Main,
    prepare: Callable[[FakeCsms], None] = lambda _csms: None,
    **more: Any,
) -> None:
    async def go() -> None:
        async with FakeCsms(spoken) as csms:
            prepare(csms)
            station: AbstractAsyncContextManager[Rig] = rig(tmp_path, csms, **more)
            async with station as one:
                await main(csms, one)
            assert csms.violations == []

    run_virtual(go())


def boots(*statuses: str, interval_s: int = 20) -> Callable[[FakeCsms], None]:
    """BootNotification is answered with these, one after the other, then Accepted."""
    left = list(statuses)

    def prepare(csms: FakeCsms) -> None:
        csms.answers["BootNotification"] = lambda _p: (
            csms.boot(left.pop(0), interval_s) if left else csms.boot("Accepted")
        )

    return prepare


def spaces(csms: FakeCsms, action: str) -> list[int]:
    return [round(late.at_s - early.at_s) for early, late in pairwise(csms.of(action))]


# --------------------------------------------------------------------------- connecting


@pytest.mark.parametrize(
    ("spoken", "offered", "picked"),
    [
        ((V16,), (V21, V201, V16), V16),
        ((V201, V16), (V21, V201, V16), V201),
        ((V16, V201, V21), (V21, V201, V16), V16),
        ((V21, V201, V16), (V16,), V16),
    ],
)
def test_16_CONN_02_the_server_picks_the_version(
    tmp_path: Path, spoken: tuple[str, ...], offered: tuple[str, ...], picked: str
) -> None:
    async def main() -> None:
        async with FakeCsms(*spoken) as csms, rig(tmp_path, csms, offered=offered) as one:
            await one.online()
            assert one.client.state.subprotocol == csms.subprotocol
            assert csms.subprotocol == picked or picked in spoken

    run_virtual(main())


@EVERY
def test_16_CORE_02_16_CORE_10_B01_FR_05_B01_FR_08_boot_then_statuses_then_the_queue(
    tmp_path: Path, spoken: str
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.delivered(3)
        statuses = 2 if spoken == V16 else 1
        assert csms.actions[: 1 + statuses] == ["BootNotification"] + ["StatusNotification"] * statuses
        assert len(csms.actions) == 1 + statuses + 3
        assert one.station.online == [True]
        assert any(isinstance(one_input, TransactionAnswered) for one_input in one.station.inputs)

    play(tmp_path, spoken, main, before=(started(), updated(), ended()))


@pytest.mark.parametrize(
    ("agrees", "error"),
    [(False, "no OCPP version agreed"), (True, "websocket refused")],
    ids=["silent", "400"],
)
def test_16_CONN_03_a_csms_without_our_version_is_tried_again(
    tmp_path: Path, agrees: bool, error: str
) -> None:
    async def main() -> None:
        async with FakeCsms(V16, agrees=agrees) as csms, rig(tmp_path, csms, offered=(V201,)) as one:
            await asyncio.sleep(200)
            state = one.client.state
            assert error in state.last_error
            assert not state.online
            assert csms.received == []

    run_virtual(main())


@EVERY
def test_16_CONN_18_no_boot_after_a_mere_reconnection(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await csms.hang_up()
        await csms.until(lambda: csms.connections == 2 and one.client.online)
        await asyncio.sleep(5)
        assert csms.actions.count("BootNotification") == 1
        assert one.station.online == [True, False, True]

    play(tmp_path, spoken, main)


def test_another_version_means_another_boot(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms(V16) as csms, rig(tmp_path, csms) as one:
            await one.online()
            await csms.down()
            csms.speak(V201)
            await csms.up()
            await csms.until(lambda: csms.connections == 2 and one.client.online)
            assert csms.actions.count("BootNotification") == 2
            assert csms.of("BootNotification")[1].payload["reason"] == "PowerUp"

    run_virtual(main())


def test_16_CONN_04_back_off_grows_and_starts_over_after_a_stable_connection(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms(V16) as csms:
            await csms.down()
            async with rig(tmp_path, csms) as one:
                one.settings.assign(RETRY_WAIT_MINIMUM, 10)
                attempts: list[float] = []
                loop = asyncio.get_running_loop()
                endpoint = one.client._access.endpoint

                def counted() -> Any:
                    attempts.append(loop.time())
                    return endpoint()

                one.client._access.endpoint = counted  # type: ignore[method-assign]
                await asyncio.sleep(600)
                waits = [round(late - early) for early, late in pairwise(attempts)]
                assert waits[:4] == sorted(waits[:4])
                assert waits[3] > waits[0] >= 10
                await csms.up()
                await one.online()
                await asyncio.sleep(60)
                lost_at = loop.time()
                await csms.hang_up()
                await csms.until(lambda: csms.connections == 2)
                assert attempts[-1] - lost_at < 20

    run_virtual(main())


def test_reconnect_at_once_on_demand(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        before = asyncio.get_running_loop().time()
        await one.client.reconnect("the endpoint was changed")
        await csms.until(lambda: csms.connections == 2 and one.client.online)
        assert asyncio.get_running_loop().time() - before < 5
        assert one.station.online == [True, False, True]

    play(tmp_path, V16, main)


@pytest.mark.parametrize("spoken", [V16, V201])
def test_16_SEC_06_a_new_password_means_a_new_connection_after_the_answer(
    tmp_path: Path, spoken: str
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        if spoken == V16:
            change = {"key": "AuthorizationKey", "value": "30313233343536373839414243444546"}
            answer = await csms.call("ChangeConfiguration", change)
            assert answer == {"status": "Accepted"}
        else:
            data = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": "a password of 20 chr",
            }
            answer = await csms.call("SetVariables", {"setVariableData": [data]})
            assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        await csms.until(lambda: csms.connections == 2 and one.client.online)
        assert csms.actions.count("BootNotification") == 1
        assert not any("30313233" in line or "a password" in line for line in one.lines)

    play(tmp_path, spoken, main)


# --------------------------------------------------------------------------- registration


@EVERY
@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_16_CORE_04_B02_FR_02_B03_FR_02_nothing_but_boots_until_accepted(
    tmp_path: Path, spoken: str, status: str
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification", 2)
        one.client.status_changed()
        await csms.wait("BootNotification", 3)
        await one.delivered(1)
        assert csms.actions[:3] == ["BootNotification"] * 3
        assert spaces(csms, "BootNotification") == [20, 20]
        assert csms.connections == 1, "B02.FR.06: the channel stays open"
        assert one.station.online == [True]

    play(tmp_path, spoken, main, boots(status, status), before=(started(),))


def test_B02_FR_07_an_interval_of_0_does_not_flood(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        assert spaces(csms, "BootNotification") == [60]

    play(tmp_path, V201, main, boots("Pending", interval_s=0))


def test_16_CORE_04_the_wait_goes_on_over_a_reconnection(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        await csms.hang_up()
        await one.online()
        assert csms.connections == 2
        assert spaces(csms, "BootNotification") == [500]

    play(tmp_path, V16, main, boots("Pending", interval_s=500))


@pytest.mark.parametrize("spoken", [V16, V201])
def test_16_CORE_06_16_CORE_07_B02_FR_01_B02_FR_05_while_pending(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        if spoken == V16:
            found = await csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
            assert found["configurationKey"][0]["value"] == "300"
            refused = await csms.call("RemoteStartTransaction", {"idTag": "A"})
        else:
            item = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
            got = await csms.call("GetVariables", {"getVariableData": [item]})
            assert got["getVariableResult"][0]["attributeValue"] == "300"
            refused = await csms.call(
                "RequestStartTransaction",
                {"idToken": {"idToken": "A", "type": "Central"}, "remoteStartId": 1},
            )
        assert refused["status"] == "Rejected"
        assert one.station.commands == []
        assert await csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}
        await csms.wait("Heartbeat")
        assert csms.actions == ["BootNotification", "Heartbeat"]

    play(tmp_path, spoken, main, boots("Pending", interval_s=600))


def test_B07_a_report_while_pending(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        answer = await csms.call("GetBaseReport", {"requestId": 4, "reportBase": "FullInventory"})
        assert answer == {"status": "Accepted"}
        await csms.until(
            lambda: bool(csms.of("NotifyReport")) and not csms.of("NotifyReport")[-1].payload["tbc"]
        )
        assert [part.payload["seqNo"] for part in csms.of("NotifyReport")] == list(
            range(len(csms.of("NotifyReport")))
        )

    play(tmp_path, V201, main, boots("Pending", interval_s=600))


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_16_CORE_08_a_triggered_boot_goes_out_at_once(tmp_path: Path, status: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        answer = await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert answer == {"status": "Accepted"}
        await one.online()
        assert spaces(csms, "BootNotification") == [0]

    play(tmp_path, V16, main, boots(status, interval_s=5000))


def test_B02_FR_04_B01_FR_09_a_triggered_boot_says_so(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        await one.online()
        assert [boot.payload["reason"] for boot in csms.of("BootNotification")] == ["PowerUp", "Triggered"]

    play(tmp_path, V201, main, boots("Pending", interval_s=5000))


@EVERY
def test_16_TRIG_06_F06_FR_17_no_boot_after_it_was_accepted(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        answer = await csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert answer["status"] == "Rejected"
        await asyncio.sleep(10)
        assert csms.actions.count("BootNotification") == 1

    play(tmp_path, spoken, main)


def test_16_CORE_05_while_rejected_16_says_nothing(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        for action, payload in (("ClearCache", {}), ("GetDiagnostics", {"location": "ftp://x"})):
            with pytest.raises(TimeoutError):
                await csms.call(action, payload, timeout_s=5)
        assert one.station.commands == []
        assert csms.frames == csms.frames[:1]

    play(tmp_path, V16, main, boots("Rejected", interval_s=600))


def test_B03_FR_08_while_rejected_201_says_security_error(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        with pytest.raises(CallError) as refused:
            await csms.call("ClearCache", {})
        assert refused.value.code == "SecurityError"
        assert one.station.commands == []

    play(tmp_path, V201, main, boots("Rejected", interval_s=600))


@EVERY
def test_16_CONN_23_a_callerror_for_the_boot_is_waited_out(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        assert spaces(csms, "BootNotification") == [60]

    play(tmp_path, spoken, main, lambda csms: csms.script("BootNotification", does.error("InternalError")))


def test_a_boot_without_answer_means_another_connection(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        assert csms.connections == 2
        assert "BootNotification" in one.client.state.last_error

    play(tmp_path, V16, main, lambda csms: csms.script("BootNotification", does.never()))


# --------------------------------------------------------------------------- heartbeat and time


@EVERY
def test_16_CORE_03_16_CORE_12_B01_FR_04_the_boot_answer_sets_the_heartbeat(
    tmp_path: Path, spoken: str
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        csms.interval_s = 77
        await csms.wait("Heartbeat", 3)
        assert one.settings[HEARTBEAT_INTERVAL] == 77
        assert spaces(csms, "Heartbeat") == [77, 77]
        assert one.client.state.last_heartbeat_ms is not None

    def prepare(csms: FakeCsms) -> None:
        csms.interval_s = 77

    play(tmp_path, spoken, main, prepare)


def test_16_CORE_13_other_traffic_delays_the_heartbeat(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        for number in range(5):
            await asyncio.sleep(200)
            one.happened(updated(seq_no=number))
        assert csms.of("Heartbeat") == []
        last = await csms.wait("TransactionEvent", 5)
        beat = await csms.wait("Heartbeat")
        assert round(beat.at_s - last.at_s) == 300

    play(tmp_path, V201, main)


def test_16_CONN_17_at_least_one_heartbeat_a_day(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        one.settings.assign(HEARTBEAT_INTERVAL, 86_400)
        one.settings.assign(PING_INTERVAL, 0)
        for _ in range(9):
            await asyncio.sleep(10_000)
            one.station.shown = [view(0), view(1, plugged=not one.station.shown[1].plugged)]
            one.client.status_changed()
        assert len(csms.of("Heartbeat")) == 1

    play(tmp_path, V16, main)


def test_16_CORE_12_a_changed_interval_takes_effect_at_once(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(10)
        changed_at = asyncio.get_running_loop().time()
        await csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"})
        beat = await csms.wait("Heartbeat")
        assert round(beat.at_s - changed_at) <= 20

    play(tmp_path, V16, main)


@EVERY
def test_16_CORE_14_B01_FR_06_the_clock_follows_the_csms(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        before = one.clock.now()
        assert abs(before.utc_ms - does.UTC_MS) < 5_000, "a difference below a second is left alone"
        csms.answers["Heartbeat"] = lambda _p: {"currentTime": "2027-06-01T00:00:00Z"}
        await csms.wait("Heartbeat")
        await asyncio.sleep(1)
        assert one.clock.now().utc_ms // 1000 == 1_811_808_001

    play(tmp_path, spoken, main)


@pytest.mark.parametrize("told", ["1970-01-01T00:00:00Z", "2026-01-01T00:00:00.4Z"])
def test_a_csms_without_a_clock_does_not_set_ours(tmp_path: Path, told: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        offset = one.clock.now().utc_ms - one.clock.now().mono_ms
        assert offset == does.UTC_MS - 1_000_000

    def prepare(csms: FakeCsms) -> None:
        csms.answers["BootNotification"] = lambda _p: {
            "status": "Accepted",
            "interval": 9,
            "currentTime": told,
        }

    play(tmp_path, V16, main, prepare)


@EVERY
def test_16_CONN_20_a_heartbeat_without_answer_ends_the_connection(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        csms.script("Heartbeat", does.never())
        await csms.until(lambda: csms.connections == 2 and one.client.online)
        assert "Heartbeat" in one.client.state.last_error
        assert one.station.online == [True, False, True]

    play(tmp_path, spoken, main)


def test_a_heartbeat_refused_is_a_sign_of_life(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        csms.always("Heartbeat", does.error("InternalError"))
        await csms.wait("Heartbeat", 3)
        assert csms.connections == 1
        assert spaces(csms, "Heartbeat") == [300, 300]

    play(tmp_path, V16, main)


# --------------------------------------------------------------------------- statuses


@EVERY
def test_16_CORE_70_G01_FR_03_a_change_is_reported(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(1)
        before = len(csms.of("StatusNotification"))
        one.station.shown = [view(0), view(1, plugged=True, changed_at_ms=does.UTC_MS + 5)]
        one.client.status_changed()
        told = await csms.wait("StatusNotification", before + 1)
        assert told.payload.get("status", told.payload.get("connectorStatus")) in ("Preparing", "Occupied")
        assert told.payload["timestamp"] == "2026-01-01T00:00:00.005Z"
        one.client.status_changed()
        await asyncio.sleep(5)
        assert len(csms.of("StatusNotification")) == before + 1, "told once"

    play(tmp_path, spoken, main)


def test_16_CORE_79_a_status_must_last(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(1)
        one.settings.assign(MINIMUM_STATUS_DURATION, 10)
        before = len(csms.of("StatusNotification"))
        one.station.shown = [view(0), view(1, plugged=True)]
        one.client.status_changed()
        await asyncio.sleep(5)
        one.station.shown = [view(0), view(1)]
        one.client.status_changed()
        await asyncio.sleep(60)
        assert len(csms.of("StatusNotification")) == before
        one.station.shown = [view(0), view(1, plugged=True)]
        at = asyncio.get_running_loop().time()
        one.client.status_changed()
        told = await csms.wait("StatusNotification", before + 1)
        assert round(told.at_s - at) == 10

    play(tmp_path, V16, main)


@pytest.mark.parametrize(("spoken", "connector"), [(V16, "connectorId"), (V201, "evseId")])
def test_16_CORE_66_B04_FR_02_after_a_short_time_offline_only_changes(
    tmp_path: Path, spoken: str, connector: str
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        one.station.shown = [view(0), view(1), view(2)]
        await one.online()
        await asyncio.sleep(1)
        before = len(csms.of("StatusNotification"))
        await csms.down()
        await csms.until(lambda: not one.client.online)
        one.station.shown = [view(0), view(1), view(2, plugged=True)]
        one.client.status_changed()
        await csms.up()
        await csms.until(lambda: one.client.online)
        await asyncio.sleep(5)
        assert [told.payload[connector] for told in csms.of("StatusNotification")[before:]] == [2]

    play(tmp_path, spoken, main)


@pytest.mark.parametrize(("spoken", "reported"), [(V16, 0), (V201, 1), (V21, 1)])
def test_B04_FR_01_after_a_long_time_offline_all(tmp_path: Path, spoken: str, reported: int) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(1)
        before = len(csms.of("StatusNotification"))
        await csms.down()
        await asyncio.sleep(one.settings[OFFLINE_THRESHOLD] + 60)
        await csms.up()
        await csms.until(lambda: one.client.online)
        await asyncio.sleep(5)
        assert len(csms.of("StatusNotification")) == before + reported

    play(tmp_path, spoken, main)


@pytest.mark.parametrize("step", [does.error("InternalError"), does.never()], ids=["callerror", "never"])
def test_a_status_that_fails_is_not_repeated_for_ever(tmp_path: Path, step: does.Step) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(1)
        before = len(csms.of("StatusNotification"))
        csms.always("StatusNotification", step)
        one.station.shown = [view(0), view(1, plugged=True)]
        one.client.status_changed()
        await asyncio.sleep(200)
        assert len(csms.of("StatusNotification")) == before + 1
        assert csms.connections == 1, "the heartbeat shows that the CSMS is alive"

    play(tmp_path, V16, main)


# --------------------------------------------------------------------------- authorization


@EVERY
def test_16_CORE_16_authorize_asks_the_csms(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        name = "idTagInfo" if spoken == V16 else "idTokenInfo"
        csms.answers["Authorize"] = lambda _p: {name: {"status": "Blocked"}}
        await one.client.authorize(AskAuthorize(7, TOKEN, 1))
        answered = one.station.inputs[-1]
        assert isinstance(answered, AuthorizeAnswered)
        assert answered.ask_id == 7
        assert answered.info is not None
        assert answered.info.status is AuthorizationStatus.BLOCKED

    play(tmp_path, spoken, main)


@pytest.mark.parametrize(
    "step", [does.error("InternalError"), does.never(), does.hang_up()], ids=lambda s: s.kind
)
def test_no_answer_to_authorize_is_an_answer_too(tmp_path: Path, step: does.Step) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        csms.script("Authorize", step)
        await one.client.authorize(AskAuthorize(1, TOKEN, None))
        assert AuthorizeAnswered(1, None) in one.station.inputs

    play(tmp_path, V201, main)


def test_authorize_offline_or_not_registered_answers_at_once(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await csms.wait("BootNotification")
        await one.client.authorize(AskAuthorize(1, TOKEN, None))
        assert one.station.inputs == [AuthorizeAnswered(1, None)]
        assert csms.of("Authorize") == []

    play(tmp_path, V16, main, boots("Pending", interval_s=600))


# --------------------------------------------------------------------------- requests


def test_16_CORE_112_a_command_gets_its_verdict(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        one.station.verdicts[RemoteStart] = Verdict(Status.REJECTED)
        assert await csms.call("RemoteStartTransaction", {"idTag": "A", "connectorId": 1}) == {
            "status": "Rejected"
        }
        assert await csms.call("ClearCache", {}) == {"status": "Accepted"}
        assert [type(command) for command in one.station.commands] == [RemoteStart, ClearCache]

    play(tmp_path, V16, main)


@pytest.mark.parametrize("spoken", [V16, V201])
def test_16_CORE_112_the_answer_goes_out_before_what_it_brings_about(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await asyncio.sleep(1)

        async def start(command: Any) -> Verdict:
            one.happened(started())
            return Verdict(Status.ACCEPTED)

        one.station.ask = start  # type: ignore[method-assign]
        before = len(csms.frames)
        if spoken == V16:
            await csms.call("RemoteStartTransaction", {"idTag": "A"})
        else:
            token = {"idToken": "A", "type": "Central"}
            await csms.call("RequestStartTransaction", {"idToken": token, "remoteStartId": 1})
        await one.delivered(1)
        assert [json.loads(frame[2:])[0] for frame in csms.frames[before:]] == [3, 2]

    play(tmp_path, spoken, main)


def test_a_disk_that_cannot_be_written_is_an_answer_of_its_own(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()

        def full(values: Mapping[str, str]) -> None:
            raise StorageError("disk full")

        one.settings._values.save = full  # type: ignore[method-assign]
        with pytest.raises(CallError) as refused:
            await csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"})
        assert refused.value.code == "InternalError"
        assert one.settings[HEARTBEAT_INTERVAL] == 300
        assert csms.connections == 1

    play(tmp_path, V16, main)


def test_a_heartbeat_interval_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms(V16, interval_s=50) as csms:
            await csms.down()
            async with rig(tmp_path, csms) as one:

                def full(values: Mapping[str, str]) -> None:
                    raise StorageError("disk full")

                one.settings._values.save = full  # type: ignore[method-assign]
                await csms.up()
                await one.online()
                assert one.settings[HEARTBEAT_INTERVAL] == 300

    run_virtual(main())


def test_without_a_connection_nothing_is_sent_and_nothing_waits(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms(V16) as csms:
            await csms.down()
            async with rig(tmp_path, csms) as one:
                one.client.perform(Send(TriggerMessage(TriggerKind.HEARTBEAT)))
                one.client.status_changed()
                one.client.wake()
                done: list[str] = []
                one.client.after_answer(lambda: done.append("now"))
                assert done == ["now"]
                await csms.up()
                await one.online()
                assert csms.of("Heartbeat") == []

    run_virtual(main())


def test_16_CORE_119_remote_stop_finds_the_transaction_by_its_alias(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.delivered(1)
        assert await csms.call("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Accepted"}
        assert one.station.commands[-1].transaction_id == "tx-1"  # type: ignore[union-attr]
        assert await csms.call("RemoteStopTransaction", {"transactionId": 99}) == {"status": "Rejected"}
        assert len(one.station.commands) == 1

    play(tmp_path, V16, main, before=(started(),))


def test_16_CORE_121_a_command_that_takes_time_blocks_no_delivery(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        one.station.settle_s = 20
        one.station.verdicts[UnlockConnector] = Verdict(Status.UNLOCKED)
        unlocking = asyncio.create_task(csms.call("UnlockConnector", {"connectorId": 1}))
        await asyncio.sleep(1)
        one.happened(started())
        await csms.wait("StartTransaction", timeout_s=2)
        assert await unlocking == {"status": "Unlocked"}

    play(tmp_path, V16, main)


@pytest.mark.parametrize(
    ("spoken", "payload", "sent"),
    [
        (V16, {"requestedMessage": "Heartbeat"}, ["Heartbeat"]),
        (V16, {"requestedMessage": "StatusNotification"}, ["StatusNotification"] * 3),  # 16.TRIG.03
        (V16, {"requestedMessage": "StatusNotification", "connectorId": 2}, ["StatusNotification"]),
        (V16, {"requestedMessage": "MeterValues"}, ["MeterValues"] * 2),
        (V16, {"requestedMessage": "MeterValues", "connectorId": 1}, ["MeterValues"]),
        (V16, {"requestedMessage": "FirmwareStatusNotification"}, ["FirmwareStatusNotification"]),
        (V16, {"requestedMessage": "DiagnosticsStatusNotification"}, ["DiagnosticsStatusNotification"]),
        (V201, {"requestedMessage": "Heartbeat"}, ["Heartbeat"]),
        (
            V201,
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
            ["StatusNotification"],
        ),
        (V201, {"requestedMessage": "MeterValues"}, ["MeterValues"] * 2),
        (V201, {"requestedMessage": "LogStatusNotification"}, ["LogStatusNotification"]),
    ],
)
def test_16_TRIG_01_F06_FR_04_the_answer_first_then_the_message(
    tmp_path: Path, spoken: str, payload: dict[str, Any], sent: list[str]
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        one.station.shown = [view(0), view(1), view(2)]
        await one.online()
        await asyncio.sleep(1)
        before = len(csms.frames)
        assert await csms.call("TriggerMessage", payload) == {"status": "Accepted"}
        await asyncio.sleep(5)
        frames = [json.loads(frame[2:]) for frame in csms.frames[before:]]
        assert frames[0][0] == 3, "the CALLRESULT comes first"
        assert [frame[2] for frame in frames[1:]] == sent

    play(tmp_path, spoken, main)


def test_16_CORE_127_what_must_follow_the_answer_waits_for_it(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        order: list[str] = []
        ask = one.station.ask

        async def reset(command: Any) -> Verdict:
            if isinstance(command, Reset):
                one.client.after_answer(lambda: order.append("restart"))
                order.append("verdict")
            return await ask(command)

        one.station.ask = reset  # type: ignore[method-assign]
        assert await csms.call("Reset", {"type": "Hard"}) == {"status": "Accepted"}
        await asyncio.sleep(1)
        assert order == ["verdict", "restart"]
        one.client.after_answer(lambda: order.append("now"))
        assert order[-1] == "now", "no request is being handled: at once"

    play(tmp_path, V16, main)


@EVERY
def test_16_CONN_11_unknown_and_unsupported_requests(tmp_path: Path, spoken: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        with pytest.raises(CallError) as unknown:
            await csms.call("MakeCoffee", {}, check=False)
        assert unknown.value.code == "NotImplemented"
        with pytest.raises(CallError) as unsupported:
            await csms.call("Heartbeat" if spoken == V16 else "GetInstalledCertificateIds", {})
        assert unsupported.value.code == "NotSupported"

    play(tmp_path, spoken, main)


def test_E14_transaction_status(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        one.station.shown = [view(0), view(1, transaction_id="tx-1")]
        csms.always("TransactionEvent", does.error("InternalError"))
        await one.online()
        one.happened(started())
        await csms.wait("TransactionEvent")
        assert await csms.call("GetTransactionStatus", {"transactionId": "tx-1"}) == {
            "ongoingIndicator": True,
            "messagesInQueue": True,
        }
        csms.always("TransactionEvent", None)
        await one.delivered(1)
        assert await csms.call("GetTransactionStatus", {}) == {"messagesInQueue": False}

    play(tmp_path, V201, main)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "[3]",
        '[2,"x","Reset"]',
        '[2,"x","Reset",{"type":7}]',
        '[3,"nobody asked",{}]',
        '[4,"nobody asked","InternalError","",{}]',
        '[9,"x",{}]',
        '{"a":1}',
        "[" * 500,
        '[2,"' + "x" * 300 + '","ClearCache",{}]',
    ],
)
@pytest.mark.parametrize("spoken", [V16, V201])
def test_16_CONN_08_16_CONN_12_garbage_does_not_disturb(tmp_path: Path, spoken: str, text: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        await csms.raw(text)
        seq = one.happened(started(), ended())
        await one.delivered(seq, timeout_s=5)
        assert await csms.call("ClearCache", {}) == {"status": "Accepted"}
        assert csms.connections == 1
        assert one.station.commands == [ClearCache()]

    play(tmp_path, spoken, main)


# --------------------------------------------------------------------------- delivery over the wire


@pytest.mark.parametrize("spoken", [V16, V201])
@pytest.mark.parametrize(
    "step",
    [does.twice(), does.late(20), does.never(), does.error("InternalError"), does.garbage("]")],
    ids=lambda step: step.kind,
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_every_way_to_answer_badly_leaves_one_transaction(
    tmp_path: Path, spoken: str, step: does.Step, position: int
) -> None:
    """One message of three is answered badly once: all arrive, in order, and nothing is dropped."""

    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        actions = (
            ["StartTransaction", "MeterValues", "StopTransaction"]
            if spoken == V16
            else ["TransactionEvent"] * 3
        )
        usual = [does.usual()] * actions[:position].count(actions[position])
        csms.script(actions[position], *usual, step)
        seq = one.happened(started(), updated(), ended())
        await one.delivered(seq)
        ids = list(dict.fromkeys(message.id for message in csms.received if message.action in actions))
        assert len(ids) == 3
        firsts = [next(one for one in csms.received if one.id == id_).action for id_ in ids]
        assert firsts == actions
        assert one.client.state.dropped == 0
        if spoken == V16:
            assert csms.of("StopTransaction")[-1].payload["transactionId"] >= 1

    play(tmp_path, spoken, main)


@pytest.mark.parametrize("spoken", [V16, V201])
@pytest.mark.parametrize("boundary", range(5))
def test_16_CORE_60_16_CORE_61_the_csms_vanishes_at_every_message_boundary(
    tmp_path: Path, spoken: str, boundary: int
) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.delivered(3)
        of_transaction = [
            message
            for message in csms.received
            if "Transaction" in message.action or "Meter" in message.action
        ]
        assert len({message.id for message in of_transaction}) == 3
        last = of_transaction[-1].payload
        if spoken == V16:
            assert [
                one_message.action for one_message in of_transaction if one_message.action != "MeterValues"
            ][-1] == ("StopTransaction")
            assert last["transactionId"] >= 1
        else:
            assert last["eventType"] == "Ended"
        await csms.until(lambda: csms.connections == 2 and one.client.online)

    def prepare(csms: FakeCsms) -> None:
        count = 0
        take = csms._take

        async def counting(station: Any, wire: Any, text: str) -> None:
            nonlocal count
            if count == boundary:
                count += 1
                await take(station, wire, text)
                await csms.hang_up()
                return
            count += 1
            await take(station, wire, text)

        csms._take = counting  # type: ignore[method-assign]

    play(tmp_path, spoken, main, prepare, before=(started(), updated(), ended()))


@pytest.mark.parametrize(
    "action", ["BootNotification", "StatusNotification", "StartTransaction", "StopTransaction"]
)
def test_the_answer_is_lost_with_the_connection(tmp_path: Path, action: str) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.delivered(2)
        assert csms.connections == 2
        again = [message.id for message in csms.of(action)]
        if action.endswith("Transaction"):
            assert len(again) == 2
            assert len(set(again)) == 1, "the same message keeps its id"

    play(
        tmp_path,
        V16,
        main,
        lambda csms: csms.script(action, does.hang_up()),
        before=(started(), ended()),
    )


def test_16_CORE_43_a_wrong_start_answer_leaves_the_transaction_without_a_name(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        csms.script("StartTransaction", does.answer({"transactionId": "seven"}))
        await one.delivered(2)
        assert csms.of("StopTransaction")[0].payload["transactionId"] == -1
        assert len(csms.of("StartTransaction")) == 1

    play(tmp_path, V16, main, before=(started(), ended()))


def test_16_CORE_62_statuses_and_heartbeats_go_on_while_a_message_is_retried(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        csms.always("StopTransaction", does.error("InternalError"))
        await one.online()
        one.happened(started(), ended())
        await csms.wait("StopTransaction", 2)
        before = len(csms.of("StatusNotification"))
        one.station.shown = [view(0), view(1, plugged=True)]
        one.client.status_changed()
        await csms.wait("StatusNotification", before + 1, timeout_s=1)

    play(tmp_path, V16, main)


def test_slow_answers_are_only_slow(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        one.settings.assign(MESSAGE_TIMEOUT, 30)
        for action in ("BootNotification", "StatusNotification", "TransactionEvent", "Heartbeat"):
            csms.always(action, does.late(25))
        await one.delivered(5)
        assert csms.connections == 1
        assert len(csms.of("TransactionEvent")) == 5
        assert all(late.at_s - early.at_s >= 25 for early, late in pairwise(csms.received)), "16.CONN.05"

    play(tmp_path, V201, main, before=tuple(updated(seq_no=number) for number in range(5)))


def test_drained_tells_when_all_is_delivered(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        csms.script("TransactionEvent", does.late(10))
        one.happened(started())
        assert not await one.client.drained(5)
        assert await one.client.drained(30)
        await csms.down()
        one.happened(ended())
        assert not await one.client.drained(5)

    play(tmp_path, V201, main)


# --------------------------------------------------------------------------- state


def test_the_state_tells_what_a_technician_asks(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms(V16) as csms:
            await csms.down()
            async with rig(tmp_path, csms, before=(started(),)) as one:
                await asyncio.sleep(5)
                state = one.client.state
                assert state.url == f"{csms.url}/station-1"
                assert (state.subprotocol, state.connected_since_ms, state.registration) == (None, None, None)
                assert "connection refused" in state.last_error
                assert state.queue_length == 1
                await csms.up()
                await one.delivered(1)
                await csms.wait("Heartbeat")
                await asyncio.sleep(1)
                state = one.client.state
                assert (state.subprotocol, state.registration, state.online) == (V16, "Accepted", True)
                assert state.connected_since_ms is not None
                assert state.last_heartbeat_ms is not None
                assert (state.queue_length, state.delivered, state.dropped) == (0, 1, 0)

    run_virtual(main())


def test_every_frame_is_shown(tmp_path: Path) -> None:
    async def main(csms: FakeCsms, one: Rig) -> None:
        await one.online()
        assert any(line.startswith("> BootNotification") for line in one.lines)
        assert any(line.startswith("< BootNotification answer") for line in one.lines)

    play(tmp_path, V201, main)
