"""The upload of logs: rules only, time is a number."""

from __future__ import annotations

from typing import Any

import pytest

from controller.domain.commands import ClearSecurityLog, GetLog, LogKind, Status, TriggerKind, Verdict
from controller.domain.effects import CancelUpload, DropLog, ForgetSecurityLog, UploadLog
from controller.domain.events import Event, LogStatus, LogStatusChanged, SecurityEvent
from controller.domain.inputs import LogUploaded, LogUploadFailed, Tick
from controller.domain.station import Station, replay
from controller.domain.tasks.logs import OWN_ATTEMPTS, file_name
from controller.domain.tasks.transfers import TransferFault
from controller.domain.views import Progress
from tests.domain.conftest import POLICY, Hand

URL = "ftp://joule:secret@host/logs/"


def ask(hand: Hand, **more: Any) -> Verdict:
    fields: dict[str, Any] = {"kind": LogKind.DIAGNOSTICS, "location": URL, "request_id": 7, **more}
    verdict = hand.give(GetLog(**fields))
    assert verdict is not None
    return verdict


def uploads(hand: Hand) -> list[UploadLog]:
    return [one for one in hand.effects if isinstance(one, UploadLog)]


def told(hand: Hand) -> list[tuple[LogStatus, int | None]]:
    return [(one.status, one.request_id) for one in hand.events if isinstance(one, LogStatusChanged)]


def fail(hand: Hand, fault: TransferFault = TransferFault.INTERRUPTED) -> None:
    hand.give(LogUploadFailed(uploads(hand)[-1].number, fault, "cut"))


@pytest.mark.parametrize("kind", list(LogKind))
def test_16_SEC_28_a_log_is_accepted_with_its_name_and_uploaded_once(hand: Hand, kind: LogKind) -> None:
    verdict = ask(hand, kind=kind, oldest_ms=5, latest_ms=9)
    assert verdict.status is Status.ACCEPTED
    (upload,) = uploads(hand)
    assert (upload.kind, upload.oldest_ms, upload.latest_ms, upload.again) == (kind, 5, 9, False)
    assert upload.file_name == verdict.file_name
    assert upload.location.password == "secret"
    assert told(hand) == [(LogStatus.UPLOADING, 7)]
    hand.give(LogUploaded(upload.number))
    assert told(hand) == [(LogStatus.UPLOADING, 7), (LogStatus.UPLOADED, 7)]
    assert hand.effects[-1] == DropLog(upload.file_name)
    hand.sleep(1000)
    assert len(uploads(hand)) == 1 and len(told(hand)) == 2


def test_16_FW_13_a_retry_follows_after_the_interval_and_is_counted_after_the_first_attempt(
    hand: Hand,
) -> None:
    """Errata 3.50: two retries are three attempts."""
    ask(hand, retries=2, retry_interval_s=30)
    for attempt in (1, 2):
        fail(hand)
        hand.sleep(29)
        assert len(uploads(hand)) == attempt
        hand.sleep(1)
        assert len(uploads(hand)) == attempt + 1 and uploads(hand)[-1].again
    assert told(hand) == [(LogStatus.UPLOADING, 7)]
    fail(hand)
    hand.sleep(1000)
    assert len(uploads(hand)) == 3
    assert told(hand) == [(LogStatus.UPLOADING, 7), (LogStatus.UPLOAD_FAILURE, 7)]
    assert isinstance(hand.effects[-1], DropLog)


def test_16_FW_13_no_retries_are_one_attempt_and_no_number_is_our_own(hand: Hand) -> None:
    ask(hand, retries=0)
    fail(hand)
    assert told(hand)[-1][0] is LogStatus.UPLOAD_FAILURE
    hand.effects.clear()
    ask(hand)
    for _ in range(10):
        fail(hand)
        hand.sleep(OWN_ATTEMPTS.interval_s)
    assert len(uploads(hand)) == OWN_ATTEMPTS.retries + 1


def test_the_deadline_of_a_retry_is_told(hand: Hand) -> None:
    assert hand.station.logs.next_deadline_ms() is None
    ask(hand, retries=1, retry_interval_s=600)
    assert hand.station.logs.next_deadline_ms() is None
    fail(hand)
    assert hand.station.logs.next_deadline_ms() == hand.mono_ms + 600_000


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (TransferFault.PERMISSION_DENIED, LogStatus.PERMISSION_DENIED),
        (TransferFault.NOT_SUPPORTED, LogStatus.NOT_SUPPORTED),
        (TransferFault.BAD_MESSAGE, LogStatus.BAD_MESSAGE),
        (TransferFault.BAD_LOCATION, LogStatus.BAD_MESSAGE),
        (TransferFault.UNREACHABLE, LogStatus.UPLOAD_FAILURE),
        (TransferFault.UNTRUSTED, LogStatus.UPLOAD_FAILURE),
        (TransferFault.NOT_FOUND, LogStatus.UPLOAD_FAILURE),
        (TransferFault.INTERRUPTED, LogStatus.UPLOAD_FAILURE),
        (TransferFault.TOO_LARGE, LogStatus.UPLOAD_FAILURE),
        (TransferFault.NO_SPACE, LogStatus.UPLOAD_FAILURE),
    ],
)
def test_16_SEC_29_the_reason_is_told_as_precisely_as_there_are_words(
    hand: Hand, fault: TransferFault, status: LogStatus
) -> None:
    ask(hand, retries=0)
    fail(hand, fault)
    assert told(hand)[-1] == (status, 7)


def test_what_cannot_heal_is_not_tried_again(hand: Hand) -> None:
    ask(hand, retries=5)
    fail(hand, TransferFault.NOT_SUPPORTED)
    assert told(hand)[-1] == (LogStatus.NOT_SUPPORTED, 7)


