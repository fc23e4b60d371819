"""Logs in 1.6: GetDiagnostics (1.6 5.9, 6.25) and GetLog (security white paper N01)."""

from __future__ import annotations

from controller.csms.rpc import CallRefused
from controller.csms.v16.handler import Handler
from controller.csms.version import Lookup
from controller.csms.wire import Payload, optional_instant
from controller.domain import commands as ask
from controller.domain.commands import Command, LogKind, Status, Verdict

_TAKEN = (Status.ACCEPTED, Status.ACCEPTED_CANCELED)


def _get_diagnostics(payload: Payload, _: Lookup) -> Command:
    return ask.GetLog(
        LogKind.DIAGNOSTICS,
        payload["location"],
        None,
        payload.get("retries"),
        payload.get("retryInterval"),
        optional_instant(payload, "startTime"),
        optional_instant(payload, "stopTime"),
    )


def _get_diagnostics_reply(verdict: Verdict) -> Payload:
    """1.6 5.9: no file name when there is nothing to upload. GetDiagnostics.conf has no status: a request
    that cannot be carried out is a CALLERROR."""
    if verdict.status in _TAKEN:
        return {"fileName": verdict.file_name}
    if verdict.reason != "NotFound":
        raise CallRefused("PropertyConstraintViolation", verdict.info)
    return {}


def _get_log(payload: Payload, _: Lookup) -> Command:
    wanted = payload["log"]
    return ask.GetLog(
        LogKind(payload["logType"]),
        wanted["remoteLocation"],
        payload["requestId"],
        payload.get("retries"),
        payload.get("retryInterval"),
        optional_instant(wanted, "oldestTimestamp"),
        optional_instant(wanted, "latestTimestamp"),
    )


def _get_log_reply(verdict: Verdict) -> Payload:
    """N01.FR.01, N01.FR.11."""
    if verdict.status in _TAKEN:
        return {"status": verdict.status.value, "filename": verdict.file_name}
    return {"status": "Rejected"}


TABLE: dict[str, Handler] = {
    "GetDiagnostics": Handler(_get_diagnostics, _get_diagnostics_reply),
    "GetLog": Handler(_get_log, _get_log_reply),
}
