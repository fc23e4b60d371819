"""A client with everything around it real but the station: journal and settings in SQLite, sockets, clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.csms.client import Client
from controller.csms.errors import CsmsError
from controller.csms.link import Endpoint
from controller.csms.trace import FrameLines
from controller.csms.v16 import FEATURE_PROFILES
from controller.csms.version import StationIdentity
from controller.domain.access.tokens import IdToken, TokenType
from controller.domain.commands import Command, Status, TriggerKind, TriggerMessage, Verdict
from controller.domain.effects import Send
from controller.domain.events import (
    ChargingState,
    Event,
    StoppedReason,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
    Trigger,
)
from controller.domain.inputs import CsmsChanged, Input
from controller.domain.metering.measurands import Measurand, MeterSample, ReadingContext, SampledValue
from controller.domain.views import EvseView, Progress
from controller.settings.catalog import BASIC_AUTH_PASSWORD, CATALOG
from controller.settings.facts import EvseFact, LiveFacts, StationFacts, providers, providers16
from controller.settings.settings import Settings
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.values import SqliteSettingValues
from tests.support.csms import FakeCsms
from tests.support.virtual_time import VirtualClock

T0_MS = 1_767_225_600_000
TOKEN = IdToken("04A1B2C3", TokenType.ISO14443)
IDENTITY = StationIdentity("Joulepost", "reference", serial="SN-1", firmware="0.1.0")
ENERGY = SampledValue(Measurand.ENERGY_IMPORT_REGISTER, 1_234_000)
SAMPLE = MeterSample(T0_MS + 60_000, ReadingContext.SAMPLE_PERIODIC, (ENERGY,))


def view(evse_id: int = 1, **changes: object) -> EvseView:
    plain = EvseView(
        evse_id=evse_id,
        connector_id=1 if evse_id else 0,
        operative=True,
        fault=None,
        plugged=False,
        authorized=False,
        finishing=False,
        reserved=False,
        transaction_id=None,
        charging_state=None,
        changed_at_ms=T0_MS,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def started(id_: str = "tx-1", **changes: object) -> TransactionStarted:
    plain = TransactionStarted(
        transaction_id=id_,
        evse_id=1,
        connector_id=1,
        seq_no=0,
        trigger=Trigger.CABLE_PLUGGED_IN,
        charging_state=ChargingState.CHARGING,
        token=TOKEN,
        group=None,
        register_wh=1000,
        samples=(),
        offline=False,
        at_ms=T0_MS,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def updated(id_: str = "tx-1", seq_no: int = 1, **changes: object) -> TransactionUpdated:
    plain = TransactionUpdated(
        transaction_id=id_,
        evse_id=1,
        connector_id=1,
        seq_no=seq_no,
        trigger=Trigger.METER_VALUE_PERIODIC,
        charging_state=ChargingState.CHARGING,
        register_wh=1234,
        samples=(SAMPLE,),
        offline=False,
        at_ms=T0_MS + 60_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def ended(id_: str = "tx-1", seq_no: int = 2, **changes: object) -> TransactionEnded:
    plain = TransactionEnded(
        transaction_id=id_,
        evse_id=1,
        connector_id=1,
        seq_no=seq_no,
        trigger=Trigger.EV_DEPARTED,
        charging_state=ChargingState.IDLE,
        stopped_reason=StoppedReason.EV_DISCONNECTED,
        token=None,
        register_wh=2000,
        samples=(),
        offline=False,
        at_ms=T0_MS + 120_000,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@dataclass
class StationDouble:
    """Records what reaches the station. Commands get ``verdicts`` by type, else Accepted."""

    inputs: list[Input] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    verdicts: dict[type, Verdict] = field(default_factory=dict)
    shown: list[EvseView] = field(default_factory=lambda: [view(0), view(1)])
    client: Client | None = None
    settle_s: float = 0

    def take(self, input_: Input) -> Verdict | None:
        self.inputs.append(input_)
        return None

    async def ask(self, command: Command) -> Verdict:
        self.commands.append(command)
        if self.settle_s:
            await asyncio.sleep(self.settle_s)
        verdict = self.verdicts.get(type(command), Verdict(Status.ACCEPTED))
        if isinstance(command, TriggerMessage) and verdict.status is Status.ACCEPTED and self.client:
            self.client.perform(Send(command))
        return verdict

    def views(self) -> Sequence[EvseView]:
        return self.shown

    def sample(self, evse_id: int, context: ReadingContext) -> MeterSample | None:
        return MeterSample(T0_MS, context, (ENERGY,)) if evse_id else None  # no main meter

    def progress(self, kind: TriggerKind) -> Progress:
        return Progress()

    @property
    def online(self) -> list[bool]:
        return [one.online for one in self.inputs if isinstance(one, CsmsChanged)]


def open_settings(database: Database, evses: int = 1, initial: dict[str, str] | None = None) -> Settings:
    facts = StationFacts(
        identity="station-1",
        vendor=IDENTITY.vendor,
        model=IDENTITY.model,
        serial=IDENTITY.serial,
        firmware_version=IDENTITY.firmware,
        evses=tuple(EvseFact(number, 32_000, 3, tethered=True) for number in range(1, evses + 1)),
    )
    live = LiveFacts(
        date_time=lambda: "2026-01-01T00:00:00Z",
        availability=lambda _evse, _connector: "Available",
        power_w=lambda _evse: 0,
        profiles_installed=lambda: 0,
        tokens_listed=lambda: 0,
        roots_installed=lambda: 0,
    )
    return Settings(
        CATALOG,
        SqliteSettingValues(database),
        providers(facts, live),
        providers16(facts, FEATURE_PROFILES),
        dict.fromkeys(range(1, evses + 1), 1),
        initial=initial,
    )


class Straight:
    """Access without profiles and trials: the URL of the CSMS, and the password of the settings."""

    on_trial = False

    def __init__(self, settings: Settings, csms: FakeCsms, offered: tuple[str, ...]) -> None:
        self._settings, self._csms, self._offered = settings, csms, offered
        self._used: Endpoint | None = None

    def _now(self) -> Endpoint:
        password = self._settings[BASIC_AUTH_PASSWORD] or None
        return Endpoint(self._csms.url, "station-1", self._offered, password=password)

    def endpoint(self) -> Endpoint:
        self._used = self._now()
        return self._used

    def stale(self) -> bool:
        return self._used != self._now()

    def opened(self, roots: tuple[Path, ...]) -> None:
        return

    def worked(self) -> None:
        return

    def failed(self, error: CsmsError) -> None:
        return


class Rig:
    """``async with rig(tmp_path, csms) as one``: the client runs until the end of the block."""

    def __init__(self, database: Database, csms: FakeCsms, offered: tuple[str, ...], initial: dict[str, str]):
        self.database = database
        self.csms = csms
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.settings = open_settings(database, initial=initial)
        self.journal = SqliteJournal(database, "boot-1")
        self.station = StationDouble()
        self.lines: list[str] = []
        self.client = Client(
            access=Straight(self.settings, csms, offered),
            identity=IDENTITY,
            boot_reason="PowerUp",
            settings=self.settings,
            journal=self.journal,
            station=self.station,
            clock=self.clock,
            trace=FrameLines(self.lines.append),
            random=lambda: 0.5,
        )
        self.station.client = self.client

    def happened(self, *events: Event) -> int:
        """Journal events as the inbox does, and wake the client. Returns the last seq."""
        seq = self.journal.append(events, self.clock.now())
        self.client.wake()
        return seq

    async def online(self) -> None:
        await self.csms.until(lambda: self.client.online, what="online")

    async def delivered(self, seq: int, timeout_s: float = 3600) -> None:
        """Until the cursor says so: answered and committed."""
        await self.csms.until(
            lambda: self.journal.cursor("csms") >= seq, timeout_s, f"delivery of journal entry {seq}"
        )


OFFERED = ("ocpp2.1", "ocpp2.0.1", "ocpp1.6")


@asynccontextmanager
async def rig(
    tmp_path: Path,
    csms: FakeCsms,
    *,
    offered: tuple[str, ...] = OFFERED,
    initial: dict[str, str] | None = None,
    before: Sequence[Event] = (),
) -> AsyncIterator[Rig]:
    """``before``: journalled before the client starts (as if offline)."""
    database = Database.open(tmp_path / "joulepost.db")
    try:
        one = Rig(database, csms, offered, initial or {})
        if before:
            one.journal.append(before, one.clock.now())
        task = asyncio.create_task(one.client.run())
        try:
            yield one
            assert not task.done(), "the client ended by itself"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    finally:
        database.close()
