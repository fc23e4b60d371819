"""The station: ``handle(input, now) -> Outcome``, pure but for the state it keeps.

Owns: what concerns more than one EVSE: which EVSE a token is for, remote commands, availability of the
whole, resets, clock-aligned sampling, the functional blocks (``block``), and the replay of the journal.
Refuses to know: OCPP messages, files, sockets, tasks, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from controller.domain.acceptance import Acceptance
from controller.domain.aligned import AlignedSampling
from controller.domain.authorization import decide, known
from controller.domain.availability import Availability
from controller.domain.block import Block, Handler, Part
from controller.domain.certificates import CertificateManagement
from controller.domain.commands import (
    DataTransfer,
    RemoteStart,
    Status,
    TriggerKind,
    Verdict,
)
from controller.domain.devices import Devices
from controller.domain.effects import AskAuthorize, Outcome, ShowIndicator
from controller.domain.events import (
    ClockSet,
    Event,
    FaultCleared,
    FaultRaised,
    StationStarted,
    StoppedReason,
    TokenRefused,
    Trigger,
)
from controller.domain.evse import Evse
from controller.domain.evse_commands import EvseCommands
from controller.domain.evse_spec import EvseSpec
from controller.domain.faults import STORAGE, describe
from controller.domain.firmware import NO_INSTALLER, Firmware, FirmwareSpec
from controller.domain.inputs import (
    AuthorizeAnswered,
    EvseFacts,
    Input,
    MeterFailed,
    PolicyChanged,
    Reading,
    SafetyLost,
    StorageChanged,
    Tick,
    TokenPresented,
    TransactionAnswered,
)
from controller.domain.instant import Now
from controller.domain.limits import Claim
from controller.domain.logs import LogExists, Logs
from controller.domain.main_meter import MainMeter
from controller.domain.measurands import MeterSample, ReadingContext
from controller.domain.permit_wish import PermitWish
from controller.domain.policy import Policy
from controller.domain.random_delay import Draw
from controller.domain.reservation import Reservations
from controller.domain.restarts import Restarts
from controller.domain.security import Security
from controller.domain.smart_charging import SmartCharging
from controller.domain.timekeeping import Timekeeping, moved
from controller.domain.token_lists import TokenLists
from controller.domain.tokens import AuthorizationStatus, IdToken, TokenBook
from controller.domain.triggers import Triggers
from controller.domain.turn import Turn
from controller.domain.views import EvseView, Progress

ASK_TIMEOUT_MS = 30_000
"""An Authorize that the CSMS leaves unanswered this long is decided as if offline."""


def longest(most: int) -> int:
    """The draw of a station without a source of randomness: the longest delay, never one too short."""
    return most


@dataclass(frozen=True, slots=True)
class _Question:
    """An Authorize on its way to the CSMS."""

    token: IdToken
    evse_id: int | None
    deadline_ms: int
    remote: RemoteStart | None = None


class Station:
    """State of the whole station. ``handle`` is the only way in, ``apply`` the only way to durable state."""

    def __init__(
        self,
        specs: Sequence[EvseSpec],
        policy: Policy,
        book: TokenBook,
        new_id: Callable[[], str],
        draw: Draw = longest,
        firmware: FirmwareSpec = NO_INSTALLER,
        log_exists: LogExists = lambda _kind, _oldest_ms, _latest_ms: True,
        identity: str = "station",
        vendor: str = "Joulepost",
    ) -> None:
        """``draw``: where the seconds of a random delay come from (see ``random_delay.Draw``).
        ``firmware``: what the installer of this station can do.
        ``log_exists``: whether a log has something to upload (see ``logs.LogExists``). ``identity``: as the
        CSMS knows this station, part of the names of files. ``vendor``: the vendorId of its DataTransfer."""
        self.evses = {spec.evse_id: Evse(spec) for spec in specs}
        self.policy = policy
        self.vendor = vendor
        self.storage_fault: str | None = None
        self._book = book
        self._new_id = new_id
        self._draw = draw
        self._questions: dict[int, _Question] = {}
        self._late: dict[int, IdToken] = {}  # asked about, decided without the CSMS, answer still to come
        self._next_number = 0
        self._view0: EvseView | None = None
        self.timekeeping = Timekeeping()
        self.acceptance = Acceptance()
        self.restarts = Restarts(self.evses, lambda: self.firmware.installing)
        self.availability = Availability(self.evses, lambda: self.restarts.resetting)
        self.smart_charging = SmartCharging(self.evses)
        self.security = Security(self.evses)
        self.firmware = Firmware(
            self.evses,
            firmware,
            self._number,
            self.security.record,
            lambda: self.restarts.pending,
        )
        self.token_lists = TokenLists(book, self._number)
        self.certificates = CertificateManagement(self._number, self.security.record)
        self.devices = Devices(self.certificates.expires_soon)
        self.main_meter = MainMeter(self.evses)
        self.aligned = AlignedSampling(self.evses, self.main_meter)
        self.triggers = Triggers(self.evses, self.main_meter, self.certificates.trigger)
        self.logs = Logs(self.security, log_exists, identity)
        self.reservations = Reservations(self.evses)
        self.blocks: tuple[Block, ...] = (
            # one line a block, in the order in which they settle
            self.reservations,
            self.token_lists,
            self.timekeeping,
            self.smart_charging,
            self.certificates,
            self.security,
            self.firmware,
            self.logs,
            self.devices,
            self.main_meter,
            self.aligned,
            self.acceptance,
            self.availability,
            self.restarts,
        )
        self._handlers: dict[type, Handler] = {
            EvseFacts: self._facts,
            SafetyLost: self._safety_lost,
            Reading: self._reading,
            MeterFailed: self._meter_failed,
            TokenPresented: self._token_presented,
            AuthorizeAnswered: self._authorize_answered,
            TransactionAnswered: self._transaction_answered,
            StorageChanged: self._storage_changed,
            PolicyChanged: self._policy_changed,
            Tick: self._tick,
            RemoteStart: self._remote_start,
            DataTransfer: self._data_transfer,
        }
        parts: tuple[Part, ...] = (*self.blocks, self.triggers, EvseCommands(self.evses, self._number))
        for part in parts:
            self._handlers.update(part.handlers)

    # ------------------------------------------------------------------ the way in

    def handle(self, input_: Input, now: Now) -> Outcome:
        """Take one input, run all rules to their end, tell what happened and what to do."""
        turn = self._turn(now)
        self.timekeeping.look(turn)
        self.reservations.expire(turn)
        answer = self._handlers[type(input_)](input_, turn)
        for evse in self.evses.values():
            evse.settle(turn)
        for block in self.blocks:
            block.settle(turn)
        self._signal_refusal(turn)
        return Outcome(
            tuple(turn.events),
            tuple(turn.effects),
            answer if isinstance(answer, Verdict) else None,
            answer if isinstance(answer, int) else None,
        )

    def _signal_refusal(self, turn: Turn) -> None:
        """Whoever held the card sees that it was refused, at every EVSE that the card could have been for."""
        if turn.emitted(TokenRefused):
            for evse_id, evse in self.evses.items():
                if evse.transaction is None:
                    turn.do(ShowIndicator(evse_id, "refused"))

    def start(self, version: str, boot_reason: str, now: Now, boot_id: str = "") -> Outcome:
        """The first turn after the journal was replayed. ``boot_id``: of the machine's run, "" = unknown."""
        turn = self._turn(now)
        self.timekeeping.begin(boot_id, turn)
        turn.emit(StationStarted(version, boot_reason, now.utc_ms))
        self.security.started(turn, version, boot_reason)
        return Outcome(tuple(turn.events))

    def _turn(self, now: Now) -> Turn:
        return Turn(
            now=now,
            policy=self.policy,
            online=self.acceptance.online,
            operative=self.availability.open and not self.restarts.resetting,
            storage_fault=self.storage_fault,
            stacks=self.smart_charging.stacks,
            station_claims=self.smart_charging.station_claims,
            new_id=self._new_id,
            apply=self.apply,
            draw=self._draw,
            reserved=self.reservations,
            plug_times_out=self.acceptance.plug_times_out,
            asking=frozenset(each.evse_id or 0 for each in self._questions.values()),
            charging_allowed=self.charging_allowed,
        )

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        """Take over one event, new or replayed. Events of EVSEs that no longer exist are left aside."""
        for block in self.blocks:
            block.apply(event)
        match event:
            case StationStarted() | ClockSet():
                if self._view0 is not None and isinstance(event, ClockSet):
                    self._view0 = replace(self._view0, changed_at_ms=moved(event, self._view0.changed_at_ms))
                for each in self.evses.values():
                    each.apply(event)
                return
            case _:
                pass
        evse = self.evses.get(getattr(event, "evse_id", -1))
        if evse is not None:
            evse.apply(event)

    def checkpoint(self) -> list[Event]:
        """The shortest list of events that rebuilds the durable state by ``apply``."""
        events: list[Event] = []
        for evse_id in sorted(self.evses):
            events.extend(self.evses[evse_id].checkpoint())
        for block in self.blocks:
            events.extend(block.checkpoint())
        return events

    # ------------------------------------------------------------------ what others may see

    def permits(self, now: Now) -> list[PermitWish]:
        """A wish for every EVSE that was reported. None before: a controller that just started must not
        replace the lease of its predecessor by one that knows nothing."""
        turn = self._turn(now)
        wishes = []
        for evse in self.evses.values():
            if evse.facts is None:
                continue
            wish = evse.permit(turn)
            if not self.availability.open_to(evse):
                wish = replace(wish, limit_ma=0, unavailable=True)
            wishes.append(wish)
        return wishes

    def views(self, now: Now) -> list[EvseView]:
        """The station itself (evse_id 0) and every EVSE."""
        fault = None
        if self.storage_fault is not None:
            fault = STORAGE
        conflict = self.token_lists.conflict
        view = EvseView(
            evse_id=0,
            connector_id=0,
            operative=self.availability.operative,
            fault=fault,
            plugged=False,
            authorized=False,
            finishing=False,
            reserved=False,
            transaction_id=None,
            charging_state=None,
            changed_at_ms=self._view0.changed_at_ms if self._view0 else now.utc_ms,
            warning=conflict.fault if conflict else self.devices.warning,
            about=conflict.about if conflict else "",
        )
        if view != self._view0:
            self._view0 = view = replace(view, changed_at_ms=now.utc_ms)
        return [
            view,
            *(
                evse.view(
                    self.availability.open_to(evse), self.reservations.shown(evse_id) is not None, now.utc_ms
                )
                for evse_id, evse in self.evses.items()
            ),
        ]

    @property
    def online(self) -> bool:
        """The CSMS is connected, and has accepted this station."""
        return self.acceptance.online

    @property
    def charging_allowed(self) -> bool:
        """See ``Acceptance``."""
        return self.acceptance.charging_allowed(self.policy)

    def claims(self, evse_id: int, now: Now) -> list[Claim]:
        """Every claim on the current of one EVSE. Raises ``KeyError`` for an unknown EVSE."""
        return self.evses[evse_id].claims(self._turn(now))

    def limit_ma(self, evse_id: int, now: Now) -> int:
        return self.evses[evse_id].limit_ma(self._turn(now))

    def sample(self, evse_id: int, context: ReadingContext, now: Now) -> MeterSample | None:
        """The latest sampled measurands, for a triggered MeterValues (1.6 5.17, errata 3.46)."""
        return self.triggers.sample(evse_id, context, self._turn(now))

    def progress(self, kind: TriggerKind) -> Progress:
        """How far the firmware update or the upload of a log is (1.6 4.4, 4.5; 2.0.1 F06.FR.15, FR.16)."""
        return self.firmware.progress() if kind is TriggerKind.FIRMWARE_STATUS else self.logs.progress()

    def next_deadline_ms(self) -> int | None:
        deadlines = [evse.next_deadline_ms(self.policy) for evse in self.evses.values()]
        deadlines.extend(question.deadline_ms for question in self._questions.values())
        deadlines.extend(block.next_deadline_ms() for block in self.blocks)
        return min((one for one in deadlines if one is not None), default=None)

    # ------------------------------------------------------------------ observations

    def _facts(self, facts: EvseFacts, turn: Turn) -> None:
        evse = self.evses.get(facts.evse_id)
        if evse is None:
            return
        plugged_before = evse.plugged
        if not plugged_before and facts.vehicle_connected:
            self._move_authorization_to(evse)
        evse.observe(facts, turn)

    def _move_authorization_to(self, plugged: Evse) -> None:
        """A token shown before plugging in, at a reader for all EVSEs, is for the EVSE that gets the plug, if
        that is not reserved for somebody else."""
        if not plugged.free():
            return
        for other in self.evses.values():
            held = other.admission.held
            if held is not None and not other.plugged and held.anywhere and other.transaction is None:
                other.admission.withdraw()
                if self.reservations.refuses(plugged.spec.evse_id, held.token, held.group) is None:
                    plugged.admission.held = held
                    return
                other.admission.held = held

    def _safety_lost(self, lost: SafetyLost, turn: Turn) -> None:
        for evse in self.evses.values():
            evse.safety_lost(lost.why, turn)

    def _reading(self, reading: Reading, turn: Turn) -> None:
        if reading.evse_id == 0:
            self.main_meter.measured(reading)
        evse = self.evses.get(reading.evse_id)
        if evse is not None:
            evse.measured(reading, turn)

    def _meter_failed(self, failed: MeterFailed, _turn: Turn) -> None:
        evse = self.evses.get(failed.evse_id)
        if evse is not None:
            evse.meter_fault = failed.why

    def _storage_changed(self, changed: StorageChanged, turn: Turn) -> None:
        """Written once it can be written again: the journal then tells of its own gap."""
        if changed.why is not None and self.storage_fault is None:
            turn.emit(FaultRaised(0, STORAGE, turn.now.utc_ms))
        elif changed.why is None and self.storage_fault is not None:
            turn.emit(FaultCleared(0, STORAGE, turn.now.utc_ms))
        self.storage_fault = turn.storage_fault = changed.why

    def _policy_changed(self, changed: PolicyChanged, turn: Turn) -> None:
        self.policy = turn.policy = changed.policy

    def _tick(self, _tick: Tick, turn: Turn) -> None:
        for ask_id, question in list(self._questions.items()):
            if turn.now.mono_ms >= question.deadline_ms:
                self._authorize_answered(AuthorizeAnswered(ask_id, None), turn)
                self._late[ask_id] = question.token
        self.aligned.tick(turn)

    # ------------------------------------------------------------------ tokens

    def _token_presented(self, presented: TokenPresented, turn: Turn) -> Verdict:
        """A card at a reader. The token that started a transaction stops it without asking (1.6 4.1)."""
        token = presented.token
        near = [
            evse
            for evse in self.evses.values()
            if presented.evse_id is None or evse.spec.evse_id == presented.evse_id
        ]
        for evse in near:
            transaction = evse.transaction
            if transaction is not None and transaction.started_by(token):
                if evse.delaying.override(turn, "the card"):
                    return Verdict(Status.ACCEPTED, info=f"charges at once on EVSE {evse.spec.evse_id}")
                if transaction.stopping is None:
                    evse.stop(turn, StoppedReason.LOCAL, Trigger.STOP_AUTHORIZED, token)
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
        if any(question.token.key == token.key for question in self._questions.values()):
            return Verdict(Status.ACCEPTED, info="already being authorized")
        busy = any(evse.transaction or evse.plug.kept for evse in near)
        if self._target(presented.evse_id) is None and not busy:
            turn.emit(TokenRefused(token, "NoFreeEvse", "station", turn.now.utc_ms))
            return Verdict(Status.REJECTED, "NoFreeEvse", self._why_no_target(presented.evse_id))
        decision = decide(token, self._book, turn.policy, turn.online, turn.now.utc_ms)
        if decision.ask or (decision.accepted and self._group_unknown(token, decision.group, turn)):
            self._ask(_Question(token, presented.evse_id, turn.now.mono_ms + ASK_TIMEOUT_MS), turn)
            return Verdict(Status.ACCEPTED, info="asking the CSMS")
        return self._decided(token, presented.evse_id, decision.status, decision.group, decision.source, turn)

    def _ask(self, question: _Question, turn: Turn) -> None:
        ask_id = self._number()
        self._questions[ask_id] = question
        turn.do(AskAuthorize(ask_id, question.token, question.evse_id))

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number

    def _authorize_answered(self, answered: AuthorizeAnswered, turn: Turn) -> None:
        question = self._questions.pop(answered.ask_id, None)
        if question is None:  # too late: it was decided without the CSMS, but it is still worth knowing
            asked = self._late.pop(answered.ask_id, None)
            if asked is not None and answered.info is not None:
                self.token_lists.learn(asked, answered.info, turn)
            return
        token, info = question.token, answered.info
        if info is None:
            decision = decide(token, self._book, turn.policy, False, turn.now.utc_ms)
            status, group, source = decision.status, decision.group, decision.source
        else:
            self.token_lists.learn(token, info, turn)
            status, group, source = info.status_at(turn.now.utc_ms), info.group, "csms"
        if question.remote is None:
            self._decided(token, question.evse_id, status, group, source, turn)
        elif status is AuthorizationStatus.ACCEPTED:
            self._grant_remote(question.remote, group, turn)
        else:
            turn.emit(TokenRefused(token, status, source, turn.now.utc_ms))

    def _decided(
        self,
        token: IdToken,
        evse_id: int | None,
        status: AuthorizationStatus,
        group: IdToken | None,
        source: str,
        turn: Turn,
    ) -> Verdict:
        if status is not AuthorizationStatus.ACCEPTED:
            turn.emit(TokenRefused(token, status, source, turn.now.utc_ms))
            return Verdict(Status.REJECTED, str(status), f"refused by {source}")
        target = self._target_for(evse_id, token, group)
        if target is None or not self.reservations.has(token, group):  # who has reserved comes to charge
            for evse in self.evses.values():
                if evse_id is not None and evse.spec.evse_id != evse_id:
                    continue
                running = evse.transaction
                if running is not None and running.stopping is None and running.same_group(group):
                    evse.stop(turn, StoppedReason.LOCAL, Trigger.STOP_AUTHORIZED, token)
                    return Verdict(Status.ACCEPTED, info=f"stops the transaction on EVSE {evse.spec.evse_id}")
            for evse in self.evses.values():
                if evse_id in (None, evse.spec.evse_id) and evse.plug.belongs_to(token, group):
                    evse.plug.release(turn, "one of its owner's group came")
                    return Verdict(Status.ACCEPTED, info=f"releases the plug of EVSE {evse.spec.evse_id}")
        if target is None:
            return self._no_target(evse_id, token, turn)
        anywhere = evse_id is None and not self.reservations.holds(target.spec.evse_id, token, group)
        target.admission.grant(turn, token, group, source, target.plugged, anywhere=anywhere)
        return Verdict(Status.ACCEPTED, info=f"authorized for EVSE {target.spec.evse_id}")

    def _target(self, evse_id: int | None, named: bool = False) -> Evse | None:
        """The EVSE for a new authorization: the given one, else a plugged one, else the first free."""
        return _first(self._free(evse_id, named))

    def _target_for(
        self, evse_id: int | None, token: IdToken, group: IdToken | None, named: bool = False
    ) -> Evse | None:
        """As ``_target``, as far as reservations let this token: the EVSE reserved for it before others."""
        free = self._free(evse_id, named)
        own = [evse for evse in free if self.reservations.holds(evse.spec.evse_id, token, group)]
        return _first(
            own
            or [evse for evse in free if self.reservations.refuses(evse.spec.evse_id, token, group) is None]
        )

    def _free(self, evse_id: int | None, named: bool) -> list[Evse]:
        """Where an authorization could go.

        A plug that was not authorized in time is nobody's (1.6 errata 3.20), unless the request was
        ``named``, as a remote start is: nobody has mistaken the cable then.
        """
        if not self.availability.open or self.restarts.resetting or not self.charging_allowed:
            return []
        replug = self.policy.replug_after_time_out and not (named and evse_id is not None)
        return [
            evse
            for evse in self.evses.values()
            if evse.free()
            and (evse_id is None or evse.spec.evse_id == evse_id)
            and not (evse.admission.timed_out and replug)
        ]

    def _group_unknown(self, token: IdToken, group: IdToken | None, turn: Turn) -> bool:
        """1.6 5.13, H03.FR.08: list and cache do not tell the group by which the token may hold a
        reservation; the CSMS is to be asked."""
        asked = turn.online and turn.policy.auth_enabled
        return asked and group is None and self.reservations.group_matters(token)

    def _known_group(self, token: IdToken, turn: Turn) -> IdToken | None:
        """The group that list or cache tell, if they count (1.6 5.13)."""
        info, _source = known(token, self._book, turn.policy)
        return info.group if info is not None else None

    def _no_target(self, evse_id: int | None, token: IdToken, turn: Turn) -> Verdict:
        """A good token, and no EVSE for it."""
        refusal = self._refusal(evse_id)
        source = "reservation" if refusal.reason == "Reserved" else "station"
        turn.emit(TokenRefused(token, refusal.reason, source, turn.now.utc_ms))
        return refusal

    def _refusal(self, evse_id: int | None) -> Verdict:
        reason = "NoFreeEvse" if self._target(evse_id) is None else "Reserved"
        return Verdict(Status.REJECTED, reason, self._why_no_target(evse_id))

    def _why_no_target(self, evse_id: int | None) -> str:
        if not self.availability.open:
            return "the station is unavailable"
        if self.restarts.resetting:
            return "a reset is under way"
        if not self.charging_allowed:
            return "the CSMS has not accepted this station yet"
        reasons = []
        for evse in self.evses.values():
            if evse_id is not None and evse.spec.evse_id != evse_id:
                continue
            fault = evse.fault()
            if fault is not None:
                reasons.append(f"EVSE {evse.spec.evse_id}: {describe(fault).cause}")
            elif not evse.availability.operative or evse.availability.scheduled is False:
                reasons.append(f"EVSE {evse.spec.evse_id}: unavailable")
            elif evse.admission.timed_out:
                reasons.append(f"EVSE {evse.spec.evse_id}: not authorized in time, plug in again")
            elif self.reservations.shown(evse.spec.evse_id) is not None:
                reasons.append(f"EVSE {evse.spec.evse_id}: reserved for another token")
            elif evse.availability.hold is not None:
                reasons.append(f"EVSE {evse.spec.evse_id}: {evse.availability.hold.why}")
            else:
                reasons.append(f"EVSE {evse.spec.evse_id}: in use")
        return "; ".join(reasons) or f"there is no EVSE {evse_id}"

    def _transaction_answered(self, answered: TransactionAnswered, turn: Turn) -> None:
        """idTagInfo / idTokenInfo in the answer to a transaction message (1.6 4.8, 2.0.1 E05)."""
        self.token_lists.learn(answered.token, answered.info, turn)
        for evse in self.evses.values():
            transaction = evse.transaction
            if transaction is None or transaction.id != answered.transaction_id:
                continue
            if not transaction.started_by(answered.token):
                continue
            if answered.info.status_at(turn.now.utc_ms) is AuthorizationStatus.ACCEPTED:
                transaction.group = answered.info.group or transaction.group
            else:
                evse.deauthorized(turn)

    # ------------------------------------------------------------------ commands

    def _remote_start(self, command: RemoteStart, turn: Turn) -> Verdict:
        """1.6 5.11, 2.0.1 F01/F02: answered first, then acted on."""
        if self.restarts.pending:
            return Verdict(Status.REJECTED, "Resetting", "a reset is under way")
        if command.evse_id is not None and command.evse_id not in self.evses:
            return Verdict(Status.REJECTED, "UnknownEvse", f"there is no EVSE {command.evse_id}")
        group = command.group or self._known_group(command.token, turn)
        target = self._target_for(command.evse_id, command.token, group, named=True)
        unsure = target is None and self._group_unknown(command.token, group, turn)
        if unsure:
            target = self._target(command.evse_id, named=True)  # if the CSMS says so
        if target is None:
            return self._refusal(command.evse_id)
        if not turn.policy.smart_charging_enabled:
            command = replace(command, profile=None)  # 1.6 5.11: "this parameter SHOULD be ignored"
        if command.profile is not None:
            refused = self.smart_charging.fault(target.spec.evse_id, command.profile, turn, starting=True)
            if refused is not None:
                return refused
        bound = replace(command, evse_id=command.evse_id if unsure else target.spec.evse_id)
        if unsure:
            self._ask(_Question(command.token, None, turn.now.mono_ms + ASK_TIMEOUT_MS, bound), turn)
            return Verdict(Status.ACCEPTED)
        if not turn.policy.authorize_remote_start:
            self._grant_remote(bound, group, turn)
            return Verdict(Status.ACCEPTED)
        decision = decide(command.token, self._book, turn.policy, turn.online, turn.now.utc_ms)
        if decision.ask:
            deadline_ms = turn.now.mono_ms + ASK_TIMEOUT_MS
            self._ask(_Question(command.token, target.spec.evse_id, deadline_ms, bound), turn)
        elif decision.accepted:
            self._grant_remote(bound, decision.group or group, turn)
        else:
            turn.emit(TokenRefused(command.token, decision.status, decision.source, turn.now.utc_ms))
        return Verdict(Status.ACCEPTED)

    def _grant_remote(self, command: RemoteStart, group: IdToken | None, turn: Turn) -> None:
        group = group or command.group
        target = self._target_for(command.evse_id, command.token, group, named=True)
        if target is None:  # taken while the CSMS was being asked, or reserved for another group
            self._no_target(command.evse_id, command.token, turn)
            return
        admission = target.admission
        remote_start_id, profile = command.remote_start_id, command.profile
        admission.grant(turn, command.token, group, "remote", target.plugged, remote_start_id, profile)

    def _data_transfer(self, command: DataTransfer, turn: Turn) -> Verdict:
        from controller.domain import vendor  # it reads the whole station, and is rarely asked

        return vendor.answer(self, command, turn.now)


def _first(free: Sequence[Evse]) -> Evse | None:
    """Where a vehicle is plugged in, else the first."""
    return next((evse for evse in free if evse.plugged), free[0] if free else None)


def replay(station: Station, events: Iterable[Event]) -> None:
    """Rebuild the durable state from a checkpoint and the journal after it."""
    for event in events:
        station.apply(event)
