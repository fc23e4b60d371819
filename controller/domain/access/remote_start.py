"""Remote starts (1.6 5.11; 2.0.1 F01, F02): answered first, then acted on.

Owns: which of them are taken, whether the token is authorized before, and the profile that comes along.
Refuses to know: which EVSE is free (``places``), how a transaction begins (``evse``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from controller.domain.access.authorization import Decision, decide, known
from controller.domain.access.places import Places
from controller.domain.access.questions import Questions
from controller.domain.access.tokens import IdToken, TokenBook
from controller.domain.block import Handler
from controller.domain.charging.smart_charging import SmartCharging
from controller.domain.commands import RemoteStart, Status, Verdict
from controller.domain.events import TokenRefused
from controller.domain.evse.evse import Evse
from controller.domain.turn import Turn


class RemoteStarts:
    """Keeps nothing; an authorization is its EVSE's."""

    def __init__(
        self,
        evses: Mapping[int, Evse],
        places: Places,
        questions: Questions,
        book: TokenBook,
        smart_charging: SmartCharging,
        restarting: Callable[[], bool],
    ) -> None:
        """``restarting``: a reset is wanted or under way."""
        self._evses = evses
        self._places = places
        self._questions = questions
        self._book = book
        self._smart_charging = smart_charging
        self._restarting = restarting
        self.handlers: Mapping[type, Handler] = {RemoteStart: self._start}

    def _start(self, command: RemoteStart, turn: Turn) -> Verdict:
        if self._restarting():
            return Verdict(Status.REJECTED, "Resetting", "a reset is under way")
        if command.evse_id is not None and command.evse_id not in self._evses:
            return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {command.evse_id}")
        group = command.group or self._known_group(command.token, turn)
        target = self._places.of(command.evse_id, command.token, group, turn, named=True)
        unsure = target is None and self._places.group_unknown(command.token, group, turn)
        if unsure:
            target = self._places.any(command.evse_id, turn, named=True)  # if the CSMS says so
        if target is None:
            return self._places.refusal(command.evse_id, turn)
        if not turn.policy.smart_charging_enabled:
            command = replace(command, profile=None)  # 1.6 5.11: "this parameter SHOULD be ignored"
        if command.profile is not None:
            refused = self._smart_charging.fault(target.spec.evse_id, command.profile, turn, starting=True)
            if refused is not None:
                return refused
        bound = replace(command, evse_id=command.evse_id if unsure else target.spec.evse_id)
        if unsure:
            self._ask(bound, None, turn)
            return Verdict(Status.ACCEPTED)
        if not turn.policy.authorize_remote_start:
            self._grant(bound, group, turn)
            return Verdict(Status.ACCEPTED)
        decision = decide(command.token, self._book, turn.policy, turn.online, turn.now.utc_ms)
        if decision.ask:
            self._ask(bound, target.spec.evse_id, turn)
        else:
            self._decided(bound, group, decision, turn)
        return Verdict(Status.ACCEPTED)

    def _ask(self, command: RemoteStart, evse_id: int | None, turn: Turn) -> None:
        self._questions.ask(command.token, evse_id, partial(self._decided, command, None), turn)

    def _decided(self, command: RemoteStart, group: IdToken | None, decision: Decision, turn: Turn) -> None:
        """``group``: as it was known before."""
        if decision.accepted:
            self._grant(command, decision.group or group, turn)
        else:
            turn.emit(TokenRefused(command.token, decision.status, decision.source, turn.now.utc_ms))

    def _grant(self, command: RemoteStart, group: IdToken | None, turn: Turn) -> None:
        group = group or command.group
        target = self._places.of(command.evse_id, command.token, group, turn, named=True)
        if target is None:  # taken while the CSMS was being asked, or reserved for another group
            self._places.refuse(command.evse_id, command.token, turn)
            return
        admission = target.admission
        remote_start_id, profile = command.remote_start_id, command.profile
        admission.grant(turn, command.token, group, "remote", target.plugged, remote_start_id, profile)

    def _known_group(self, token: IdToken, turn: Turn) -> IdToken | None:
        """The group that list or cache tell, if they count (1.6 5.13)."""
        info, _source = known(token, self._book, turn.policy)
        return info.group if info is not None else None
