"""UpdateFirmware and SignedUpdateFirmware (1.6 5.19, 6.55; security white paper L01, 5.21)."""

from __future__ import annotations

from controller.csms.rpc import CallRefused
from controller.csms.v16.handler import Handler, statuses
from controller.csms.version import Lookup
from controller.csms.wire import Payload, optional_instant
from controller.domain.commands import Command, Status, UpdateFirmware, Verdict

MOST_SECONDS = 2**31 - 1
"""Of a wait, and the highest number of retries: what any CSMS's integer holds."""


def _count(payload: Payload, name: str) -> int | None:
    """``retries`` or ``retryInterval``. Raises ``CallRefused`` for a number that means nothing."""
    value = payload.get(name)
    if value is None:
        return None
    if not 0 <= value <= MOST_SECONDS:
        raise CallRefused(
            "PropertyConstraintViolation", f"{name}: found {value}, expected 0 to {MOST_SECONDS}"
        )
    return int(value)


def _instant(payload: Payload, name: str) -> int:
    at_ms = optional_instant(payload, name)
    assert at_ms is not None  # the schema requires it
    return at_ms


def _update(payload: Payload, _: Lookup) -> Command:
    return UpdateFirmware(
        location=payload["location"],
        retrieve_at_ms=_instant(payload, "retrieveDate"),
        retries=_count(payload, "retries"),
        retry_interval_s=_count(payload, "retryInterval"),
    )


def _update_reply(verdict: Verdict) -> Payload:
    """UpdateFirmware.conf is empty: what is not accepted can only be a CALLERROR. White paper L01.FR.20:
    NotSupported where signatures are required."""
    _refuse_unsupported("UpdateFirmware", verdict)
    if verdict.status is Status.REJECTED:
        raise CallRefused("GenericError", verdict.info)
    return {}


def _update_signed(payload: Payload, _: Lookup) -> Command:
    firmware = payload["firmware"]
    return UpdateFirmware(
        location=firmware["location"],
        retrieve_at_ms=_instant(firmware, "retrieveDateTime"),
        install_at_ms=optional_instant(firmware, "installDateTime"),
        retries=_count(payload, "retries"),
        retry_interval_s=_count(payload, "retryInterval"),
        request_id=payload["requestId"],
        certificate=firmware["signingCertificate"],
        signature=firmware["signature"],
    )


_SIGNED_STATUS = statuses(
    "Rejected",
    Status.ACCEPTED,
    Status.ACCEPTED_CANCELED,
    Status.INVALID_CERTIFICATE,
    Status.REVOKED_CERTIFICATE,
)


def _update_signed_reply(verdict: Verdict) -> Payload:
    _refuse_unsupported("SignedUpdateFirmware", verdict)
    return _SIGNED_STATUS(verdict)


def _refuse_unsupported(action: str, verdict: Verdict) -> None:
    if verdict.status is Status.NOT_SUPPORTED:
        raise CallRefused("NotSupported", f"{action}: {verdict.info}")


TABLE: dict[str, Handler] = {
    "SignedUpdateFirmware": Handler(_update_signed, _update_signed_reply),
    "UpdateFirmware": Handler(_update, _update_reply),
}
