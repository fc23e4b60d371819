import asyncio
import base64
import json
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from controller.bench.csms import CsmsError, CsmsOptions, DeskCsms, control
from controller.bench.csms_orders import OrderError
from controller.bench.csms_stations import RequestFailed
from controller.local.client import LocalClient
from controller.local.jsonrpc import LocalServer

Body = Callable[[DeskCsms, ClientConnection], Coroutine[Any, Any, None]]

BOOT: dict[str, dict[str, Any]] = {
    "1.6": {"chargePointVendor": "V", "chargePointModel": "M"},
    "2.0.1": {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"},
    "2.1": {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"},
}


def with_station(version: str, body: Body, **options: Any) -> None:
    async def run() -> None:
        async with (
            DeskCsms(CsmsOptions(**options)) as csms,
            connect(
                f"{csms.url}/CP-1", subprotocols=[Subprotocol(f"ocpp{version}")], compression=None
            ) as station,
        ):
            await body(csms, station)

    asyncio.run(asyncio.wait_for(run(), 20))


async def ask(station: ClientConnection, action: str, payload: dict[str, Any], number: str = "1") -> Any:
    await station.send(json.dumps([2, number, action, payload]))
    answer = json.loads(await station.recv())
    assert answer[1] == number
    return answer[2] if answer[0] == 3 else answer


async def obey(station: ClientConnection, payload: dict[str, Any]) -> list[Any]:
    call: list[Any] = json.loads(await station.recv())
    await station.send(json.dumps([3, call[1], payload]))
    return call


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_boot_heartbeat_and_status_are_noted(version: str) -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        answer = await ask(station, "BootNotification", BOOT[version])
        assert answer["status"] == "Accepted"
        assert "currentTime" in await ask(station, "Heartbeat", {})
        if version == "1.6":
            status: dict[str, Any] = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        else:
            status = {
                "evseId": 1,
                "connectorId": 1,
                "connectorStatus": "Available",
                "timestamp": "2026-01-01T00:00:00Z",
            }
        assert await ask(station, "StatusNotification", status) == {}
        record = csms.book.stations["CP-1"]
        assert (record.vendor, record.boots, record.evses, record.connected) == (
            "V",
            1,
            {1: "Available"},
            True,
        )
        assert record.violations == []
        assert [frame.from_station for frame in csms.frames] == [True, False] * 3
        assert csms.frames[4].line.startswith("-> StatusNotification")

    with_station(version, body)


def test_a_16_transaction_from_start_to_stop_and_its_repeat() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        start = {"connectorId": 1, "idTag": "T", "meterStart": 100, "timestamp": "2026-01-01T00:00:00Z"}
        first = await ask(station, "StartTransaction", start)
        again = await ask(station, "StartTransaction", start, "2")
        assert first["transactionId"] == again["transactionId"] == 1
        values = [{"timestamp": "2026-01-01T00:01:00Z", "sampledValue": [{"value": "150"}]}]
        await ask(station, "MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": values})
        assert csms.book.stations["CP-1"].transactions["1"].energy_wh == 50
        stop = {"transactionId": 1, "meterStop": 190, "timestamp": "2026-01-01T01:00:00Z", "reason": "Remote"}
        await ask(station, "StopTransaction", stop)
        one = csms.book.stations["CP-1"].transactions["1"]
        assert (one.energy_wh, one.stopped_reason, one.messages) == (90, "Remote", 4)
        assert await ask(station, "StopTransaction", {**stop, "transactionId": 9}) == {}
        assert "unknown transaction 9" in csms.book.stations["CP-1"].violations[0]

    with_station("1.6", body)


def test_a_201_transaction_and_its_sequence_numbers() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        def event(kind: str, seq_no: int, wh: float, **more: Any) -> dict[str, Any]:
            return {
                "eventType": kind,
                "timestamp": "2026-01-01T00:00:00Z",
                "triggerReason": "Authorized",
                "seqNo": seq_no,
                "transactionInfo": {"transactionId": "abc", **more.pop("info", {})},
                "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": wh}]}],
                **more,
            }

        token = {"idToken": {"idToken": "T", "type": "Central"}, "evse": {"id": 2, "connectorId": 1}}
        answer = await ask(station, "TransactionEvent", event("Started", 0, 1000.0, **token))
        assert answer == {"idTokenInfo": {"status": "Accepted"}}
        assert await ask(station, "TransactionEvent", event("Updated", 1, 1200.0)) == {}
        await ask(station, "TransactionEvent", event("Updated", 1, 1200.0))
        await ask(
            station, "TransactionEvent", event("Ended", 2, 1500.0, info={"stoppedReason": "EVDisconnected"})
        )
        one = csms.book.stations["CP-1"].transactions["abc"]
        assert (one.evse_id, one.token, one.energy_wh, one.seq_nos) == (2, "T", 500, [0, 1, 2])
        assert one.stopped_reason == "EVDisconnected"

    with_station("2.0.1", body)


