"""The controller with everything real but the hardware, on virtual time: App, journal, settings, CSMS.

Where ``house`` steps a world and the safety loop every 10 ms, here an obedient safety process and an obedient
vehicle are one function of the permit: a minute costs milliseconds. Use it for whatever is about OCPP; use
``house`` where volts, contacts and safety matter.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.app import App
from controller.config import desk_config, parse_config
from controller.domain.events import Event
from controller.domain.inputs import EvseFacts
from controller.domain.station import Station
from controller.reboot import Reboot
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from hal.interface import HardwareError, IndicatorState, MeterIdentity, MeterReading, TokenKind, TokenRead
from hal.profile import BoardProfile, load_profile
from tests.support.csms import FakeCsms
from tests.support.virtual_time import VirtualClock

REPORT_S = 0.2
"""So often the safety process looks; it reports what changed, and everything once a second."""
LIVELY_S = 5
VOLTS = 230
MAIN_BEFORE_WH = 1_000_000


@dataclass
class Bay:
    """One EVSE as the vehicle and the wires make it. ``takes``: the vehicle wants current. ``cable``: the
    driver's own one is in the socket; always False with a fixed cable."""

    evse_id: int
    phases: int
    plugged: bool = False
    plug_no: int = 0
    takes: bool = True
    draws_ma: int = 16_000
    closed: bool = False
    offered_ma: int = 0
    locked: bool | None = None
    socket: bool = False
    cable: bool = False
    inhibits: tuple[tuple[str, int], ...] = ()
    energy_mwh: int = 5_000_000
    meter_fails: bool = False
    indicator: str = ""
    indicated: list[str] = field(default_factory=list)  # all that was shown
    light: tuple[int, int] | None = None  # percent of full brightness, blinks for a signal
    counted_ms: int = 0
    told: EvseFacts | None = None

    @property
    def current_ma(self) -> int:
        return min(self.draws_ma, self.offered_ma) if self.closed else 0

    def count(self, now_ms: int) -> None:
        power_mw = self.current_ma * VOLTS * self.phases
        self.energy_mwh += power_mw * (now_ms - self.counted_ms) // 3_600_000
        self.counted_ms = now_ms


class _Meter:
    def __init__(self, bay: Bay, clock: VirtualClock) -> None:
        self._bay, self._clock = bay, clock

    async def read(self) -> MeterReading:
        bay = self._bay
        if bay.meter_fails:
            raise HardwareError("the meter is silent")
        bay.count(self._clock.now().mono_ms)
        used = tuple(bay.current_ma if phase < bay.phases else 0 for phase in range(3))
        return MeterReading(
            energy_import_wh=bay.energy_mwh // 1000,
            power_w=bay.current_ma * VOLTS * bay.phases // 1000,
            voltage_mv=(VOLTS * 1000,) * 3,
            current_ma=(used[0], used[1], used[2]),
            frequency_mhz=50_000,
        )

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("Joulepost", "cabin", "CABIN1", "1")

    async def close(self) -> None:
        return


class _MainMeter:
    """At the grid connection: all bays together, and what the station had used before."""

    def __init__(self, bays: Mapping[int, Bay], clock: VirtualClock) -> None:
        self._bays, self._clock = bays, clock

    async def read(self) -> MeterReading:
        for bay in self._bays.values():
            bay.count(self._clock.now().mono_ms)
        used_ma = sum(bay.current_ma for bay in self._bays.values())
        return MeterReading(
            energy_import_wh=MAIN_BEFORE_WH + sum(bay.energy_mwh for bay in self._bays.values()) // 1000,
            current_ma=(used_ma, used_ma, used_ma),
        )

    async def identify(self) -> MeterIdentity:
        return MeterIdentity("Joulepost", "cabin", "MAIN", "1")

    async def close(self) -> None:
        return


