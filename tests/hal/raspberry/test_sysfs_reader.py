"""The helper process for temperature files: real processes, real files, real pipes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.raspberry import sysfs_reader
from hal.raspberry.sysfs_reader import SysfsReader


class Clock:
    """Real time plus what a test adds."""

    added_ns = 0

    def __call__(self) -> int:
        return time.monotonic_ns() + self.added_ns


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "temp1_input", tmp_path / "w1_temperature"]
    for path, text in zip(paths, ("41500\n", "-3250\n"), strict=True):
        path.write_text(text)
    return paths


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(files: list[Path], clock: Clock) -> Iterator[SysfsReader]:
    opened = SysfsReader(files, monotonic_ns=clock)
    yield opened
    opened.close()


def soon(look: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + 5
    while not look():
        assert time.monotonic() < deadline_s, what
        time.sleep(0.01)


def value(reader: SysfsReader, index: int) -> int | None:
    try:
        return reader.mdeg_c(index)
    except HardwareError:
        return None


def test_values_arrive_and_follow_the_files(reader: SysfsReader, files: list[Path]) -> None:
    soon(lambda: (value(reader, 0), value(reader, 1)) == (41_500, -3_250), "both files are read")
    files[0].write_text("42000\n")
    soon(lambda: value(reader, 0) == 42_000, "the new value")


def test_no_value_yet_no_number_and_no_file_are_told_apart(files: list[Path], clock: Clock) -> None:
    reader = SysfsReader([files[0], files[0].with_name("absent")], monotonic_ns=clock)
    try:
        with pytest.raises(HardwareError, match="temp1_input: not read yet"):
            reader.mdeg_c(0)
        soon(lambda: value(reader, 0) == 41_500, "the good file")
        with pytest.raises(HardwareError, match="absent: found no number; expected thousandths"):
            reader.mdeg_c(1)
    finally:
        reader.close()


def test_the_power_on_value_of_a_one_wire_sensor_is_no_temperature(files: list[Path], clock: Clock) -> None:
    for path in files:
        path.write_text("85000")
    reader = SysfsReader(files, monotonic_ns=clock)
    try:
        soon(lambda: value(reader, 0) == 85_000, "another sensor may be so hot")
        assert value(reader, 1) is None
    finally:
        reader.close()


def test_a_file_that_blocks_holds_up_nobody(tmp_path: Path, clock: Clock) -> None:
    fifo = tmp_path / "hangs"
    os.mkfifo(fifo)
    reader = SysfsReader([fifo], monotonic_ns=clock)
    try:
        begin_s = time.monotonic()
        for _ in range(100):
            assert value(reader, 0) is None
        assert time.monotonic() - begin_s < 0.2
    finally:
        reader.close()
    assert reader.pid == 0


def test_an_old_value_is_refused(reader: SysfsReader, clock: Clock) -> None:
    soon(lambda: value(reader, 0) is not None, "a value")
    os.kill(reader.pid, signal.SIGSTOP)
    soon(lambda: value(reader, 0) is not None, "the rest of the pipe")
    clock.added_ns = sysfs_reader.OLDEST_NS + 1_000_000_000
    with pytest.raises(HardwareError, match=r"a value 1\d{4} ms old"):
        reader.mdeg_c(0)


def test_a_helper_that_was_killed_is_started_again_after_a_while(reader: SysfsReader, clock: Clock) -> None:
    soon(lambda: value(reader, 0) is not None, "a value")
    first = reader.pid
    os.kill(first, signal.SIGKILL)
    soon(lambda: value(reader, 0) is None or reader.pid == 0, "the end is noticed")
    clock.added_ns = sysfs_reader.RESTART_NS
    soon(lambda: value(reader, 0) == 41_500 and reader.pid not in (0, first), "a new helper")


def test_the_helper_ends_with_its_reader(files: list[Path]) -> None:
    reader = SysfsReader(files)
    pid = reader.pid
    reader.close()
    assert reader.pid == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_helper_is_no_real_time_process(reader: SysfsReader) -> None:
    assert os.sched_getscheduler(reader.pid) == os.SCHED_OTHER
