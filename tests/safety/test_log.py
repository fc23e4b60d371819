import fcntl
import os

from controller.safety.log import BURST, LONGEST_LINE, REFILL_MS, Level, Log


def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    return reader, writer


def test_a_line_has_time_and_level_and_stays_one_line() -> None:
    reader, writer = pipe()
    Log(fd=writer).line(Level.WARNING, "first\nsecond", 1_234)
    assert os.read(reader, 4096) == b"safety 1234 warning: first second\n"


def test_below_the_level_nothing_is_said() -> None:
    reader, writer = pipe()
    Log(Level.WARNING, writer).line(Level.INFO, "x", 1)
    os.close(writer)
    assert os.read(reader, 4096) == b""


def test_a_flood_is_cut_and_what_is_lost_is_told() -> None:
    reader, writer = pipe()
    log = Log(fd=writer)
    for _ in range(BURST + 100):
        log.line(Level.ERROR, "again", 1_000)
    assert os.read(reader, 65_536).count(b"\n") == BURST and log.lost == 100
    log.line(Level.ERROR, "later", 1_000 + REFILL_MS)
    assert os.read(reader, 4096) == b"safety 1100 error: later (100 lines lost before this one)\n"
    assert log.lost == 0


def test_a_reader_that_stalls_does_not_stop_the_loop() -> None:
    reader, writer = pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)  # from here on a plain write would block for ever
    log = Log(fd=writer)
    for now_ms in range(0, 10_000, 10):
        log.line(Level.ERROR, "nobody listens", now_ms)
    assert log.lost == 1_000
    os.read(reader, fcntl.fcntl(reader, 1032))  # F_GETPIPE_SZ: drain it all
    log.line(Level.ERROR, "again", 20_000)
    assert b"again (1000 lines lost" in os.read(reader, 4096)


def test_a_closed_stderr_is_survived() -> None:
    reader, writer = pipe()
    os.close(reader)
    log = Log(fd=writer)
    log.line(Level.ERROR, "gone", 1)
    assert log.lost == 1


def test_a_long_line_is_cut() -> None:
    reader, writer = pipe()
    Log(fd=writer).line(Level.ERROR, "y" * 10_000, 1)
    assert len(os.read(reader, 65_536)) == LONGEST_LINE
