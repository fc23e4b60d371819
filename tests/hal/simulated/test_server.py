"""The bench as a whole: a real socket, the real drivers, and a person who plugs, swipes and breaks things."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.raspberry.meter import open_meter
from hal.raspberry.rfid import open_reader
from hal.simulated.remote import RemoteBoard
from hal.simulated.server import BenchServer
from hal.simulated.world import World, simulated_profile

PROFILE = simulated_profile(tethered=False)


class Desk:
    """A bench and a safety process's hand, ticking together."""

    def __init__(self, root: Path, world: World | None = None, speed: float = 1.0) -> None:
        self.world = world or World(profile=PROFILE)
        self.bench = BenchServer(self.world, root, speed)
        self.board = RemoteBoard(self.world.profile, root)
        self.evse = self.board.evses[0]
        self.refusals = 0

    async def until(self, done: Callable[[], bool], *, fed: bool = True, within_s: float = 5.0) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while True:
            try:
                self.board.refresh()
            except HardwareError:
                self.refusals += 1
            else:
                if done():
                    return
                if fed and self.board.watchdog is not None:
                    self.board.watchdog.pulse()
            if loop.time() > deadline:
                raise AssertionError(f"not within {within_s} s; the bench says {self.bench.status()}")
            await asyncio.sleep(0.005)

    async def charge(self) -> None:
        self.evse.pilot.set_duty(1000)
        await self.until(lambda: self.evse.pilot.sample().high_mv > 11_000)
        self.bench.plug(1, s2_close_ms=50, obey_ms=300)
        self.evse.pilot.set_duty(267)
        await self.until(lambda: self.evse.pilot.sample().high_mv < 7_000)
        self.evse.contactor.set_closed(True)
        await self.until(lambda: self.evse.contactor.mirror_closed() is True)
        await self.until(lambda: self.bench.status()["evses"][0]["current_ma"][0] == 16_020)


