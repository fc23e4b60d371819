"""The bench: the simulated world in real time, served where a station's hardware would be.

Owns: the real clock of the world, the board socket (``hal.simulated.wire``), the serial lines, and what a
person at the bench can do. Refuses to know: how commands get here (JSON-RPC is put on top elsewhere), and
the processes under test. Imports pymodbus through ``hal.simulated.meters``.

Under ``root``: ``run/board.sock`` for the safety process; the profile's serial ports at their own paths,
e.g. ``dev/meter1`` and ``dev/rfid0``. Leftovers of an earlier run are replaced.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hal.interface import HardwareError, LockDrive
from hal.simulated.faults import FAULTS
from hal.simulated.meters import MeterBus, SimulatedModbusMeter
from hal.simulated.readers import ReaderLine
from hal.simulated.wire import (
    LONGEST_MESSAGE,
    NO_TEMPERATURE,
    OPEN_OHM,
    SOCKET_NAME,
    Inputs,
    Outputs,
    Panel,
    WireError,
    decode_outputs,
    encode_inputs,
)
from hal.simulated.world import BURST_SAMPLES, EvseWorld, World

TICK_S = 0.01
IDLE_TICK_S = 0.05
"""The world's tick while no safety process is connected."""
STALL_US = 50_000
"""A desk's scheduler may hold the bench up; pulses that arrived meanwhile feed the gate all along."""
MOST_MESSAGES = 64


