"""Smart charging in 1.6: SetChargingProfile, ClearChargingProfile (1.6 5.5, 5.16)."""

from __future__ import annotations

from controller.csms.rpc import CallRefused
from controller.csms.v16.handler import Handler, statuses, transaction_of
from controller.csms.v16.profiles import parse_filter, parse_profile
from controller.csms.version import Lookup
from controller.csms.wire import Payload
from controller.domain import commands as ask
from controller.domain.commands import Command, Status, Verdict


def _set_profile(payload: Payload, domain_key: Lookup) -> Command:
    connector_id = payload["connectorId"]
    profile = parse_profile(payload["csChargingProfiles"], connector_id, transaction_of(domain_key))
    return ask.InstallProfile(connector_id, profile)


def _set_profile_reply(verdict: Verdict) -> Payload:
    if verdict.status is Status.UNKNOWN_CONNECTOR:  # errata 3.39
        raise CallRefused("PropertyConstraintViolation", verdict.info or "connectorId: no such connector")
    return statuses("Rejected", Status.ACCEPTED, Status.NOT_SUPPORTED)(verdict)


def _clear_profile(payload: Payload, _: Lookup) -> Command:
    return ask.ClearProfiles(parse_filter(payload))


TABLE: dict[str, Handler] = {
    "ClearChargingProfile": Handler(_clear_profile, statuses("Unknown", Status.ACCEPTED)),
    "SetChargingProfile": Handler(_set_profile, _set_profile_reply),
}
