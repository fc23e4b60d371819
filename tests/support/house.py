"""The whole station in one process on virtual time: simulated world, safety loop, controller, a real CSMS.

Nothing is faked between volts and frames: the world's ADC samples go through the classifier that ships, the
safety loop ticks every 10 ms, permits and reports pass as they do between the processes, the journal is a
SQLite file, and the CSMS is the server side of the ``ocpp`` package over a real websocket. One seed
replays a run. The invariants of the design are checked on every tick.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from controller.app import App
from controller.config import desk_config, parse_config
from controller.domain.events import (
    Event,
    SessionEnded,
    SessionStarted,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from controller.domain.inputs import SafetyLost
from controller.domain.station import Station, replay
from controller.safety.__main__ import config_of
from controller.safety.loop import SafetyLoop
from controller.safety.pilot import Pilot
from controller.safety_link import facts_of, permit_of
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import StorageError
from hal.profile import NO_PIN, BoardProfile, PhaseSwitchProfile, PinProfile, load_profile
from hal.simulated.board import SimulatedBoard, SimulatedServiceBoard
from hal.simulated.world import World
from tests.support.csms import FakeCsms
from tests.support.virtual_time import VirtualClock

TICK_S = 0.01
GRACE_MS = 100
"""IEC 61851-1 sequence 8: so long may a contactor stay closed after its reason is gone."""
LIMIT_GRACE_MS = 100
"""A lower claim reaches the pilot with the next permit and tick."""


@dataclass
class House:
    """``async with House.open(tmp_path, csms) as house``. ``said``: what the controller printed."""

    directory: Path
    csms: FakeCsms
    world: World
    safety: SafetyLoop
    clock: VirtualClock
    settings: dict[str, str | int | bool]
    subprotocols: tuple[str, ...]
    said: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    app: App | None = None
    lives: int = 0
    safety_runs: bool = True
    _dead: App | None = None
    _serving: asyncio.Task[int] | None = None
    _ticking: asyncio.Task[None] | None = None
    _renewed_ms: int = 0
    _bad_since: dict[tuple[int, str], int] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @classmethod
    def build(
        cls,
        directory: Path,
        csms: FakeCsms,
        *subprotocols: str,
        evses: int = 1,
        seed: int = 1,
        settings: dict[str, str | int | bool] | None = None,
        phase_switch: bool = False,
        profile: BoardProfile | None = None,
    ) -> House:
        profile = profile or load_profile("simulated", evses)
        if phase_switch:
            fitted = PhaseSwitchProfile(PinProfile(NO_PIN), PinProfile(NO_PIN))
            parts = tuple(replace(evse, phase_switch=fitted) for evse in profile.evses)
            profile = replace(profile, evses=parts)
        world = World(profile=profile, seed=seed)
        clock = VirtualClock(asyncio.get_running_loop())
        safety = _safety(world, clock)
        return cls(directory, csms, world, safety, clock, settings or {}, subprotocols or ("ocpp1.6",))

    async def __aenter__(self) -> House:
        self._ticking = asyncio.create_task(self._tick())
        self.start_controller()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.kill_controller()
        assert self._ticking is not None
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        if exc[0] is None:
            assert not self.violations, "\n".join(self.violations)
            assert not self.csms.violations, "\n".join(self.csms.violations)

    # ------------------------------------------------------------------ the controller process

    def start_controller(self) -> None:
        """Start (again) on the same directory, as the service manager would."""
        text = desk_config(
            self.directory,
            url=self.csms.url,
            versions=self.subprotocols,
            evses=len(self.world.evses),
            settings=self.settings,
        )
        config = parse_config(text, self.directory / "station.toml")
        self.lives += 1
        self.app = App(
            config,
            self.world.profile,
            SimulatedServiceBoard(self.world),
            self.clock,
            self.said.append,
            link=False,
            new_id=lambda: f"tx-{next(self._ids)}",
            machine_boot_id="boot-1",
        )
        self.app.inbox.on_taken.append(lambda: self._permits(everything=False))
        self._serving = asyncio.create_task(self.app.run())

    async def kill_controller(self) -> None:
        """As SIGKILL does: nothing is said, nothing is written any more."""
        self.cut_power()
        if self._serving is not None:
            await asyncio.gather(self._serving, return_exceptions=True)

    def cut_power(self) -> None:
        """The controller dies within the running step of the loop: what is committed stays, and whatever its
        tasks try on their way out fails."""
        if self.app is None or self._serving is None:
            return
        app, self.app, self._dead = self.app, None, self.app
        app.inbox.on_events.clear()
        app.inbox.on_taken.clear()
        app.inbox.on_effect = lambda _effect: None
        app.database.transaction = _no_power  # type: ignore[method-assign, assignment]
        self._serving.cancel()

    async def restart_controller(self, after_s: float) -> None:
        """Kill it (unless its power was cut already) and start it again."""
        await self.kill_controller()
        await self.sleep(after_s)
        self.start_controller()

    # ------------------------------------------------------------------ the safety process

    def kill_safety(self) -> None:
        """As SIGKILL and what follows it do: outputs off, no more ticks, and the controller is told."""
        SimulatedBoard(self.world).outputs_off()
        self.safety_runs = False
        if self.app is not None:
            self.app.inbox.take(SafetyLost("the safety process closed the connection"))

    def start_safety(self) -> None:
        """Start it again: it knows nothing of what was."""
        self.safety = _safety(self.world, self.clock)
        self.safety_runs = True

    # ------------------------------------------------------------------ time

    async def _tick(self) -> None:
        while True:
            self.world.advance(round(TICK_S * 1_000_000))
            now_ms = self.clock.now().mono_ms
            if not self.safety_runs:
                await asyncio.sleep(TICK_S)
                continue
            self.safety.tick(now_ms)
            reports = self.safety.reports(now_ms)
            if self.app is not None:
                for report in reports:
                    self.app.inbox.take(facts_of(report))
                if now_ms - self._renewed_ms >= 1000:
                    self._permits(everything=True)
            self._check(now_ms)
            await asyncio.sleep(TICK_S)

    def _permits(self, everything: bool) -> None:
        if self.app is None:
            return
        now = self.clock.now()
        if everything:
            self._renewed_ms = now.mono_ms
        for wish in self.app.station.permits(now):
            self.safety.offer(permit_of(wish))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], Any], what: str, timeout_s: float = 60) -> None:
        """Wait for a condition, looked at on every tick. Raises ``AssertionError`` with what was going on."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not condition():
            if self._ticking is not None and self._ticking.done():
                self._ticking.result()
            if self._serving is not None and self._serving.done() and self.app is not None:
                raise AssertionError(f"the controller ended: {self._serving.result()}; {self.said}")
            if asyncio.get_running_loop().time() > deadline_s:
                happened = [type(one).__name__ for one in self.events()]
                raise AssertionError(
                    f"{what}: not within {timeout_s:g} s; events {happened}; "
                    f"frames {self.csms.frames[-6:]}; said {self.said[-5:]}; {self.world.status()}"
                )
            await asyncio.sleep(TICK_S)

    # ------------------------------------------------------------------ what can be seen

    @property
    def station(self) -> Station:
        assert self.app is not None, "the controller does not run"
        return self.app.station

    def events(self) -> list[Event]:
        """The journal, from the file."""
        if self.app is not None:
            return [entry.event for entry in self.app.journal.after(0, 100_000)]
        if self._dead is not None and self._serving is not None and not self._serving.done():
            return [entry.event for entry in self._dead.journal.after(0, 100_000)]  # it still has the file
        database = Database.open(self.directory / "joulepost.db")
        try:
            return [entry.event for entry in SqliteJournal(database, "boot-1").after(0, 100_000)]
        finally:
            database.close()

    def happened(self, kind: type) -> list[Any]:
        return [event for event in self.events() if isinstance(event, kind)]

    def closed(self, evse_id: int = 1) -> bool:
        """Whether any pole of the contactor is really closed."""
        return any(self.world.evse(evse_id).contactor.poles)

    def current_ma(self, evse_id: int = 1) -> int:
        return max(self.world.evse(evse_id).meter.current_ma)

    def charging(self, evse_id: int = 1) -> bool:
        return self.closed(evse_id) and self.current_ma(evse_id) > 0

    async def online(self) -> None:
        await self.until(lambda: self.station.online, "the station registers")

    async def delivered(self) -> None:
        assert self.app is not None
        client = self.app.client
        assert client is not None
        await self.until(
            lambda: client.online and client.state.queue_length == 0, "the journal is delivered", 600
        )

    # ------------------------------------------------------------------ invariants

    def _check(self, now_ms: int) -> None:
        for evse in self.safety.evses:
            state = evse.state
            evse_id = state.config.evse_id
            why_closed = ""
            if any(self.world.evse(evse_id).contactor.poles):
                letter_ok = state.pilot is Pilot.C or (state.pilot is Pilot.D and state.config.ventilation)
                stopping = state.letting_go_since_ms is not None
                if not letter_ok:
                    why_closed = f"closed with pilot {state.pilot.name}"
                elif not (state.held or stopping):
                    why_closed = "closed without a permit"
                elif state.inhibits.mask:
                    why_closed = f"closed with inhibits {state.inhibits.mask:#x}"
            welded = "welded" in " ".join(name for _evse, name in self.world.faults.list())
            self._hold(evse_id, "gate", why_closed if not welded else "", now_ms, GRACE_MS)
            if self.app is not None and state.offered_ma:
                # A controller that just started knows no claims yet: its predecessor's lease holds.
                claims = self.station.claims(evse_id, self.clock.now())
                limits_ma = [claim.limit_ma for claim in claims if claim.name != "safety"]
                lowest_ma = min(limits_ma, default=state.offered_ma)
                above = (
                    f"offers {state.offered_ma} mA above {lowest_ma} mA"
                    if state.offered_ma > lowest_ma
                    else ""
                )
                self._hold(evse_id, "limit", above, now_ms, LIMIT_GRACE_MS)

    def _hold(self, evse_id: int, name: str, wrong: str, now_ms: int, grace_ms: int) -> None:
        key = (evse_id, name)
        if not wrong:
            self._bad_since.pop(key, None)
        elif now_ms - self._bad_since.setdefault(key, now_ms) > grace_ms:
            self.violations.append(f"{now_ms} ms EVSE {evse_id}: {wrong}")

    def check_books(self) -> None:
        """What was sold is what the meter counted; a start has one end; the journal rebuilds the station."""
        events = self.events()
        started = {event.transaction_id: event for event in events if isinstance(event, TransactionStarted)}
        ended = [event for event in events if isinstance(event, TransactionEnded)]
        assert sorted(started) == sorted(event.transaction_id for event in ended), (
            "each Started has one Ended"
        )
        for evse in self.world.evses:
            sold_wh = sum(
                event.register_wh - started[event.transaction_id].register_wh
                for event in ended
                if event.evse_id == evse.evse_id
            )
            register_wh = self.world.reading(evse.evse_id).energy_import_wh
            assert sold_wh == register_wh, (
                f"EVSE {evse.evse_id}: sold {sold_wh} Wh, register {register_wh} Wh"
            )
        if self.app is not None:
            copy = Station(
                [evse.spec for evse in self.station.evses.values()],
                self.station.policy,
                NO_TOKENS,
                lambda: "never",
            )
            replay(copy, events)
            assert copy.checkpoint() == self.station.checkpoint(), (
                "replaying the journal gives the same station"
            )


