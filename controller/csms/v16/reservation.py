"""Reservation in 1.6: ReserveNow, CancelReservation (1.6 5.1, 5.13). connectorId 0 = any connector."""

from __future__ import annotations

from controller.csms.v16.handler import Handler, statuses
from controller.csms.version import Lookup
from controller.csms.wire import Payload, Unacceptable, optional_instant
from controller.domain import commands as ask
from controller.domain.access.tokens import IdToken
from controller.domain.commands import Command, Status


def _reserve(payload: Payload, _: Lookup) -> Command:
    expires_at_ms = optional_instant(payload, "expiryDate")
    if expires_at_ms is None:
        raise Unacceptable("MissingParam", "expiryDate is required (1.6 6.37)")
    parent = payload.get("parentIdTag")
    return ask.ReserveNow(
        reservation_id=payload["reservationId"],
        evse_id=payload["connectorId"],
        token=IdToken(payload["idTag"]),
        expires_at_ms=expires_at_ms,
        group=IdToken(parent) if parent else None,
    )


def _cancel(payload: Payload, _: Lookup) -> Command:
    return ask.CancelReservation(payload["reservationId"])


TABLE: dict[str, Handler] = {
    "CancelReservation": Handler(_cancel, statuses("Rejected", Status.ACCEPTED)),
    "ReserveNow": Handler(
        _reserve,
        statuses("Rejected", Status.ACCEPTED, Status.FAULTED, Status.OCCUPIED, Status.UNAVAILABLE),
    ),
}
