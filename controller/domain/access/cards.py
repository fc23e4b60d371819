"""Tokens shown at the station: what a card starts, stops, takes back or releases.

Owns: what a card means at the EVSEs it can be for (1.6 4.1, 4.8; 2.0.1 C01, E07), that its refusal is shown,
and that a card shown before plugging in waits for its plug.
Refuses to know: whether a token may charge (``authorization``, ``questions``), which EVSE is free
(``places``), how a transaction begins and ends (``evse``).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.domain.access.authorization import Decision, decide
from controller.domain.access.places import Places
from controller.domain.access.questions import Questions
from controller.domain.access.reservation import Reservations
from controller.domain.access.tokens import IdToken, TokenBook
from controller.domain.block import Handler
from controller.domain.commands import Status, Verdict
from controller.domain.effects import ShowIndicator
from controller.domain.events import Event, StoppedReason, TokenRefused, Trigger
from controller.domain.evse.evse import Evse
from controller.domain.inputs import TokenPresented
from controller.domain.turn import Turn


class Cards:
    """Nothing of it is durable; an authorization is its EVSE's."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        reservations: Reservations,
        places: Places,
        questions: Questions,
        book: TokenBook,
    ) -> None:
        self._evses = evses
        self._reservations = reservations
        self._places = places
        self._questions = questions
        self._book = book
        self.handlers: Mapping[type, Handler] = {TokenPresented: self._presented}

    def apply(self, event: Event) -> None:
        pass

    def checkpoint(self) -> list[Event]:
        return []

    def next_deadline_ms(self) -> int | None:
        return None

    def settle(self, turn: Turn) -> None:
        """Whoever held the card sees that it was refused, at every EVSE that the card could have been for."""
        if turn.emitted(TokenRefused):
            for evse_id, evse in self._evses.items():
                if evse.transaction is None:
                    turn.do(ShowIndicator(evse_id, "refused"))

    def vehicle_came(self, plugged: Evse) -> None:
        """A token shown before plugging in, at a reader for all EVSEs, is for the EVSE that gets the plug, if
        that is not reserved for somebody else."""
        if not plugged.free():
            return
        for other in self._evses.values():
            held = other.admission.held
            if held is not None and not other.plugged and held.anywhere and other.transaction is None:
                other.admission.withdraw()
                if self._reservations.refuses(plugged.spec.evse_id, held.token, held.group) is None:
                    plugged.admission.held = held
                    return
                other.admission.held = held

    def _presented(self, presented: TokenPresented, turn: Turn) -> Verdict:
        """A card at a reader. The token that started a transaction stops it without asking (1.6 4.1)."""
        token, evse_id = presented.token, presented.evse_id
        near = self._near(evse_id)
        own = self._own(token, near, turn)
        if own is not None:
            return own
        if self._questions.about(token):
            return Verdict(Status.ACCEPTED, info="already being authorized")
        busy = any(evse.transaction or evse.plug.kept for evse in near)
        if self._places.any(evse_id, turn) is None and not busy:
            return self._places.refuse(evse_id, token, turn)
        decision = decide(token, self._book, turn.policy, turn.online, turn.now.utc_ms)
        unsure = decision.accepted and self._places.group_unknown(token, decision.group, turn)
        if decision.ask or unsure:
            self._questions.ask(
                token, evse_id, lambda told, at: self._decided(token, evse_id, told, at), turn
            )
            return Verdict(Status.ACCEPTED, info="asking the CSMS")
        return self._decided(token, evse_id, decision, turn)

    def _own(self, token: IdToken, near: list[Evse], turn: Turn) -> Verdict | None:
        """What is the token's already needs no authorization: its transaction, its place, its plug."""
        for evse in near:
            transaction = evse.transaction
            if transaction is not None and transaction.started_by(token):
                if evse.delaying.override(turn, "the card"):
                    return Verdict(Status.ACCEPTED, info=f"charges at once on EVSE {evse.spec.evse_id}")
                if transaction.stopping is None:
                    evse.visit.stop(turn, StoppedReason.LOCAL, Trigger.STOP_AUTHORIZED, token)
                return Verdict(Status.ACCEPTED, info=f"stops the transaction on EVSE {evse.spec.evse_id}")
        for evse in near:
            held = evse.admission.held
            if held is not None and held.token.key == token.key:
                evse.admission.withdraw()
                return Verdict(Status.ACCEPTED, info=f"authorization on EVSE {evse.spec.evse_id} withdrawn")
        for evse in near:
            if evse.plug.belongs_to(token):
                evse.plug.release(turn, "its owner came")
                return Verdict(Status.ACCEPTED, info=f"releases the plug of EVSE {evse.spec.evse_id}")
        return None

    def _decided(self, token: IdToken, evse_id: int | None, decision: Decision, turn: Turn) -> Verdict:
        if not decision.accepted:
            turn.emit(TokenRefused(token, decision.status, decision.source, turn.now.utc_ms))
            return Verdict(Status.REJECTED, str(decision.status), f"refused by {decision.source}")
        group = decision.group
        target = self._places.of(evse_id, token, group, turn)
        if target is None or not self._reservations.has(token, group):  # who has reserved comes to charge
            ended = self._of_its_group(token, group, self._near(evse_id), turn)
            if ended is not None:
                return ended
        if target is None:
            return self._places.refuse(evse_id, token, turn)
        anywhere = evse_id is None and not self._reservations.holds(target.spec.evse_id, token, group)
        target.admission.grant(turn, token, group, decision.source, target.plugged, anywhere=anywhere)
        return Verdict(Status.ACCEPTED, info=f"authorized for EVSE {target.spec.evse_id}")

    def _of_its_group(
        self, token: IdToken, group: IdToken | None, near: list[Evse], turn: Turn
    ) -> Verdict | None:
        """Any token of the group stops a transaction, and takes a plug away."""
        for evse in near:
            running = evse.transaction
            if running is not None and running.stopping is None and running.same_group(group):
                evse.visit.stop(turn, StoppedReason.LOCAL, Trigger.STOP_AUTHORIZED, token)
                return Verdict(Status.ACCEPTED, info=f"stops the transaction on EVSE {evse.spec.evse_id}")
        for evse in near:
            if evse.plug.belongs_to(token, group):
                evse.plug.release(turn, "one of its owner's group came")
                return Verdict(Status.ACCEPTED, info=f"releases the plug of EVSE {evse.spec.evse_id}")
        return None

    def _near(self, evse_id: int | None) -> list[Evse]:
        return [evse for evse in self._evses.values() if evse_id in (None, evse.spec.evse_id)]
