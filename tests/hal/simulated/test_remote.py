"""The safety process's board against a bench that is a bare socket: time, age, loss and return."""

from __future__ import annotations

import socket
import time
from itertools import pairwise
from pathlib import Path
from struct import pack

import pytest

from hal.interface import HardwareError, LockDrive
from hal.profile import BoardProfile, EvseProfile
from hal.simulated.remote import RemoteBoard
from hal.simulated.wire import Inputs, Outputs, Panel, decode_outputs, encode_inputs
from hal.simulated.world import simulated_profile

PROFILE = simulated_profile(2, tethered=False)
BURST = pack("=80h", *([9_000] * 80))


class Bench:
    """The far end, by hand."""

    def __init__(self, root: Path) -> None:
        self.path = root / "run/board.sock"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.path))
        self.listener.listen(1)
        self.link: socket.socket | None = None

    def accept(self) -> None:
        self.link, _ = self.listener.accept()
        self.link.setblocking(False)

    def send(self, at_us: int, *inputs: Inputs) -> None:
        assert self.link is not None
        found = inputs or tuple(Inputs(n, False, False, False, -1, BURST) for n in (1, 2))
        self.link.send(encode_inputs(at_us, 80, list(found)))

    def received(self) -> list[tuple[int, list[Outputs]]]:
        assert self.link is not None
        messages: list[tuple[int, list[Outputs]]] = []
        while True:
            try:
                messages.append(decode_outputs(self.link.recv(65_536)))
            except BlockingIOError:
                return messages

    def close(self) -> None:
        if self.link is not None:
            self.link.close()
        self.listener.close()


class Time:
    def __init__(self) -> None:
        self.us = 10_000_000

    def ns(self) -> int:
        return self.us * 1000


def connected(tmp_path: Path, profile: BoardProfile = PROFILE) -> tuple[Bench, RemoteBoard, Time]:
    bench, clock = Bench(tmp_path), Time()
    board = RemoteBoard(profile, tmp_path, monotonic_ns=clock.ns)
    with pytest.raises(HardwareError, match="no measurements yet"):
        board.refresh()
    bench.accept()
    bench.send(clock.us)
    board.refresh()
    bench.received()
    return bench, board, clock


def test_without_a_bench_it_says_which_socket_and_what_to_start(tmp_path: Path) -> None:
    board = RemoteBoard(PROFILE, tmp_path)
    with pytest.raises(HardwareError, match=r"run/board\.sock: cannot connect.*joulepost bench"):
        board.refresh()
    with pytest.raises(HardwareError):
        board.evses[0].pilot.sample()
    with pytest.raises(HardwareError, match="could not be switched off"):
        board.outputs_off()
    board.close()


def test_a_contactor_command_leaves_at_once_and_the_rest_with_the_pulse(tmp_path: Path) -> None:
    bench, board, _ = connected(tmp_path)
    evse = board.evses[1]
    evse.contactor.set_closed(True)
    assert [outputs[1].contactor for _, outputs in bench.received()] == [True]
    evse.pilot.set_duty(267)
    assert evse.lock is not None and evse.residual_current is not None and board.watchdog is not None
    evse.lock.drive(LockDrive.LOCK)
    evse.residual_current.set_test(True)
    assert bench.received() == []
    board.watchdog.pulse()
    assert bench.received() == [(1, [Outputs(1), Outputs(2, 267, True, 1, True)])]
    board.watchdog.pulse()
    assert bench.received() == []  # nothing changed
    board.close()
    bench.close()