def _safety(world: World, clock: VirtualClock) -> SafetyLoop:
    """The safety process's loop, fresh, on this world's board."""
    board = SimulatedBoard(world)
    configs = [config_of(evse, part) for evse, part in zip(world.profile.evses, board.evses, strict=True)]
    return SafetyLoop(board, configs, clock.now().mono_ms)


def _no_power(_operation: str) -> NoReturn:
    raise StorageError("the power is gone")


class _NoTokens:
    def listed(self, _token: object) -> None:
        return None

    def cached(self, _token: object) -> None:
        return None


NO_TOKENS: Any = _NoTokens()

_VOLATILE = {"at_ms", "plug_no", "register_wh", "samples", "transaction_id", "seq_no", "url"}


def shape(events: list[Event]) -> list[str]:
    """Events without what differs from run to run: instants, numbers of plugs, exact registers.

    Two runs of one scenario under two OCPP versions must have the same shape.
    """
    rows = []
    for event in events:
        if isinstance(event, (SessionStarted, SessionEnded)):
            rows.append(type(event).__name__)
            continue
        assert is_dataclass(event)
        known = {one.name: getattr(event, one.name) for one in fields(event) if one.name not in _VOLATILE}
        if isinstance(event, TransactionUpdated) and event.samples:
            known["measured"] = len(event.samples[0].values)
        rows.append(f"{type(event).__name__} {known}")
    return rows