class _Reader:
    def __init__(self) -> None:
        self.cards: asyncio.Queue[TokenRead | None] = asyncio.Queue()
        self.broken = ""  # why it cannot be read

    def shake(self) -> None:
        """The driver notices that its line broke."""
        self.cards.put_nowait(None)

    async def read(self) -> TokenRead:
        card = None if self.broken else await self.cards.get()
        if card is None:
            raise HardwareError(self.broken or "the line broke")
        return card

    async def close(self) -> None:
        return


class _Light:
    def __init__(self, bay: Bay) -> None:
        self._bay = bay

    async def show(self, state: IndicatorState) -> None:
        self._bay.indicator = state.value
        self._bay.indicated.append(state.value)

    async def adjust(self, intensity_percent: int, blinks: int) -> None:
        self._bay.light = (intensity_percent, blinks)


class _Board:
    """``hal.interface.ServiceBoard``."""

    def __init__(self, bays: Sequence[Bay], clock: VirtualClock, main_meter: bool) -> None:
        self._main_meter = main_meter
        self._bays = {bay.evse_id: bay for bay in bays}
        self._clock = clock
        self.reader = _Reader()
        self.readers: list[tuple[_Reader, int | None]] = [(self.reader, None)]

    def meter(self, evse_id: int) -> _Meter | _MainMeter | None:
        if evse_id == 0:
            return _MainMeter(self._bays, self._clock) if self._main_meter else None
        return _Meter(self._bays[evse_id], self._clock)

    def indicator(self, evse_id: int) -> _Light:
        return _Light(self._bays[evse_id])

    async def close(self) -> None:
        return


