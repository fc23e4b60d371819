"""GetLog of 2.0.1 and 2.1: the same rules, other words."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from controller.csms.v201 import V201
from controller.domain.commands import LogKind
from controller.domain.events import LogStatus, LogStatusChanged
from tests.support.cabin import Cabin
from tests.support.csms import FakeCsms
from tests.support.file_servers import HttpFiles, Request, http_server
from tests.support.virtual_time import run_virtual


def request(url: str, kind: str = "DiagnosticsLog", request_id: int = 7, **bounds: str) -> dict[str, Any]:
    return {"logType": kind, "requestId": request_id, "log": {"remoteLocation": url, **bounds}, "retries": 0}


def told(csms: FakeCsms) -> list[tuple[str, int | None]]:
    return [(one.payload["status"], one.payload.get("requestId")) for one in csms.of("LogStatusNotification")]


@pytest.mark.parametrize("subprotocol", ["ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize("kind", ["DiagnosticsLog", "SecurityLog"])
def test_N01_FR_01_a_log_is_uploaded(tmp_path: Path, subprotocol: str, kind: str) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms(subprotocol) as csms, Cabin.build(tmp_path, csms, subprotocol) as cabin:
            await cabin.online()
            answer = await csms.call("GetLog", request(files.url("/logs/"), kind))
            assert answer["status"] == "Accepted"
            await csms.wait("LogStatusNotification", 2)
            assert told(csms) == [("Uploading", 7), ("Uploaded", 7)]
            assert list(files.files) == ["/logs/" + answer["filename"]]

    with http_server() as files:
        run_virtual(main(files))


def test_N01_FR_12_N01_FR_20_a_second_request_cancels_the_first_and_says_so(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp2.0.1") as csms, Cabin.build(tmp_path, csms, "ocpp2.0.1") as cabin:
            await cabin.online()
            loop, came, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

            def hold(_request: Request) -> None:
                files.on_request = None
                loop.call_soon_threadsafe(came.set)
                go_on.wait(30)

            files.on_request = hold
            await csms.call("GetLog", request(files.url("/first/"), request_id=1))
            await came.wait()
            answer = await csms.call("GetLog", request(files.url("/second/"), request_id=2))
            assert answer["status"] == "AcceptedCanceled"
            await csms.wait("LogStatusNotification", 4)
            go_on.set()
            assert told(csms) == [
                ("Uploading", 1),
                ("AcceptedCanceled", 1),
                ("Uploading", 2),
                ("Uploaded", 2),
            ]

    with http_server() as files:
        run_virtual(main(files))


def test_N01_FR_05_what_cannot_be_uploaded_is_rejected_with_the_reason(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp2.1") as csms, Cabin.build(tmp_path, csms, "ocpp2.1") as cabin:
            await cabin.online()
            url = "https://host/"
            for asked, reason in (
                (request(url, latestTimestamp="2025-01-01T00:00:00Z"), "NotFound"),
                (request("sftp://u:hush@host/"), "UnsupportedParam"),
                (request("nonsense"), "InvalidURL"),
                (request(url, "DataCollectorLog"), "UnsupportedParam"),
            ):
                answer = await csms.call("GetLog", asked)
                assert (answer["status"], answer["statusInfo"]["reasonCode"]) == ("Rejected", reason)
                assert "hush" not in str(answer) and "filename" not in answer
            await cabin.sleep(10)
            assert told(csms) == []

    run_virtual(main())


def test_N01_FR_13_a_status_without_request_is_no_message() -> None:
    """It was asked for by GetDiagnostics of 1.6, before the version changed."""
    event = LogStatusChanged(LogKind.DIAGNOSTICS, LogStatus.UPLOADED, 1, None)
    assert V201().call(event, lambda _kind, _key: None) is None