def at_desk(desk: Callable[[], Desk], use: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        made = desk()
        await made.bench.start()
        try:
            await use(made)
        finally:
            made.board.close()
            await made.bench.close()

    asyncio.run(main())


def test_volts_come_through_the_socket_and_a_car_charges(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        sample = desk.evse.pilot.sample()
        assert 5_500 < sample.high_mv < 6_500 and sample.low_mv < -11_000
        assert desk.evse.proximity is not None and desk.evse.proximity.resistance_ohm() == 220
        status = desk.bench.status()
        json.dumps(status)
        assert status["safety_connected"] and status["evses"][0]["contacts_closed"]

    at_desk(lambda: Desk(tmp_path), use)


def test_the_real_meter_driver_reads_the_energy_that_flowed(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        meter_profile = desk.world.profile.evses[0].meter
        assert meter_profile is not None
        meter = open_meter(replace(meter_profile, timeout_ms=100), tmp_path)
        first = await meter.read()
        assert first.power_w == pytest.approx(11_054, abs=3)
        assert first.voltage_mv == (230_000, 230_000, 230_000)
        assert first.current_ma[2] == pytest.approx(16_020, abs=1)
        target_wh = first.energy_import_wh + 50
        await desk.until(lambda: desk.world.evse(1).meter.total_uwh > target_wh * 1_000_000)
        second = await meter.read()
        assert second.energy_import_wh == pytest.approx(
            desk.world.evse(1).meter.total_uwh / 1_000_000, abs=10
        )
        desk.bench.fault_set("meter_silent")
        with pytest.raises(HardwareError):
            await meter.read()
        await meter.close()

    at_desk(lambda: Desk(tmp_path, speed=100), use)


def test_the_real_reader_driver_hears_a_swipe(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        reader = open_reader(desk.world.profile.readers[0], tmp_path)
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0.1)
        desk.bench.swipe("100086F444")
        assert (await asyncio.wait_for(reading, 5)).uid == "100086F444"
        with pytest.raises(ValueError, match="an RDM6300 reads cards of 5 bytes"):
            desk.bench.swipe("04A2B3C4")
        await reader.close()

    at_desk(lambda: Desk(tmp_path), use)


def test_a_pilot_change_is_pushed_without_waiting_for_the_tick(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        desk.bench.set_vehicle(1, s2_forced=False)
        desk.board.refresh()  # no other task ran in between
        assert desk.evse.pilot.sample().high_mv > 8_000

    at_desk(lambda: Desk(tmp_path), use)


def test_a_safety_process_that_stops_feeding_loses_contactor_and_pilot(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        await desk.until(lambda: desk.evse.contactor.mirror_closed() is False, fed=False)
        await desk.until(lambda: desk.evse.pilot.sample().high_mv < -11_000, fed=False)
        assert desk.world.gate.drops >= 1

    at_desk(lambda: Desk(tmp_path), use)


def test_a_safety_process_that_dies_leaves_its_outputs_to_the_gate_and_a_new_one_takes_over(
    tmp_path: Path,
) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        desk.board.close()
        assert any(desk.world.evse(1).contactor.poles)  # GPIO keeps its level
        for _ in range(100):
            await asyncio.sleep(0.01)
            if not any(desk.world.evse(1).contactor.poles):
                break
        assert not any(desk.world.evse(1).contactor.poles)
        desk.board = RemoteBoard(desk.world.profile, tmp_path)
        desk.evse = desk.board.evses[0]
        desk.evse.pilot.set_duty(1000)
        await desk.until(lambda: desk.evse.pilot.sample().high_mv > 8_000)

    at_desk(lambda: Desk(tmp_path), use)


def test_a_second_safety_process_is_refused(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.until(lambda: True)
        second = RemoteBoard(desk.world.profile, tmp_path)
        message = ""
        for _ in range(100):
            try:
                second.refresh()
            except HardwareError as error:
                message = str(error)
            if "closed by the bench" in message or "lost" in message:
                break
            await asyncio.sleep(0.01)
        assert "joulepost bench" in message and desk.bench.status()["refused_connections"] >= 1
        await desk.until(lambda: True)  # the first one is not disturbed
        second.close()

    at_desk(lambda: Desk(tmp_path), use)


def test_the_bench_restarts_over_its_own_leftovers_and_the_board_returns(tmp_path: Path) -> None:
    async def main() -> None:
        desk = Desk(tmp_path)
        await desk.bench.start()
        await desk.until(lambda: True)
        # As SIGKILL leaves it: the listening socket is gone, its file and the links stay.
        left = [tmp_path / "dev/meter1", tmp_path / "dev/rfid0"]
        targets = [link.readlink() for link in left]
        await desk.bench.close()
        for link, target in zip(left, targets, strict=True):
            link.symlink_to(target)
        stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stale.bind(str(desk.bench.socket_path))
        stale.close()
        desk.bench = BenchServer(desk.world, tmp_path)
        await desk.bench.start()
        before = desk.refusals
        await desk.until(lambda: True)
        assert desk.refusals > before
        desk.board.close()
        await desk.bench.close()
        await desk.bench.close()
        assert not desk.bench.socket_path.exists() and not any(link.is_symlink() for link in left)

    asyncio.run(main())


def test_two_benches_cannot_share_a_root(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        with pytest.raises(HardwareError, match="another bench answers there"):
            await BenchServer(World(profile=PROFILE), tmp_path).start()
        await desk.until(lambda: True)

    at_desk(lambda: Desk(tmp_path), use)


def test_something_else_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/board.sock").write_text("mine")

    async def main() -> None:
        with pytest.raises(HardwareError, match="it is no socket"):
            await BenchServer(World(profile=PROFILE), tmp_path).start()

    asyncio.run(main())
    assert (tmp_path / "run/board.sock").read_text() == "mine"


def test_a_failed_start_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/meter1").write_text("mine")

    async def main() -> None:
        with pytest.raises(HardwareError, match="is in the way"):
            await BenchServer(World(profile=PROFILE), tmp_path).start()

    asyncio.run(main())
    assert [path.name for path in (tmp_path / "dev").iterdir()] == ["meter1"]
    assert not (tmp_path / "run/board.sock").exists()


def test_bad_messages_are_counted_and_survived(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.connect(str(desk.bench.socket_path))
            link.send(b"hello")
            link.send(b"JPo1" + bytes(3))
            for _ in range(100):
                await asyncio.sleep(0.01)
                if desk.bench.status()["bad_messages"] == 2:
                    break
        assert desk.bench.status()["bad_messages"] == 2
        await desk.until(lambda: True)

    at_desk(lambda: Desk(tmp_path), use)


def test_faults_over_the_socket(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        await desk.charge()
        desk.bench.fault_set("diode_missing")
        await desk.until(lambda: desk.evse.pilot.sample().low_mv > -7_000)
        rows = {row["name"]: row["active"] for row in desk.bench.fault_list()}
        assert rows["diode_missing"] == [1] and rows["rcd_trip"] == []
        desk.bench.fault_clear("diode_missing")
        desk.bench.fault_set("adc_dead")
        await desk.until(lambda: _raises(desk.evse.pilot.sample))
        desk.bench.fault_clear()
        desk.bench.fault_set("board_silent")
        for _ in range(40):
            await asyncio.sleep(0.01)
        with pytest.raises(HardwareError, match="ms old"):
            desk.board.refresh()
        desk.bench.fault_clear()
        await desk.until(lambda: True)
        with pytest.raises(ValueError, match="unknown"):
            desk.bench.fault_set("gremlins")

    at_desk(lambda: Desk(tmp_path), use)


def test_a_bench_that_was_held_up_does_not_blame_the_safety_process(tmp_path: Path) -> None:
    """Half a second without a turn for the bench, in which the safety process went on feeding."""

    class Held:
        us = 50_000_000

        def ns(self) -> int:
            return self.us * 1000

    async def main() -> None:
        clock = Held()
        world = World(profile=PROFILE)
        bench = BenchServer(world, tmp_path, monotonic_ns=clock.ns)
        board = RemoteBoard(world.profile, tmp_path, monotonic_ns=clock.ns)
        await bench.start()
        assert board.watchdog is not None

        async def tick(us: int) -> None:
            clock.us += us
            try:
                board.refresh()
            except HardwareError:
                pass
            assert board.watchdog is not None
            board.watchdog.pulse()
            await asyncio.sleep(0.002)

        for _ in range(20):
            await tick(10_000)
        drops = world.gate.drops
        for _ in range(60):  # the safety process ticks, the bench's loop does not turn
            clock.us += 10_000
            try:
                board.refresh()
            except HardwareError:
                pass
            board.watchdog.pulse()
        await asyncio.sleep(0.05)
        assert world.gate.drops == drops
        assert world.gate.passes(world.now_us)
        board.close()
        await bench.close()

    asyncio.run(main())


def _raises(call: Callable[[], object]) -> bool:
    try:
        call()
    except HardwareError:
        return True
    return False


def test_temperature_panel_and_phases_over_the_socket(tmp_path: Path) -> None:
    async def use(desk: Desk) -> None:
        (sensor,) = desk.evse.temperatures
        switch, board = desk.evse.phase_switch, desk.board
        assert switch is not None and board.emergency_stop is not None and board.enclosure is not None
        stop, door = board.emergency_stop, board.enclosure
        desk.bench.set_ambient(41_000)
        await desk.until(lambda: sensor.read_mdeg_c() == 41_000)
        desk.bench.fault_set("emergency_stop")
        await desk.until(lambda: stop.active() and not door.active())
        desk.bench.fault_clear()
        desk.bench.fault_set("temperature_sensor_lost")
        await desk.until(lambda: _raises(sensor.read_mdeg_c) and not stop.active())
        assert switch.three_phase() is False
        switch.set_three_phase(True)
        await desk.until(lambda: switch.three_phase() is True)
        assert desk.bench.status()["evses"][0]["phases"] == 3

    def desk() -> Desk:
        return Desk(tmp_path, World(profile=simulated_profile(phase_switch=True)))

    at_desk(desk, use)
