"""Charging profiles as the station keeps them: what is accepted, what replaces what, what is cleared, and
what they allow an EVSE beside the others.

Owns: the installed profiles and the commands about them (1.6 3.13, 5.5, 5.7, 5.16; 2.0.1 K), the share of
each EVSE in what is for all, and when schedules next change.
Refuses to know: what a profile means at a moment (``schedule``, ``stack``, ``limits``), how shares are found
(``sharing``) and composite schedules computed (``composite``), OCPP messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

from controller.domain.block import Handler
from controller.domain.charging.composite import EvsePlan, composite
from controller.domain.charging.limits import (
    Claim,
    hardware_claims,
    install,
    installation_claim,
    lowest,
    phases_used,
    profile_claim,
    replaces,
)
from controller.domain.charging.profiles import (
    STATION_WIDE,
    ChargingProfile,
    Installed,
    ProfileFilter,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.charging.sharing import Demand, allowed_ma
from controller.domain.charging.stack import Piece, Stacks
from controller.domain.commands import ClearProfiles, GetComposite, InstallProfile, Status, Verdict
from controller.domain.events import ClockSet, Event, ProfileInstalled, ProfilesCleared, TransactionEnded
from controller.domain.evse.evse import Evse
from controller.domain.evse.offer import offered_ma
from controller.domain.timekeeping import moved
from controller.domain.turn import Turn


class SmartCharging:
    """``stacks``: the installed profiles. The same object for ever, because a running turn holds it."""

    def __init__(self, evses: Mapping[int, Evse]) -> None:
        self.stacks = Stacks()
        self._evses = evses
        self._deadline_ms: int | None = None
        self.handlers: Mapping[type, Handler] = {
            InstallProfile: self._install_profile,
            ClearProfiles: self._clear_profiles,
            GetComposite: self._composite,
        }

    @property
    def profiles(self) -> Mapping[int, Installed]:
        """By id."""
        return self.stacks.profiles

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case ProfileInstalled():
                self._replace(install(self.profiles, Installed(event.evse_id, event.profile, event.at_ms)))
            case ProfilesCleared():
                self._replace(
                    {id_: one for id_, one in self.profiles.items() if id_ not in event.profile_ids}
                )
            case TransactionEnded():
                self._replace(
                    {
                        id_: one
                        for id_, one in self.profiles.items()
                        if not (one.profile.purpose is ProfilePurpose.TX and one.evse_id == event.evse_id)
                    }
                )
            case ClockSet():
                self._replace(
                    {id_: replace(one, at_ms=moved(event, one.at_ms)) for id_, one in self.profiles.items()}
                )
            case _:
                pass

    def _replace(self, profiles: dict[int, Installed]) -> None:
        if profiles != self.profiles:
            self.stacks.replace(profiles)

    def checkpoint(self) -> list[Event]:
        return [
            ProfileInstalled(one.evse_id, one.profile, one.at_ms)
            for _id, one in sorted(self.profiles.items())
        ]

    # ------------------------------------------------------------------ time

    def settle(self, turn: Turn) -> None:
        """Note when a schedule next changes what a transaction may take: the offer follows at that
        millisecond, not at the next tick."""
        utc_ms = turn.now.utc_ms
        running = [evse for evse in self._evses.values() if evse.transaction is not None]
        changes = [self._piece(evse, utc_ms).to_ms for evse in running]
        if running:
            changes.extend(self.stacks.of_station(purpose).at(utc_ms).to_ms for purpose in STATION_WIDE)
        next_ms = min((one for one in changes if one is not None), default=None)
        self._deadline_ms = None if next_ms is None else turn.now.mono_ms + next_ms - utc_ms

    def next_deadline_ms(self) -> int | None:
        return self._deadline_ms

    def _piece(self, evse: Evse, utc_ms: int) -> Piece:
        moment = evse.moment(utc_ms)
        stack = self.stacks.of_transaction(
            moment.evse_id, moment.transaction_id, moment.transaction_started_ms
        )
        return stack.at(utc_ms)

    # ------------------------------------------------------------------ what is for all

    def station_claims(self, turn: Turn, evse_id: int) -> list[Claim]:
        """The share of one EVSE in ChargingStationMaxProfile and external constraints: they protect the
        installation, so the sum of what all EVSEs draw stays below them (1.6 3.13.3; 2.0.1 K01)."""
        claims: list[Claim] = []
        if not turn.policy.smart_charging_enabled:
            return claims
        for purpose in STATION_WIDE:
            piece = self.stacks.of_station(purpose).at(turn.now.utc_ms)
            if piece.one is not None and piece.period is not None:
                claims.append(self._share(turn, evse_id, piece.one, piece.period, piece.to_ms))
        return claims

    def _share(
        self, turn: Turn, evse_id: int, one: Installed, period: SchedulePeriod, until_ms: int | None
    ) -> Claim:
        demands = []
        for evse in self._evses.values():
            cost = 1
            if one.profile.schedule.unit is RateUnit.W:
                used = phases_used(
                    period, evse.phases_connected, evse.spec.has_phase_switch, station_wide=True
                )
                cost = used * turn.policy.nominal_voltage_v
            demands.append(self._demand(turn, evse, cost, asked=evse.spec.evse_id == evse_id))
        limit_ma = allowed_ma(period.limit_milli, demands, evse_id)
        return profile_claim(one, period, limit_ma, sum(demand.wants for demand in demands), until_ms)

    def _demand(self, turn: Turn, evse: Evse, cost: int, asked: bool) -> Demand:
        """What one EVSE wants of it. The one that is asked about is reckoned as if it charged."""
        transaction = evse.transaction
        wants = asked or (
            transaction is not None and transaction.stopping is None and evse.availability.operative
        )
        return Demand(
            evse.spec.evse_id,
            lowest(evse.claims(turn, shared=False)).limit_ma if wants else 0,
            cost,
            turn.now.utc_ms if transaction is None else transaction.started.at_ms,
            wants,
            evse.offer.declined,
            offered_ma(evse.facts),
            evse.offer.occupied_ma(evse.facts, turn.now.mono_ms),
        )

    # ------------------------------------------------------------------ commands

    def _install_profile(self, command: InstallProfile, turn: Turn) -> Verdict:
        profile = command.profile
        refused = _disabled(turn) or self.fault(command.evse_id, profile, turn, starting=False)
        if refused is not None:
            return refused
        if profile.purpose is ProfilePurpose.TX:
            # For the running transaction, whether it was named or not: so that it replaces, and is replaced.
            transaction = self._evses[command.evse_id].transaction
            profile = replace(profile, transaction_id=None if transaction is None else transaction.id)
        if not self._there_already(command.evse_id, profile):
            turn.emit(ProfileInstalled(command.evse_id, profile, turn.now.utc_ms))
        return Verdict(Status.ACCEPTED)

    def _there_already(self, evse_id: int, profile: ChargingProfile) -> bool:
        """A CSMS that sends the same profile every few seconds, as some do, writes nothing. Only when it
        makes no difference since when a profile is there: not where its schedule counts from that, nor where
        the later of two on the same level counts."""
        one = self.profiles.get(profile.id)
        if one is None or one.evse_id != evse_id or one.profile != profile:
            return False
        if profile.purpose in STATION_WIDE and (
            profile.kind is ProfileKind.RELATIVE or profile.schedule.starts_at_ms is None
        ):
            return False
        return not any(
            other.profile.purpose is profile.purpose and other.profile.stack_level == profile.stack_level
            for id_, other in self.profiles.items()
            if id_ != profile.id
        )

    def fault(self, evse_id: int, profile: ChargingProfile, turn: Turn, starting: bool) -> Verdict | None:
        """Why a profile cannot be taken (1.6 3.13.1, 5.16.4, 9.4; 2.0.1 K01), or None. ``starting``: it comes
        with a remote start, for the transaction to come."""

        def refuse(reason: str, info: str) -> Verdict:
            return Verdict(Status.REJECTED, reason, info)

        if evse_id != 0 and evse_id not in self._evses:
            return Verdict(Status.UNKNOWN_CONNECTOR, "UnknownEvse", f"there is no EVSE {evse_id}")
        purpose = profile.purpose
        if purpose in STATION_WIDE and evse_id != 0:
            return refuse("InvalidProfile", f"{purpose} is for the whole station (EVSE 0) only")
        if starting and purpose is not ProfilePurpose.TX:
            return refuse("InvalidProfile", "a profile given with a remote start must be a TxProfile")
        if purpose is ProfilePurpose.TX and not starting:
            transaction = self._evses[evse_id].transaction if evse_id else None
            if transaction is None:
                return refuse("TxNotFound", "a TxProfile needs a running transaction on its EVSE")
            if profile.transaction_id not in (None, transaction.id):
                return refuse("TxNotFound", f"no running transaction {profile.transaction_id} on this EVSE")
        return _schedule_fault(profile) or _beyond(profile, turn) or self._too_many(evse_id, profile, turn)

    def _too_many(self, evse_id: int, profile: ChargingProfile, turn: Turn) -> Verdict | None:
        """1.6 9.4.5. A profile of a remote start that waits for its vehicle has its place already."""
        new = Installed(evse_id, profile, turn.now.utc_ms)
        kept = sum(not replaces(new, one) for one in self.profiles.values())
        waiting = sum(
            evse.admission.held is not None and evse.admission.held.profile is not None
            for evse in self._evses.values()
        )
        most = turn.policy.profiles_max
        if kept + waiting < most:
            return None
        return Verdict(Status.REJECTED, "TooManyElements", f"{most} charging profiles are installed already")

    def _clear_profiles(self, command: ClearProfiles, turn: Turn) -> Verdict:
        disabled = _disabled(turn)
        if disabled is not None:
            return disabled
        ids = tuple(sorted(id_ for id_, one in self.profiles.items() if _matches(one, command.filter)))
        if not ids:
            return Verdict(Status.UNKNOWN)
        turn.emit(ProfilesCleared(command.filter, ids, turn.now.utc_ms))
        return Verdict(Status.ACCEPTED)

    # ------------------------------------------------------------------ composite schedule

    def _composite(self, command: GetComposite, turn: Turn) -> Verdict:
        """1.6 5.7, errata 3.28 to 3.30, 3.57; 2.0.1 K08."""

        def refuse(reason: str, info: str) -> Verdict:
            return Verdict(Status.REJECTED, reason, info)

        disabled = _disabled(turn)
        if disabled is not None:
            return disabled
        policy = turn.policy
        unit = command.unit or RateUnit("A" if "A" in policy.profile_units else "W")
        if command.evse_id != 0 and command.evse_id not in self._evses:
            return refuse("UnknownEvse", f"there is no EVSE {command.evse_id}")
        if unit not in policy.profile_units:  # 2.0.1 K08.FR.07
            return refuse("UnsupportedRateUnit", f"chargingRateUnit {unit} is not supported")
        if command.duration_s <= 0:
            return refuse("InvalidValue", f"duration: found {command.duration_s}, expected more than 0 s")
        plans = []
        for evse_id, evse in self._evses.items():
            if evse.facts is None and command.evse_id in (0, evse_id):
                why = evse.reported.fault or "no report yet"
                return refuse("NotReady", f"the limits of EVSE {evse_id} are not known: {why}")
            plans.append(self._plan(turn, evse, asked=command.evse_id))
        found = composite(
            command.evse_id,
            unit,
            turn.now.utc_ms,
            command.duration_s,
            plans,
            [self.stacks.of_station(purpose) for purpose in STATION_WIDE],
            policy.nominal_voltage_v,
        )
        return Verdict(Status.ACCEPTED, composite=found)

    def _plan(self, turn: Turn, evse: Evse, asked: int) -> EvsePlan:
        """``asked``: 0 = all EVSEs, which then count as if they charged, as far as they are in service."""
        transaction, spec = evse.transaction, evse.spec
        running = transaction is not None and transaction.stopping is None
        moment = evse.moment(turn.now.utc_ms)
        started_ms = moment.transaction_started_ms or turn.now.utc_ms
        claims = [] if evse.facts is None else hardware_claims(evse.facts)
        if spec.limit_ma is not None:
            claims.append(installation_claim(spec.limit_ma))
        return EvsePlan(
            evse_id=spec.evse_id,
            cap_ma=lowest(claims).limit_ma if claims else 0,
            stack=self.stacks.of_transaction(spec.evse_id, moment.transaction_id, started_ms),
            phases=spec.phases,
            switchable=spec.has_phase_switch,
            since_ms=started_ms,
            counts=asked == spec.evse_id or running or (asked == 0 and evse.availability.operative),
        )


def _disabled(turn: Turn) -> Verdict | None:
    """1.6 errata 3.39: where the owner switched it off it is not there."""
    if turn.policy.smart_charging_enabled:
        return None
    return Verdict(Status.NOT_SUPPORTED, "NotEnabled", "smart charging is switched off at this station")


def _beyond(profile: ChargingProfile, turn: Turn) -> Verdict | None:
    """What the station told the CSMS it can do (1.6 9.4.1 to 9.4.3; 2.0.1 SmartChargingCtrlr)."""
    policy, schedule = turn.policy, profile.schedule
    if not 0 <= profile.stack_level <= policy.profile_stack_level_max:
        info = f"stackLevel: found {profile.stack_level}, expected 0 to {policy.profile_stack_level_max}"
        return Verdict(Status.REJECTED, "InvalidStackLevel", info)
    if schedule.unit not in policy.profile_units:
        info = f"chargingRateUnit: found {schedule.unit}, expected {' or '.join(policy.profile_units)}"
        return Verdict(Status.REJECTED, "UnsupportedRateUnit", info)
    if len(schedule.periods) > policy.profile_periods_max:
        info = f"found {len(schedule.periods)} periods, expected at most {policy.profile_periods_max}"
        return Verdict(Status.REJECTED, "InvalidSchedule", info)
    return None


def _schedule_fault(profile: ChargingProfile) -> Verdict | None:
    """A schedule that leaves open what holds when (1.6 5.16.4, errata 3.45, 3.79; 2.0.1 K01.FR.31)."""
    info = None
    periods = profile.schedule.periods
    if not periods or periods[0].start_s != 0:
        info = "the first period must start at 0"
    elif any(late.start_s <= early.start_s for early, late in pairwise(periods)):
        info = "periods must start one after the other"
    elif profile.kind is ProfileKind.RECURRING and profile.recurrency not in ("Daily", "Weekly"):
        info = "a recurring profile needs recurrencyKind Daily or Weekly"
    elif profile.kind is ProfileKind.RECURRING and profile.schedule.starts_at_ms is None:
        info = "a recurring profile needs startSchedule: it recurs at its time"
    return None if info is None else Verdict(Status.REJECTED, "InvalidSchedule", info)


def _matches(one: Installed, wanted: ProfileFilter) -> bool:
    if wanted.id is not None:
        return one.profile.id == wanted.id
    return (
        wanted.evse_id in (None, one.evse_id)
        and wanted.purpose in (None, one.profile.purpose)
        and wanted.stack_level in (None, one.profile.stack_level)
    )
