"""Named claims on the current of one EVSE: the lowest wins, nobody can raise another's.

Owns: the claim and how profiles become claims. The hardware rating and the cable are claims like any
other here; the safety process holds them again in its own file, out of reach of every message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.inputs import EvseFacts
from controller.domain.policy import Policy
from controller.domain.profiles import ChargingProfile, ProfilePurpose
from controller.domain.schedule import period_limit_ma, winner


@dataclass(frozen=True, slots=True)
class Claim:
    """Not more than ``limit_ma``, says ``source``. ``clears_by``: in plain words, what would lift it.

    ``phases``: numberPhases of the charging profile's period, None = it says nothing.
    """

    name: str
    limit_ma: int
    source: str
    since_ms: int | None  # UTC ms, None = always
    clears_by: str
    phases: int | None = None


def lowest(claims: Iterable[Claim]) -> Claim:
    """The claim that decides; the first of equals. ``claims`` must not be empty."""
    return min(claims, key=lambda claim: claim.limit_ma)


def silent_claim(why: str | None) -> Claim:
    """Nothing is known of the EVSE: nothing is offered."""
    return Claim("safety", 0, why or "no report yet", None, "the safety process reports again")


def hardware_claims(facts: EvseFacts) -> list[Claim]:
    """What the safety process reports of hardware, cable and vehicle."""
    claims = [Claim("rating", facts.rating_ma, "board profile", None, "nothing: it is the hardware's rating")]
    if facts.cable_ma is not None:
        source = "proximity coding or tethered cable"
        claims.append(Claim("cable", facts.cable_ma, source, None, "another cable"))
    if facts.simplified_ma is not None:
        why = "the vehicle came without state B: it has no switch of its own (IEC 61851-1 A.2.3)"
        claims.append(Claim("vehicle", facts.simplified_ma, why, None, "the vehicle shows state B"))
    if facts.temperature_limit_ma is not None:
        claims.append(_temperature_claim(facts, facts.temperature_limit_ma))
    return claims


def _temperature_claim(facts: EvseFacts, limit_ma: int) -> Claim:
    found = []
    if facts.hottest_mdeg_c is not None:
        found.append(f"hottest sensor {facts.hottest_mdeg_c / 1000:.1f} degrees C")
    if facts.sensors_lost:
        found.append(f"sensors lost: {facts.sensors_lost}")
    clears_by = "cooling below the restart temperature of the board profile"
    if facts.sensors_lost:
        clears_by = "the sensors answer again: check their wires"
    return Claim("temperature", limit_ma, ", ".join(found), None, clears_by)


def installation_claim(limit_ma: int) -> Claim:
    return Claim("installation", limit_ma, "station.toml", None, "the installer changes station.toml")


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile as accepted: ``evse_id`` 0 = the station."""

    evse_id: int
    profile: ChargingProfile
    at_ms: int


@dataclass(frozen=True, slots=True)
class Moment:
    """What the schedules of one EVSE are evaluated for. ``transaction_started_ms`` and ``utc_ms``: UTC ms."""

    evse_id: int
    transaction_id: str | None
    transaction_started_ms: int | None
    phases: int
    utc_ms: int


def station_claims(
    installed: Iterable[Installed], moment: Moment, active_evses: int, policy: Policy
) -> list[Claim]:
    """ChargingStationMaxProfile and external constraints: they protect the installation (K01, 1.6 3.13.1).

    Shared equally among the EVSEs with a transaction, so that their sum stays below it.
    """
    claims = []
    for purpose in (ProfilePurpose.EXTERNAL, ProfilePurpose.STATION_MAX):
        candidates = [one for one in installed if one.profile.purpose is purpose and one.evse_id == 0]
        claims += _claim(candidates, moment, policy, max(1, active_evses))
    return claims


def schedule_profiles(installed: Iterable[Installed], moment: Moment) -> list[list[Installed]]:
    """What decides when a transaction charges: candidates in the order in which they are asked.

    TxProfile replaces TxDefaultProfile for its transaction; a TxDefaultProfile of the EVSE replaces the
    station's (1.6 3.13.1).
    """
    own, default, common = [], [], []
    for one in installed:
        profile = one.profile
        if profile.purpose is ProfilePurpose.TX:
            if one.evse_id == moment.evse_id and profile.transaction_id in (None, moment.transaction_id):
                own.append(one)
        elif profile.purpose is ProfilePurpose.TX_DEFAULT:
            if one.evse_id == moment.evse_id:
                default.append(one)
            elif one.evse_id == 0:
                common.append(one)
    return [own if moment.transaction_id is not None else [], default, common]


def schedule_claims(installed: Iterable[Installed], moment: Moment, policy: Policy) -> list[Claim]:
    """The claim of the transaction's schedules at this moment: none or one."""
    for candidates in schedule_profiles(installed, moment):
        claims = _claim(candidates, moment, policy, 1)
        if claims:
            return claims
    return []


def _claim(candidates: Iterable[Installed], moment: Moment, policy: Policy, divisor: int) -> list[Claim]:
    when = {one.profile.id: one.at_ms for one in candidates}
    profiles = [one.profile for one in candidates]
    found = winner(profiles, moment.utc_ms, moment.transaction_started_ms)
    if found is None:
        return []
    profile, period = found
    limit_ma = period_limit_ma(profile, period, moment.phases, policy.nominal_voltage_v) // divisor
    return [
        Claim(
            name=f"profile {profile.id}",
            limit_ma=max(0, limit_ma),
            source=f"{profile.purpose} id {profile.id}, stack level {profile.stack_level}",
            since_ms=when[profile.id],
            clears_by="the CSMS clears or replaces the charging profile, or its schedule moves on",
            phases=period.phases,
        )
    ]


def replaces(new: Installed, old: Installed) -> bool:
    """Same id, or same purpose and stack level on the same EVSE (1.6 5.16.3; 2.0.1 K01.FR.05)."""
    if new.profile.id == old.profile.id:
        return True
    return (
        new.evse_id == old.evse_id
        and new.profile.purpose is old.profile.purpose
        and new.profile.stack_level == old.profile.stack_level
        and new.profile.transaction_id == old.profile.transaction_id
    )


def install(profiles: Mapping[int, Installed], new: Installed) -> dict[int, Installed]:
    """The set of profiles, by id, after ``new`` was accepted."""
    kept = {id_: old for id_, old in profiles.items() if not replaces(new, old)}
    kept[new.profile.id] = new
    return kept