class BenchServer:
    """Serves ``world`` below ``root``. ``speed`` makes energy flow faster; pilot, vehicle and contactor
    keep real time. Use on one running loop: ``await start()`` ... ``await close()``."""

    def __init__(
        self,
        world: World,
        root: Path,
        speed: float = 1.0,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        world.set_speed(speed)
        self.world = world
        self.root = root
        self.socket_path = root / SOCKET_NAME
        self._monotonic_ns = monotonic_ns
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None
        self._refused = 0
        self._bad_messages = 0
        self._pulses: int | None = None
        self._pilot_moved = False
        self._last_us = 0
        self._timer: asyncio.TimerHandle | None = None
        self._next_s = 0.0
        self._buses: list[MeterBus] = []
        self._readers: list[ReaderLine] = []

    # ------------------------------------------------------------------ life

    async def start(self) -> None:
        """Open everything. Raises ``HardwareError`` when a path is taken, ``ProfileError`` for a reader or
        meter that the bench does not have. On failure nothing stays open."""
        self._loop = asyncio.get_running_loop()
        self._last_us = self._monotonic_ns() // 1000
        try:
            self._listen()
            for index, reader in enumerate(self.world.profile.readers):
                line = ReaderLine(reader, self._below_root(reader.port), self.world.station_faults)
                self._readers.append(line)
                self.world.readers[index].listeners.append(line.present)
            for port, meters in self._meters_by_port().items():
                bus = MeterBus(self._below_root(port), meters)
                self._buses.append(bus)
                await bus.start()
        except BaseException:
            await self.close()
            raise
        self.world.pilot_listeners.append(self._pilot_has_moved)
        self._next_s = self._loop.time()
        self._tick()

    async def close(self) -> None:
        """Close everything; safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop_client()
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
            self.socket_path.unlink(missing_ok=True)
        if self._pilot_has_moved in self.world.pilot_listeners:
            self.world.pilot_listeners.remove(self._pilot_has_moved)
        for index, line in enumerate(self._readers):
            self.world.readers[index].listeners.remove(line.present)
            line.close()
        self._readers.clear()
        for bus in self._buses:
            await bus.close()
        self._buses.clear()

    # ------------------------------------------------------------------ what a person at the bench does

    def plug(self, evse_id: int = 1, *, cable_ma: int = 32_000, **vehicle: Any) -> None:
        """See ``World.plug``."""
        self._do(lambda: self.world.plug(evse_id, cable_ma=cable_ma, **vehicle))

    def unplug(self, evse_id: int = 1, *, force: bool = False) -> None:
        """See ``World.unplug``."""
        self._do(lambda: self.world.unplug(evse_id, force=force))

    def insert_cable(self, evse_id: int = 1, cable_ma: int = 32_000) -> None:
        """See ``World.insert_cable``."""
        self._do(lambda: self.world.insert_cable(evse_id, cable_ma))

    def set_vehicle(self, evse_id: int = 1, **vehicle: Any) -> None:
        """See ``World.set_vehicle``."""
        self._do(lambda: self.world.set_vehicle(evse_id, **vehicle))

    def set_ambient(self, mdeg_c: int, evse_id: int | None = None) -> None:
        """See ``World.set_ambient``."""
        self._do(lambda: self.world.set_ambient(mdeg_c, evse_id))

    def swipe(self, uid: str, reader: int = 0) -> None:
        """Hold a card to a reader for a moment. Raises ``ValueError`` for a card it cannot read."""
        self._do(lambda: self.world.swipe(uid, reader))

    def fault_set(self, name: str, evse_id: int = 1) -> None:
        """Let a fault happen. Raises ``ValueError`` naming the faults there are."""
        self._do(lambda: self.world.faults.set(name, evse_id))

    def fault_clear(self, name: str | None = None, evse_id: int = 1) -> None:
        """Repair a fault; without a name, all of them."""
        if name is None:
            self._do(self.world.faults.clear_all)
        else:
            self._do(lambda: self.world.faults.clear(name, evse_id))

    def fault_list(self) -> list[dict[str, Any]]:
        """All faults there are, with the EVSEs on which each is active (0 = the station)."""
        active = self.world.faults.list()
        return [
            {
                "name": fault.name,
                "part": fault.part,
                "description": fault.description,
                "active": [evse_id for evse_id, name in active if name == fault.name],
            }
            for fault in FAULTS.values()
        ]

    def status(self) -> dict[str, Any]:
        """The world's status and who is connected."""
        self._arrive()
        return {
            **self.world.status(),
            "socket": str(self.socket_path),
            "safety_connected": self._client is not None,
            "refused_connections": self._refused,
            "bad_messages": self._bad_messages,
            "meters": [str(bus.line.link) for bus in self._buses],
            "readers": [str(line.line.link) for line in self._readers],
        }

    def _do(self, action: Callable[[], object]) -> None:
        self._arrive()
        action()
        if self._pilot_moved:
            self._push()

    # ------------------------------------------------------------------ time

    def _tick(self) -> None:
        self._arrive()
        self._push()
        pause = TICK_S if self._client is not None else IDLE_TICK_S
        self._next_s = max(self._next_s + pause, self._loop.time())
        self._timer = self._loop.call_at(self._next_s, self._tick)

    def _arrive(self) -> None:
        """Bring the world to now; what the safety process sent meanwhile came first."""
        self._read_client()
        self._catch_up()

    def _catch_up(self, fed: bool = False) -> None:
        now_us = self._monotonic_ns() // 1000
        passed = now_us - self._last_us
        self._last_us = now_us
        while fed and passed > STALL_US:
            self.world.advance(STALL_US)
            self.world.feed_watchdog()
            passed -= STALL_US
        if passed > 0:
            self.world.advance(passed)

    def _pilot_has_moved(self, evse_id: int) -> None:
        self._pilot_moved = True

    # ------------------------------------------------------------------ the board socket

    def _listen(self) -> None:
        path = self.socket_path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
                probe.setblocking(False)
                try:
                    probe.connect(str(path))
                except ConnectionRefusedError:
                    path.unlink()
                except OSError as problem:
                    raise self._taken(problem.strerror or str(problem)) from problem
                else:
                    raise self._taken("another bench answers there")
        elif path.exists():
            raise self._taken("it is no socket")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.setblocking(False)
            listener.bind(str(path))
            listener.listen(4)
        except OSError as problem:
            listener.close()
            raise HardwareError(
                f"{path}: cannot listen: {problem.strerror or problem}; expected a directory that may be "
                f"written and a path below 108 bytes; choose another root"
            ) from problem
        self._listener = listener
        self._loop.add_reader(listener, self._accept)

    def _taken(self, found: str) -> HardwareError:
        return HardwareError(
            f"{self.socket_path}: {found}; expected a free path; stop the other bench or choose another root"
        )

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has gone away again
            return
        if self._client is not None:
            self._read_client()  # notices when the old one has just ended
        if self._client is not None:
            self._refused += 1
            client.close()
            return
        client.setblocking(False)
        self._client = client
        self._pulses = None
        self._loop.add_reader(client, self._readable)
        if self._timer is not None:  # from the idle pace to the tick's
            self._timer.cancel()
            self._next_s = self._loop.time()
            self._tick()

    def _readable(self) -> None:
        self._read_client()
        if self._pilot_moved:
            self._push()

    def _read_client(self) -> None:
        """Take what the safety process sent; the latest outputs win."""
        latest: tuple[int, list[Outputs]] | None = None
        lost = False
        for _ in range(MOST_MESSAGES):
            if self._client is None:
                break
            try:
                message = self._client.recv(LONGEST_MESSAGE)
            except (BlockingIOError, InterruptedError):
                break
            except ConnectionResetError:
                continue  # it closed with inputs unread; what it sent before that (all off!) comes next
            except OSError:
                message = b""
            if not message:
                lost = True
                break
            try:
                latest = decode_outputs(message)
            except WireError:
                self._bad_messages += 1
        if latest is not None:
            self._apply(*latest)
        if lost:
            self._drop_client()

    def _apply(self, pulses: int, outputs: list[Outputs]) -> None:
        fed = self._pulses is not None and pulses != self._pulses
        self._pulses = pulses
        self._catch_up(fed)
        for output in outputs:
            try:
                evse = self.world.evse(output.evse_id)
            except ValueError:
                self._bad_messages += 1
                continue
            evse.set_duty(output.duty_pm)
            evse.set_contactor(output.contactor)
            evse.set_lock(LockDrive(output.lock))
            evse.set_rcd_test(output.rcd_test)
            evse.set_three_phase(output.three_phase)
        if fed:
            self.world.feed_watchdog()

    def _drop_client(self) -> None:
        """The safety process is gone; its outputs stay as they are, as GPIO and PWM do."""
        if self._client is not None:
            self._loop.remove_reader(self._client)
            self._client.close()
            self._client = None

    def _push(self) -> None:
        self._pilot_moved = False
        if self._client is None or "board_silent" in self.world.station_faults:
            return
        faults = self.world.station_faults
        panel = Panel("emergency_stop" in faults, "enclosure_open" in faults)
        inputs = [self._inputs(evse) for evse in self.world.evses]
        message = encode_inputs(self._last_us, self._samples, inputs, panel)
        try:
            self._client.send(message)
        except (BlockingIOError, InterruptedError):
            pass  # it is stopped or far behind: it will find the inputs too old and say so
        except OSError:
            self._drop_client()

    @property
    def _samples(self) -> int:
        counts = [evse.adc.burst_samples for evse in self.world.profile.evses if evse.adc is not None]
        return max(counts, default=BURST_SAMPLES)

    def _inputs(self, evse: EvseWorld) -> Inputs:
        try:
            samples = evse.burst().packed
        except HardwareError:
            samples = b""  # the other end says so
        try:
            mdeg_c = evse.temperature_mdeg_c()
        except HardwareError:
            mdeg_c = NO_TEMPERATURE
        ohm = evse.proximity.resistance_ohm
        return Inputs(
            evse.evse_id,
            evse.mirror_closed(),
            evse.residual_current.tripped,
            evse.lock.feedback_locked,
            OPEN_OHM if ohm is None else ohm,
            samples,
            evse.phase_contactor.feedback_three,
            mdeg_c,
        )

    # ------------------------------------------------------------------ serial lines

    def _below_root(self, port: str) -> Path:
        return self.root / port.lstrip("/")

    def _meters_by_port(self) -> dict[str, list[SimulatedModbusMeter]]:
        ports: dict[str, list[SimulatedModbusMeter]] = {}
        for evse in self.world.evses:
            profile = evse.profile.meter
            if profile is None:
                continue
            scheme, _, port = profile.link.partition(":")
            if scheme != "rtu":
                raise HardwareError(
                    f"evse {evse.evse_id}: meter link {profile.link!r}; the bench serves rtu:/dev/..."
                )

            def reading(evse: EvseWorld = evse) -> Any:
                self._arrive()
                return evse.meter.reading()

            ports.setdefault(port, []).append(SimulatedModbusMeter(profile, reading, evse.faults))
        return ports
