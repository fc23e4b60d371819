"""GetDiagnostics, GetLog and their notifications: the whole controller, real servers for OCPP and files."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tarfile
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from controller.csms.v16 import V16
from controller.domain.commands import TriggerKind, TriggerMessage
from controller.domain.events import LogStatusChanged, SecurityEvent
from controller.domain.inputs import SecurityNoticed
from controller.domain.views import Progress
from tests.support.cabin import Cabin
from tests.support.csms import CallError, FakeCsms, error, hang_up, never
from tests.support.file_servers import FtpFiles, HttpFiles, Request, ftp_server, http_server
from tests.support.virtual_time import run_virtual

LOGS = "/logs/"


def statuses(csms: FakeCsms) -> list[str]:
    return [one.payload["status"] for one in csms.of("DiagnosticsStatusNotification")]


def log_statuses(csms: FakeCsms) -> list[tuple[str, int | None]]:
    return [(one.payload["status"], one.payload.get("requestId")) for one in csms.of("LogStatusNotification")]


def get_log(url: str, kind: str = "DiagnosticsLog", request_id: int = 7, **more: Any) -> dict[str, Any]:
    bounds = {name: more.pop(name) for name in ("oldestTimestamp", "latestTimestamp") if name in more}
    return {"logType": kind, "requestId": request_id, "log": {"remoteLocation": url, **bounds}, **more}


def unpacked(content: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            files[member.name] = file.read().decode()
    return files


def journal(files: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["journal.jsonl"].splitlines()]


def security(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(content).decode().splitlines()]


def held(book: HttpFiles) -> tuple[asyncio.Event, threading.Event]:
    """The next request waits in the server until the second event is set; the first tells that it came."""
    loop, came, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def on_request(_request: Request) -> None:
        book.on_request = None
        loop.call_soon_threadsafe(came.set)
        go_on.wait(30)

    book.on_request = on_request
    return came, go_on


# ---------------------------------------------------------------------- diagnostics


@pytest.mark.parametrize("evses", [1, 2])
def test_16_FW_10_16_FW_11_16_FW_12_one_file_is_uploaded_under_the_name_that_was_answered(
    tmp_path: Path, evses: int
) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, evses=evses) as cabin:
            await cabin.online()
            await cabin.charging(evses)
            answer = await csms.call("GetDiagnostics", {"location": files.url(LOGS, "joule:post@")})
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "Uploaded"]
            name = answer["fileName"]
            assert list(files.files) == [LOGS + name] and name.endswith(".tar.gz")
            content = unpacked(files.files[LOGS + name])
            happened = [row["event"]["event"] for row in journal(content)]
            assert "StationStarted" in happened and "TransactionStarted" in happened
            assert set(content) >= {
                "about.json", "status.json", "why.json", "faults.json", "settings.json", "frames.log",
                "messages.log", "contactors.json",
            }  # fmt: skip
            assert len(json.loads(content["status.json"])["evses"]) == evses
            assert json.loads(content["about.json"])["version"]
            assert "StartTransaction" in content["frames.log"]
            assert list((tmp_path / "uploads").iterdir()) == [], "removed after the upload"
            await cabin.sleep(60)
            assert len(statuses(csms)) == 2

    with http_server() as files:
        files.user, files.password = "joule", "post"
        run_virtual(main(files))


def test_16_FW_12_the_answer_comes_before_the_first_status(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.delivered()
            before = len(csms.frames)
            await csms.call("GetDiagnostics", {"location": files.url(LOGS)})
            await csms.wait("DiagnosticsStatusNotification", 2)
            answer = next(n for n, one in enumerate(csms.frames) if n >= before and "fileName" in one)
            told = next(n for n, one in enumerate(csms.frames) if '"Uploading"' in one)
            assert answer < told

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_11_only_what_happened_in_the_time_asked_for_is_in_the_file(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.sleep(60)
            await cabin.charging()
            await cabin.sleep(60)
            await cabin.unplug()
            await cabin.sleep(10)
            request = {
                "location": files.url(LOGS),
                "startTime": "2026-01-01T00:00:30Z",
                "stopTime": "2026-01-01T01:01:30+01:00",
            }
            await csms.call("GetDiagnostics", request)
            await csms.wait("DiagnosticsStatusNotification", 2)
            (file,) = files.files.values()
            content = unpacked(file)
            rows = journal(content)
            assert rows and all("2026-01-01T00:00:30" <= row["at"] <= "2026-01-01T00:01:31" for row in rows)
            happened = [row["event"]["event"] for row in rows]
            assert "TransactionStarted" in happened
            assert "StationStarted" not in happened and "TransactionEnded" not in happened
            frames = content["frames.log"].splitlines()
            assert frames and all("2026-01-01T00:00:30" <= one <= "2026-01-01T00:01:31" for one in frames)

    with http_server() as files:
        run_virtual(main(files))


@pytest.mark.parametrize("start", ["0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
def test_16_FW_11_the_widest_time_is_a_time(tmp_path: Path, start: str) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            bounds = {"startTime": start, "stopTime": "9999-12-31T23:59:59-14:00"}
            request = {"location": files.url(LOGS), "retries": 2**53, "retryInterval": 2**53, **bounds}
            await csms.call("GetDiagnostics", request)
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "Uploaded"]

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_10_there_is_no_file_name_when_there_is_nothing(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            for bounds in (
                {"stopTime": "2025-01-01T00:00:00Z"},
                {"startTime": "2027-01-01T00:00:00Z"},
                {"startTime": "2026-01-01T01:00:00Z", "stopTime": "2026-01-01T00:00:00Z"},
            ):
                assert await csms.call("GetDiagnostics", {"location": files.url(LOGS), **bounds}) == {}
            await cabin.sleep(30)
            assert statuses(csms) == [] and files.requests == []

    with http_server() as files:
        run_virtual(main(files))


@pytest.mark.parametrize("location", ["sftp://u:hush@h/x/", "nonsense", "ftp://"])
def test_16_FW_11_a_location_that_cannot_be_used_is_a_call_error_and_leaves_no_trace_of_its_password(
    tmp_path: Path, location: str
) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            with pytest.raises(CallError) as caught:
                await csms.call("GetDiagnostics", {"location": location})
            assert caught.value.code in ("PropertyConstraintViolation", "FormationViolation")
            assert "hush" not in str(caught.value)
            answer = await csms.call("GetLog", get_log(location))
            assert answer == {"status": "Rejected"}
            await cabin.sleep(60)
            assert statuses(csms) == [] and log_statuses(csms) == []

    run_virtual(main())


def test_16_FW_13_retries_come_after_the_first_attempt_with_their_interval(tmp_path: Path) -> None:
    """Errata 3.50."""

    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            attempts: list[float] = []
            loop = asyncio.get_running_loop()

            def fail(_request: Request, handler: Any) -> bool:
                attempts.append(loop.time())
                handler.hang_up()
                return True

            files.answer = fail
            request = {"location": files.url(LOGS), "retries": 2, "retryInterval": 15}
            await csms.call("GetDiagnostics", request)
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "UploadFailed"]
            gaps = [round(late - early) for early, late in pairwise(attempts)]
            assert gaps == [15, 15]
            await cabin.sleep(60)
            assert len(attempts) == 3 and len(statuses(csms)) == 2
            assert list((tmp_path / "uploads").iterdir()) == []

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_13_a_retry_that_works_is_uploaded_and_the_same_file(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            bodies: list[bytes] = []

            def fail_once(request: Request, handler: Any) -> bool:
                bodies.append(request.body)
                if len(bodies) == 1:
                    handler.hang_up()
                    return True
                return False

            files.answer = fail_once
            request = {"location": files.url(LOGS), "retries": 1, "retryInterval": 5}
            await csms.call("GetDiagnostics", request)
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "Uploaded"]
            assert bodies[0] == bodies[1]

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_14_idle_is_told_only_when_triggered_and_uploading_while_it_is(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            trigger = {"requestedMessage": "DiagnosticsStatusNotification"}
            assert await csms.call("TriggerMessage", trigger) == {"status": "Accepted"}
            await csms.wait("DiagnosticsStatusNotification", 1)
            assert statuses(csms) == ["Idle"]
            came, go_on = held(files)
            await csms.call("GetDiagnostics", {"location": files.url(LOGS)})
            await came.wait()
            await csms.call("TriggerMessage", trigger)
            await csms.wait("DiagnosticsStatusNotification", 3)
            go_on.set()
            await csms.wait("DiagnosticsStatusNotification", 4)
            assert statuses(csms) == ["Idle", "Uploading", "Uploading", "Uploaded"]
            await cabin.sleep(30)
            await csms.call("TriggerMessage", trigger)
            await csms.wait("DiagnosticsStatusNotification", 5)
            assert statuses(csms)[4:] == ["Idle"]

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_11_diagnostics_go_to_a_directory_over_ftp(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "logs").mkdir(parents=True)

    async def main(url: str) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            answer = await csms.call("GetDiagnostics", {"location": url})
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "Uploaded"]
            assert "about.json" in unpacked((home / "logs" / answer["fileName"]).read_bytes())

    with ftp_server(home) as files:
        run_virtual(main(files.url("/logs")))


def test_what_is_secret_is_not_in_the_diagnostics(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        config = {"password": "correct-horse-battery"}
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms, **config) as cabin:
            await cabin.online()
            await cabin.charging(uid="04A2B3C4D5E6F7")
            await csms.call("RemoteStartTransaction", {"idTag": "SECRETCARD99"})
            await csms.call("GetDiagnostics", {"location": "ftp://u:hushhush@127.0.0.1:1/", "retries": 0})
            await csms.wait("DiagnosticsStatusNotification", 2)
            await csms.call("GetDiagnostics", {"location": files.url(LOGS + "?sig=hushhush")})
            await csms.wait("DiagnosticsStatusNotification", 4)
            (file,) = files.files.values()
            content = unpacked(file)
            everything = "\n".join(content.values())
            for secret in ("correct-horse", "hushhush", "04A2B3C4D5E6F7", "SECRETCARD99"):
                assert secret not in everything, secret
            assert "04A2***" in content["journal.jsonl"] and "SECR***" in content["frames.log"]
            assert "hushhush" not in " ".join(cabin.said)

    with http_server() as files:
        files.answer = None
        run_virtual(main(files))


# ---------------------------------------------------------------------- the security white paper's logs


@pytest.mark.parametrize("kind", ["DiagnosticsLog", "SecurityLog"])
def test_16_SEC_28_16_SEC_29_16_SEC_30_a_log_is_uploaded_as_one_file(tmp_path: Path, kind: str) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            answer = await csms.call("GetLog", get_log(files.url(LOGS), kind))
            assert answer["status"] == "Accepted"
            await csms.wait("LogStatusNotification", 2)
            assert log_statuses(csms) == [("Uploading", 7), ("Uploaded", 7)]
            assert list(files.files) == [LOGS + answer["filename"]]
            (content,) = files.files.values()
            if kind == "SecurityLog":
                assert [row["type"] for row in security(content)] == ["StartupOfTheDevice"]
            else:
                assert "journal.jsonl" in unpacked(content)
            assert statuses(csms) == [], "that is the other request's message"

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_26_the_security_log_has_every_event_in_order_over_reboots(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.offline()
            assert cabin.app is not None
            cabin.app.inbox.take(SecurityNoticed("InvalidMessages", "not critical, told nobody"))
            await cabin.sleep(5)
            await cabin.restart(reboot=True)
            await csms.up()
            await cabin.online()
            await csms.call("GetLog", get_log(files.url(LOGS), "SecurityLog"))
            await csms.wait("LogStatusNotification", 2)
            (content,) = files.files.values()
            rows = security(content)
            assert [row["type"] for row in rows] == [
                "StartupOfTheDevice",
                "InvalidMessages",
                "StartupOfTheDevice",
            ]
            assert [row["type"] for row in rows] == [one.type for one in cabin.happened(SecurityEvent)]
            assert rows[1]["info"] == "not critical, told nobody"
            assert [row["number"] for row in rows] == [1, 2, 3]

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_32_only_entries_between_oldest_and_latest_are_uploaded(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert cabin.app is not None
            for number in range(5):
                await cabin.sleep(10)
                cabin.app.inbox.take(SecurityNoticed("InvalidMessages", f"number {number}"))
            oldest, latest = "2026-01-01T00:00:15.000Z", "2026-01-01T00:00:35.000Z"
            bounds = {"oldestTimestamp": oldest, "latestTimestamp": latest}
            await csms.call("GetLog", get_log(files.url(LOGS), "SecurityLog", **bounds))
            await csms.wait("LogStatusNotification", 2)
            (content,) = files.files.values()
            rows = security(content)
            assert all(oldest <= row["at"] <= latest for row in rows)
            assert len(rows) == 2
            nothing = await csms.call(
                "GetLog", get_log(files.url(LOGS), "SecurityLog", latestTimestamp="2025-01-01T00:00:00Z")
            )
            assert nothing == {"status": "Rejected"}

    with http_server() as files:
        run_virtual(main(files))


def _status(number: int) -> Callable[[Request, Any], bool]:
    def answer(_request: Request, handler: Any) -> bool:
        handler.send_response(number)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return answer


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (403, "PermissionDenied"),
        (405, "NotSupportedOperation"),
        (400, "BadMessage"),
        (500, "UploadFailure"),
    ],
)
def test_16_SEC_29_16_SEC_30_the_failure_is_told_precisely(tmp_path: Path, number: int, status: str) -> None:
    async def main(files: HttpFiles) -> None:
        files.answer = _status(number)
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await csms.call("GetLog", get_log(files.url(LOGS), retries=0))
            await csms.wait("LogStatusNotification", 2)
            assert log_statuses(csms) == [("Uploading", 7), (status, 7)]
            (ended,) = [one for one in cabin.happened(LogStatusChanged) if one.status != "Uploading"]
            assert str(number) in ended.why

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_31_a_second_request_cancels_the_upload_that_runs(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            came, go_on = held(files)
            first = await csms.call("GetLog", get_log(files.url("/first/"), request_id=1))
            await came.wait()
            second = await csms.call("GetLog", get_log(files.url("/second/"), "SecurityLog", request_id=2))
            assert (first["status"], second["status"]) == ("Accepted", "AcceptedCanceled")
            assert first["filename"] != second["filename"]
            await csms.wait("LogStatusNotification", 3)
            go_on.set()
            await cabin.sleep(30)
            assert log_statuses(csms) == [("Uploading", 1), ("Uploading", 2), ("Uploaded", 2)]
            assert "/second/" + second["filename"] in files.files
            assert list((tmp_path / "uploads").iterdir()) == []

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_31_a_request_that_takes_the_place_of_diagnostics_ends_their_upload(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            came, go_on = held(files)
            await csms.call("GetDiagnostics", {"location": files.url("/first/")})
            await came.wait()
            answer = await csms.call("GetLog", get_log(files.url("/second/")))
            assert answer["status"] == "AcceptedCanceled"
            await csms.wait("LogStatusNotification", 2)
            go_on.set()
            assert statuses(csms) == ["Uploading", "UploadFailed"]
            assert log_statuses(csms) == [("Uploading", 7), ("Uploaded", 7)]

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_30_an_extended_trigger_is_answered_with_the_request_or_idle(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            trigger = {"requestedMessage": "LogStatusNotification"}
            assert await csms.call("ExtendedTriggerMessage", trigger) == {"status": "Accepted"}
            await csms.wait("LogStatusNotification", 1)
            came, go_on = held(files)
            await csms.call("GetLog", get_log(files.url(LOGS)))
            await came.wait()
            await csms.call("ExtendedTriggerMessage", trigger)
            await csms.wait("LogStatusNotification", 3)
            go_on.set()
            await csms.wait("LogStatusNotification", 4)
            assert log_statuses(csms) == [("Idle", None), ("Uploading", 7), ("Uploading", 7), ("Uploaded", 7)]

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_30_the_extended_trigger_names_the_request_and_idle_has_none() -> None:
    version = V16()
    trigger = TriggerMessage(TriggerKind.LOG_STATUS, extended=True)
    running = version.progress(trigger, Progress("Uploading", 7))
    assert running is not None and running.action == "LogStatusNotification"
    assert running.payload == {"status": "Uploading", "requestId": 7}
    idle = version.progress(trigger, Progress())
    assert idle is not None and idle.payload == {"status": "Idle"}
    diagnostics = version.progress(trigger, Progress("Uploading", None))  # of GetDiagnostics: no GetLog runs
    assert diagnostics is not None and diagnostics.payload == {"status": "Idle"}
    plain = version.progress(TriggerMessage(TriggerKind.LOG_STATUS), Progress("Uploading", 7))
    assert plain is not None and plain.action == "DiagnosticsStatusNotification"
    assert plain.payload == {"status": "Uploading"}


# ---------------------------------------------------------------------- what may come between


@pytest.mark.parametrize("reboot", [False, True])
def test_16_SEC_29_16_FW_12_a_restart_in_the_middle_is_told_as_a_failure(
    tmp_path: Path, reboot: bool
) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            came, go_on = held(files)
            await csms.call("GetLog", get_log(files.url(LOGS), retries=9))
            await csms.wait("LogStatusNotification", 1)
            await came.wait()
            await cabin.restart(reboot=reboot)
            go_on.set()
            await csms.wait("LogStatusNotification", 2)
            assert log_statuses(csms) == [("Uploading", 7), ("UploadFailure", 7)]
            await cabin.sleep(30)
            assert len(files.requests) == 1 and len(log_statuses(csms)) == 2
            assert list((tmp_path / "uploads").iterdir()) == []

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_29_what_happened_offline_is_told_afterwards_in_order(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            files.answer = _status(503)
            await csms.call("GetLog", get_log(files.url(LOGS), retries=1, retryInterval=30))
            await csms.wait("LogStatusNotification", 1)
            await cabin.offline()
            files.answer = None
            await cabin.sleep(60)
            assert len(files.files) == 1, "the upload does not need the central system"
            await csms.up()
            await cabin.delivered()
            assert log_statuses(csms) == [("Uploading", 7), ("Uploaded", 7)]

    with http_server() as files:
        run_virtual(main(files))


@pytest.mark.parametrize("step", [error("InternalError"), error("NotImplemented"), never()])
def test_16_SEC_29_a_status_nobody_wants_holds_no_transaction_up(tmp_path: Path, step: Any) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.delivered()
            csms.always("LogStatusNotification", step)
            await csms.call("GetLog", get_log(files.url(LOGS)))
            await cabin.charging()
            await csms.wait("StartTransaction", timeout_s=10 if step.kind == "error" else 130)
            await cabin.delivered()
            assert log_statuses(csms) == [("Uploading", 7), ("Uploaded", 7)], "once each"

    with http_server() as files:
        run_virtual(main(files))


def test_16_SEC_29_a_status_survives_a_connection_that_breaks_under_it(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            await cabin.delivered()
            csms.script("LogStatusNotification", hang_up())
            await csms.call("GetLog", get_log(files.url(LOGS)))
            await csms.wait("LogStatusNotification", 3)
            assert log_statuses(csms) == [("Uploading", 7), ("Uploading", 7), ("Uploaded", 7)]
            told = csms.of("LogStatusNotification")
            assert told[0].id == told[1].id, "the same message again"

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_13_a_retry_over_ftp_goes_on_where_the_server_lost_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()

    async def main(files: FtpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            files.cut_after = [2000]
            request = {"location": files.url("/"), "retries": 1, "retryInterval": 5}
            answer = await csms.call("GetDiagnostics", request)
            await csms.wait("DiagnosticsStatusNotification", 2)
            assert statuses(csms) == ["Uploading", "Uploaded"]
            assert "about.json" in unpacked((home / answer["fileName"]).read_bytes())
            assert "REST 2000" in files.commands

    with ftp_server(home) as files:
        run_virtual(main(files))


def test_16_SEC_26_a_cleared_security_log_says_so_itself(tmp_path: Path) -> None:
    async def main(files: HttpFiles) -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            assert cabin.app is not None
            await cabin.app.facade.command("clear_security_log", {})
            await csms.wait("SecurityEventNotification", 2)
            assert csms.of("SecurityEventNotification")[1].payload["type"] == "SecurityLogWasCleared"
            await csms.call("GetLog", get_log(files.url(LOGS), "SecurityLog"))
            await csms.wait("LogStatusNotification", 2)
            (content,) = files.files.values()
            assert [row["type"] for row in security(content)] == ["SecurityLogWasCleared"]

    with http_server() as files:
        run_virtual(main(files))


def test_16_FW_07_the_protocols_are_told(tmp_path: Path) -> None:
    async def main() -> None:
        async with FakeCsms("ocpp1.6") as csms, Cabin.build(tmp_path, csms) as cabin:
            await cabin.online()
            answer = await csms.call("GetConfiguration", {"key": ["SupportedFileTransferProtocols"]})
            assert answer["configurationKey"] == [
                {"key": "SupportedFileTransferProtocols", "readonly": True, "value": "FTP,FTPS,HTTP,HTTPS"}
            ]

    run_virtual(main())
