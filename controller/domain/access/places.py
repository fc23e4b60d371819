"""Where somebody could charge: the EVSE for a token, or in words why there is none.

Owns: which EVSEs are free for a new authorization and which of them is taken (1.6 3.11, errata 3.20).
Refuses to know: whether the token may charge at all (``authorization``), what reserves an EVSE
(``reservation``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from controller.domain.access.reservation import Reservations
from controller.domain.access.tokens import IdToken
from controller.domain.commands import Status, Verdict
from controller.domain.events import TokenRefused
from controller.domain.evse.evse import Evse
from controller.domain.faults import describe
from controller.domain.turn import Turn


class Places:
    """Keeps nothing. ``evse_id`` None = any EVSE. ``named``: the request may name a plug that was not
    authorized in time, as a remote start does: nobody has mistaken the cable then."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        reservations: Reservations,
        closed: Callable[[Turn], str | None],
    ) -> None:
        """``closed``: why the station as a whole takes nobody, None = it does."""
        self._evses = evses
        self._reservations = reservations
        self._closed = closed

    def any(self, evse_id: int | None, turn: Turn, named: bool = False) -> Evse | None:
        """The EVSE for a new authorization: the given one, else a plugged one, else the first free."""
        return _first(self._free(evse_id, turn, named))

    def of(
        self,
        evse_id: int | None,
        token: IdToken,
        group: IdToken | None,
        turn: Turn,
        named: bool = False,
    ) -> Evse | None:
        """As ``any``, as far as reservations let this token: the EVSE reserved for it before others."""
        free = self._free(evse_id, turn, named)
        reserved = self._reservations
        own = [evse for evse in free if reserved.holds(evse.spec.evse_id, token, group)]
        return _first(
            own or [evse for evse in free if reserved.refuses(evse.spec.evse_id, token, group) is None]
        )

    def group_unknown(self, token: IdToken, group: IdToken | None, turn: Turn) -> bool:
        """1.6 5.13, H03.FR.08: list and cache do not tell the group by which the token may hold a
        reservation; the CSMS is to be asked."""
        asked = turn.online and turn.policy.auth_enabled
        return asked and group is None and self._reservations.group_matters(token)

    def refuse(self, evse_id: int | None, token: IdToken, turn: Turn) -> Verdict:
        """A good token, and no EVSE for it."""
        refusal = self.refusal(evse_id, turn)
        source = "reservation" if refusal.reason == "Reserved" else "station"
        turn.emit(TokenRefused(token, refusal.reason, source, turn.now.utc_ms))
        return refusal

    def refusal(self, evse_id: int | None, turn: Turn) -> Verdict:
        reason = "NoFreeEvse" if self.any(evse_id, turn) is None else "Reserved"
        return Verdict(Status.REJECTED, reason, self._why_none(evse_id, turn))

    def _free(self, evse_id: int | None, turn: Turn, named: bool) -> list[Evse]:
        """Where an authorization could go. A plug that was not authorized in time is nobody's (1.6 errata
        3.20), unless it is ``named``."""
        if self._closed(turn) is not None:
            return []
        replug = turn.policy.replug_after_time_out and not (named and evse_id is not None)
        return [
            evse
            for evse in self._evses.values()
            if evse.free()
            and (evse_id is None or evse.spec.evse_id == evse_id)
            and not (evse.admission.timed_out and replug)
        ]

    def _why_none(self, evse_id: int | None, turn: Turn) -> str:
        closed = self._closed(turn)
        if closed is not None:
            return closed
        asked = [evse for evse in self._evses.values() if evse_id in (None, evse.spec.evse_id)]
        reasons = [f"EVSE {evse.spec.evse_id}: {self._why_not(evse)}" for evse in asked]
        return "; ".join(reasons) or f"there is no EVSE {evse_id}"

    def _why_not(self, evse: Evse) -> str:
        fault = evse.fault()
        if fault is not None:
            return describe(fault).cause
        if not evse.availability.operative or evse.availability.scheduled is False:
            return "unavailable"
        if evse.admission.timed_out:
            return "not authorized in time, plug in again"
        if self._reservations.shown(evse.spec.evse_id) is not None:
            return "reserved for another token"
        hold = evse.availability.hold
        return "in use" if hold is None else hold.why


def _first(free: Sequence[Evse]) -> Evse | None:
    """Where a vehicle is plugged in, else the first."""
    return next((evse for evse in free if evse.plugged), free[0] if free else None)
