"""The controller's parts and how they are wired: composition root, the only file that knows everyone.

Owns: which parts there are; start, stop and restart of the whole.
Refuses to know: any rule, what an effect does (``hands``), how a process begins (``process``). Nobody imports
this module but ``process``; tests build an ``App`` with parts of their own.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from random import SystemRandom
from typing import TYPE_CHECKING

from controller import conversation
from controller.certificates.keeper import CertificateKeeper
from controller.clock import Clock
from controller.config import StationConfig
from controller.csms.access import Access
from controller.csms.client import Client
from controller.csms.delivery import READER
from controller.domain.charging.random_delay import Draw
from controller.domain.events import Event
from controller.domain.inputs import PolicyChanged, SecurityNoticed
from controller.domain.instant import Now
from controller.domain.security.events import MEMORY_EXHAUSTION
from controller.domain.station import Station
from controller.domain.tasks.firmware import FirmwareSpec
from controller.exhaustion import Vitals, watch
from controller.facade import Facade
from controller.hands import Hands
from controller.hardware import evse_specs
from controller.inbox import Inbox
from controller.local import exits
from controller.local.api import open_api
from controller.logs.recent import Recent
from controller.logs.sources import StationSources, log_exists
from controller.logs.uploads import Uploads
from controller.peripherals import Peripherals
from controller.reboot import Reboot
from controller.restart import Restarter
from controller.resume import boot_id, boot_reason, resume_clock
from controller.safety_link import SafetyLink
from controller.settings.catalog import (
    AUTH_CACHE_ENTRIES,
    BLINK_REPEAT,
    LIGHT_INTENSITY,
    MEMORY_LIMIT,
    STORAGE_RESERVE,
)
from controller.settings.policy import policy
from controller.store.codec import Codec
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import StorageError
from controller.store.security_log import SqliteSecurityLog
from controller.store.snapshots import SqliteSnapshots
from controller.store.tokens import SqliteTokenTables
from controller.tasks import Tasks
from controller.ticks import Ticks
from controller.variables import live_facts, open_settings, station_facts
from controller.version import VERSION
from hal.interface import ServiceBoard
from hal.profile import BoardProfile

if TYPE_CHECKING:
    from controller.firmware.installer import Installer
    from controller.firmware.updater import Updater
    from controller.transfer.options import Options

FIRMWARE = "firmware"
"""Directory of the storage where firmware is downloaded to."""
KEEP_DAYS = 90
"""What was delivered and is this old leaves the journal (about 1 MB a day of uninterrupted charging)."""
MOST_BYTES = 512 * 1024 * 1024
"""The journal fills no card, whatever a CSMS has it write: then what was delivered leaves it earlier."""

Say = Callable[[str], None]


class App:
    """All parts, wired. ``run`` serves until ``stop`` or a reset; returns the exit status.

    ``board``: meters, readers and indicators. ``link``: with True a ``SafetyLink`` to the process at
    ``runtime_dir/safety.sock``; a simulation that steps the safety core itself passes False and uses
    ``inbox`` and ``station`` directly. ``reboot``: restarts the machine; None = a hard reset restarts the
    controller alone. ``measure``: None = nobody watches memory and storage. Raises ``StorageError``,
    ``SettingsError``, ``ConfigError``.
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
        self.clock = clock
        self._measure = measure
        self._boot_id = machine_boot_id or boot_id()
        self._stopped = asyncio.Event()
        self._greeted = asyncio.Event()  # the CSMS has accepted this station
        self._status = exits.OK
        self._tasks = Tasks()
        self.recent = Recent(clock)
        say = self._say = self.recent.keeping(say)
        identity = config.csms.identity if config.csms else config.station.id

        # What is kept, and what it is set to.
        self.database = Database.open(config.storage_dir / "joulepost.db")
        codec = Codec()
        self.journal = SqliteJournal(self.database, self._boot_id, codec)
        self.security_log = SqliteSecurityLog(self.database)
        installer = self._open_installer()
        self._version = (installer.running() if installer else None) or VERSION
        self.settings = open_settings(
            self.database,
            config,
            station_facts(config, profile, board, self._version),
            live_facts(clock, lambda: self.station, lambda: tokens.list_state().entries),
            installer is not None,
            say,
        )
        tokens = SqliteTokenTables(self.database, self.settings[AUTH_CACHE_ENTRIES])

        # The rules, as they were when the last run ended.
        self.station = Station(
            evse_specs(config, profile),
            policy(self.settings),
            tokens,
            new_id,
            draw,
            firmware=FirmwareSpec(installer is not None, config.firmware.charging_continues),
            log_exists=log_exists(self.journal, self.security_log, say),
            identity=identity,
            vendor_id=config.station.vendor,
        )
        self.inbox = Inbox(
            self.station, self.journal, tokens, SqliteSnapshots(self.database), codec, clock, say
        )
        self._replayed = self.inbox.recover()
        self.boot_reason = boot_reason(self.station, self.journal, self._boot_id)
        resume_clock(self.station, self.journal, self._boot_id, clock)

        # Whom it talks to: the CSMS, the safety process, people, devices.
        self.certificates = CertificateKeeper(
            config.storage_dir / "certificates",
            self.station.certificates,
            self.inbox.take,
            clock,
            say,
            config.csms.ca_file if config.csms else None,
        )
        self.access: Access | None = None
        self.client: Client | None = None
        if config.csms is not None:
            self.access = conversation.open_access(
                config.csms, self.settings, clock, self.inbox, self.certificates
            )
            station = conversation.StationForCsms(self.inbox, clock)
            self.client = Client(
                access=self.access,
                identity=conversation.identity(config, profile, self._version),
                boot_reason=self.boot_reason,
                settings=self.settings,
                journal=self.journal,
                station=station,
                clock=clock,
                trace=conversation.Frames(self.recent, lambda: self.facade),
                on_state=self._client_changed,
                dated=station.dated,
            )
        self.link: SafetyLink | None = None
        if link:
            self.link = SafetyLink(
                config.runtime_dir / "safety.sock",
                lambda: self.station.permits(clock.now()),
                clock,
                self.inbox.take,
                say,
            )
        self.facade = Facade(
            self.inbox,
            self.journal,
            self.settings,
            codec,
            clock,
            identity,
            self._version,
            lambda: conversation.status(self.client, self.access),
            self.link.status if self.link else dict,
            self.journal,
        )
        self.peripherals = Peripherals(board, list(self.station.evses), clock, self.inbox.take, say)
        self._adjust_lights()

        # Who does what the rules ask for.
        self.uploads = Uploads(
            config.storage_dir / "uploads",
            StationSources(self.recent, self.journal, self.security_log, self.facade),
            self._transfer_options,
            self.inbox.take,
            say,
            self._tasks.begin,
        )
        self.updater = None if installer is None else self._open_updater(installer)
        self.hands = Hands(
            take=self.inbox.take,
            tasks=self._tasks,
            settings=self.settings,
            clock=clock,
            peripherals=self.peripherals,
            tokens=tokens,
            security_log=self.security_log,
            certificates=self.certificates,
            uploads=self.uploads,
            restarter=Restarter(
                self.client,
                reboot,
                self.settings,
                self.inbox.take,
                say,
                lambda: self.stop(exits.RESTART),
            ),
            client=self.client,
            updater=self.updater,
            say=say,
        )
        self._ticks = Ticks(self.inbox, clock)
        self.settings.on_change(self._settings_changed)
        self.inbox.on_effect = self.hands.perform
        self.inbox.on_events.append(self._happened)
        self.inbox.on_taken.append(self._taken)
        self.inbox.on_checkpoint.append(self._prune)

    # ------------------------------------------------------------------ parts of which few stations have any

    def _open_installer(self) -> Installer | None:
        if self.config.firmware.installer == "none":
            return None
        from controller.firmware.installer import open_installer

        return open_installer(self.config.firmware, self.config.storage_dir / FIRMWARE, self._say)

    def _open_updater(self, installer: Installer) -> Updater:
        from controller.firmware.updater import Trust, Updater

        storage = self.config.storage_dir
        trust = Trust(
            manufacturer=self.certificates.manufacturer_roots,
            revoked=lambda: sorted((storage / "certificates" / "revoked").glob("*.crl")),
            servers=self._transfer_options,
        )
        updater = Updater(
            storage / FIRMWARE, installer, trust, self.clock, self._tasks.begin, self.inbox.take, self._say
        )
        firmware = self.station.firmware
        updater.tidy(firmware.order.number if firmware.order and firmware.under_way else None)
        return updater

    def _transfer_options(self) -> Options:
        """2.0.1 N01.FR.15, N01.FR.16: the roots of the CSMS, and those of the system."""
        from controller.transfer.options import Options  # late: a station rarely uploads anything

        csms = self.config.csms
        configured = () if csms is None or csms.ca_file is None else (csms.ca_file,)
        return Options(ca_files=(*configured, *self.certificates.central_roots()))

    # ------------------------------------------------------------------ life

    async def run(self) -> int:
        """Serve, and return an exit status. Raises ``StorageError`` when it cannot begin."""
        if self._replayed:
            self._say(f"journal: {self._replayed} events replayed")
        self.inbox.begin(self._version, self.boot_reason, boot_id=self._boot_id)
        async with AsyncExitStack() as stack:
            stack.callback(self.database.close)
            logger = logging.getLogger("controller")
            logger.addHandler(self.recent)
            stack.callback(logger.removeHandler, self.recent)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.INFO)
            self.uploads.tidy()
            await stack.enter_async_context(open_api(self.facade, self.config.runtime_dir))
            async with asyncio.TaskGroup() as group:
                self._tasks.open(group)
                # The first input of this run: what it sets going needs the group.
                self.inbox.take(conversation.chosen(self.config.csms))
                greeted = None if self.client is None else self._greeted
                parts = [
                    group.create_task(self.peripherals.run(greeted)),
                    group.create_task(self._ticks.run()),
                ]
                if self.link is not None:
                    parts.append(group.create_task(self.link.run()))
                if self.client is not None:
                    parts.append(group.create_task(self._converse(self.client)))
                if self._measure is not None:
                    parts.append(group.create_task(watch(self._measure, self._limits, self._exhausted)))
                await self._stopped.wait()
                for task in parts:
                    task.cancel()
                self._tasks.close()
            self.inbox.checkpoint()
        return self._status

    def stop(self, status: int = exits.OK) -> None:
        """End ``run``. Permits lapse by themselves: the safety process ends the charge gently, or the next
        controller takes over within the lease."""
        self._status = status
        self._stopped.set()

    async def _converse(self, client: Client) -> None:
        """The certificates first: a connection may need them."""
        await self.certificates.load()
        await client.run()

    # ------------------------------------------------------------------ what happens after an input

    def _happened(self, events: Sequence[Event], _seq: int) -> None:
        if self.client is not None:
            self.client.happened(events)

    def _taken(self) -> None:
        self._ticks.look()
        if self.link is not None:
            self.link.send()
        if self.client is not None:
            self.client.status_changed()
        self.facade.changed()

    def _prune(self, now: Now) -> None:
        try:
            self.journal.prune([READER], KEEP_DAYS, now, most_bytes=MOST_BYTES)
        except StorageError as error:
            self._say(f"journal: {error}")

    # ------------------------------------------------------------------ what else changes

    def _client_changed(self) -> None:
        if self.client is not None and self.client.online:
            self._greeted.set()
        self.facade.changed()

    def _settings_changed(self, _changed: object) -> None:
        self.inbox.take(PolicyChanged(policy(self.settings)))
        self._adjust_lights()

    def _adjust_lights(self) -> None:
        self.peripherals.adjust(self.settings[LIGHT_INTENSITY], self.settings[BLINK_REPEAT])

    def _limits(self) -> tuple[int, int]:
        return self.settings[MEMORY_LIMIT], self.settings[STORAGE_RESERVE]

    def _exhausted(self, what: str) -> None:
        self._say(f"getting full: {what}")
        self.inbox.take(SecurityNoticed(MEMORY_EXHAUSTION, what))
