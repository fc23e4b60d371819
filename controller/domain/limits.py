"""Named claims on the current of one EVSE: the lowest wins, nobody can raise another's.

Owns: the claim and how profiles become claims. The hardware rating and the cable are claims like any
other here; the safety process holds them again in its own file, out of reach of every message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.policy import Policy
from controller.domain.profiles import ChargingProfile, ProfilePurpose
from controller.domain.schedule import period_limit_ma, winner


@dataclass(frozen=True, slots=True)
class Claim:
    """Not more than ``limit_ma``, says ``source``. ``clears_by``: in plain words, what would lift it."""

    name: str
    limit_ma: int
    source: str
    since_ms: int | None  # UTC ms, None = always
    clears_by: str


def lowest(claims: Iterable[Claim]) -> Claim:
    """The claim that decides; the first of equals. ``claims`` must not be empty."""
    return min(claims, key=lambda claim: claim.limit_ma)


@dataclass(frozen=True, slots=True)
class Installed:
    """A profile as accepted: ``evse_id`` 0 = the station."""

    evse_id: int
    profile: ChargingProfile
    at_ms: int


def profile_claims(
    installed: Iterable[Installed],
    evse_id: int,
    transaction_id: str | None,
    transaction_started_ms: int | None,
    active_evses: int,
    phases: int,
    policy: Policy,
    utc_ms: int,
) -> list[Claim]:
    """The claims of all purposes on one EVSE now (1.6 3.13.3: the minimum over purposes holds).

    TxProfile replaces TxDefaultProfile for its transaction; a TxDefaultProfile of the EVSE replaces
    the station's (1.6 3.13.1). A station-wide maximum is shared equally among the EVSEs with a
    transaction, so that their sum stays below it.
    """
    by_purpose: dict[ProfilePurpose, list[Installed]] = {}
    for one in installed:
        by_purpose.setdefault(one.profile.purpose, []).append(one)
    claims: list[Claim] = []

    def claim(candidates: Iterable[Installed], divisor: int) -> bool:
        when = {one.profile.id: one.at_ms for one in candidates}
        found = winner([one.profile for one in candidates], utc_ms, transaction_started_ms)
        if found is None:
            return False
        profile, period = found
        limit_ma = period_limit_ma(profile, period, phases, policy.nominal_voltage_v) // divisor
        claims.append(
            Claim(
                name=f"profile {profile.id}",
                limit_ma=max(0, limit_ma),
                source=f"{profile.purpose} id {profile.id}, stack level {profile.stack_level}",
                since_ms=when[profile.id],
                clears_by="the CSMS clears or replaces the charging profile, or its schedule moves on",
            )
        )
        return True

    for purpose in (ProfilePurpose.EXTERNAL, ProfilePurpose.STATION_MAX):
        claim([one for one in by_purpose.get(purpose, []) if one.evse_id == 0], max(1, active_evses))
    own_tx = [
        one
        for one in by_purpose.get(ProfilePurpose.TX, [])
        if one.evse_id == evse_id and one.profile.transaction_id in (None, transaction_id)
    ]
    if transaction_id is None or not claim(own_tx, 1):
        defaults = by_purpose.get(ProfilePurpose.TX_DEFAULT, [])
        if not claim([one for one in defaults if one.evse_id == evse_id], 1):
            claim([one for one in defaults if one.evse_id == 0], 1)
    return claims


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
