"""Who may start a transaction at an EVSE, and how long that right lasts.

Owns: ``Authorization``, its expiry without a vehicle, the time a plugged-in driver has to show a card
(1.6 ConnectionTimeOut, both ways), the token of a station that asks for none.
Refuses to know: whether a token is good (``authorization``), which EVSE it is for, how a transaction begins.

Durable: only that a plug was not authorized in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from controller.domain.access.tokens import IdToken
from controller.domain.charging.profiles import ChargingProfile
from controller.domain.events import (
    AuthorizationTimedOut,
    AvailabilityChanged,
    Event,
    SessionEnded,
    SessionStarted,
    TokenAuthorized,
    TransactionStarted,
)
from controller.domain.turn import Turn


@dataclass(frozen=True, slots=True)
class Authorization:
    """The right to start a transaction here, until ``deadline_ms`` (CLOCK_MONOTONIC; None = plugged)."""

    token: IdToken
    group: IdToken | None
    source: str
    since_ms: int
    deadline_ms: int | None
    remote_start_id: int | None = None
    profile: ChargingProfile | None = None
    plugged_first: bool = False
    anywhere: bool = False  # shown at a reader for all EVSEs: goes to the EVSE that gets the plug


class Admission:
    """``held``: the right that waits for its vehicle. ``timed_out``: plugged in, and not authorized in
    time."""

    def __init__(self, evse_id: int) -> None:
        self._evse_id = evse_id
        self.held: Authorization | None = None
        self.timed_out = False
        self._idle_since_ms: int | None = None  # plugged in, and nobody authorized it

    def apply(self, event: Event) -> None:
        match event:
            case AuthorizationTimedOut():
                self.timed_out = True
            case SessionStarted() | SessionEnded() | TransactionStarted():
                self.timed_out = False
            case AvailabilityChanged() if not event.operative:
                self.held = None
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        """After those of the session, which would end the time-out."""
        return [AuthorizationTimedOut(self._evse_id, 0)] if self.timed_out else []

    # ------------------------------------------------------------------ the right

    def grant(
        self,
        turn: Turn,
        token: IdToken,
        group: IdToken | None,
        source: str,
        plugged: bool,
        remote_start_id: int | None = None,
        profile: ChargingProfile | None = None,
        anywhere: bool = False,
    ) -> None:
        """Give the right to charge; the transaction starts when a vehicle is there (PowerPathClosed)."""
        deadline_ms = turn.now.mono_ms + turn.policy.ev_connection_timeout_s * 1000
        turn.emit(TokenAuthorized(self._evse_id, token, group, source, turn.now.utc_ms))
        self.held = Authorization(
            token,
            group,
            source,
            turn.now.mono_ms,
            None if plugged else deadline_ms,
            remote_start_id,
            profile,
            plugged,
            anywhere,
        )

    def withdraw(self) -> None:
        self.held = None

    def plugged_in(self) -> None:
        """The vehicle has come: the right waits no longer for it."""
        if self.held is not None:
            self.held = replace(self.held, deadline_ms=None)

    @property
    def next_deadline_ms(self) -> int | None:
        return self.held.deadline_ms if self.held is not None else None

    # ------------------------------------------------------------------ rules

    def settle(self, turn: Turn, waiting: bool) -> None:
        """``waiting``: a vehicle is plugged in, the EVSE could charge it, and nothing has begun."""
        held = self.held
        if held is not None and held.deadline_ms is not None and turn.now.mono_ms >= held.deadline_ms:
            self.held = None
        self._follow_time_out(turn, waiting)

    def _follow_time_out(self, turn: Turn, waiting: bool) -> None:
        """1.6 errata 3.20, 9.1.6: from the beginning of Preparing the driver has ConnectionTimeOut to show
        his card. Afterwards a card is for another plug, unless the setting says otherwise."""
        preparing = waiting and self.held is None and turn.plug_times_out
        if preparing and turn.reserved.shown(self._evse_id) is not None:
            preparing = False  # it waits for the holder, whoever has plugged in
        if not preparing or turn.asking & {0, self._evse_id}:
            self._idle_since_ms = None
            return
        if self._idle_since_ms is None:
            self._idle_since_ms = turn.now.mono_ms
        if turn.now.mono_ms - self._idle_since_ms >= turn.policy.ev_connection_timeout_s * 1000:
            turn.emit(AuthorizationTimedOut(self._evse_id, turn.now.utc_ms))

    def free_vend(self, turn: Turn) -> None:
        """A vehicle is plugged in where nobody has anything: a station that asks for no card lets it
        charge."""
        if turn.policy.auth_enabled or not turn.operative or not turn.charging_allowed:
            return
        token = IdToken(turn.policy.free_vend_token)
        if turn.reserved.refuses(self._evse_id, token, None) is None:
            self.grant(turn, token, None, "free", plugged=True)
