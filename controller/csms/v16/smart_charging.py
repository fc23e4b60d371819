"""Smart charging in 1.6: Set- and ClearChargingProfile, GetCompositeSchedule (1.6 5.5, 5.7, 5.16)."""

from __future__ import annotations

from controller.csms.rpc import CallRefused
from controller.csms.v16.handler import Handler, Reply, statuses, transaction_of
from controller.csms.v16.profiles import composite_payload, parse_filter, parse_profile
from controller.csms.version import Lookup
from controller.csms.wire import Payload, instant
from controller.domain import commands as ask
from controller.domain.charging.profiles import RateUnit
from controller.domain.commands import Command, Status, Verdict


def _set_profile(payload: Payload, domain_key: Lookup) -> Command:
    profile = parse_profile(payload["csChargingProfiles"], transaction_of(domain_key))
    return ask.InstallProfile(payload["connectorId"], profile)


def _supported(reply: Reply) -> Reply:
    """Errata 3.39: without smart charging a CALLERROR NotSupported."""

    def checked(verdict: Verdict) -> Payload:
        if verdict.status is Status.NOT_SUPPORTED:
            raise CallRefused("NotSupported", verdict.info)
        return reply(verdict)

    return checked


def _set_profile_reply(verdict: Verdict) -> Payload:
    if verdict.status is Status.UNKNOWN_CONNECTOR:  # errata 3.39
        raise CallRefused(
            "PropertyConstraintViolation", f"connectorId: {verdict.info or 'no such connector'}"
        )
    return statuses("Rejected", Status.ACCEPTED)(verdict)


def _clear_profile(payload: Payload, _: Lookup) -> Command:
    return ask.ClearProfiles(parse_filter(payload))


def _composite(payload: Payload, _: Lookup) -> Command:
    unit = payload.get("chargingRateUnit")
    return ask.GetComposite(
        payload["connectorId"], payload["duration"], None if unit is None else RateUnit(unit)
    )


def _composite_reply(verdict: Verdict) -> Payload:
    """Errata 3.51: without a schedule where it is Rejected."""
    found = verdict.composite
    if verdict.status is not Status.ACCEPTED or found is None:
        return {"status": "Rejected"}
    return {
        "status": "Accepted",
        "connectorId": found.evse_id,
        "scheduleStart": instant(found.starts_at_ms),
        "chargingSchedule": composite_payload(found),
    }


TABLE: dict[str, Handler] = {
    "ClearChargingProfile": Handler(_clear_profile, _supported(statuses("Unknown", Status.ACCEPTED))),
    "GetCompositeSchedule": Handler(_composite, _supported(_composite_reply)),
    "SetChargingProfile": Handler(_set_profile, _supported(_set_profile_reply)),
}
