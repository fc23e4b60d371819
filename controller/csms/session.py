"""One connection to the CSMS, from the boot notification to the last frame.

Owns: what is sent when over one link: registration, then statuses, deliveries and heartbeats side by side;
how a request of the CSMS finds its way to the station and back; triggered messages.
Refuses to know: how connections are made and when again (``client``), the words of a version (``Version``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from controller.clock import Clock
from controller.csms.delivery import Delivery
from controller.csms.link import Endpoint, Link
from controller.csms.past_errors import PastErrors
from controller.csms.peer import Peer
from controller.csms.registration import Registration
from controller.csms.rpc import Call, CallFailed, CallRefused, CallTimeout, CsmsError, Request, Rpc
from controller.csms.status import StatusBook
from controller.csms.thrift import Thrift
from controller.csms.trace import FrameObserver
from controller.csms.version import Answer, Query, Registered, StationIdentity, Version
from controller.csms.wire import Payload
from controller.domain.commands import Command, Status, TriggerKind, TriggerMessage, Verdict
from controller.domain.inputs import CsmsChanged, Input, SecurityNoticed
from controller.domain.instant import OLDEST_UTC_MS
from controller.domain.metering.measurands import MeterSample, ReadingContext
from controller.domain.security.events import INVALID_MESSAGES
from controller.domain.views import EvseView, Progress
from controller.settings.catalog import (
    HEARTBEAT_INTERVAL,
    MESSAGE_TIMEOUT,
    MINIMUM_STATUS_DURATION,
    OFFLINE_THRESHOLD,
    TIME_SOURCE,
)
from controller.settings.settings import Settings
from controller.store.ports import Journal, StorageError

LONGEST_SILENCE_MS = 24 * 3600 * 1000
"""At least one Heartbeat a day, for the clock, whatever else is sent (OCPP-J 1.6 5.3)."""

MIN_STEP_MS = 1_000
"""The clock is not set for less: a CSMS that tells whole seconds would make it tremble."""

log = logging.getLogger(__name__)


class StationPort(Protocol):
    """The station as the client needs it. ``take`` and ``ask`` make events durable before they return."""

    def take(self, input_: Input) -> Verdict | None: ...

    async def ask(self, command: Command) -> Verdict:
        """Returns without suspending when the verdict is known at once; a few commands take time."""

    def views(self) -> Sequence[EvseView]:
        """Every EVSE, and the station itself as evse_id 0."""

    def sample(self, evse_id: int, context: ReadingContext) -> MeterSample | None:
        """The latest values of one EVSE's meter, None when there are none."""

    def progress(self, kind: TriggerKind) -> Progress:
        """How far the firmware update or the upload of a log is."""


class AccessPort(Protocol):
    """How the station gets in (``controller.csms.access.Access``)."""

    @property
    def on_trial(self) -> bool: ...

    def endpoint(self) -> Endpoint: ...
    def stale(self) -> bool: ...
    def opened(self, roots: tuple[Path, ...]) -> None: ...
    def worked(self) -> None: ...
    def failed(self, error: CsmsError) -> None: ...


@dataclass(slots=True)
class Standing:
    """What outlives a connection: one for the life of the program."""

    identity: StationIdentity
    boot_reason: str
    settings: Settings
    journal: Journal
    station: StationPort
    clock: Clock
    trace: FrameObserver | None
    delivery: Delivery
    changed: Callable[[], None]
    access: AccessPort
    statuses: StatusBook = field(default_factory=StatusBook)
    registration: Registration = field(default_factory=Registration)
    past_errors: PastErrors = field(default_factory=PastErrors)
    thrift: Thrift = field(default_factory=Thrift)
    offline_since_ms: int | None = None  # CLOCK_MONOTONIC, None = never was online
    heartbeat_utc_ms: int | None = None  # when the last Heartbeat was answered


Errand = Callable[[], Awaitable[None]]

_DONE = frozenset(
    {Status.ACCEPTED, Status.ACCEPTED_CANCELED, Status.REBOOT_REQUIRED, Status.SCHEDULED, Status.UNLOCKED}
)

_DONE = frozenset(
    {Status.ACCEPTED, Status.ACCEPTED_CANCELED, Status.REBOOT_REQUIRED, Status.SCHEDULED, Status.UNLOCKED}
)


_SETTING = frozenset({"ChangeConfiguration", "SetVariables"})


