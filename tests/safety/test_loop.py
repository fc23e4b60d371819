import gc
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from controller.safety import core
from controller.safety.inhibits import Inhibit
from controller.safety.log import Level, Log
from controller.safety.loop import EvseLoop, Pace, SafetyLoop, run
from controller.safety.notify import Notifier
from controller.safety.permit import Permit
from controller.safety.server import PermitServer
from controller.safety.wire import decode_report, encode_permit
from tests.safety.fake_board import Broken, FakeBoard, FakeEvse, board

START_MS = 1_000_000


@dataclass
class Bench:
    """A loop on a fake board under virtual time; the controller renews a permit every second."""

    count: int = 1
    now_ms: int = START_MS
    lease_ma: int = 16_000
    completed: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board, configs = board(self.count)
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self.stderr = reader
        self.loop = SafetyLoop(self.board, configs, self.now_ms, Log(Level.DEBUG, writer))

    def run(self, ms: int, late: bool = False) -> None:
        for _ in range(ms // 10):
            self.now_ms += 10
            for number, evse in enumerate(self.loop.evses, 1):
                if self.lease_ma and self.now_ms % 1_000 == 0:
                    permit = Permit(number, evse.state.plug_no, self.lease_ma, self.now_ms + 10_000)
                    self.loop.offer(permit)
            self.completed.append(self.loop.tick(self.now_ms, late))

    def charging(self) -> "Bench":
        self.run(4_000)
        for evse in self.board.evses:
            evse.vehicle = "C"
        self.run(6_000)
        assert all(evse.closed for evse in self.board.evses)
        return self

    def inhibits(self, index: int = 0) -> set[str]:
        return {inhibit.name for inhibit in self.loop.evses[index].state.inhibits.active()}

    def said(self) -> str:
        try:
            return os.read(self.stderr, 65_536).decode()
        except BlockingIOError:
            return ""

    @property
    def evse(self) -> FakeEvse:
        return self.board.evses[0]


def test_it_charges_and_feeds_the_watchdog_once_per_completed_tick() -> None:
    bench = Bench().charging()
    assert bench.board.pulses == len(bench.completed) and all(bench.completed)


def test_outputs_are_written_when_they_change_and_again_every_half_second() -> None:
    bench = Bench().charging()
    bench.evse.log.clear()
    bench.run(5_000)
    assert bench.evse.log.count("set_duty") == 10 and bench.evse.log.count("close") == 10


def test_opening_is_driven_before_anything_else() -> None:
    bench = Bench().charging()
    bench.evse.is_tripped = True
    bench.evse.log.clear()
    bench.run(10)
    writes = [name for name in bench.evse.log if name in ("open", "set_duty", "set_test", "close")]
    assert writes[0] == "open"


def test_closing_is_driven_after_anything_else() -> None:
    bench = Bench().charging()
    bench.evse.log.clear()
    bench.run(500)
    writes = [name for name in bench.evse.log if name in ("open", "set_duty", "set_test", "close")]
    assert writes == ["set_duty", "set_test", "close"]


@pytest.mark.parametrize("bug", [Broken, OSError, ZeroDivisionError])
@pytest.mark.parametrize("call", ["sample", "mirror", "tripped"])
def test_an_exception_in_one_evse_opens_that_one_and_no_other(call: str, bug: type[Exception]) -> None:
    bench = Bench(3).charging()
    bad = bench.board.evses[1]
    bad.bug = bug
    bad.breaks.add(call)
    bench.run(10)
    assert [evse.closed for evse in bench.board.evses] == [True, False, True]
    assert bench.inhibits(1) == {"BOARD_SILENT"} and not bench.inhibits(0)
    assert all(bench.completed), "the command to open was delivered: the others keep their power"
    assert f"EVSE 2 inputs: {bug.__name__}: {call} is broken" in bench.said()
    bad.breaks.clear()
    bench.run(8_000)
    assert bad.closed, "and it starts again without a replug"


@pytest.mark.parametrize("call", ["set_duty", "set_test"])
def test_an_output_that_cannot_be_driven_opens(call: str) -> None:
    bench = Bench(2).charging()
    bench.evse.breaks.add(call)
    bench.run(1_000)
    assert not bench.evse.closed and bench.board.evses[1].closed and all(bench.completed)
    assert bench.inhibits(0) == {"BOARD_SILENT"}


def test_a_contactor_that_cannot_be_told_to_open_starves_the_watchdog() -> None:
    """The hardware gate is then the one that opens it."""
    bench = Bench().charging()
    bench.evse.breaks.add("open")
    bench.evse.is_tripped = True
    pulses = bench.board.pulses
    bench.run(1_000)
    assert bench.board.pulses == pulses and not any(bench.completed[-100:])
    bench.evse.breaks.clear()
    bench.run(10)
    assert not bench.evse.closed and bench.completed[-1], "tried again every tick"


def test_a_lock_that_cannot_be_stopped_does_not_keep_the_contactor_from_opening() -> None:
    bench = Bench()
    bench.evse.has_lock = True
    bench.evse.breaks.add("drive")
    bench.run(100)
    assert "open" in bench.evse.log and all(bench.completed)
    assert "lock: HardwareError" in bench.said()


def test_an_error_that_lasts_is_told_once_and_so_is_its_end() -> None:
    bench = Bench()
    bench.evse.breaks.add("sample")
    bench.run(5_000)
    bench.evse.breaks.clear()
    bench.run(1_000)
    said = bench.said()
    assert said.count("sample is broken") == 1 and said.count("no more errors") == 1
    bench.evse.breaks.add("sample")
    bench.run(100)
    assert bench.said().count("sample is broken") == 1


def test_lost_inputs_open_every_evse() -> None:
    bench = Bench(2).charging()
    bench.board.breaks.add("refresh")
    bench.run(10)
    assert not any(evse.closed for evse in bench.board.evses)
    bench.run(1_000)
    assert bench.said().count("refresh is broken") == 1, "said once, not a hundred times a second"
    bench.board.breaks.clear()
    bench.run(8_000)
    assert all(evse.closed for evse in bench.board.evses)
    assert "inputs are back" in bench.said()


def test_a_board_that_needs_a_moment_at_the_start_is_no_error() -> None:
    bench = Bench()
    bench.board.breaks.add("refresh")
    bench.run(900)
    assert not bench.evse.closed
    assert "refresh is broken" not in bench.said()
    bench.run(200)
    assert bench.said().count("error: board: HardwareError: refresh is broken") == 1
    bench.board.breaks.clear()
    bench.run(100)
    assert "inputs are back" in bench.said()
    bench.board.breaks.add("refresh")
    bench.run(10)
    assert bench.said().count("refresh is broken") == 1, "later it is an error at once"


def test_a_bug_in_the_core_opens_and_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(2).charging()
    number = bench.loop.evses[0].state.plug_no
    real = core.step

    def broken(state: core.State, *rest: object) -> tuple[core.State, core.Outputs]:
        if state.config.evse_id == 1:
            raise AssertionError("a bug")
        return real(state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(core, "step", broken)
    bench.run(10)
    assert not bench.evse.closed and bench.evse.duty_pm == 0 and bench.board.evses[1].closed
    assert bench.inhibits(0) == {"STARTING"} and all(bench.completed)
    monkeypatch.setattr(core, "step", real)
    bench.run(8_000)
    assert bench.loop.evses[0].state.plug_no > number, "a permit from before does not fit"
    assert "EVSE 1 step: AssertionError: a bug" in bench.said()


def test_a_watchdog_that_cannot_be_fed_is_an_incomplete_tick() -> None:
    bench = Bench()
    bench.board.breaks.add("pulse")
    bench.run(10)
    assert bench.completed == [False] and "watchdog" in bench.said()


def test_a_late_loop_opens() -> None:
    bench = Bench().charging()
    bench.run(10, late=True)
    assert not bench.evse.closed and bench.inhibits() == {"LOOP_LATE"}
    bench.run(20_000)
    assert bench.evse.closed


def test_permits_for_strangers_are_counted() -> None:
    bench = Bench()
    bench.loop.offer(Permit(9, 1, 16_000, START_MS + 10_000))
    assert bench.loop.strangers == 1


def test_only_the_latest_permit_before_a_tick_counts() -> None:
    bench = Bench().charging()
    state = bench.loop.evses[0].state
    for limit_ma in (6_000, 0, 10_000):
        bench.loop.offer(Permit(1, state.plug_no, limit_ma, bench.now_ms + 10_000))
    bench.loop.tick(bench.now_ms + 10)
    assert bench.loop.evses[0].state.offered_ma == 9_960


def test_draining_withdraws_every_permit_and_takes_no_new_ones() -> None:
    bench = Bench(2).charging()
    bench.loop.drain()
    bench.run(1_000)
    assert all(evse.closed and evse.duty_pm == 1000 for evse in bench.board.evses) and not bench.loop.at_rest
    bench.board.evses[0].vehicle = "B"
    bench.run(100)
    assert [evse.closed for evse in bench.board.evses] == [False, True]
    bench.run(6_000)
    assert bench.loop.at_rest


def test_reports_at_once_on_a_change_and_five_times_a_second() -> None:
    bench = Bench(2)
    counts = [0, 0]
    seqs = []
    for _ in range(500):
        bench.run(10)
        for report in bench.loop.reports(bench.now_ms):
            counts[report.evse_id - 1] += 1
            seqs.append(report.seq)
    assert all(25 <= count <= 29 for count in counts)
    assert seqs == sorted(set(seqs))
    bench.loop.reports(bench.now_ms, everything=True)
    bench.run(10)
    assert bench.loop.reports(bench.now_ms) == []
    bench.evse.is_tripped = True
    bench.run(10)
    (report,) = bench.loop.reports(bench.now_ms)
    assert report.evse_id == 1 and Inhibit.RESIDUAL_CURRENT in report.inhibits
    assert len(bench.loop.reports(bench.now_ms, everything=True)) == 2


def test_the_transitions_are_told() -> None:
    bench = Bench().charging()
    bench.evse.is_tripped = True
    bench.run(10)
    said = bench.said()
    assert "EVSE 1 contactor closes, pilot C" in said
    assert "EVSE 1 inhibited: RESIDUAL_CURRENT" in said and "contactor opens under load" in said
    assert "pilot A to C" in said


def test_a_configuration_for_each_evse_or_no_loop() -> None:
    fake, configs = board(2)
    with pytest.raises(ValueError, match="1 configurations for 2 EVSEs"):
        SafetyLoop(fake, configs[:1], 0)
    with pytest.raises(ValueError, match="board has number 1, configuration 2"):
        EvseLoop(fake.evses[0], configs[1], 0, Log())


def test_the_loop_leaves_no_garbage_for_a_collector_that_is_off() -> None:
    """Cycles would be memory that never comes back; so would anything that grows with time."""
    bench = Bench(2).charging()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(3):
            for vehicle in "BCAC":
                bench.evse.vehicle = vehicle
                bench.run(4_000)
            bench.board.breaks.add("refresh")
            bench.run(50)
            bench.board.breaks.clear()
            bench.evse.breaks.add("sample")
            bench.run(50)
            bench.evse.breaks.clear()
            for evse in bench.board.evses:
                evse.log.clear()
            bench.completed.clear()
        grown = len(gc.get_objects()) - before
        assert gc.collect() <= 5 and grown < 100
    finally:
        gc.enable()


# --------------------------------------------------------------------------- pace


def test_a_pace_on_time() -> None:
    pace = Pace(0)
    for tick in range(10):
        now_ns = tick * 10_000_000 + 50_000
        assert not pace.begin(now_ns)
        assert pace.rest_s(now_ns + 1_000_000) == pytest.approx(0.00895)
    assert pace.overruns == 0 and pace.worst_lateness_us == 50


def test_a_late_tick_shifts_nothing_and_missed_ones_are_not_made_up_for() -> None:
    pace = Pace(0)
    pace.begin(0)
    assert not pace.begin(45_000_000)
    assert pace.overruns == 3 and pace.worst_lateness_us == 35_000
    assert pace.rest_s(46_000_000) == pytest.approx(0.004)
    assert not pace.begin(50_000_000)
    assert pace.overruns == 3


def test_later_than_the_budget() -> None:
    pace = Pace(0, budget_ms=100)
    assert not pace.begin(100_000_000)
    assert pace.begin(210_000_001 + 1)
    assert pace.rest_s(10**12) == 0


def paced(tick_ms: int, ticks: int, budget_ms: int = 100) -> tuple[Pace, int]:
    """Ticks that take so long each; returns how many of them were told that the loop is late."""
    pace, now_ns, late = Pace(0, budget_ms), 0, 0
    for _ in range(ticks):
        late += pace.begin(now_ns)
        now_ns += tick_ms * 1_000_000
        pace.end(now_ns)
        now_ns += round(pace.rest_s(now_ns) * 1e9)
    return pace, late


def test_the_detection_time_of_a_loop_on_time_is_two_ticks_and_the_work() -> None:
    pace, late = paced(3, 100)
    assert (late, pace.worst_detection_us, pace.overruns) == (0, 23_000, 0)


def test_a_tick_that_is_always_slow_never_begins_late_by_the_budget_and_is_found_all_the_same() -> None:
    pace, late = paced(34, 100)
    assert pace.worst_lateness_us < 34_000 and pace.worst_detection_us == 102_000
    assert late == 97, "from the third on"
    assert paced(33, 100)[1] == 0, "99 ms are within"


def test_one_slow_tick_is_found_at_its_end() -> None:
    pace = Pace(0)
    pace.begin(0)
    pace.end(150_000_000)
    assert pace.worst_detection_us == 150_000
    assert pace.begin(150_000_000)


# --------------------------------------------------------------------------- run


class Clock:
    """Virtual CLOCK_MONOTONIC; ``at`` holds what is to happen when it passes an instant in ms."""

    def __init__(self) -> None:
        self.now_ns = START_MS * 1_000_000
        self.at: dict[int, Callable[[], object]] = {}
        self.slept = 0

    def monotonic_ns(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now_ns += round(seconds * 1e9)
        for due_ms in [due_ms for due_ms in self.at if due_ms * 1_000_000 <= self.now_ns]:
            self.at.pop(due_ms)()


def start(fake: FakeBoard, loop: SafetyLoop, tmp_path: Path, clock: Clock, requests: list[int]) -> None:
    server = PermitServer(tmp_path)
    try:
        run(
            loop,
            server,
            Pace(clock.now_ns),
            Notifier(""),
            monotonic_ns=clock.monotonic_ns,
            sleep=clock.sleep,
            stopping=lambda: len(requests),
        )
    finally:
        server.close()


def test_run_ends_at_once_when_nobody_charges(tmp_path: Path) -> None:
    fake, configs = board()
    clock, requests = Clock(), list[int]()
    clock.at[START_MS + 1_000] = lambda: requests.append(15)
    start(fake, SafetyLoop(fake, configs, START_MS), tmp_path, clock, requests)
    assert START_MS + 1_000 <= clock.now_ns // 1_000_000 <= START_MS + 1_020
    assert 100 <= clock.slept <= 102


@pytest.mark.parametrize(("impatient", "latest_ms"), [(False, 6_300), (True, 120)])
def test_run_with_a_client_stops_gently_and_at_the_second_request_at_once(
    impatient: bool, latest_ms: int, tmp_path: Path
) -> None:
    fake, configs = board()
    fake.evses[0].vehicle = "C"
    loop = SafetyLoop(fake, configs, START_MS, Log(Level.ERROR))
    clock, requests = Clock(), list[int]()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    seen = []

    def lease() -> None:
        now_ms = clock.now_ns // 1_000_000
        client.send(encode_permit(Permit(1, loop.evses[0].state.plug_no, 16_000, now_ms + 10_000)))

    stop_ms = START_MS + 8_000
    clock.at = {
        START_MS + 100: lambda: client.connect(str(tmp_path / "safety.sock")),
        START_MS + 1_000: lease,
        stop_ms - 10: lambda: seen.append(fake.evses[0].closed),
        stop_ms: lambda: requests.append(15),
    }
    if impatient:
        clock.at[stop_ms + 100] = lambda: requests.append(15)
    start(fake, loop, tmp_path, clock, requests)
    assert seen == [True]
    assert clock.now_ns // 1_000_000 - stop_ms <= latest_ms
    client.setblocking(False)
    reports = [decode_report(client.recv(1_000)) for _ in range(30)]
    assert any(report.contactor_commanded for report in reports)
    assert reports[0].pilot == "F" and reports[0].inhibits


class SlowEvse(FakeEvse):
    """One of its calls takes ``slow_ms`` of the virtual clock."""

    clock: Clock
    slow_ms = 0

    def tripped(self) -> bool:
        self.clock.now_ns += self.slow_ms * 1_000_000
        return super().tripped()


@pytest.mark.parametrize(
    ("slow_ms", "always", "opens"), [(150, False, True), (34, True, True), (20, True, False)]
)
def test_a_slow_call_of_the_board_inside_a_tick_ends_the_offer_and_is_told(
    slow_ms: int, always: bool, opens: bool, tmp_path: Path
) -> None:
    evse, clock, requests = SlowEvse(vehicle="C"), Clock(), list[int]()
    evse.clock = clock
    fake, (config,) = FakeBoard([evse]), board()[1]
    loop = SafetyLoop(fake, [config], START_MS, Log(Level.ERROR))
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    seen: list[object] = []

    def lease() -> None:
        now_ms = clock.now_ns // 1_000_000
        client.send(encode_permit(Permit(1, loop.evses[0].state.plug_no, 16_000, now_ms + 20_000)))

    def stall(ms: int) -> None:
        seen.append(evse.closed)
        evse.slow_ms = ms

    def look() -> None:
        state = loop.evses[0].state
        seen.append((evse.closed, state.offered_ma > 0, Inhibit.LOOP_LATE in state.inhibits))

    fault_ms = START_MS + 8_000
    clock.at = {
        START_MS + 100: lambda: client.connect(str(tmp_path / "safety.sock")),
        START_MS + 1_000: lease,
        fault_ms: lambda: stall(slow_ms),
        fault_ms + (10 if not always else 900): lambda: stall(0 if not always else slow_ms),
        fault_ms + 1_000: look,
        fault_ms + 2_000: lambda: requests.extend((15, 15)),
    }
    start(fake, loop, tmp_path, clock, requests)
    assert seen[0] is True and seen[-1] == (not opens, not opens, opens)
    client.setblocking(False)
    reports = []
    with suppress(BlockingIOError):
        while message := client.recv(1_000):
            reports.append(decode_report(message))
    assert (reports[-1].worst_detection_us > 100_000) is opens
    assert fake.pulses > 0
