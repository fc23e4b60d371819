"""Named claims on the current of one EVSE: the lowest wins, nobody can raise another's.

Owns: the claim and how profiles become claims. The hardware rating and the cable are claims like any
other here; the safety process holds them again in its own file, out of reach of every message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.charging.profiles import Installed, RateUnit, SchedulePeriod
from controller.domain.charging.stack import Stacks
from controller.domain.inputs import EvseFacts
from controller.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Claim:
    """Not more than ``limit_ma``, says ``source``. ``clears_by``: in plain words, what would lift it.

    ``phases``: numberPhases of the charging profile's period, None = it says nothing. ``until_ms`` (UTC):
    when its schedule goes on to something else, None = never.
    """

    name: str
    limit_ma: int
    source: str
    since_ms: int | None  # UTC ms, None = always
    clears_by: str
    phases: int | None = None
    until_ms: int | None = None


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
class Moment:
    """What the schedules of one EVSE are evaluated for. Instants in UTC ms. ``phases``: what the EVSE can
    give; ``switchable``: it can give one of them instead."""

    evse_id: int
    transaction_id: str | None
    transaction_started_ms: int | None
    phases: int
    utc_ms: int
    switchable: bool = False


def phases_used(period: SchedulePeriod | None, phases: int, switchable: bool, station_wide: bool) -> int:
    """By how many phases a limit in W is divided.

    1.6 7.12: by the period's numberPhases, 3 when it says nothing; errata 3.34: never by more than there are,
    the limit stays as given. Where fewer are named than the EVSE gives and no switch can take them away, a
    profile of a transaction is still divided by what it names, since its sender knows the vehicle; what
    protects the whole station is divided by what may really be drawn.
    """
    named = 3 if period is None else period.phases or 3
    if named >= phases:
        return phases
    return phases if station_wide and not switchable else named


def schedule_claims(stacks: Stacks, moment: Moment, policy: Policy) -> list[Claim]:
    """The claim of the transaction's schedules at this moment: none or one."""
    if not policy.smart_charging_enabled:
        return []
    stack = stacks.of_transaction(moment.evse_id, moment.transaction_id, moment.transaction_started_ms)
    piece = stack.at(moment.utc_ms)
    if piece.one is None or piece.period is None:
        return []
    limit_milli = piece.period.limit_milli
    if piece.one.profile.schedule.unit is RateUnit.W:
        used = phases_used(piece.period, moment.phases, moment.switchable, station_wide=False)
        limit_milli //= used * policy.nominal_voltage_v
    return [profile_claim(piece.one, piece.period, limit_milli, until_ms=piece.to_ms)]


def profile_claim(
    one: Installed, period: SchedulePeriod, limit_ma: int, among: int = 1, until_ms: int | None = None
) -> Claim:
    """``among``: so many EVSEs share what the profile allows. ``until_ms``: the end of the period."""
    profile = one.profile
    whole = f"{period.limit_milli / 1000:g} {profile.schedule.unit}"
    shared = f", {whole} shared by {among}" if among > 1 else ""
    return Claim(
        name=f"profile {profile.id}",
        limit_ma=max(0, limit_ma),
        source=f"{profile.purpose} id {profile.id}, stack level {profile.stack_level}{shared}",
        since_ms=one.at_ms,
        clears_by="the CSMS clears or replaces the charging profile",
        phases=period.phases,
        until_ms=until_ms,
    )


def replaces(new: Installed, old: Installed) -> bool:
    """Same id, or same purpose and stack level on the same EVSE (1.6 5.16.3; 2.0.1 K01.FR.05).

    An id is unique in the station (1.6 7.8), so the profile moves when it comes again for another EVSE. A
    TxDefaultProfile of EVSE 0 and one of an EVSE stand beside each other: it "SHALL be replaced only for that
    specific connector" (3.13.1).
    """
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
