"""ChargingProfile of 1.6 as a domain profile (1.6 3.13, 7.8 to 7.14), and the composite schedule back.

Refuses to know: what a station accepts; ``domain.charging.smart_charging`` decides.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.csms.wire import Payload, Unacceptable, milli_number, optional_instant, parse_schedule
from controller.domain.charging.profiles import (
    ChargingProfile,
    CompositeSchedule,
    ProfileFilter,
    ProfileKind,
    ProfilePurpose,
)

_PURPOSES = {
    "ChargePointMaxProfile": ProfilePurpose.STATION_MAX,
    "TxDefaultProfile": ProfilePurpose.TX_DEFAULT,
    "TxProfile": ProfilePurpose.TX,
}


def parse_profile(profile: Payload, transaction: Callable[[int], str | None]) -> ChargingProfile:
    """csChargingProfiles, or the chargingProfile of a remote start.

    ``transaction`` maps a transactionId to the domain's id. Raises ``Unacceptable``.
    """
    kind = ProfileKind(profile["chargingProfileKind"])
    schedule = parse_schedule(profile["chargingSchedule"])
    return ChargingProfile(
        id=profile["chargingProfileId"],
        stack_level=profile["stackLevel"],
        purpose=_PURPOSES[profile["chargingProfilePurpose"]],
        kind=kind,
        schedule=schedule,
        transaction_id=_transaction_id(profile, transaction),
        valid_from_ms=optional_instant(profile, "validFrom"),
        valid_to_ms=optional_instant(profile, "validTo"),
        # Outside of Recurring the field means nothing (errata 3.56).
        recurrency=profile.get("recurrencyKind") if kind is ProfileKind.RECURRING else None,
    )


def _transaction_id(profile: Payload, transaction: Callable[[int], str | None]) -> str | None:
    """ "Only valid if ChargingProfilePurpose is set to TxProfile" (1.6 7.8): else it says nothing."""
    given = profile.get("transactionId")
    if given is None or profile["chargingProfilePurpose"] != "TxProfile":
        return None
    found = transaction(given)
    if found is None:
        raise Unacceptable("TxNotFound", f"transactionId {given} is not known here")
    return found


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


def composite_payload(found: CompositeSchedule) -> Payload:
    """ChargingSchedule of a GetCompositeSchedule.conf: without startSchedule (errata 3.57), its periods count
    from scheduleStart (1.6 6.22)."""
    return {
        "duration": found.duration_s,
        "chargingRateUnit": found.unit.value,
        "chargingSchedulePeriod": [
            {
                "startPeriod": period.start_s,
                "limit": milli_number(period.limit_milli),
                **({} if period.phases is None else {"numberPhases": period.phases}),
            }
            for period in found.periods
        ],
    }
