"""ChargingProfile of 1.6 as a domain profile (1.6 3.13, 7.8 to 7.14)."""

from __future__ import annotations

from collections.abc import Callable

from controller.csms.wire import Payload, Unacceptable, optional_instant, parse_schedule
from controller.domain.profiles import ChargingProfile, ProfileFilter, ProfileKind, ProfilePurpose

_PURPOSES = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}


def parse_profile(
    profile: Payload, connector_id: int | None, transaction: Callable[[int], str | None]
) -> ChargingProfile:
    """csChargingProfiles. ``connector_id`` None: a profile of a remote start, for the transaction to come.

    ``transaction`` maps a transactionId to the domain's id. Raises ``Unacceptable``.
    """
    purpose = _PURPOSES[profile["chargingProfilePurpose"]]
    kind = ProfileKind(profile["chargingProfileKind"])
    if connector_id is None and purpose is not ProfilePurpose.TX:
        raise Unacceptable("InvalidProfile", "the profile of a remote start must be a TxProfile (1.6 5.11)")
    if purpose is ProfilePurpose.STATION_MAX and connector_id != 0:
        raise Unacceptable("InvalidProfile", "ChargePointMaxProfile is for connector 0 only (1.6 3.13.1)")
    if purpose is ProfilePurpose.TX and connector_id == 0:
        raise Unacceptable("InvalidProfile", "TxProfile needs a connector above 0 (1.6 5.16.4)")
    if profile["stackLevel"] < 0:
        raise Unacceptable("InvalidStackLevel", "stackLevel must not be negative")
    if kind is ProfileKind.RECURRING and "recurrencyKind" not in profile:
        raise Unacceptable("InvalidProfile", "a Recurring profile needs recurrencyKind (1.6 7.9)")
    schedule = parse_schedule(profile["chargingSchedule"])
    if kind is ProfileKind.RECURRING and schedule.starts_at_ms is None:
        raise Unacceptable("InvalidSchedule", "a Recurring profile needs startSchedule (errata 3.79)")
    transaction_id = None
    if profile.get("transactionId") is not None:
        transaction_id = transaction(profile["transactionId"])
        if transaction_id is None:
            raise Unacceptable("TxNotFound", f"transactionId {profile['transactionId']} is not known here")
    return ChargingProfile(
        id=profile["chargingProfileId"],
        stack_level=profile["stackLevel"],
        purpose=purpose,
        kind=kind,
        schedule=schedule,
        transaction_id=transaction_id,
        valid_from_ms=optional_instant(profile, "validFrom"),
        valid_to_ms=optional_instant(profile, "validTo"),
        # Outside of Recurring the field means nothing (errata 3.56).
        recurrency=profile["recurrencyKind"] if kind is ProfileKind.RECURRING else None,
    )


def parse_filter(payload: Payload) -> ProfileFilter:
    """ClearChargingProfile.req: with an id the other fields are ignored (errata 3.25)."""
    if payload.get("id") is not None:
        return ProfileFilter(id=payload["id"])
    purpose = payload.get("chargingProfilePurpose")
    return ProfileFilter(
        evse_id=payload.get("connectorId"),
        purpose=None if purpose is None else _PURPOSES[purpose],
        stack_level=payload.get("stackLevel"),
    )