async def race(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run side by side until one ends or raises; the others are cancelled. Raises what that one raised."""
    tasks = [asyncio.create_task(one) for one in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        for ending in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ending, StorageError):  # of a last commit; what ended the race is raised above
                log.warning("at the end of a connection: %s", ending)


async def wait_for(event: asyncio.Event, wait_ms: int | None) -> None:
    """Until the event is set, at most ``wait_ms`` (None = for ever)."""
    try:
        async with asyncio.timeout(None if wait_ms is None else wait_ms / 1000):
            await event.wait()
    except TimeoutError:
        pass  # the time is over: that is the other way to be woken


class Session:
    """Use once. ``run`` ends with the connection."""

    def __init__(self, standing: Standing, link: Link, version: Version, rpc: Rpc) -> None:
        self._at = standing
        self._version = version
        self._peer = Peer(link, rpc, standing.clock, self._serve, standing.trace, self._invalid)
        self._errands: asyncio.Queue[Errand] = asyncio.Queue()
        self._boot_wanted = asyncio.Event()
        self._status_changed = asyncio.Event()
        self._timing_changed = asyncio.Event()
        self._quiet_since_ms = self._now_ms()
        self._heartbeat_at_ms = self._now_ms()
        self.online = False

    @property
    def version(self) -> Version:
        return self._version

    async def run(self) -> None:
        """Raises the ``CsmsError`` or ``StorageError`` that ended it; ``LinkClosed`` when the link died."""
        try:
            await race(self._listen(), self._run_errands(), self._talk())
        finally:
            if self.online:
                self.online = False
                self._at.offline_since_ms = self._now_ms()
                self._at.station.take(CsmsChanged(False))

    # ------------------------------------------------------------------ for the client

    async def call(self, call: Call, message_id: str | None = None) -> Payload:
        """One CALL with the configured time-out. Raises ``CsmsError``."""
        timeout_s = self._at.settings[MESSAGE_TIMEOUT]
        try:
            result = await self._peer.call(call, timeout_s=timeout_s, message_id=message_id)
        except CallFailed:
            self._at.access.worked()
            raise
        finally:
            self._quiet_since_ms = self._now_ms()
        self._at.access.worked()
        return result

    def after_answer(self, callback: Callable[[], None]) -> None:
        """After the answer to the request that is being handled; at once when there is none."""
        try:
            self._peer.after_answer(callback)
        except RuntimeError:
            callback()

    def trigger(self, trigger: TriggerMessage) -> None:
        """Send what was asked for, after the answer to whoever asked (16.TRIG.01, F06.FR.04)."""
        self.after_answer(lambda: self._errands.put_nowait(lambda: self._triggered(trigger)))

    def status_changed(self) -> None:
        self._status_changed.set()

    def timing_changed(self) -> None:
        """A setting on which waiting depends was changed."""
        self._timing_changed.set()
        self._status_changed.set()

    # ------------------------------------------------------------------ the course of a connection

    async def _listen(self) -> None:
        raise await self._peer.run()

    async def _talk(self) -> None:
        if self._at.registration.needs_boot(self._version.subprotocol):
            await self._register()
            self._at.statuses.forget()
        elif self._was_long_offline():
            self._at.statuses.forget()
        self.online = True
        self._at.station.take(CsmsChanged(True, self._version.plug_times_out))
        self._at.changed()
        if self._at.access.on_trial:
            await self._heartbeat()
        await self._report_past_errors()
        await self._report_statuses()
        await race(
            self._keep_statuses(),
            self._keep_heartbeats(),
            self._at.delivery.run(self._version, self.call, self._probe, self._peer.prepare),
        )

    def _was_long_offline(self) -> bool:
        since_ms = self._at.offline_since_ms
        threshold_ms = self._at.settings[OFFLINE_THRESHOLD] * 1000
        return (
            self._version.reports_all_after_offline
            and since_ms is not None
            and self._now_ms() - since_ms > threshold_ms
        )

    async def _run_errands(self) -> None:
        while True:
            await (await self._errands.get())()

    # ------------------------------------------------------------------ registration

    async def _register(self) -> None:
        """1.6 4.2, 2.0.1 B01 to B03: boot until accepted. A boot that is not answered ends the connection."""
        version, at = self._version, self._at
        while at.registration.needs_boot(version.subprotocol):
            wait_ms = at.registration.wait_ms(self._now_ms())
            if wait_ms:
                self._boot_wanted.clear()
                await wait_for(self._boot_wanted, wait_ms)
                continue
            reason = "Triggered" if at.registration.triggered else at.boot_reason
            try:
                result = await self.call(version.boot(at.identity, reason))
            except CallFailed as error:
                log.warning("BootNotification failed: %s", error)
                at.registration = at.registration.failed(self._now_ms())
                continue
            answer = version.boot_answer(result)
            if answer.status is not Registered.ACCEPTED and answer.status is not at.registration.status:
                log.warning(
                    "BootNotification: answered %s: nothing is delivered and no remote start is obeyed until "
                    "the CSMS accepts; asked again in %d s",
                    answer.status.value,
                    answer.interval_s,
                )
            at.registration = at.registration.answered(answer, version.subprotocol, self._now_ms())
            self._adopt_time(answer.utc_ms)
            if at.registration.accepted and answer.interval_s > 0:
                self._adopt_heartbeat_interval(answer.interval_s)
            at.changed()

    def _adopt_heartbeat_interval(self, interval_s: int) -> None:
        """16.CORE.03, B01.FR.04."""
        try:
            self._at.settings.assign(HEARTBEAT_INTERVAL, min(interval_s, 86_400))
        except StorageError as error:
            log.warning("heartbeat interval %d s not kept: %s", interval_s, error)

    def _trigger_boot(self) -> Verdict:
        """Only while not accepted (16.TRIG.06, F06.FR.17); then the wait is over."""
        if not self._at.registration.needs_boot(self._version.subprotocol):
            return Verdict(Status.REJECTED, "Unspecified", "the boot was accepted already")

        def boot() -> None:
            self._at.registration = self._at.registration.boot_triggered()
            self._boot_wanted.set()

        self.after_answer(boot)
        return Verdict(Status.ACCEPTED)

    # ------------------------------------------------------------------ heartbeat and time

    async def _keep_heartbeats(self) -> None:
        """After HeartbeatInterval of silence (1.6 4.6, 2.0.1 G02), at least once a day."""
        while True:
            self._timing_changed.clear()
            interval_ms = self._at.settings[HEARTBEAT_INTERVAL] * 1000
            due_at_ms = min(self._quiet_since_ms + interval_ms, self._heartbeat_at_ms + LONGEST_SILENCE_MS)
            wait_ms = due_at_ms - self._now_ms()
            if wait_ms > 0:
                await wait_for(self._timing_changed, wait_ms)
            else:
                await self._heartbeat()

    async def _heartbeat(self) -> None:
        """No answer ends the connection: that is what a heartbeat is for."""
        self._heartbeat_at_ms = self._now_ms()
        try:
            result = await self.call(self._version.heartbeat())
        except CallFailed as error:
            log.warning("Heartbeat failed: %s", error)
            return
        self._adopt_time(self._version.heartbeat_answer(result))
        self._at.heartbeat_utc_ms = self._at.clock.now().utc_ms
        self._at.changed()

    async def _probe(self) -> None:
        """Is the CSMS there at all? A CALLERROR is a sign of life, too. Raises ``CsmsError`` if not."""
        await self._heartbeat()

    def _adopt_time(self, utc_ms: int | None) -> None:
        """16.CORE.03, 16.CORE.14, B01.FR.06."""
        if utc_ms is None or utc_ms < OLDEST_UTC_MS:
            log.warning("currentTime of the CSMS is not used: no date-time after 2024")
        elif "Heartbeat" in self._at.settings[TIME_SOURCE]:
            step_ms = utc_ms - self._at.clock.now().utc_ms
            if abs(step_ms) >= MIN_STEP_MS:
                self._at.clock.set_utc(utc_ms)
                log.info("clock set by the CSMS: %+.1f s", step_ms / 1000)

    # ------------------------------------------------------------------ statuses

    async def _keep_statuses(self) -> None:
        while True:
            wake_at_ms = await self._report_statuses()
            await wait_for(
                self._status_changed, None if wake_at_ms is None else max(0, wake_at_ms - self._now_ms())
            )

    async def _report_past_errors(self) -> None:
        """1.6 4.9: what went wrong offline and is over, in its order and before the present statuses."""
        at = self._at
        views = {view.evse_id: view for view in at.station.views()}
        for error in at.past_errors.take():
            view = views.get(error.evse_id)
            call = None if view is None else self._version.past_error(view, error)
            if view is not None and call is not None:
                await self._tell(call)
                at.statuses.told((view.evse_id, view.connector_id), call)

    async def _report_statuses(self) -> int | None:
        """Report what is due. Returns when to look again, None = when something changes."""
        at = self._at
        while True:
            self._status_changed.clear()
            minimum_ms = at.settings[MINIMUM_STATUS_DURATION] * 1000
            due = at.statuses.due(at.station.views(), self._version.status, minimum_ms, self._now_ms())
            if not due.calls:
                return due.wake_at_ms
            for key, call in due.calls:
                await self._tell(call)
                at.statuses.told(key, call)

    async def _tell(self, call: Call) -> None:
        """Send what is not worth a second attempt. Only a CSMS that is gone ends the connection."""
        try:
            await self.call(call)
        except CallFailed as error:
            log.warning("%s failed: %s", call.action, error)
        except CallTimeout as error:
            log.warning("%s", error)
            await self._probe()

    # ------------------------------------------------------------------ triggered messages

    async def _triggered(self, trigger: TriggerMessage) -> None:
        """1.6 5.17, 2.0.1 F06. A triggered TransactionEvent is an event of the station, not a task here."""
        match trigger.kind:
            case TriggerKind.HEARTBEAT:
                await self._heartbeat()
            case TriggerKind.STATUS:
                await self._triggered_statuses(trigger.evse_id)
            case TriggerKind.METER_VALUES:
                await self._triggered_values(trigger.evse_id)
            case _:
                call = self._version.progress(trigger, self._at.station.progress(trigger.kind))
                if call is not None:
                    await self._tell(call)

    async def _triggered_statuses(self, evse_id: int | None) -> None:
        for view in self._at.station.views():
            if evse_id in (None, view.evse_id):
                call = self._version.status(view)
                if call is not None:
                    await self._tell(call)
                    self._at.statuses.told((view.evse_id, view.connector_id), call)

    async def _triggered_values(self, evse_id: int | None) -> None:
        """None: of every meter; 0: of the main meter."""
        for view in self._at.station.views():
            if evse_id in (None, view.evse_id):
                sample = self._at.station.sample(view.evse_id, ReadingContext.TRIGGER)
                if sample is not None:
                    call = self._version.meter_values(view, sample, self._at.delivery.alias)
                    if call is not None:
                        await self._tell(call)

    # ------------------------------------------------------------------ requests of the CSMS

    @property
    def settings(self) -> Settings:
        return self._at.settings

    @property
    def utc_ms(self) -> int:
        return self._at.clock.now().utc_ms

    def in_queue(self, transaction_id: str | None) -> bool:
        return self._at.delivery.in_queue(transaction_id)

    def ongoing(self, transaction_id: str) -> bool:
        return any(view.transaction_id == transaction_id for view in self._at.station.views())

    async def _serve(self, request: Request) -> Payload:
        """One request to its answer. Raises ``CallRefused``, ``NotAnswered``."""
        version, action = self._version, request.action
        self._at.access.worked()
        if self._at.registration.needs_boot(version.subprotocol):
            early = version.before_accepted(action, request.payload, self._at.registration.status)
            if early is not None:
                self._say_no(action, early.payload, early.why)
                return early.payload
        if action in _SETTING:  # each is a synced write, too, though not of the journal
            await self._slowed()
            self._at.thrift.spend(1, self._now_ms())
        try:
            asked = version.command(action, request.payload, self._at.delivery.domain_key)
            if isinstance(asked, Query):
                asked = asked.answer(self)
        except StorageError as error:
            log.warning("%s cannot be carried out: %s", action, error)
            raise CallRefused("InternalError", "this station cannot read or write its storage") from error
        if isinstance(asked, Answer):
            for call in asked.then:
                self._send_later(call)
            self._say_no(action, asked.payload, asked.why)
            return asked.payload
        if isinstance(asked, TriggerMessage) and asked.kind is TriggerKind.BOOT:
            verdict = self._trigger_boot()
        else:
            verdict = await self._ask(asked)
        payload = version.reply(action, verdict)
        if verdict.status not in _DONE:
            self._say_no(action, payload, verdict.info or verdict.reason)
        return payload

    async def _ask(self, command: Command) -> Verdict:
        """Not faster than the journal may grow."""
        thrift, journal = self._at.thrift, self._at.journal
        await self._slowed()
        before = journal.last_seq()
        try:
            return await self._at.station.ask(command)
        finally:
            thrift.spend(journal.last_seq() - before, self._now_ms())

    async def _slowed(self) -> None:
        wait_ms = self._at.thrift.wait_ms(self._now_ms())
        if wait_ms:
            log.warning("the CSMS is slowed down: its requests write more than the card should take")
            await asyncio.sleep(wait_ms / 1000)

    def _say_no(self, action: str, payload: Payload, why: str) -> None:
        """1.6 has no field for the reason of a refusal: it is in the station's own messages."""
        if why:
            log.warning("%s: answered %s: %s", action, payload.get("status", payload), why)

    def _invalid(self, what: str) -> None:
        """A frame of the CSMS that is no valid message (white paper 8)."""
        self._at.station.take(SecurityNoticed(INVALID_MESSAGES, what))

    def _send_later(self, call: Call) -> None:
        self.after_answer(lambda: self._errands.put_nowait(lambda: self._tell(call)))

    def _now_ms(self) -> int:
        return self._at.clock.now().mono_ms


__all__ = ["CsmsError", "Session", "Standing", "StationPort", "race", "wait_for"]
