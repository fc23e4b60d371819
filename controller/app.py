"""The controller process: composition root, the only file that knows everyone.

Owns: which parts there are and how they are wired; start, stop and restart of the process.
Refuses to know: any rule. Nobody imports this module but the command line.

The command line calls ``run``; tests build an ``App`` with parts of their own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from controller.certificates.keeper import CertificateKeeper
from controller.clock import Clock, SystemClock
from controller.config import (
    ConfigError,
    CsmsConfig,
    StationConfig,
    apply_overrides,
    check_evses,
    load_config,
)
from controller.csms.access import Access, Address
from controller.csms.client import VERSIONS, Client
from controller.csms.delivery import READER
from controller.csms.session import wait_for
from controller.csms.trace import Renderer
from controller.csms.v16 import FEATURE_PROFILES
from controller.csms.version import StationIdentity
from controller.csms.wire import instant
from controller.domain.certificate import ROOTS
from controller.domain.commands import Command, LogKind, ResetKind, TriggerKind, Verdict
from controller.domain.effects import (
    AskAuthorize,
    AskSignature,
    CancelUpload,
    CheckSigningCertificate,
    ConfirmInstallation,
    DropFirmware,
    DropLog,
    Effect,
    ExamineCertificate,
    FetchFirmware,
    ForgetSecurityLog,
    ForgetTokens,
    InstallFirmware,
    MakeSigningRequest,
    ReadMeter,
    RemoveCertificate,
    Restart,
    Send,
    ShowIndicator,
    StoreCertificate,
    StoreLocalList,
    UploadLog,
    UseClientCertificate,
    VerifyFirmware,
)
from controller.domain.events import Event, FirmwareStatus
from controller.domain.evse_spec import EvseSpec
from controller.domain.firmware import FirmwareSpec
from controller.domain.inputs import (
    AuthorizeAnswered,
    CsmsChosen,
    Input,
    PolicyChanged,
    RestartFailed,
    SecurityNoticed,
    Tick,
    TokensStored,
)
from controller.domain.instant import Now
from controller.domain.measurands import MeterSample, ReadingContext
from controller.domain.random_delay import Draw
from controller.domain.security_events import MEMORY_EXHAUSTION
from controller.domain.station import Station
from controller.domain.views import EvseView, Progress
from controller.exhaustion import Vitals, vitals, watch
from controller.facade import Facade
from controller.firmware.installer import open_installer
from controller.firmware.updater import Trust, Updater
from controller.hardware import lines, measurands
from controller.inbox import Inbox
from controller.local.api import open_api
from controller.local.jsonrpc import AlreadyServed
from controller.local.sockets import PathTooLong
from controller.logs.recent import Recent
from controller.logs.sources import StationSources
from controller.logs.uploads import Uploads
from controller.peripherals import Peripherals
from controller.reboot import DEFAULT_COMMAND, Reboot, reboot_by
from controller.safety_link import SafetyLink
from controller.settings.catalog import (
    AUTH_CACHE_ENTRIES,
    BLINK_REPEAT,
    CATALOG,
    LIGHT_INTENSITY,
    MEMORY_LIMIT,
    RESET_RETRIES,
    SECURITY_PROFILE,
    SMART_CHARGING_ENABLED,
    STORAGE_RESERVE,
    Variable,
)
from controller.settings.facts import (
    EvseFact,
    LiveFacts,
    StationFacts,
    absent,
    fitted,
    providers,
    providers16,
)
from controller.settings.policy import policy
from controller.settings.settings import Settings, SettingsError
from controller.store.codec import Codec
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import Entry, StorageError
from controller.store.security_log import SqliteSecurityLog
from controller.store.snapshots import SqliteSnapshots
from controller.store.tokens import SqliteTokenTables
from controller.store.values import SqliteSettingValues
from controller.version import VERSION
from hal.board import open_service_board
from hal.interface import AdjustableIndicator, ServiceBoard
from hal.profile import BoardProfile, ProfileError, load_profile

if TYPE_CHECKING:
    from controller.transfer.options import Options

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIGURATION = 4
EXIT_RESTART = 75
"""EX_TEMPFAIL: the controller was told to restart; the supervisor starts it again."""

FIRMWARE = "firmware"
"""Directory of the storage where firmware is downloaded to."""
TICK_S = 1.0
KEEP_DAYS = 90
"""What was delivered and is this old leaves the journal (about 1 MB a day of uninterrupted charging)."""
MOST_BYTES = 512 * 1024 * 1024
"""The journal fills no card, whatever a CSMS has it write: then what was delivered leaves it earlier."""
RESTART_WAIT_S = 10.0
"""Before a restart that a CSMS asked for, what happened is delivered, if that takes no longer."""
TELL_S = 2.0
"""A status that a restart would hide is told first."""

Say = Callable[[str], None]


def boot_id() -> str:
    """Which run of the machine this is: CLOCK_MONOTONIC counts within it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class App:
    """All parts, wired. ``run`` serves until ``stop`` or a reset; returns the exit status.

    ``board``: meters, readers and indicators. ``link``: with True a ``SafetyLink`` to the process at
    ``runtime_dir/safety.sock``; a simulation that steps the safety core itself passes False and uses
    ``inbox`` and ``station`` directly. ``reboot``: restarts the machine; None = a hard reset restarts the
    controller alone. Raises ``StorageError``, ``SettingsError``, ``ConfigError``.
    """

    def __init__(
        self,
        config: StationConfig,
        profile: BoardProfile,
        board: ServiceBoard,
        clock: Clock,
        say: Say,
        link: bool = True,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        machine_boot_id: str | None = None,
        draw: Draw = lambda most: SystemRandom().randint(0, most),
        reboot: Reboot | None = None,
        measure: Callable[[], Vitals] | None = None,
    ) -> None:
        self.config = config
        self._reboot = reboot
        self._measure = measure
        self.clock = clock
        self.recent = Recent(clock)
        say = self._say = self.recent.keeping(say)
        self._stopped = asyncio.Event()
        self._tick_at_ms = 0  # CLOCK_MONOTONIC of the next tick
        self._due_sooner = asyncio.Event()  # an input brought a deadline before it
        self._greeted = asyncio.Event()  # the CSMS has accepted this station
        self._status = EXIT_OK
        self._tasks: set[asyncio.Task[Any]] = set()
        self._group: asyncio.TaskGroup | None = None

        self.database = Database.open(config.storage_dir / "joulepost.db")
        codec = Codec()
        self._machine_boot_id = machine_boot_id or boot_id()
        self.journal = SqliteJournal(self.database, self._machine_boot_id, codec)
        self._installer = open_installer(config.firmware, config.storage_dir / FIRMWARE, say)
        self._version = (self._installer.running() if self._installer else None) or VERSION
        self.settings = self._open_settings(profile, board)
        tokens = SqliteTokenTables(self.database, self.settings[AUTH_CACHE_ENTRIES])
        specs = [
            EvseSpec(
                evse_id=evse.evse_id,
                phases=evse.phases,
                limit_ma=config.limit_ma(evse.evse_id),
                has_meter=evse.meter is not None,
                has_lock=evse.lock is not None,
                has_phase_switch=evse.phase_switch is not None,
                has_socket=not evse.tethered,
            )
            for evse in profile.evses
        ]
        identity = config.csms.identity if config.csms else config.station.id
        self.security_log = SqliteSecurityLog(self.database)
        self.station = Station(
            specs,
            policy(self.settings),
            tokens,
            new_id,
            draw,
            firmware=FirmwareSpec(self._installer is not None, config.firmware.charging_continues),
            log_exists=self._log_exists,
            identity=identity,
            vendor_id=config.station.vendor,
        )
        self._tokens = tokens
        self.inbox = Inbox(
            self.station, self.journal, tokens, SqliteSnapshots(self.database), codec, clock, say
        )
        self.inbox.on_effect = self._effect
        self._replayed = self.inbox.recover()
        self.boot_reason = self._boot_reason()
        self._resume_clock()
        self.certificates = CertificateKeeper(
            config.storage_dir / "certificates",
            self.station.certificates,
            self.inbox.take,
            clock,
            say,
            config.csms.ca_file if config.csms else None,
        )
        self.access = None if config.csms is None else self._open_access(config.csms)
        self.client = None if self.access is None else self._open_client(profile, self.access)
        self.link = (
            SafetyLink(
                config.runtime_dir / "safety.sock",
                lambda: self.station.permits(self.clock.now()),
                clock,
                self.inbox.take,
                say,
            )
            if link
            else None
        )
        self.facade = Facade(
            self.inbox,
            self.journal,
            self.settings,
            codec,
            clock,
            identity,
            self._version,
            self._csms_status,
            self.link.status if self.link else dict,
            self.journal,
        )
        self.updater = self._open_updater()
        self.peripherals = Peripherals(board, [spec.evse_id for spec in specs], clock, self.inbox.take, say)
        self._adjust_lights()
        self.uploads = Uploads(
            config.storage_dir / "uploads",
            StationSources(self.recent, self.journal, self.security_log, self.facade),
            self._transfer_options,
            self.inbox.take,
            say,
            self._begin,
        )
        self.settings.on_change(self._settings_changed)
        self.inbox.on_events.append(self._happened)
        self.inbox.on_taken.append(self._taken)
        self.inbox.on_checkpoint.append(self._prune)

    # ------------------------------------------------------------------ parts

    def _open_settings(self, profile: BoardProfile, board: ServiceBoard) -> Settings:
        config = self.config
        facts = StationFacts(
            identity=config.csms.identity if config.csms else config.station.id,
            vendor=config.station.vendor,
            model=config.station.model,
            serial=config.station.serial,
            firmware_version=self._version,
            evses=tuple(
                EvseFact(
                    evse.evse_id, evse.rating_ma, evse.phases, evse.tethered, evse.phase_switch is not None
                )
                for evse in profile.evses
            ),
            measurands=measurands(profile),
            lines=lines(profile),
            adjustable_lights=any(
                isinstance(board.indicator(evse.evse_id), AdjustableIndicator) for evse in profile.evses
            ),
        )
        live = LiveFacts(
            date_time=lambda: instant(self.clock.now().utc_ms),
            availability=self._availability,
            power_w=self._power_w,
            profiles_installed=lambda: len(self.station.smart_charging.profiles),
            tokens_listed=lambda: self._tokens.list_state().entries,
            roots_installed=lambda: len(self.station.certificates.of(*ROOTS)),
        )
        settings = Settings(
            CATALOG,
            SqliteSettingValues(self.database),
            providers(facts, live),
            providers16(facts, FEATURE_PROFILES, self._switched_off),
            {evse.evse_id: 1 for evse in profile.evses},
            config.initial_settings,
            config.overrides,
            fitted(facts),
            absent(facts),
        )
        for refused in settings.refused_values:
            self._say(f"settings: {refused}")
        return settings

    def _log_exists(self, kind: LogKind, oldest_ms: int | None, latest_ms: int | None) -> bool:
        try:
            if kind is LogKind.SECURITY:
                return self.security_log.any(oldest_ms, latest_ms)
            return self.journal.first_of_newest(oldest_ms, latest_ms, 1) is not None
        except StorageError as error:
            self._say(f"logs: {error}")
            return False

    def _transfer_options(self) -> Options:
        """2.0.1 N01.FR.15, N01.FR.16: the roots of the CSMS, and those of the system."""
        from controller.transfer.options import Options  # late: a station rarely uploads anything

        csms = self.config.csms
        configured = () if csms is None or csms.ca_file is None else (csms.ca_file,)
        return Options(ca_files=(*configured, *self.certificates.central_roots()))

    def _switched_off(self) -> tuple[str, ...]:
        """Feature profiles of 1.6 that the owner does not want, or has no means for: without an installer
        UpdateFirmware is NotSupported, and half a profile is none, although GetDiagnostics is answered."""
        return (
            *(() if self.settings[SMART_CHARGING_ENABLED] else ("SmartCharging",)),
            *(() if self._installer is not None else ("FirmwareManagement",)),
        )

    def _availability(self, evse_id: int, _connector_id: int) -> str:
        """2.0.1 AvailabilityState of the station (0) or an EVSE."""
        views = {view.evse_id: view for view in self.station.views(self.clock.now())}
        view = views[evse_id]
        if view.fault is not None:
            return "Faulted"
        if not view.operative:
            return "Unavailable"
        if view.reserved:
            return "Reserved"
        return "Occupied" if view.plugged or view.transaction_id is not None else "Available"

    def _power_w(self, evse_id: int) -> int:
        reading = self.station.evses[evse_id].reading
        return reading.power_w or 0 if reading else 0

    def _open_client(self, profile: BoardProfile, access: Access) -> Client:
        meter = next((evse.meter for evse in profile.evses if evse.meter is not None), None)
        identity = StationIdentity(
            vendor=self.config.station.vendor,
            model=self.config.station.model,
            serial=self.config.station.serial,
            firmware=self._version,
            meter_type=meter.model if meter else "",
        )
        return Client(
            access=access,
            identity=identity,
            boot_reason=self.boot_reason,
            settings=self.settings,
            journal=self.journal,
            station=self,
            clock=self.clock,
            trace=_Frames(self),
            on_state=self._client_changed,
            dated=self._dated,
        )

    def _open_updater(self) -> Updater | None:
        if self._installer is None:
            return None
        storage = self.config.storage_dir
        trust = Trust(
            manufacturer=self.certificates.manufacturer_roots,
            revoked=lambda: sorted((storage / "certificates" / "revoked").glob("*.crl")),
            servers=self._transfer_options,
        )
        updater = Updater(
            storage / FIRMWARE, self._installer, trust, self.clock, self._begin, self.inbox.take, self._say
        )
        firmware = self.station.firmware
        updater.tidy(firmware.order.number if firmware.order and firmware.under_way else None)
        return updater

    def _open_access(self, csms: CsmsConfig) -> Access:
        address = Address(
            url=csms.url,
            identity=csms.identity,
            versions=csms.versions,
            secure_url=csms.secure_url,
            ca_file=csms.ca_file,
            chain=csms.certificate_file,
            key=csms.key_file,
        )

        def notice(type_: str, info: str) -> None:
            self.inbox.take(SecurityNoticed(type_, info))

        return Access(address, self.settings, self.clock, notice, self.certificates)

    # ------------------------------------------------------------------ life

    def _boot_reason(self) -> str:
        """2.0.1 BootReasonEnumType: what the journal tells of how the last run ended."""
        if self.station.restarts.begun is not None:
            return "ScheduledReset" if self.station.restarts.begun is ResetKind.ON_IDLE else "RemoteReset"
        if self.station.firmware.status is FirmwareStatus.INSTALL_REBOOTING:
            return "FirmwareUpdate"
        last = self.journal.after(self.journal.last_seq() - 1, 1)
        return "ApplicationReset" if last and last[0].boot_id == self._machine_boot_id else "PowerUp"

    def _csms(self) -> CsmsChosen:
        csms = self.config.csms
        if csms is None:
            return CsmsChosen(None)
        return CsmsChosen(csms.url, all(VERSIONS[name].plug_times_out for name in csms.versions))

    def _resume_clock(self) -> None:
        """Go on with the time that was known before a restart of the program. After a restart of the machine
        nobody knows the time yet; but it is not earlier than what the journal has."""
        timekeeping, now = self.station.timekeeping, self.clock.now()
        offset_ms = timekeeping.offset_ms(self._machine_boot_id)
        if offset_ms is not None:
            self.clock.set_utc(now.mono_ms + offset_ms)
            return
        for last in self.journal.after(self.journal.last_seq() - 1, 1):
            if last.boot_id == self._machine_boot_id:
                continue
            by_ms = timekeeping.wrong_by_ms(last.boot_id, last.utc_ms, last.mono_ms)
            if now.utc_ms < last.utc_ms + by_ms:
                self.clock.set_utc(last.utc_ms + by_ms, sure=False)

    async def run(self) -> int:
        """Serve, and return an exit status. Raises ``StorageError`` when it cannot begin."""
        if self._replayed:
            self._say(f"journal: {self._replayed} events replayed")
        self.inbox.begin(self._version, self.boot_reason, boot_id=self._machine_boot_id)
        async with AsyncExitStack() as stack:
            stack.callback(self._close)
            logger = logging.getLogger("controller")
            logger.addHandler(self.recent)
            stack.callback(logger.removeHandler, self.recent)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.INFO)
            self.uploads.tidy()
            await stack.enter_async_context(open_api(self.facade, self.config.runtime_dir))
            async with asyncio.TaskGroup() as group:
                self._group = group
                # The first input of this run: what it sets going needs the group.
                self.inbox.take(self._csms())
                greeted = None if self.client is None else self._greeted
                parts = [group.create_task(self.peripherals.run(greeted)), group.create_task(self._ticks())]
                if self.link is not None:
                    parts.append(group.create_task(self.link.run()))
                if self.client is not None:
                    parts.append(group.create_task(self._converse(self.client)))
                if self._measure is not None:
                    parts.append(group.create_task(watch(self._measure, self._limits, self._exhausted)))
                await self._stopped.wait()
                self._group = None
                for task in [*parts, *self._tasks]:
                    task.cancel()
            self.inbox.checkpoint()
        return self._status

    async def _converse(self, client: Client) -> None:
        """The certificates first: a connection may need them."""
        await self.certificates.load()
        await client.run()

    def _limits(self) -> tuple[int, int]:
        return self.settings[MEMORY_LIMIT], self.settings[STORAGE_RESERVE]

    def _exhausted(self, what: str) -> None:
        self._say(f"getting full: {what}")
        self.inbox.take(SecurityNoticed(MEMORY_EXHAUSTION, what))

    def stop(self, status: int = EXIT_OK) -> None:
        """End ``run``. Permits lapse by themselves: the safety process ends the charge gently, or the next
        controller takes over within the lease."""
        self._status = status
        self._stopped.set()

    def _close(self) -> None:
        self.database.close()

    async def _ticks(self) -> None:
        while True:
            self.inbox.take(Tick())
            now_ms = self.clock.now().mono_ms
            due_ms = self.station.next_deadline_ms()
            pause_ms = round(TICK_S * 1000)
            if due_ms is not None:
                pause_ms = min(pause_ms, max(10, due_ms - now_ms))
            self._tick_at_ms = now_ms + pause_ms
            self._due_sooner.clear()
            await wait_for(self._due_sooner, pause_ms)

    def _prune(self, now: Now) -> None:
        try:
            self.journal.prune([READER], KEEP_DAYS, now, most_bytes=MOST_BYTES)
        except StorageError as error:
            self._say(f"journal: {error}")

    # ------------------------------------------------------------------ what happens after an input

    def _happened(self, events: Sequence[Event], _seq: int) -> None:
        if self.client is not None:
            self.client.happened(events)

    def _taken(self) -> None:
        due_ms = self.station.next_deadline_ms()
        if due_ms is not None and due_ms < self._tick_at_ms:
            self._due_sooner.set()
        if self.link is not None:
            self.link.send()
        if self.client is not None:
            self.client.status_changed()
        self.facade.changed()

    def _client_changed(self) -> None:
        if self.client is not None and self.client.online:
            self._greeted.set()
        self.facade.changed()

    def _effect(self, effect: Effect) -> None:
        match effect:
            case ReadMeter():
                self.peripherals.read_meter(effect.evse_id)
            case ShowIndicator():
                self.peripherals.show(effect.evse_id, effect.state)
            case AskAuthorize():
                if self.client is not None:
                    self._start(self.client.authorize(effect))
                else:
                    self._start(self._nobody_to_ask(effect))
            case ForgetTokens():
                self._change_tokens(effect.number, self._tokens.forget_all)
            case StoreLocalList(number, update):
                now_ms = self.clock.now().utc_ms
                change = partial(
                    self._tokens.update_list, update.version, update.full, update.entries, now_ms
                )
                self._change_tokens(number, change)
            case Send():
                if self.client is not None:
                    self.client.perform(effect)
            case Restart():
                self._start(self._restart(effect.kind))
            case ExamineCertificate() | StoreCertificate() | RemoveCertificate():
                self._start(self.certificates.carry_out(effect))
            case MakeSigningRequest():
                self._make_signing_request(effect)
            case AskSignature():
                if self.client is not None:
                    self._start(self.client.sign(effect))
            case UseClientCertificate():
                self._use_client_certificate()
            case UploadLog() | CancelUpload() | DropLog():
                self.uploads.perform(effect)
            case ForgetSecurityLog():
                try:
                    self.security_log.clear()
                except StorageError as error:
                    self._say(f"security log: {error}")
            case (
                CheckSigningCertificate()
                | FetchFirmware()
                | VerifyFirmware()
                | InstallFirmware()
                | ConfirmInstallation()
                | DropFirmware()
            ) if self.updater is not None:
                self.updater.perform(effect)
            case _:
                raise TypeError(f"no effect {effect!r}")

    def _change_tokens(self, number: int, change: Callable[[], None]) -> None:
        """Durable when the station hears of it, or not done at all."""
        why = None
        try:
            change()
        except StorageError as error:
            why = str(error)
            self._say(f"tokens: {error}")
        self.inbox.take(TokensStored(number, why))

    def _make_signing_request(self, effect: MakeSigningRequest) -> None:
        """Answer first, then the message (white paper A02): the request is made after the answer."""
        if self.client is not None:
            self.client.after_answer(lambda: self._start(self.certificates.carry_out(effect)))
        else:
            self._start(self.certificates.carry_out(effect))

    def _use_client_certificate(self) -> None:
        """White paper A02.FR.08: switch to it now, if connections are made with one (profile 3)."""
        if self.client is not None and self.settings[SECURITY_PROFILE] == 3:
            client = self.client
            client.after_answer(lambda: self._start(client.reconnect("another client certificate is used")))

    async def _nobody_to_ask(self, ask: AskAuthorize) -> None:
        self.inbox.take(AuthorizeAnswered(ask.ask_id, None))

    async def _restart(self, kind: ResetKind) -> None:
        """After the answer to the reset, and after the last transaction messages if they can be delivered."""
        if self.client is not None:
            answered = asyncio.Event()
            self.client.after_answer(answered.set)
            await answered.wait()
            if self.client.online:
                await self.client.drained(RESTART_WAIT_S)
        if kind is ResetKind.IMMEDIATE and self._reboot is not None:
            await self._restart_machine(self._reboot)
        self._say(f"reset ({kind}): restarting")
        self.stop(EXIT_RESTART)

    async def _restart_machine(self, reboot: Reboot) -> None:
        """1.6 9.1.22 ResetRetries. Returns when it cannot be done; a restart of the controller is better than
        none. When it can, the service manager ends this process meanwhile."""
        why = ""
        for _attempt in range(1 + self.settings[RESET_RETRIES]):
            self._say("reset: restarting the machine")
            why = await reboot()
            self._say(f"reset: {why}")
        self.inbox.take(RestartFailed(why))
        await asyncio.sleep(TELL_S)
        if self.client is not None and self.client.online:
            await self.client.drained(RESTART_WAIT_S)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work)

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """None: the program ends, nothing is begun any more."""
        if self._group is None:
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _settings_changed(self, _changed: tuple[Variable[Any], ...]) -> None:
        self.inbox.take(PolicyChanged(policy(self.settings)))
        self._adjust_lights()

    def _adjust_lights(self) -> None:
        self.peripherals.adjust(self.settings[LIGHT_INTENSITY], self.settings[BLINK_REPEAT])

    def _csms_status(self) -> Mapping[str, Any]:
        if self.client is None:
            return {"url": "", "online": False, "registration": "none", "protocol": None, "undelivered": 0}
        assert self.access is not None  # there is a client only when there is a CSMS
        state = self.client.state
        return {
            **self.access.state,
            "url": state.url,
            "online": state.online,
            "registration": state.registration or "none",
            "protocol": state.subprotocol,
            "undelivered": state.queue_length,
            "connected_since_ms": state.connected_since_ms,
            "last_error": state.last_error,
            "last_heartbeat_ms": state.last_heartbeat_ms,
            "delivered": state.delivered,
            "dropped": state.dropped,
        }

    # ------------------------------------------------------------------ the station as the client sees it

    def take(self, input_: Input) -> Verdict | None:
        return self.inbox.take(input_)

    async def ask(self, command: Command) -> Verdict:
        return await self.inbox.ask(command)

    def views(self) -> list[EvseView]:
        return self.station.views(self.clock.now())

    def _dated(self, entry: Entry) -> Event:
        return self.station.timekeeping.dated(entry.event, entry.boot_id, entry.utc_ms, entry.mono_ms)

    def sample(self, evse_id: int, context: ReadingContext) -> MeterSample | None:
        return self.station.sample(evse_id, context, self.clock.now())

    def progress(self, kind: TriggerKind) -> Progress:
        return self.station.progress(kind)