def test_blocked_tokens_are_refused_and_allowed_again() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        await csms.order(["block", "bad1"])
        assert (await ask(station, "Authorize", {"idTag": "BAD1"}))["idTagInfo"]["status"] == "Blocked"
        await csms.order(["allow", "BAD1"])
        assert (await ask(station, "Authorize", {"idTag": "BAD1"}))["idTagInfo"]["status"] == "Accepted"

    with_station("1.6", body)


def test_orders_reach_the_station_and_its_answer_comes_back() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        order = asyncio.create_task(csms.order(["remote-start", "T", "--evse", "1"]))
        call = await obey(station, {"status": "Accepted"})
        assert call[2:] == ["RemoteStartTransaction", {"idTag": "T", "connectorId": 1}]
        found = await order
        assert (found["accepted"], found["answer"]) == (True, {"status": "Accepted"})
        order = asyncio.create_task(csms.order(["get", "NoSuchKey"]))
        await obey(station, {"configurationKey": [], "unknownKey": ["NoSuchKey"]})
        found = await order
        assert (found["accepted"], found["answer"]["unknownKey"]) == (False, ["NoSuchKey"])

    with_station("1.6", body)


def test_a_callerror_no_answer_and_a_broken_answer_are_failures() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        order = asyncio.create_task(csms.order(["reset"]))
        call = json.loads(await station.recv())
        await station.send(json.dumps([4, call[1], "InternalError", "", {}]))
        with pytest.raises(RequestFailed, match="InternalError"):
            await order
        order = asyncio.create_task(csms.order(["reset"]))
        await obey(station, {"status": "Perhaps"})
        with pytest.raises(RequestFailed, match="Reset"):
            await order
        assert "Reset" in csms.book.stations["CP-1"].violations[-1]
        with pytest.raises(RequestFailed, match=r"no answer within 0\.2 s"):
            await csms.order(["reset"])

    with_station("1.6", body, answer_timeout_s=0.2)


def test_what_breaks_the_schema_is_sent_by_raw_only() -> None:
    """A tester wants to see what the station makes of it; a slip of the pen he wants to be told."""

    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        with pytest.raises(
            RequestFailed, match=r"not sent, it breaks the schema: 'Nonsense' is not one of"
        ) as e:
            await csms.order(["trigger", "Nonsense"])
        assert "\n" not in str(e.value), "one line"
        assert list(csms.frames) == []
        for words, sent in (
            (["raw", "TriggerMessage", '{"requestedMessage": "Nonsense"}'], {"requestedMessage": "Nonsense"}),
            (["raw", "Nonsense", '{"some_thing": [1.25]}'], {"some_thing": [1.25]}),
        ):
            order = asyncio.create_task(csms.order(words))
            call = json.loads(await station.recv())
            assert call[2:] == [words[1], sent]
            await station.send(
                json.dumps([4, call[1], "PropertyConstraintViolation", "not one of these", {}])
            )
            with pytest.raises(RequestFailed, match="PropertyConstraintViolation not one of these"):
                await order
        assert csms.book.stations["CP-1"].violations == [], "it was the CSMS that broke it"

    with_station("1.6", body)


def test_fractions_in_an_answer_reach_the_command_line() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        order = asyncio.create_task(csms.order(["composite", "60"]))
        schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 15.9}]}
        answer = {"status": "Accepted", "connectorId": 0, "chargingSchedule": schedule}
        await obey(station, answer)
        assert json.loads(json.dumps((await order)["answer"])) == answer

    with_station("1.6", body)


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_what_breaks_ocpp_is_answered_with_an_error_and_noted(version: str) -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        await station.send("garbage")
        answer = await ask(station, "BootNotification", {"nonsense": 1})
        assert answer[0] == 4
        answer = await ask(station, "Nonsense", {})
        assert answer[:3] == [4, "1", "NotSupported"]
        answer = await ask(station, "GetLog" if version != "1.6" else "Reset", {})
        assert answer[:3] == [4, "1", "NotImplemented"]
        violations = csms.book.stations["CP-1"].violations
        assert len(violations) == 4
        assert "garbage" in violations[0]

    with_station(version, body)


def test_the_order_needs_to_know_which_station() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        await ask(station, "Heartbeat", {})
        with pytest.raises(OrderError, match="known: CP-1"):
            await csms.order(["reset"], "CP-9")
        other = await connect(f"{csms.url}/CP-2", subprotocols=[Subprotocol("ocpp1.6")])
        await ask(other, "Heartbeat", {})
        with pytest.raises(OrderError, match="give --id: CP-1, CP-2"):
            await csms.order(["reset"])
        await other.close()
        async with DeskCsms(CsmsOptions()) as empty:
            with pytest.raises(OrderError, match="point one at"):
                await empty.order(["reset"])

    with_station("1.6", body)


