"""What the CSMS is asked about tokens, and what it says of them in its answers.

Owns: the Authorize requests on their way, the decision without the CSMS when it stays silent, an answer that
comes too late, and a token refused in the answer to a transaction message (1.6 4.2, 4.8; 2.0.1 C01, E05).
Refuses to know: what an accepted token is for; who asks says what happens ``then``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller.domain.access.authorization import Decision, decide
from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenBook, TokenInfo
from controller.domain.block import Handler
from controller.domain.effects import AskAuthorize
from controller.domain.events import Event
from controller.domain.evse.evse import Evse
from controller.domain.evse.refused_token import refuse
from controller.domain.inputs import AuthorizeAnswered, TransactionAnswered
from controller.domain.turn import Turn

ASK_TIMEOUT_MS = 30_000
"""An Authorize that the CSMS leaves unanswered this long is decided as if offline."""

MOST_LATE = 32
"""Late answers that are waited for; the oldest question is forgotten first."""

Then = Callable[[Decision, Turn], object]
"""What follows from the decision; it is not ``ask``."""


@dataclass(frozen=True, slots=True)
class _Question:
    """An Authorize on its way to the CSMS."""

    token: IdToken
    evse_id: int | None
    deadline_ms: int
    then: Then


class Questions:
    """Nothing of it is durable: after a restart the card is shown again."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        book: TokenBook,
        learn: Callable[[IdToken, TokenInfo, Turn], None],
        number: Callable[[], int],
    ) -> None:
        """``learn``: keeps what the CSMS says of a token. ``number``: the next number, unique in the
        station."""
        self._evses = evses
        self._book = book
        self._learn = learn
        self._number = number
        self._questions: dict[int, _Question] = {}
        self._late: dict[int, IdToken] = {}  # decided without the CSMS, answer still to come
        self.handlers: Mapping[type, Handler] = {
            AuthorizeAnswered: self._answered,
            TransactionAnswered: self._transaction_answered,
        }

    def ask(self, token: IdToken, evse_id: int | None, then: Then, turn: Turn) -> None:
        """``evse_id``: for which EVSE, None = any."""
        ask_id = self._number()
        self._questions[ask_id] = _Question(token, evse_id, turn.now.mono_ms + ASK_TIMEOUT_MS, then)
        turn.do(AskAuthorize(ask_id, token, evse_id))

    def about(self, token: IdToken) -> bool:
        """The CSMS is being asked about this token."""
        return any(question.token.key == token.key for question in self._questions.values())

    @property
    def asking(self) -> frozenset[int]:
        """See ``Turn.asking``."""
        return frozenset(question.evse_id or 0 for question in self._questions.values())

    def tick(self, turn: Turn) -> None:
        for ask_id, question in list(self._questions.items()):
            if turn.now.mono_ms >= question.deadline_ms:
                self._answered(AuthorizeAnswered(ask_id, None), turn)
                self._late[ask_id] = question.token
                while len(self._late) > MOST_LATE:
                    self._late.pop(next(iter(self._late)))

    def apply(self, event: Event) -> None:
        pass

    def checkpoint(self) -> list[Event]:
        return []

    def settle(self, turn: Turn) -> None:
        pass

    def next_deadline_ms(self) -> int | None:
        return min((question.deadline_ms for question in self._questions.values()), default=None)

    def _answered(self, answered: AuthorizeAnswered, turn: Turn) -> None:
        question = self._questions.pop(answered.ask_id, None)
        if question is None:  # too late: it was decided without the CSMS, but it is still worth knowing
            asked = self._late.pop(answered.ask_id, None)
            if asked is not None and answered.info is not None:
                self._learn(asked, answered.info, turn)
            return
        info = answered.info
        if info is None:
            decision = decide(question.token, self._book, turn.policy, False, turn.now.utc_ms)
        else:
            self._learn(question.token, info, turn)
            decision = Decision(False, info.status_at(turn.now.utc_ms), info.group, "csms")
        question.then(decision, turn)

    def _transaction_answered(self, answered: TransactionAnswered, turn: Turn) -> None:
        """idTagInfo / idTokenInfo in the answer to a transaction message (1.6 4.8, 2.0.1 E05)."""
        self._learn(answered.token, answered.info, turn)
        for evse in self._evses.values():
            transaction = evse.transaction
            if transaction is None or transaction.id != answered.transaction_id:
                continue
            if not transaction.started_by(answered.token):
                continue
            if answered.info.status_at(turn.now.utc_ms) is AuthorizationStatus.ACCEPTED:
                transaction.group = answered.info.group or transaction.group
            else:
                refuse(evse.visit, turn)