def test_pulses_are_carried_within_fifty_milliseconds(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    assert board.watchdog is not None
    seen: list[int] = []
    for _ in range(30):
        clock.us += 10_000
        bench.send(clock.us)
        board.refresh()
        board.watchdog.pulse()
        seen += [clock.us for _ in bench.received()]
    gaps = [later - earlier for earlier, later in pairwise(seen)]
    assert gaps and max(gaps) <= 50_000
    board.close()
    bench.close()


def test_only_the_latest_of_many_waiting_messages_counts(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    for age_us, ohm in ((30_000, 1500), (20_000, 680), (0, 220)):
        bench.send(clock.us - age_us, *(Inputs(n, True, True, True, ohm, BURST) for n in (1, 2)))
    board.refresh()
    evse = board.evses[0]
    assert evse.proximity is not None and evse.lock is not None and evse.residual_current is not None
    assert evse.proximity.resistance_ohm() == 220
    assert evse.contactor.mirror_closed() and evse.residual_current.tripped() and evse.lock.locked()
    assert evse.pilot.sample().high_mv == 9_000
    board.close()
    bench.close()


def test_a_second_message_of_one_tick_counts_in_the_same(tmp_path: Path) -> None:
    """The bench tells a change of the pilot at once, between two measurements."""
    bench, board, clock = connected(tmp_path)
    bench.send(clock.us, *(Inputs(n, False, False, False, -1, BURST) for n in (1, 2)))
    bench.send(clock.us, *(Inputs(n, True, True, False, -1, BURST) for n in (1, 2)))
    board.refresh()
    residual_current = board.evses[0].residual_current
    assert board.evses[0].contactor.mirror_closed() and residual_current and residual_current.tripped()
    board.close()
    bench.close()


def test_inputs_older_than_a_tenth_of_a_second_are_not_trusted(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    clock.us += 100_000
    board.refresh()
    clock.us += 1
    with pytest.raises(HardwareError, match="expected at most 100 ms"):
        board.refresh()
    with pytest.raises(HardwareError):
        board.evses[0].contactor.mirror_closed()
    bench.send(clock.us)
    board.refresh()
    board.close()
    bench.close()


def test_old_measurements_that_arrive_late_are_old(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    bench.send(clock.us)
    clock.us += 150_000
    with pytest.raises(HardwareError, match="150 ms old"):
        board.refresh()
    board.close()
    bench.close()


def test_a_bench_that_comes_back_gets_the_outputs_again(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    board.evses[0].contactor.set_closed(True)
    bench.close()
    clock.us += 10_000
    with pytest.raises(HardwareError):
        board.refresh()
    bench = Bench(tmp_path)
    clock.us += 100_000
    with pytest.raises(HardwareError, match="no measurements yet"):
        board.refresh()
    bench.accept()
    bench.send(clock.us)
    board.refresh()
    assert bench.received()[-1][1][0].contactor
    board.close()
    bench.close()


def test_another_profile_at_the_bench_is_named(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    bench.send(clock.us, Inputs(1, False, False, False, -1, BURST))
    with pytest.raises(HardwareError, match=r"the bench has EVSEs \[1\], the profile has \[1, 2\]"):
        board.refresh()
    board.close()
    bench.close()


def test_nonsense_from_the_bench_ends_the_connection_with_a_reason(tmp_path: Path) -> None:
    bench, board, _ = connected(tmp_path)
    assert bench.link is not None
    bench.link.send(b"hello")
    with pytest.raises(HardwareError, match="same release"):
        board.refresh()
    board.close()
    bench.close()


def test_a_bench_that_does_not_read_never_blocks_the_tick(tmp_path: Path) -> None:
    bench, board, clock = connected(tmp_path)
    started = time.perf_counter()
    for duty in range(2_000):
        board.evses[0].pilot.set_duty(duty % 1000)
        assert board.watchdog is not None
        board.watchdog.pulse()
    assert time.perf_counter() - started < 2
    assert board.evses[0].pilot.sample().high_mv == 9_000
    bench.received()
    clock.us += 10_000
    bench.send(clock.us)
    board.refresh()
    assert bench.received()[-1][1][0].duty_pm == 999
    board.close()
    bench.close()


def test_parts_that_the_profile_lacks_are_none(tmp_path: Path) -> None:
    bare = BoardProfile("bare", "simulated", (EvseProfile(1, 16_000),))
    board = RemoteBoard(bare, tmp_path)
    evse = board.evses[0]
    assert (evse.residual_current, evse.proximity, evse.lock, board.watchdog) == (None, None, None, None)
    assert evse.contactor.mirror_closed() is None
    with pytest.raises(ValueError, match="1001 permille"):
        evse.pilot.set_duty(1001)


def test_temperatures_panel_and_phase_switch_come_and_go_over_the_socket(tmp_path: Path) -> None:
    profile = simulated_profile(1, phase_switch=True)
    bench, clock = Bench(tmp_path), Time()
    board = RemoteBoard(profile, tmp_path, monotonic_ns=clock.ns)
    with pytest.raises(HardwareError, match="no measurements yet"):
        board.refresh()
    assert board.emergency_stop is not None and board.enclosure is not None
    with pytest.raises(HardwareError, match="no measurements yet"):
        board.emergency_stop.active()
    bench.accept()
    assert bench.link is not None
    (sensor,) = board.evses[0].temperatures
    switch = board.evses[0].phase_switch
    assert switch is not None and sensor.name == "plug"
    seen = Inputs(1, False, False, False, -1, BURST, True, 66_500)
    bench.link.send(encode_inputs(clock.us, 80, [seen], Panel(enclosure_open=True)))
    board.refresh()
    assert (sensor.read_mdeg_c(), switch.three_phase()) == (66_500, True)
    assert not board.emergency_stop.active() and board.enclosure.active()
    bench.link.send(encode_inputs(clock.us, 80, [Inputs(1, False, False, False, -1, BURST)], Panel(True)))
    board.refresh()
    with pytest.raises(HardwareError, match="sensor plug does not answer"):
        sensor.read_mdeg_c()
    assert board.emergency_stop.active()
    bench.received()
    switch.set_three_phase(True)
    board.pulse()
    assert bench.received()[-1][1][0].three_phase is True
    board.outputs_off()
    assert bench.received()[-1][1][0].three_phase is True, "it does not move before the contactor does"
    board.close()
    bench.close()
