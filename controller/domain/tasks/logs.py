"""Logs for the CSMS: what is uploaded, how often it is tried, and how it ended (white paper N01, 2.0.1 N01,
1.6 4.4 and 5.9).

Owns: one upload at a time, its attempts, and the events that tell of it. A new request takes the place of a
running one. An upload that a restart has cut off has failed: where it went to is not kept, because it may
hold a password.
Refuses to know: what is in a log, how it is moved (``controller.logs``), messages of OCPP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from controller.domain.block import Handler
from controller.domain.commands import ClearSecurityLog, GetLog, LogKind, Status, Verdict
from controller.domain.effects import CancelUpload, DropLog, ForgetSecurityLog, UploadLog
from controller.domain.events import Event, LogStatus, LogStatusChanged
from controller.domain.inputs import LogUploaded, LogUploadFailed
from controller.domain.security.events import SECURITY_LOG_WAS_CLEARED
from controller.domain.security.noticing import Security
from controller.domain.tasks.transfers import Attempts, Location, LocationError, TransferFault, parse_location
from controller.domain.turn import Turn
from controller.domain.views import Progress

LogExists = Callable[[LogKind, int | None, int | None], bool]
"""``exists(kind, oldest_ms, latest_ms)``: is there anything in that log between these instants (UTC ms)?"""

OWN_ATTEMPTS = Attempts(retries=3, interval_s=60)
"""Where the CSMS does not say how often (1.6 6.25: left to the Charge Point)."""

MOST_WHY = 500
"""Characters of a reason that go into the journal."""

_STATUS_OF = {
    TransferFault.BAD_LOCATION: LogStatus.BAD_MESSAGE,
    TransferFault.BAD_MESSAGE: LogStatus.BAD_MESSAGE,
    TransferFault.NOT_SUPPORTED: LogStatus.NOT_SUPPORTED,
    TransferFault.PERMISSION_DENIED: LogStatus.PERMISSION_DENIED,
}
"""As precise as the words of N01.FR.10 are; everything else is a failure."""

_EXTENSIONS = {LogKind.DIAGNOSTICS: "tar.gz", LogKind.SECURITY: "jsonl.gz"}
_NAMES = {LogKind.DIAGNOSTICS: "diagnostics", LogKind.SECURITY: "security"}


@dataclass(slots=True)
class _Upload:
    """The running upload. ``retry_at_ms``: CLOCK_MONOTONIC, None = an attempt is being made."""

    number: int
    asked: GetLog
    location: Location
    file_name: str
    attempts: Attempts
    retry_at_ms: int | None = None


class Logs:
    """Durable is only that an upload began and has not ended (``_begun``)."""

    def __init__(self, security: Security, exists: LogExists, identity: str) -> None:
        self._security = security
        self._identity = identity
        self._exists = exists
        self._begun: LogStatusChanged | None = None
        self._upload: _Upload | None = None
        self._last_number = 0
        self.handlers: Mapping[type, Handler] = {
            GetLog: self._get_log,
            LogUploaded: self._uploaded,
            LogUploadFailed: self._failed,
            ClearSecurityLog: self._clear_security_log,
        }

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        if isinstance(event, LogStatusChanged):
            self._begun = event if event.status is LogStatus.UPLOADING else None

    def checkpoint(self) -> list[Event]:
        return [] if self._begun is None else [self._begun]

    # ------------------------------------------------------------------ commands

    def _get_log(self, asked: GetLog, turn: Turn) -> Verdict:
        """N01.FR.01, N01.FR.02, N01.FR.11; 1.6 5.9."""
        try:
            location = parse_location(asked.location)
        except LocationError as error:
            reason = "InvalidURL" if error.fault is TransferFault.BAD_LOCATION else "UnsupportedParam"
            return Verdict(Status.REJECTED, reason, str(error))
        if not self._exists(asked.kind, asked.oldest_ms, asked.latest_ms):
            return Verdict(Status.REJECTED, "NotFound", f"no {asked.kind} in the time asked for")
        replaced = self._cancel(turn)
        self._last_number += 1
        number = self._last_number
        self._upload = _Upload(
            number,
            asked,
            location,
            file_name(self._identity, asked.kind, turn.now.utc_ms, number),
            Attempts.asked(asked.retries, asked.retry_interval_s, OWN_ATTEMPTS),
        )
        self._tell(turn, LogStatus.UPLOADING)
        self._attempt(turn, self._upload)
        return Verdict(
            Status.ACCEPTED_CANCELED if replaced else Status.ACCEPTED, file_name=self._upload.file_name
        )

    def _cancel(self, turn: Turn) -> bool:
        """N01.FR.11; 2.0.1 N01.FR.12 and FR.20. True: one was running."""
        running = self._upload
        if running is None:
            return False
        if running.retry_at_ms is None:
            turn.do(CancelUpload(running.number))
        turn.do(DropLog(running.file_name))
        self._tell(turn, LogStatus.ACCEPTED_CANCELED, "another log was asked for meanwhile")
        self._upload = None
        return True

    def _clear_security_log(self, _command: ClearSecurityLog, turn: Turn) -> Verdict:
        """That it was cleared is then its first entry (white paper 8)."""
        self._security.record(turn, SECURITY_LOG_WAS_CLEARED, "by somebody at the station")
        turn.do(ForgetSecurityLog())
        return Verdict(Status.ACCEPTED)

    # ------------------------------------------------------------------ the course of an upload

    def _attempt(self, turn: Turn, upload: _Upload) -> None:
        upload.retry_at_ms = None
        asked = upload.asked
        turn.do(
            UploadLog(
                upload.number,
                asked.kind,
                upload.location,
                upload.file_name,
                asked.oldest_ms,
                asked.latest_ms,
                again=upload.attempts.made > 0,
            )
        )

    def _uploaded(self, done: LogUploaded, turn: Turn) -> None:
        """N01.FR.09."""
        upload = self._upload
        if upload is not None and upload.number == done.number:
            self._end(turn, upload, LogStatus.UPLOADED, "")

    def _failed(self, failed: LogUploadFailed, turn: Turn) -> None:
        """The status is told after the last attempt (2.0.1 N01.FR.10)."""
        upload = self._upload
        if upload is None or upload.number != failed.number:
            return
        if failed.fault.final or not upload.attempts.left:
            self._end(turn, upload, _STATUS_OF.get(failed.fault, LogStatus.UPLOAD_FAILURE), failed.why)
            return
        upload.attempts = upload.attempts.failed()
        upload.retry_at_ms = upload.attempts.next_at_ms(turn.now.mono_ms)

    def _end(self, turn: Turn, upload: _Upload, status: LogStatus, why: str) -> None:
        turn.do(DropLog(upload.file_name))
        self._tell(turn, status, why)
        self._upload = None

    def _tell(self, turn: Turn, status: LogStatus, why: str = "") -> None:
        """N01.FR.07: with the id of the request, whatever happened since."""
        upload = self._upload
        assert upload is not None
        asked = upload.asked
        turn.emit(LogStatusChanged(asked.kind, status, turn.now.utc_ms, asked.request_id, why[:MOST_WHY]))

    def settle(self, turn: Turn) -> None:
        upload = self._upload
        if upload is None:
            begun = self._begun
            if begun is not None:
                turn.emit(
                    LogStatusChanged(
                        begun.kind,
                        LogStatus.UPLOAD_FAILURE,
                        turn.now.utc_ms,
                        begun.request_id,
                        "the station restarted during the upload",
                    )
                )
        elif upload.retry_at_ms is not None and turn.now.mono_ms >= upload.retry_at_ms:
            self._attempt(turn, upload)

    def next_deadline_ms(self) -> int | None:
        return None if self._upload is None else self._upload.retry_at_ms

    # ------------------------------------------------------------------ what others may see

    def progress(self) -> Progress:
        """For a triggered report (1.6 4.4, N01.FR.12)."""
        begun = self._begun
        return Progress() if begun is None else Progress(begun.status, begun.request_id)


def file_name(identity: str, kind: LogKind, at_ms: int, number: int) -> str:
    """Safe for every file system, up to 255 characters, and no two alike at one server."""
    safe = "".join(one if one.isascii() and (one.isalnum() or one in "-_.") else "_" for one in identity)
    stamp = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{safe[:100] or 'station'}-{_NAMES[kind]}-{stamp}-{number}.{_EXTENSIONS[kind]}"