def test_drop_cuts_without_a_close_frame() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        await ask(station, "Heartbeat", {})
        await csms.order(["drop"])
        with pytest.raises(ConnectionClosed) as caught:
            await station.recv()
        assert caught.value.rcvd is None

    with_station("1.6", body)


def test_a_station_that_connects_again_replaces_itself() -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        await ask(station, "Heartbeat", {})
        async with connect(f"{csms.url}/CP-1", subprotocols=[Subprotocol("ocpp1.6")]) as again:
            await ask(again, "Heartbeat", {})
            with pytest.raises(ConnectionClosed):
                await station.recv()
            record = csms.book.stations["CP-1"]
            assert (record.connected, record.connections) == (True, 2)

    with_station("1.6", body)


def test_protocols_are_picked_in_our_order_and_none_is_closed() -> None:
    async def run() -> None:
        async with DeskCsms(CsmsOptions(protocols=("ocpp1.6", "ocpp2.0.1"))) as csms:
            offered = [Subprotocol("ocpp2.0.1"), Subprotocol("ocpp1.6")]
            async with connect(f"{csms.url}/CP-1", subprotocols=offered) as station:
                assert station.subprotocol == "ocpp1.6"
            async with connect(f"{csms.url}/CP-1", subprotocols=[Subprotocol("ocpp1.5")]) as station:
                assert station.subprotocol is None
                with pytest.raises(ConnectionClosed):
                    await station.recv()
            async with connect(f"{csms.url}/", subprotocols=offered) as station:
                with pytest.raises(ConnectionClosed, match="no identity"):
                    await station.recv()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_password_is_asked_for_and_the_user_is_the_identity() -> None:
    async def run() -> None:
        async with DeskCsms(CsmsOptions(password="secret-secret-16")) as csms:

            def header(user: str, password: str) -> dict[str, str]:
                return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

            offered = [Subprotocol("ocpp1.6")]
            for wrong in ({}, header("CP-1", "wrong")):
                with pytest.raises(InvalidStatus, match="401"):
                    await connect(f"{csms.url}/CP-1", subprotocols=offered, additional_headers=wrong)
            good = header("CP-1", "secret-secret-16")
            async with connect(f"{csms.url}/CP-1", subprotocols=offered, additional_headers=good) as station:
                await ask(station, "Heartbeat", {})
            async with connect(f"{csms.url}/CP-2", subprotocols=offered, additional_headers=good) as station:
                with pytest.raises(ConnectionClosed, match="is not the identity"):
                    await station.recv()

    asyncio.run(asyncio.wait_for(run(), 20))


def test_tls_with_a_certificate_of_our_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)

    async def run() -> None:
        async with DeskCsms(CsmsOptions(cert=tmp_path / "cert.pem")) as csms:
            assert csms.url.startswith("wss://")
            async with connect(
                f"{csms.url}/CP-1", subprotocols=[Subprotocol("ocpp1.6")], ssl=context
            ) as station:
                await ask(station, "Heartbeat", {})

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_port_in_use_is_named() -> None:
    async def run() -> None:
        async with DeskCsms(CsmsOptions()) as csms:
            port = int(csms.url.split(":")[2].split("/")[0])
            with pytest.raises(CsmsError, match=f"port {port} on 127.0.0.1 is in use"):
                await DeskCsms(CsmsOptions(port=port)).start()

    asyncio.run(run())


def test_the_control_socket_gives_status_frames_orders_and_a_stream(tmp_path: Path) -> None:
    async def body(csms: DeskCsms, station: ClientConnection) -> None:
        methods, streams = control(csms)
        async with LocalServer(tmp_path / "csms.sock", 0o660, methods, streams):
            await ask(station, "Heartbeat", {})

            def talk(method: str, **params: Any) -> Any:
                with LocalClient(tmp_path / "csms.sock") as client:
                    return client.call(method, params)

            status = await asyncio.to_thread(talk, "status")
            assert status["url"] == csms.url
            assert status["stations"][0]["identity"] == "CP-1"
            frames = await asyncio.to_thread(talk, "frames", after=1)
            assert frames[0]["line"].startswith("<- Heartbeat")
            order = asyncio.create_task(asyncio.to_thread(talk, "send", words=["unlock", 1]))
            await obey(station, {"status": "Unlocked"})
            assert (await order)["accepted"] is True
            client = LocalClient(tmp_path / "csms.sock")
            items = client.stream("frames")
            first = asyncio.create_task(asyncio.to_thread(next, items))
            while not first.done():
                await ask(station, "Heartbeat", {})
            assert "Heartbeat" in first.result()["line"]
            client.close()

    with_station("1.6", body)
