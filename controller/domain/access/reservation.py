"""Reservations: who may use which EVSE until when (1.6 3.11, 5.1, 5.13; 2.0.1 H01 to H04).

Owns: the reservations, what is taken and how they end, and the answer to "may this token use this EVSE?".
Refuses to know: how a token is authorized, how a transaction starts (``station``, ``evse``), OCPP messages.

A reservation is for one EVSE, or (``evse_id`` 0) for any: then as many EVSEs are kept vacant as there are
such reservations, and nobody else gets one of the last. An EVSE is *vacant* when somebody who comes now could
plug in and charge: free, and no vehicle connected.

A reservation ends when a transaction of its holder starts (``TransactionStarted.reservation_id``), when it
expires, when the CSMS cancels it, or when the EVSE becomes faulted or unavailable (1.6 5.13). It does not end
with the holder's card: who shows it and does not plug in has lost the authorization, not the reservation.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from controller.domain.access.tokens import IdToken
from controller.domain.block import Handler
from controller.domain.commands import CancelReservation, ReserveNow, Status, Verdict
from controller.domain.events import (
    AvailabilityChanged,
    AvailabilityScheduled,
    Event,
    ReservationEnd,
    ReservationEnded,
    ReservationMade,
    TransactionStarted,
)
from controller.domain.evse.evse import Evse
from controller.domain.faults import SAFETY_SILENT
from controller.domain.turn import Turn


class Reservations:
    """``all``: by reservation id. Durable: changes only in ``apply``."""

    def __init__(self, evses: Mapping[int, Evse]) -> None:
        self.all: dict[int, ReservationMade] = {}
        self._evses = evses
        self._operative = True
        self._deadline_ms: int | None = None
        self.handlers: Mapping[type, Handler] = {
            ReserveNow: self._reserve,
            CancelReservation: self._cancel,
        }

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case ReservationMade():
                self.all[event.reservation_id] = event
            case ReservationEnded():
                self.all.pop(event.reservation_id, None)
            case TransactionStarted() if event.reservation_id is not None:
                self.all.pop(event.reservation_id, None)
            case AvailabilityChanged(evse_id=0) | AvailabilityScheduled(evse_id=0):
                self._operative = event.operative
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        return list(self.all.values())

    # ------------------------------------------------------------------ who may

    def refuses(self, evse_id: int, token: IdToken, group: IdToken | None) -> ReservationMade | None:
        """The reservation for which this token may not use this EVSE, None = it may (1.6 5.13)."""
        mine = self._of(evse_id)
        if mine is not None:
            return None if _matches(mine, token, group) else mine
        if self._pick(token, group, self._claimed(evse_id)) is not None:
            return None
        return self._kept(evse_id)

    def held(self, evse_id: int, token: IdToken, group: IdToken | None) -> int | None:
        """The id of the reservation that a transaction of this token on this EVSE uses up, None = none."""
        mine = self._of(evse_id)
        if mine is not None and _matches(mine, token, group):
            return mine.reservation_id
        picked = self._pick(token, group, self._claimed(evse_id))
        return None if picked is None else picked.reservation_id

    def holds(self, evse_id: int, token: IdToken, group: IdToken | None) -> bool:
        """Just this EVSE is reserved for this token."""
        mine = self._of(evse_id)
        return mine is not None and _matches(mine, token, group)

    def has(self, token: IdToken, group: IdToken | None) -> bool:
        """There is a reservation for this token, on whatever EVSE."""
        return any(_matches(one, token, group) for one in self.all.values())

    def group_matters(self, token: IdToken) -> bool:
        """Whether this token holds a reservation depends on its group (1.6 5.13, 2.0.1 H03.FR.07)."""
        return any(
            one.group is not None and one.token.key != token.key for one in self.all.values()
        ) and not any(one.token.key == token.key for one in self.all.values())

    def shown(self, evse_id: int) -> ReservationMade | None:
        """The reservation for which this EVSE is shown as Reserved: its holder has not come yet, and anybody
        else would be refused (H01.FR.20). A plug alone changes nothing about it (1.6 4.9: G2)."""
        evse = self._evses[evse_id]
        if evse.finishing or not evse.free():
            return None
        return self._of(evse_id) or self._kept(evse_id)

    def _kept(self, evse_id: int) -> ReservationMade | None:
        """The reservation for any EVSE that needs just this one, None = it has another."""
        floating = self._floating()
        claimed = self._claimed(evse_id) if floating else ()
        waiting = [one for one in floating if one.reservation_id not in claimed]
        return waiting[0] if waiting and self._vacant_beside(evse_id) < len(waiting) else None

    def _claimed(self, except_evse_id: int) -> set[int]:
        """The reservations for any EVSE whose holders are here: authorized, about to start somewhere else.
        Each has one EVSE already, and of a group only one comes for one reservation."""
        claimed: set[int] = set()
        for evse_id, evse in self._evses.items():
            held = evse.admission.held
            if held is not None and evse_id != except_evse_id and self._of(evse_id) is None:
                picked = self._pick(held.token, held.group, claimed)
                if picked is not None:
                    claimed.add(picked.reservation_id)
        return claimed

    def _pick(self, token: IdToken, group: IdToken | None, claimed: Container[int]) -> ReservationMade | None:
        """The reservation for any EVSE that a token uses: its own before one of its group."""
        matching = [
            one
            for one in self._floating()
            if one.reservation_id not in claimed and _matches(one, token, group)
        ]
        own = [one for one in matching if one.token.key == token.key]
        return next(iter(own or matching), None)

    def _of(self, evse_id: int) -> ReservationMade | None:
        return next((one for one in self.all.values() if one.evse_id == evse_id), None)

    def _floating(self) -> list[ReservationMade]:
        """Those for any EVSE, the one that ends first in front."""
        found = [one for one in self.all.values() if one.evse_id == 0]
        return sorted(found, key=lambda one: (one.expires_at_ms, one.reservation_id))

    def _vacant_beside(self, evse_id: int, except_id: int | None = None) -> int:
        """How many EVSEs are vacant and not reserved themselves, but for this one."""
        taken = {one.evse_id for one in self.all.values() if one.reservation_id != except_id}
        return sum(
            number != evse_id and number not in taken and _vacant(evse)
            for number, evse in self._evses.items()
        )

    # ------------------------------------------------------------------ commands

    def _reserve(self, command: ReserveNow, turn: Turn) -> Verdict:
        """1.6 5.13, H01. A reservation with the same id is replaced; when the new one cannot be made, the old
        one stays."""
        refused = self._fault(command, turn)
        if refused is not None:
            return refused
        made = ReservationMade(
            command.reservation_id,
            command.evse_id,
            command.token,
            command.group,
            command.expires_at_ms,
            turn.now.utc_ms,
        )
        old = self.all.get(command.reservation_id)
        if old is not None and made == replace(old, at_ms=made.at_ms):
            return Verdict(Status.ACCEPTED)  # asked for again: nothing is new, nothing is written
        turn.emit(made)
        evse = self._evses.get(command.evse_id)
        if evse is not None and evse.admission.held is not None:  # of the holder before
            held = evse.admission.held
            if not _matches(made, held.token, held.group):
                evse.admission.withdraw()
        return Verdict(Status.ACCEPTED)

    def _fault(self, command: ReserveNow, turn: Turn) -> Verdict | None:
        evse_id, old = command.evse_id, self.all.get(command.reservation_id)
        if not turn.policy.reservation_enabled:
            return Verdict(Status.REJECTED, "NotEnabled", "reservations are switched off")
        if evse_id == 0 and not turn.policy.reservation_non_evse_specific:
            return Verdict(Status.REJECTED, "UnsupportedParam", "only a single EVSE can be reserved")
        if evse_id != 0 and evse_id not in self._evses:
            return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {evse_id}")
        if command.expires_at_ms <= turn.now.utc_ms:
            return Verdict(Status.REJECTED, "InvalidValue", "the reservation would have expired already")
        if turn.storage_fault is not None:
            return Verdict(Status.FAULTED, "Faulted", turn.storage_fault)
        if not self._operative:
            return Verdict(Status.UNAVAILABLE, "Unavailable", "the station is unavailable")
        targets = self._evses.values() if evse_id == 0 else [self._evses[evse_id]]
        keeps_any = old is not None and old.evse_id == evse_id == 0
        found = {self._state(evse, command.reservation_id, keeps_any) for evse in targets}
        if None in found:
            same = old is not None and old.evse_id == evse_id
            if same or self._room(evse_id, command.reservation_id):
                return None
            return Verdict(Status.OCCUPIED, "Occupied", "the vacant EVSEs are kept for other reservations")
        if Status.OCCUPIED in found or not found:
            return Verdict(Status.OCCUPIED, "Occupied", "in use or reserved")
        if Status.FAULTED in found:
            return Verdict(Status.FAULTED, "Faulted", "faulted; see `joulepost why`")
        return Verdict(Status.UNAVAILABLE, "Unavailable", "inoperative")

    def _state(self, evse: Evse, reservation_id: int, keeps_any: bool) -> Status | None:
        """Why this EVSE cannot be reserved, None = it can. ``keeps_any``: a reservation for any EVSE is
        replaced by one for any."""
        if evse.fault() is not None:
            return Status.FAULTED
        if not _usable(evse):
            return Status.UNAVAILABLE
        mine = self._of(evse.spec.evse_id)
        if mine is not None and mine.reservation_id != reservation_id:
            return Status.OCCUPIED
        if mine is not None or (keeps_any and evse.free()):
            return None  # what it keeps already, it may keep on
        return None if _vacant(evse) else Status.OCCUPIED

    def _room(self, evse_id: int, reservation_id: int) -> bool:
        """One more still leaves a vacant EVSE for each of the other reservations for any EVSE."""
        claimed = self._claimed(0) | {reservation_id}
        others = sum(one.reservation_id not in claimed for one in self._floating())
        if evse_id == 0:
            return self._vacant_beside(0, reservation_id) >= others + 1
        return self._vacant_beside(evse_id, reservation_id) >= others

    def _cancel(self, command: CancelReservation, turn: Turn) -> Verdict:
        """1.6 5.1, H02."""
        found = self.all.get(command.reservation_id)
        if found is None:
            return Verdict(Status.REJECTED, "NotFound", f"there is no reservation {command.reservation_id}")
        self._end(found, ReservationEnd.CANCELLED, turn)
        return Verdict(Status.ACCEPTED)

    # ------------------------------------------------------------------ rules

    def expire(self, turn: Turn) -> None:
        """Before any input is handled, so that nothing is decided by a reservation that is over. The expiry
        is an instant of the wall clock: time off, offline and a clock that was set count (1.6 5.13, H04)."""
        for one in list(self.all.values()):
            if one.expires_at_ms <= turn.now.utc_ms:
                self._end(one, ReservationEnd.EXPIRED, turn)

    def settle(self, turn: Turn) -> None:
        """1.6 5.13, H01.FR.16, H01.FR.17: what is faulted or unavailable is not reserved."""
        station_lost = not self._operative or turn.storage_fault is not None
        for one in list(self.all.values()):
            if station_lost or (one.evse_id != 0 and not _usable(self._evses.get(one.evse_id))):
                self._end(one, ReservationEnd.REMOVED, turn)
        taken = {one.evse_id for one in self.all.values()}
        usable = sum(number not in taken and _usable(evse) for number, evse in self._evses.items())
        newest_first = sorted(self._floating(), key=lambda one: (one.at_ms, one.reservation_id), reverse=True)
        for one in newest_first[: max(0, len(newest_first) - usable)]:
            self._end(one, ReservationEnd.REMOVED, turn)
        first_ms = min((one.expires_at_ms for one in self.all.values()), default=None)
        self._deadline_ms = None if first_ms is None else turn.now.mono_ms + first_ms - turn.now.utc_ms

    def _end(self, one: ReservationMade, why: ReservationEnd, turn: Turn) -> None:
        turn.emit(ReservationEnded(one.reservation_id, one.evse_id, why, turn.now.utc_ms))

    def next_deadline_ms(self) -> int | None:
        return self._deadline_ms


def _matches(one: ReservationMade, token: IdToken, group: IdToken | None) -> bool:
    """1.6 5.13: the same idTag, or the same parentIdTag."""
    if one.token.key == token.key:
        return True
    return one.group is not None and group is not None and one.group.key == group.key


def _usable(evse: Evse | None) -> bool:
    return (
        evse is not None
        and evse.available
        and evse.availability.scheduled is not False
        and (evse.fault() is None or _not_yet_heard(evse))
    )


def _not_yet_heard(evse: Evse) -> bool:
    """After a reboot the safety process may come later than the controller has patience: that is no news of
    the EVSE, and a reservation outlives it (B01.FR.13)."""
    return not evse.reported.heard and evse.fault() == SAFETY_SILENT


def _vacant(evse: Evse) -> bool:
    return evse.free() and not evse.plugged and not evse.finishing and evse.visit.session is None