class _Frames:
    """Hands the frames of the connection, one line each and without secrets, to the local subscribers, and as
    they are to the ring in memory."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._renderer = Renderer()

    def sent(self, frame: str) -> None:
        self._app.recent.sent(frame)
        if self._app.facade.watched:
            self._app.facade.frame(True, self._renderer.line(">", frame))

    def received(self, frame: str | bytes) -> None:
        self._app.recent.received(frame)
        if self._app.facade.watched:
            self._app.facade.frame(False, self._renderer.line("<", frame))

    def note(self, text: str) -> None:
        self._app.recent.note(text)
        self._app.facade.log("info", text)


def run(config_path: Path, overrides: Mapping[str, str] | None = None) -> int:
    """The controller in the foreground, until SIGTERM or SIGINT. Returns the exit status.

    0 stopped, 1 failed, 4 configuration, 75 restart wanted (a supervisor starts it again).
    """

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        config = apply_overrides(load_config(config_path), overrides or {})
        profile = load_profile(config.board.profile, config.board.evses)
        check_evses(config, [evse.evse_id for evse in profile.evses])
    except (ConfigError, ProfileError) as error:
        say(str(error))
        return EXIT_CONFIGURATION
    try:
        board = open_service_board(profile, config.board.root)
    except ProfileError as error:  # of a driver, which does not know the file
        say(f"board profile {config.board.profile}: {error}")
        return EXIT_CONFIGURATION

    async def main() -> int:
        try:
            config.runtime_dir.mkdir(parents=True, exist_ok=True)
            app = App(
                config,
                profile,
                board,
                SystemClock(),
                say,
                reboot=_reboot(config, profile),
                measure=lambda: vitals(config.storage_dir),
            )
            loop = asyncio.get_running_loop()
            for signal_number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(signal_number, app.stop)
            notify_ready()
            return await app.run()
        except (StorageError, AlreadyServed, PathTooLong, OSError) as error:
            say(str(error))
            return EXIT_FAILED
        except (SettingsError, ConfigError) as error:
            say(str(error))
            return EXIT_CONFIGURATION

    return asyncio.run(main())


def _reboot(config: StationConfig, profile: BoardProfile) -> Reboot | None:
    """A simulated board runs on somebody's desk, whose machine is not restarted unless the file says so."""
    command = config.reboot_command
    if command is None:
        command = () if profile.driver == "simulated" else DEFAULT_COMMAND
    return reboot_by(command) if command else None


def notify_ready() -> None:
    """Tell systemd that the process is up (Type=notify); nothing without NOTIFY_SOCKET."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    path = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(path)
        line.send(b"READY=1")
