"""Charging profiles as the station keeps them: what is accepted, what replaces what, what is cleared.

Owns: the installed profiles and the commands about them (1.6 3.13, 5.5, 5.16; 2.0.1 K).
Refuses to know: what a profile means at a moment (``schedule``, ``limits``), OCPP messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from controller.domain.block import Handler
from controller.domain.commands import ClearProfiles, InstallProfile, Status, Verdict
from controller.domain.events import Event, ProfileInstalled, ProfilesCleared, TransactionEnded
from controller.domain.evse import Evse
from controller.domain.limits import Installed, install
from controller.domain.profiles import ChargingProfile, ProfileFilter, ProfileKind, ProfilePurpose
from controller.domain.turn import Turn


class SmartCharging:
    """``profiles``: by id. The same dictionary for ever, because a running turn holds it."""

    def __init__(self, evses: Mapping[int, Evse]) -> None:
        self.profiles: dict[int, Installed] = {}
        self._evses = evses
        self.handlers: Mapping[type, Handler] = {
            InstallProfile: self._install_profile,
            ClearProfiles: self._clear_profiles,
        }

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
            case _:
                pass

    def _replace(self, profiles: dict[int, Installed]) -> None:
        if profiles != self.profiles:
            self.profiles.clear()
            self.profiles.update(profiles)

    def checkpoint(self) -> list[Event]:
        return [
            ProfileInstalled(one.evse_id, one.profile, one.at_ms)
            for _id, one in sorted(self.profiles.items())
        ]

    def settle(self, turn: Turn) -> None:
        """Nothing happens to a profile by itself."""

    def next_deadline_ms(self) -> int | None:
        return None

    # ------------------------------------------------------------------ commands

    def _install_profile(self, command: InstallProfile, turn: Turn) -> Verdict:
        refused = self.fault(command.evse_id, command.profile, starting=False)
        if refused is not None:
            return refused
        profile = command.profile
        turn.emit(ProfileInstalled(command.evse_id, profile, turn.now.utc_ms))
        return Verdict(Status.ACCEPTED)

    def fault(self, evse_id: int, profile: ChargingProfile, starting: bool) -> Verdict | None:
        """Why a profile cannot be taken (1.6 3.13.1, 5.16.4; 2.0.1 K01), or None. ``starting``: it comes with
        a remote start, for the transaction to come."""

        def refuse(reason: str, info: str) -> Verdict:
            return Verdict(Status.REJECTED, reason, info)

        if evse_id != 0 and evse_id not in self._evses:
            return refuse("UnknownEvse", f"there is no EVSE {evse_id}")
        purpose = profile.purpose
        if purpose in (ProfilePurpose.STATION_MAX, ProfilePurpose.EXTERNAL) and evse_id != 0:
            return refuse("InvalidProfile", f"{purpose} is for the whole station (EVSE 0) only")
        if starting and purpose is not ProfilePurpose.TX:
            return refuse("InvalidProfile", "a profile given with a remote start must be a TxProfile")
        if purpose is ProfilePurpose.TX and not starting:
            transaction = self._evses[evse_id].transaction if evse_id else None
            if transaction is None:
                return refuse("TxNotFound", "a TxProfile needs a running transaction on its EVSE")
            if profile.transaction_id not in (None, transaction.id):
                return refuse("TxNotFound", f"no running transaction {profile.transaction_id}")
        periods = profile.schedule.periods
        if not periods or periods[0].start_s != 0:
            return refuse("InvalidSchedule", "the first period must start at 0")
        if any(late.start_s <= early.start_s for early, late in pairwise(periods)):
            return refuse("InvalidSchedule", "periods must start one after the other")
        if profile.kind is ProfileKind.RECURRING and profile.recurrency not in ("Daily", "Weekly"):
            return refuse("InvalidSchedule", "a recurring profile needs recurrencyKind Daily or Weekly")
        return None

    def _clear_profiles(self, command: ClearProfiles, turn: Turn) -> Verdict:
        ids = tuple(sorted(id_ for id_, one in self.profiles.items() if _matches(one, command.filter)))
        if not ids:
            return Verdict(Status.UNKNOWN)
        turn.emit(ProfilesCleared(command.filter, ids, turn.now.utc_ms))
        return Verdict(Status.ACCEPTED)


def _matches(one: Installed, wanted: ProfileFilter) -> bool:
    if wanted.id is not None:
        return one.profile.id == wanted.id
    return (
        wanted.evse_id in (None, one.evse_id)
        and wanted.purpose in (None, one.profile.purpose)
        and wanted.stack_level in (None, one.profile.stack_level)
    )
