"""ChargingProfileType of 2.0.1 as a domain profile (K01). What is not done here is refused, never guessed."""

from __future__ import annotations

from controller.csms.wire import Payload, Unacceptable, optional_instant, parse_schedule
from controller.domain.charging.profiles import ChargingProfile, ProfileFilter, ProfileKind, ProfilePurpose

_PURPOSES = {
    purpose.value: purpose
    for purpose in (ProfilePurpose.STATION_MAX, ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX)
}
_KINDS = {kind.value: kind for kind in ProfileKind}
_FIELDS = {
    "id",
    "stackLevel",
    "chargingProfilePurpose",
    "chargingProfileKind",
    "recurrencyKind",
    "validFrom",
    "validTo",
    "chargingSchedule",
    "transactionId",
    "customData",
}
_SCHEDULE_FIELDS = {
    "id",
    "startSchedule",
    "duration",
    "chargingRateUnit",
    "chargingSchedulePeriod",
    "minChargingRate",
    "salesTariff",  # informs the vehicle over ISO 15118, which this station does not speak
    "customData",
}


def _only(where: str, payload: Payload, fields: set[str]) -> None:
    unknown = ", ".join(sorted(set(payload) - fields))
    if unknown:
        raise Unacceptable("UnsupportedParam", f"{where}: {unknown} is not supported")


def parse_profile(profile: Payload, evse_id: int | None) -> ChargingProfile:
    """``evse_id`` None: the profile of a remote start, for the transaction to come.

    Raises ``Unacceptable``.
    """
    _only("chargingProfile", profile, _FIELDS)
    purpose = _PURPOSES.get(profile["chargingProfilePurpose"])
    kind = _KINDS.get(profile["chargingProfileKind"])
    if purpose is None:  # K01.FR.22; 2.1: K01.FR.120
        raise Unacceptable(
            "InvalidProfile", f"purpose {profile['chargingProfilePurpose']} cannot be set by a CSMS here"
        )
    if kind is None:  # 2.1: K01.FR.121
        raise Unacceptable("InvalidProfile", f"kind {profile['chargingProfileKind']} is not supported")
    transaction_id = profile.get("transactionId")
    if evse_id is None:  # F01.FR.08 to .11
        if purpose is not ProfilePurpose.TX or transaction_id is not None:
            raise Unacceptable(
                "InvalidProfile", "the profile of a remote start must be a TxProfile without transactionId"
            )
    elif purpose is ProfilePurpose.TX:
        if evse_id == 0:
            raise Unacceptable("InvalidProfile", "TxProfile needs an EVSE above 0 (K01.FR.16)")
        if transaction_id is None:
            raise Unacceptable("MissingParam", "TxProfile needs transactionId (K01.FR.03)")
    elif purpose is ProfilePurpose.STATION_MAX and evse_id != 0:
        raise Unacceptable("InvalidProfile", "ChargingStationMaxProfile is for EVSE 0 only")
    if purpose is ProfilePurpose.STATION_MAX and kind is ProfileKind.RELATIVE:
        raise Unacceptable("InvalidProfile", "ChargingStationMaxProfile must not be Relative (K01.FR.38)")
    if profile["stackLevel"] < 0:
        raise Unacceptable("InvalidStackLevel", "stackLevel must not be negative")
    if kind is ProfileKind.RECURRING and "recurrencyKind" not in profile:
        raise Unacceptable("InvalidProfile", "a Recurring profile needs recurrencyKind")
    schedules = profile["chargingSchedule"]
    if len(schedules) != 1:
        raise Unacceptable(
            "InvalidSchedule", f"found {len(schedules)} schedules, expected one (K01.FR.34, no ISO 15118)"
        )
    _only("chargingSchedule", schedules[0], _SCHEDULE_FIELDS)
    schedule = parse_schedule(schedules[0])
    if (kind is ProfileKind.RELATIVE) is not (schedule.starts_at_ms is None):
        raise Unacceptable(
            "InvalidSchedule",
            "startSchedule: required for Absolute and Recurring, absent for Relative (K01.FR.40, .41)",
        )
    return ChargingProfile(
        id=profile["id"],
        stack_level=profile["stackLevel"],
        purpose=purpose,
        kind=kind,
        schedule=schedule,
        transaction_id=transaction_id,
        valid_from_ms=optional_instant(profile, "validFrom"),
        valid_to_ms=optional_instant(profile, "validTo"),
        recurrency=profile["recurrencyKind"] if kind is ProfileKind.RECURRING else None,
    )


def parse_filter(payload: Payload) -> ProfileFilter:
    """ClearChargingProfileRequest: with an id the criteria are ignored (K10.FR.02).

    Raises ``Unacceptable`` for a purpose that no profile here can have.
    """
    if payload.get("chargingProfileId") is not None:
        return ProfileFilter(id=payload["chargingProfileId"])
    criteria = payload.get("chargingProfileCriteria", {})
    named = criteria.get("chargingProfilePurpose")
    if named is not None and named not in _PURPOSES:
        raise Unacceptable("InvalidProfile", f"purpose {named}: no profile to clear")
    return ProfileFilter(
        evse_id=criteria.get("evseId"),
        purpose=None if named is None else _PURPOSES[named],
        stack_level=criteria.get("stackLevel"),
    )