@dataclass
class Cabin:
    """``async with Cabin.build(tmp_path, csms, "ocpp1.6", evses=2) as cabin``. ``boot_id``: of the machine;
    another one between two lives means a reboot. ``said``: what the controller printed."""

    directory: Path
    csms: FakeCsms
    profile: BoardProfile
    clock: VirtualClock
    bays: list[Bay]
    settings: dict[str, str | int | bool]
    subprotocols: tuple[str, ...]
    config_options: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    boot_id: str = "boot-1"
    status: int | None = None  # exit status of the last life
    app: App | None = None
    board: _Board | None = None
    reports: bool = True  # the safety process is alive
    reboot: Reboot | None = None  # what a hard reset does
    _serving: asyncio.Task[int] | None = None
    _reporting: asyncio.Task[None] | None = None
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _happened: asyncio.Event = field(default_factory=asyncio.Event)
    _lively_until_s: float = 0

    @classmethod
    def build(
        cls,
        directory: Path,
        csms: FakeCsms,
        *subprotocols: str,
        evses: int = 1,
        settings: dict[str, str | int | bool] | None = None,
        profile: BoardProfile | None = None,
        **config_options: Any,
    ) -> Cabin:
        """``config_options``: for ``desk_config`` (password, ca_file, url ...)."""
        profile = profile or load_profile("simulated", evses)
        clock = VirtualClock(asyncio.get_running_loop())
        now_ms = clock.now().mono_ms
        bays = [
            Bay(
                evse.evse_id,
                evse.phases,
                locked=False if evse.lock is not None else None,
                socket=not evse.tethered,
                counted_ms=now_ms,
                plug_no=evse.evse_id * 1000,
            )
            for evse in profile.evses
        ]
        versions = subprotocols or ("ocpp1.6",)
        return cls(directory, csms, profile, clock, bays, settings or {}, versions, config_options)

    async def __aenter__(self) -> Cabin:
        self.start()
        self._reporting = asyncio.create_task(self._report())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.kill()
        assert self._reporting is not None
        self._reporting.cancel()
        await asyncio.gather(self._reporting, return_exceptions=True)
        if exc[0] is None:
            assert not self.csms.violations, "\n".join(self.csms.violations)

    # ------------------------------------------------------------------ the controller process

    def start(self) -> None:
        """Start (again) on the same directory, as the service manager would."""
        options: dict[str, Any] = {"url": self.csms.url, **self.config_options}
        text = desk_config(
            self.directory,
            versions=self.subprotocols,
            evses=len(self.bays),
            settings=self.settings,
            **options,
        )
        self.board = _Board(self.bays, self.clock, self.profile.main_meter is not None)
        self.app = App(
            parse_config(text, self.directory / "station.toml"),
            self.profile,
            self.board,
            self.clock,
            self.said.append,
            link=False,
            new_id=lambda: f"tx-{next(self._ids)}",
            machine_boot_id=self.boot_id,
            reboot=self.reboot,
        )
        self.status = None
        for bay in self.bays:
            bay.told = None
        self.app.inbox.on_events.append(lambda _events, _seq: self._stir())
        self._stir()
        self._serving = asyncio.create_task(self.app.run())

    async def kill(self) -> None:
        """As SIGKILL does: nothing is said, nothing is written any more."""
        app, self.app = self.app, None
        if app is not None and self._serving is not None:
            app.inbox.on_events.clear()
            app.inbox.on_taken.clear()
            app.inbox.on_effect = lambda _effect: None
            app.inbox.checkpoint = lambda: None  # type: ignore[method-assign]
            self._serving.cancel()
            await asyncio.gather(self._serving, return_exceptions=True)

    async def restart(self, reboot: bool = False, after_s: float = 1) -> None:
        """Kill it and start it again; ``reboot``: the whole machine, the safety process too."""
        await self.kill()
        if reboot:
            self.boot_id = f"boot-{int(self.boot_id.partition('-')[2]) + 1}"
            for bay in self.bays:
                bay.closed, bay.offered_ma = False, 0
                bay.plug_no += 1
        await self.sleep(after_s)
        self.start()

    async def ended(self, timeout_s: float = 120) -> int:
        """Wait until the controller ends by itself (a reset) and return its exit status."""
        assert self._serving is not None
        async with asyncio.timeout(timeout_s):
            self.status = await self._serving
        self.app = None
        return self.status

    # ------------------------------------------------------------------ the safety process and the vehicle

    async def _report(self) -> None:
        """Once a second, and every ``REPORT_S`` for a while after something happened."""
        while True:
            if self.app is not None and self.reports:
                self.look()
            quiet = asyncio.get_running_loop().time() >= self._lively_until_s
            try:
                async with asyncio.timeout(1.0 if quiet else REPORT_S):
                    await self._happened.wait()
            except TimeoutError:
                continue
            self._happened.clear()
            await asyncio.sleep(REPORT_S)

    def _stir(self) -> None:
        self._lively_until_s = asyncio.get_running_loop().time() + LIVELY_S
        self._happened.set()

    def look(self) -> None:
        """One report of each EVSE: the contactor follows permit and vehicle at once."""
        app = self.app
        if app is None:
            return
        now_ms = self.clock.now().mono_ms
        wishes = {wish.evse_id: wish for wish in app.station.permits(self.clock.now())}
        for bay in self.bays:
            wish = wishes.get(bay.evse_id)
            bay.count(now_ms)
            good = wish is not None and wish.plug_no == bay.plug_no and not wish.unavailable
            limit_ma = wish.limit_ma if good and wish is not None else 0
            bay.offered_ma = min(limit_ma, 32_000) if bay.plugged and limit_ma >= 6000 else 0
            if bay.inhibits:
                bay.offered_ma = 0
            bay.closed = bay.offered_ma > 0 and bay.takes
            if bay.locked is not None and wish is not None:
                there = bay.plugged or (bay.cable and wish.keep_locked)
                bay.locked = there and not wish.unlock
            facts = self.facts(bay)
            told = bay.told
            if told is None or now_ms - told.at_ms >= 1000 or facts != replace(told, at_ms=now_ms):
                bay.told = facts
                app.inbox.take(facts)

    def facts(self, bay: Bay, **changes: Any) -> EvseFacts:
        """What the safety process would report of a bay."""
        pilot = "A" if not bay.plugged else "C" if bay.closed else "B"
        facts = EvseFacts(
            evse_id=bay.evse_id,
            at_ms=self.clock.now().mono_ms,
            pilot=pilot,
            pwm=bay.offered_ma > 0,
            plug_no=bay.plug_no,
            offered_ma=bay.offered_ma,
            contactor_closed=bay.closed,
            rating_ma=32_000,
            cable_ma=32_000 if bay.cable else None,
            locked=bay.locked,
            permit_held=bay.offered_ma > 0,
            inhibits=bay.inhibits,
            phases=bay.phases,
        )
        return replace(facts, **changes)

    def bay(self, evse_id: int = 1) -> Bay:
        return next(bay for bay in self.bays if bay.evse_id == evse_id)

    async def plug(self, evse_id: int = 1) -> None:
        """Plug in, and let the controller see it."""
        bay = self.bay(evse_id)
        bay.plugged, bay.plug_no = True, bay.plug_no + 1
        bay.cable = bay.socket
        self._stir()
        await self.sleep(2 * REPORT_S)

    async def unplug(self, evse_id: int = 1) -> None:
        bay = self.bay(evse_id)
        bay.plugged = bay.closed = bay.cable = False
        bay.offered_ma = 0
        self._stir()
        await self.sleep(2 * REPORT_S)

    async def pull_out(self, evse_id: int = 1) -> None:
        """Unplug at the vehicle's side: a loose cable stays in the socket."""
        bay = self.bay(evse_id)
        bay.plugged = bay.closed = False
        bay.offered_ma = 0
        self._stir()
        await self.sleep(2 * REPORT_S)

    async def swipe(self, uid: str, settle_s: float = 1) -> None:
        """Hold a card to the reader, which serves all EVSEs."""
        assert self.board is not None
        self.board.reader.cards.put_nowait(TokenRead(uid, TokenKind.ISO14443))
        self._stir()
        await self.sleep(settle_s)

    # ------------------------------------------------------------------ time

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 120) -> None:
        """Wait for a condition. Raises ``AssertionError`` with what was going on."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            if self._serving is not None and self._serving.done() and self.app is not None:
                raise AssertionError(f"the controller ended: {self._serving.result()}; {self.said}")
            if asyncio.get_running_loop().time() > deadline_s:
                happened = [type(one).__name__ for one in self.events()]
                raise AssertionError(
                    f"{what}: not within {timeout_s:g} s; events {happened}; "
                    f"frames {self.csms.frames[-8:]}; said {self.said[-5:]}"
                )
            await asyncio.sleep(0.05)

    async def online(self) -> None:
        await self.until(lambda: self.app is not None and self.station.online, "the station registers")

    async def offline(self) -> None:
        """The CSMS vanishes and the station notices."""
        await self.csms.down()
        await self.until(lambda: not self.station.online, "the station notices")

    async def delivered(self, timeout_s: float = 600) -> None:
        """Everything journalled so far was answered."""
        assert self.app is not None and self.app.client is not None
        client = self.app.client
        await self.until(
            lambda: client.online and client.state.queue_length == 0, "the journal is delivered", timeout_s
        )

    async def charging(self, evse_id: int = 1, uid: str = "04A2B3C4") -> None:
        """Plug in, swipe, and wait until current flows."""
        await self.plug(evse_id)
        await self.swipe(uid)
        await self.until(lambda: self.bay(evse_id).current_ma > 0, f"EVSE {evse_id} charges")

    # ------------------------------------------------------------------ what can be seen

    @property
    def station(self) -> Station:
        assert self.app is not None, "the controller does not run"
        return self.app.station

    def events(self) -> list[Event]:
        """The journal, from the file."""
        if self.app is not None:
            return [entry.event for entry in self.app.journal.after(0, 100_000)]
        database = Database.open(self.directory / "joulepost.db")
        try:
            return [entry.event for entry in SqliteJournal(database, self.boot_id).after(0, 100_000)]
        finally:
            database.close()

    def happened(self, kind: type) -> list[Any]:
        return [event for event in self.events() if isinstance(event, kind)]

    def statuses(self, connector_id: int = 1) -> list[str]:
        """1.6: the statuses the CSMS was told of a connector, in order."""
        told = [one.payload for one in self.csms.of("StatusNotification")]
        return [one["status"] for one in told if one["connectorId"] == connector_id]