@pytest.mark.parametrize("waiting", [False, True])
def test_16_SEC_31_a_second_request_cancels_the_first(hand: Hand, waiting: bool) -> None:
    ask(hand)
    (first,) = uploads(hand)
    if waiting:
        fail(hand)
    verdict = ask(hand, kind=LogKind.SECURITY, request_id=8)
    assert verdict.status is Status.ACCEPTED_CANCELED
    second = uploads(hand)[-1]
    assert second.file_name == verdict.file_name != first.file_name
    assert (CancelUpload(first.number) in hand.effects) is not waiting
    assert DropLog(first.file_name) in hand.effects
    assert told(hand) == [
        (LogStatus.UPLOADING, 7),
        (LogStatus.ACCEPTED_CANCELED, 7),
        (LogStatus.UPLOADING, 8),
    ]
    hand.give(LogUploaded(first.number))  # it was done after all, just then
    hand.give(LogUploadFailed(first.number, TransferFault.INTERRUPTED, "late"))
    assert told(hand)[-1] == (LogStatus.UPLOADING, 8)
    hand.give(LogUploaded(second.number))
    assert told(hand)[-1] == (LogStatus.UPLOADED, 8)


def test_16_FW_10_nothing_to_upload_is_rejected_and_cancels_nothing(hand: Hand) -> None:
    asked: list[object] = []

    def exists(*arguments: object) -> bool:
        asked.append(arguments)
        return len(asked) == 1

    station = Station(hand.specs, POLICY, hand.book, lambda: "id", log_exists=exists, identity="CP 1")
    hand.station = station
    assert ask(hand).file_name
    verdict = ask(hand, kind=LogKind.SECURITY, oldest_ms=1, latest_ms=2)
    assert (verdict.status, verdict.reason, verdict.file_name) == (Status.REJECTED, "NotFound", None)
    assert asked[1] == (LogKind.SECURITY, 1, 2)
    assert told(hand) == [(LogStatus.UPLOADING, 7)]


@pytest.mark.parametrize(
    ("location", "reason"),
    [("sftp://u:secret@h/x", "UnsupportedParam"), ("nonsense secret", "InvalidURL"), ("", "InvalidURL")],
)
def test_a_location_we_cannot_use_is_rejected_with_the_reason(hand: Hand, location: str, reason: str) -> None:
    verdict = ask(hand, location=location)
    assert (verdict.status, verdict.reason) == (Status.REJECTED, reason)
    assert "secret" not in verdict.info and "location" in verdict.info
    assert uploads(hand) == [] and told(hand) == []


def test_a_restart_in_the_middle_is_a_failure_told_afterwards(hand: Hand) -> None:
    ask(hand, retries=5)
    fail(hand)
    for events in (hand.events, hand.station.checkpoint()):
        station = Station(hand.specs, POLICY, hand.book, lambda: "id")
        replay(station, events)
        assert station.progress(TriggerKind.LOG_STATUS).status == "Uploading"
        outcome = station.handle(Tick(), hand.now)
        ended = [one for one in outcome.events if isinstance(one, LogStatusChanged)]
        assert [(one.status, one.request_id) for one in ended] == [(LogStatus.UPLOAD_FAILURE, 7)]
        assert "restart" in ended[0].why
        again = station.handle(Tick(), hand.now)
        assert not [one for one in again.events if isinstance(one, LogStatusChanged)]
        assert station.logs.checkpoint() == []


def test_a_restart_after_the_end_tells_nothing(hand: Hand) -> None:
    ask(hand)
    hand.give(LogUploaded(1))
    station = Station(hand.specs, POLICY, hand.book, lambda: "id")
    replay(station, hand.events)
    assert not station.handle(Tick(), hand.now).events


def test_16_FW_14_16_SEC_30_progress_is_idle_or_uploading_with_the_request(hand: Hand) -> None:
    def progress() -> Progress:
        return hand.station.progress(TriggerKind.LOG_STATUS)

    assert progress() == Progress("Idle", None)
    ask(hand)
    assert progress() == Progress("Uploading", 7)
    fail(hand)
    assert progress() == Progress("Uploading", 7)
    hand.sleep(OWN_ATTEMPTS.interval_s)
    hand.give(LogUploaded(1))
    assert progress() == Progress("Idle", None)


def test_no_password_is_in_what_is_journalled_or_shown(hand: Hand) -> None:
    ask(hand)
    fail(hand)
    shown: list[Event | object] = [*hand.events, *hand.effects, GetLog(LogKind.SECURITY, URL)]
    assert not any("secret" in repr(one) for one in shown)


def test_clearing_the_security_log_is_itself_a_security_event(hand: Hand) -> None:
    verdict = hand.give(ClearSecurityLog())
    assert verdict is not None and verdict.status is Status.ACCEPTED
    assert [one.type for one in hand.of(SecurityEvent) if isinstance(one, SecurityEvent)] == [
        "SecurityLogWasCleared"
    ]
    assert ForgetSecurityLog() in hand.effects


def test_names_are_safe_short_and_differ() -> None:
    at_ms = 1_767_225_600_000
    name = file_name("CP/1 ü..", LogKind.DIAGNOSTICS, at_ms, 3)
    assert name == "CP_1__..-diagnostics-20260101T000000Z-3.tar.gz"
    assert len(file_name("x" * 500, LogKind.SECURITY, at_ms, 1)) <= 255
    assert file_name("", LogKind.SECURITY, at_ms, 1).startswith("station-security-")
    assert file_name("a", LogKind.SECURITY, at_ms, 1) != file_name("a", LogKind.SECURITY, at_ms, 2)
