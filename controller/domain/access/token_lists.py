"""What the station knows of tokens: the authorization cache and the local list, and who may change them.

Owns: which updates of the list are taken (1.6 5.10, 5.15; 2.0.1 D01, D02), what of the CSMS's answers goes to
the cache (1.6 3.5.1, 3.5.3; 2.0.1 C10), ClearCache, and the conflict between list and CSMS (1.6 3.5.2).
Refuses to know: where both are kept. The shell changes them in one step and says ``TokensStored``; only then
is the update true and the CSMS answered. Whether a token may charge, ``authorization`` decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenBook, TokenInfo
from controller.domain.block import Handler
from controller.domain.commands import ClearCache, GetLocalListVersion, Status, UpdateLocalList, Verdict
from controller.domain.effects import ForgetTokens, Settled, StoreLocalList
from controller.domain.events import Event, FaultCleared, FaultRaised, LocalListUpdated, TokenLearned
from controller.domain.faults import LOCAL_LIST_CONFLICT
from controller.domain.inputs import TokensStored
from controller.domain.turn import Turn

_VALID = {AuthorizationStatus.ACCEPTED, AuthorizationStatus.CONCURRENT_TX}
"""1.6 3.5.2: entries marked so count as valid."""
_NOT_VALID = {
    AuthorizationStatus.BLOCKED,
    AuthorizationStatus.EXPIRED,
    AuthorizationStatus.INVALID,
    AuthorizationStatus.UNKNOWN,
}
"""What contradicts a valid entry. Other statuses are about place, moment or credit, not about the list."""


class TokenLists:
    """``conflict``: the newest contradiction between list and CSMS; durable, None = none."""

    def __init__(self, book: TokenBook, number: Callable[[], int]) -> None:
        """``number``: the next number for a verdict that comes later."""
        self.conflict: FaultRaised | None = None
        self._book = book
        self._number = number
        self._storing: dict[int, UpdateLocalList | ClearCache] = {}
        self.handlers: Mapping[type, Handler] = {
            UpdateLocalList: self._update_list,
            GetLocalListVersion: self._version,
            ClearCache: self._clear_cache,
            TokensStored: self._stored,
        }

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        match event:
            case FaultRaised() if event.fault == LOCAL_LIST_CONFLICT:
                self.conflict = event
            case FaultCleared() if event.fault == LOCAL_LIST_CONFLICT:
                self.conflict = None
            case _:
                pass

    def checkpoint(self) -> list[Event]:
        return [] if self.conflict is None else [self.conflict]

    def settle(self, turn: Turn) -> None:
        """A list that is switched off contradicts nobody."""
        if not turn.policy.local_list_enabled:
            self._clear_conflict(turn)

    def next_deadline_ms(self) -> int | None:
        return None

    # ------------------------------------------------------------------ what the CSMS says of a token

    def learn(self, token: IdToken, info: TokenInfo, turn: Turn) -> None:
        """What the CSMS says goes to the cache, unless the local list has the token (1.6 3.5.3) or the cache
        knows just this: repeating it is no news, and worth no commit. While the cache is switched off nobody
        is added; those it knows are kept true for the day it is switched on again."""
        listed = self._book.listed(token) if turn.policy.local_list_enabled else None
        if listed is not None:
            self._compare(token, listed, info, turn)
            return
        cached = self._book.cached(token)
        if cached != info and (turn.policy.auth_cache_enabled or cached is not None):
            turn.emit(TokenLearned(token, info, turn.now.utc_ms))

    def _compare(self, token: IdToken, listed: TokenInfo, told: TokenInfo, turn: Turn) -> None:
        """1.6 3.5.2: a contradiction is told with the status of connector 0. The list stays as it is: only
        the CSMS changes it."""
        listed_status, told_status = listed.status_at(turn.now.utc_ms), told.status_at(turn.now.utc_ms)
        if told_status not in _VALID | _NOT_VALID:
            return
        about = self.conflict is not None and self.conflict.about == token.value
        if (listed_status in _VALID) == (told_status in _VALID):
            if about:
                self._clear_conflict(turn)
        elif not about:
            turn.emit(FaultRaised(0, LOCAL_LIST_CONFLICT, turn.now.utc_ms, about=token.value))

    def _clear_conflict(self, turn: Turn) -> None:
        if self.conflict is not None:
            turn.emit(FaultCleared(0, LOCAL_LIST_CONFLICT, turn.now.utc_ms))

    # ------------------------------------------------------------------ commands

    def _version(self, _command: GetLocalListVersion, turn: Turn) -> Verdict:
        if not turn.policy.local_list_enabled:
            return Verdict(Status.NOT_SUPPORTED, "ListDisabled", "the local list is switched off")
        return Verdict(Status.ACCEPTED, local_list=self._book.list_state())

    def _update_list(self, command: UpdateLocalList, turn: Turn) -> Verdict | int:
        refused = self._fault(command, turn)
        if refused is not None:
            return refused
        number = self._number()
        self._storing[number] = command
        turn.do(StoreLocalList(number, command))
        return number

    def _fault(self, command: UpdateLocalList, turn: Turn) -> Verdict | None:
        """Why an update cannot be taken, or None. A refused update changes nothing."""

        def failed(reason: str, info: str) -> Verdict:
            return Verdict(Status.FAILED, reason, info)

        policy, state, entries = turn.policy, self._book.list_state(), command.entries
        if not policy.local_list_enabled:
            return Verdict(Status.NOT_SUPPORTED, "ListDisabled", "the local list is switched off")
        if command.version <= 0:  # errata 3.52, D01.FR.18
            return failed("InvalidValue", f"version {command.version}: expected 1 or more")
        if len(entries) > policy.local_list_items:
            most = policy.local_list_items
            return failed("TooManyElements", f"{len(entries)} tokens in one message, expected at most {most}")
        if len({entry.token.key for entry in entries}) < len(entries):  # 1.6 6.41, D01.FR.06
            return failed("DuplicateToken", "a token stands twice in this update")
        if command.full:
            if any(entry.info is None for entry in entries):  # 1.6 7.1
                return failed("MissingParam", "a full list needs information on each token")
            size = len(entries)
        else:
            if command.version <= state.version:  # 1.6 7.47, D01.FR.19
                have = state.version
                return Verdict(Status.VERSION_MISMATCH, "OldVersion", f"the list has version {have} already")
            size = state.entries + sum(entry.info is not None for entry in entries)
            if size > policy.local_list_entries:  # only now is it worth to look each of them up
                size = state.entries + sum(self._growth(entry.token, entry.info) for entry in entries)
        if size > policy.local_list_entries:
            most = policy.local_list_entries
            return failed("TooManyElements", f"the list would have {size} tokens, at most {most} fit")
        return None

    def _growth(self, token: IdToken, info: TokenInfo | None) -> int:
        listed = self._book.listed(token) is not None
        return int(info is not None) - int(listed)

    def _clear_cache(self, command: ClearCache, turn: Turn) -> Verdict | int:
        """1.6 5.4, errata 3.23: Rejected where there is no cache."""
        if not turn.policy.auth_cache_enabled:
            return Verdict(Status.REJECTED, "CacheDisabled", "the authorization cache is switched off")
        number = self._number()
        self._storing[number] = command
        turn.do(ForgetTokens(number))
        return number

    def _stored(self, stored: TokensStored, turn: Turn) -> None:
        """List or cache is changed, or is not; now the CSMS gets its answer."""
        command = self._storing.pop(stored.number)
        if isinstance(command, ClearCache):
            status, bad = Status.ACCEPTED, Status.REJECTED
        else:
            status, bad = Status.ACCEPTED, Status.FAILED
            if stored.why is None:
                entries = self._book.list_state().entries
                turn.emit(LocalListUpdated(command.version, command.full, entries, turn.now.utc_ms))
                self._clear_conflict(turn)
        verdict = Verdict(status) if stored.why is None else Verdict(bad, "StorageError", stored.why)
        turn.do(Settled(stored.number, verdict))
