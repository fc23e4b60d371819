"""The station: ``handle(input, now) -> Outcome``, pure but for the state it keeps.

Owns: of which blocks and parts (``block``) the station is made, the order in which they take an input, settle
and are rebuilt from the journal; what goes to one EVSE; what others may see.
Refuses to know: OCPP messages, files, sockets, tasks, the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from controller.domain import vendor
from controller.domain.acceptance import Acceptance
from controller.domain.access.cards import Cards
from controller.domain.access.places import Places
from controller.domain.access.questions import Questions
from controller.domain.access.remote_start import RemoteStarts
from controller.domain.access.reservation import Reservations
from controller.domain.access.token_lists import TokenLists
from controller.domain.access.tokens import TokenBook
from controller.domain.availability import Availability
from controller.domain.block import Block, Handler, Part
from controller.domain.charging.limits import Claim
from controller.domain.charging.random_delay import Draw
from controller.domain.charging.smart_charging import SmartCharging
from controller.domain.commands import DataTransfer, TriggerKind, Verdict
from controller.domain.devices import Devices
from controller.domain.effects import Outcome
from controller.domain.events import ClockSet, Event, FaultCleared, FaultRaised, StationStarted
from controller.domain.evse.commands import EvseCommands
from controller.domain.evse.evse import Evse
from controller.domain.evse.permit_wish import PermitWish
from controller.domain.evse.spec import EvseSpec
from controller.domain.faults import STORAGE
from controller.domain.inputs import (
    EvseFacts,
    Input,
    MeterFailed,
    PolicyChanged,
    Reading,
    SafetyLost,
    StorageChanged,
    Tick,
)
from controller.domain.instant import Now
from controller.domain.metering.aligned import AlignedSampling
from controller.domain.metering.main_meter import MainMeter
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.policy import Policy
from controller.domain.restarts import Restarts
from controller.domain.security.certificates import CertificateManagement
from controller.domain.security.noticing import Security
from controller.domain.tasks.firmware import NO_INSTALLER, Firmware, FirmwareSpec
from controller.domain.tasks.logs import LogExists, Logs
from controller.domain.timekeeping import Timekeeping, moved
from controller.domain.triggers import Triggers
from controller.domain.turn import Turn
from controller.domain.views import EvseView, Progress


def longest(most: int) -> int:
    """The draw of a station without a source of randomness: the longest delay, never one too short."""
    return most


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
        vendor_id: str = "Joulepost",
    ) -> None:
        """``draw``: where the seconds of a random delay come from (see ``random_delay.Draw``).
        ``firmware``: what the installer of this station can do.
        ``log_exists``: whether a log has something to upload (see ``logs.LogExists``). ``identity``: as the
        CSMS knows this station, part of the names of files. ``vendor_id``: that of its DataTransfer."""
        self.evses = {spec.evse_id: Evse(spec) for spec in specs}
        self.policy = policy
        self._vendor = vendor_id
        self.storage_fault: str | None = None
        self._new_id = new_id
        self._draw = draw
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
        places = Places(self.evses, self.reservations, self._closed)
        self.questions = Questions(self.evses, book, self.token_lists.learn, self._number)
        self.cards = Cards(self.evses, self.reservations, places, self.questions, book)
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
            self.questions,
            self.cards,
        )
        self._handlers: dict[type, Handler] = {
            EvseFacts: self._facts,
            SafetyLost: self._safety_lost,
            Reading: self._reading,
            MeterFailed: self._meter_failed,
            StorageChanged: self._storage_changed,
            PolicyChanged: self._policy_changed,
            Tick: self._tick,
            DataTransfer: self._data_transfer,
        }
        parts: tuple[Part, ...] = (
            *self.blocks,
            self.triggers,
            EvseCommands(self.evses, self._number),
            RemoteStarts(
                self.evses,
                places,
                self.questions,
                book,
                self.smart_charging,
                lambda: self.restarts.pending,
            ),
        )
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
        return Outcome(
            tuple(turn.events),
            tuple(turn.effects),
            answer if isinstance(answer, Verdict) else None,
            answer if isinstance(answer, int) else None,
        )

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
            asking=self.questions.asking,
            charging_allowed=self.charging_allowed,
        )

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number

    def _closed(self, turn: Turn) -> str | None:
        """Why the station as a whole takes nobody, None = it does."""
        if not self.availability.open:
            return "the station is unavailable"
        if self.restarts.resetting:
            return "a reset is under way"
        if not turn.charging_allowed:
            return "the CSMS has not accepted this station yet"
        return None

    # ------------------------------------------------------------------ durable state

    def apply(self, event: Event) -> None:
        """Take over one event, new or replayed. Events of EVSEs that no longer exist are left aside."""
        for block in self.blocks:
            block.apply(event)
        if isinstance(event, ClockSet) and self._view0 is not None:
            self._view0 = replace(self._view0, changed_at_ms=moved(event, self._view0.changed_at_ms))
        if isinstance(event, StationStarted | ClockSet):
            for each in self.evses.values():
                each.apply(event)
            return
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
        conflict = self.token_lists.conflict
        view = EvseView(
            evse_id=0,
            connector_id=0,
            operative=self.availability.operative,
            fault=None if self.storage_fault is None else STORAGE,
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
        deadlines.extend(block.next_deadline_ms() for block in self.blocks)
        return min((one for one in deadlines if one is not None), default=None)

    # ------------------------------------------------------------------ observations

    def _facts(self, facts: EvseFacts, turn: Turn) -> None:
        evse = self.evses.get(facts.evse_id)
        if evse is None:
            return
        if not evse.plugged and facts.vehicle_connected:
            self.cards.vehicle_came(evse)
        evse.observe(facts, turn)

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
            evse.meter.fault = failed.why

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
        self.questions.tick(turn)
        self.aligned.tick(turn)

    # ------------------------------------------------------------------ commands

    def _data_transfer(self, command: DataTransfer, turn: Turn) -> Verdict:
        return vendor.answer(self, self._vendor, command, turn.now)


def replay(station: Station, events: Iterable[Event]) -> None:
    """Rebuild the durable state from a checkpoint and the journal after it."""
    for event in events:
        station.apply(event)
