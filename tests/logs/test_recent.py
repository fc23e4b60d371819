"""The rings in memory."""

from __future__ import annotations

import asyncio
import logging

import pytest

from controller.clock import SystemClock
from controller.logs.recent import LINE_BYTES, LONGEST, MOST_FRAMES, Recent, Ring
from tests.support.virtual_time import VirtualClock


def test_a_ring_keeps_the_newest_within_its_bound() -> None:
    ring = Ring(11 * (9 + LINE_BYTES))
    for number in range(50):
        ring.add(number, f"line {number:02d}xx")
    lines = ring.lines()
    assert [at for at, _text in lines] == list(range(39, 50)) or len(lines) == 11
    assert sum(len(text) + LINE_BYTES for _at, text in lines) <= 11 * (9 + LINE_BYTES)
    assert ring.lines(45, 47) == [(n, f"line {n}xx") for n in (45, 46, 47)]


def test_a_frame_of_a_megabyte_takes_no_megabyte() -> None:
    ring = Ring(MOST_FRAMES)
    ring.add(1, "< " + "x" * 1_000_000)
    assert ring.lines() == [(1, "< (1000002 characters, not kept)")]
    ring.add(2, "y" * LONGEST)
    assert len(ring.lines()[1][1]) == LONGEST


def test_what_the_program_logs_is_kept_and_still_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with asyncio.Runner() as runner:
        recent = Recent(VirtualClock(runner.get_loop()))
    logger = logging.getLogger("controller.test_recent")
    handlers = logging.getLogger().handlers[:]
    logging.getLogger().handlers.clear()  # as in the program: nobody configured logging
    logger.addHandler(recent)
    try:
        logger.warning("clock %+d s", 3)
        logger.debug("too small to mention")
    finally:
        logger.removeHandler(recent)
        logging.getLogger().handlers.extend(handlers)
    recent.keeping(lambda _text: None)("said")
    assert [text for _at, text in recent.messages.lines()] == [
        "warning controller.test_recent: clock +3 s",
        "said",
    ]


def test_small_frames_cost_no_more_memory_than_large_ones() -> None:
    """A line costs more than its characters: a CSMS that sends "1" a million times fills nothing."""
    recent = Recent(SystemClock())
    for _ in range(10_000):
        recent.received("1")
    assert len(recent.frames.lines()) < 2_000
