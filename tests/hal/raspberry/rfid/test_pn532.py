"""PN532: frames and the conversation (facts 4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal.raspberry.rfid.pn532 import (
    ACK,
    ACK_TIMEOUT_S,
    IN_LIST_PASSIVE_TARGET,
    MAX_FAILURES,
    POLL_PAUSE_S,
    RESPONSE_TIMEOUT_S,
    SAM_CONFIGURATION,
    WAKE,
    FrameScanner,
    Pn532,
    Signal,
    command_frame,
)
from tests.hal.raspberry.rfid.pn532_chip import Chip, frame

REPLY = bytes.fromhex("00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 FB 0E E2 0B D8 00")
UID = bytes.fromhex("FB0EE20B")


def test_command_frames_are_those_of_the_manual() -> None:
    assert command_frame(b"\x02") == bytes.fromhex("00 00 FF 02 FE D4 02 2A 00")
    assert command_frame(SAM_CONFIGURATION) == bytes.fromhex("00 00 FF 05 FB D4 14 01 14 01 02 00")
    assert command_frame(IN_LIST_PASSIVE_TARGET) == bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00")
    assert bytes.fromhex("55 55") + bytes(14) == WAKE


def test_scanner_knows_every_kind_of_frame() -> None:
    stream = ACK + bytes.fromhex("00 00 FF FF 00 00") + bytes.fromhex("00 00 FF 01 FF 7F 81 00") + REPLY
    assert FrameScanner().feed(stream) == [Signal.ACK, Signal.NACK, Signal.ERROR, REPLY[5:-2]]


@pytest.mark.parametrize("cut", range(1, len(REPLY)))
def test_split_at_every_position(cut: int) -> None:
    scanner = FrameScanner()
    assert [*scanner.feed(REPLY[:cut]), *scanner.feed(REPLY[cut:])] == [REPLY[5:-2]]
    assert scanner.garbage == 0


@pytest.mark.parametrize("place", range(1, len(REPLY) - 1))
def test_a_broken_byte_gives_no_frame_and_the_next_one_is_found(place: int) -> None:
    broken = bytearray(REPLY)
    broken[place] ^= 0x01
    scanner = FrameScanner()
    frames = scanner.feed(bytes(broken))
    assert frames == []
    scanner.reset()  # what the time-out does
    assert scanner.feed(REPLY) == [REPLY[5:-2]]
    assert scanner.garbage > 0


@given(st.lists(st.binary(max_size=300)))
def test_scanner_survives_garbage_and_stays_small(chunks: list[bytes]) -> None:
    scanner = FrameScanner()
    for chunk in chunks:
        scanner.feed(chunk)
        assert len(scanner._buffer) <= 260
    scanner.reset()
    assert scanner.feed(ACK + REPLY) == [Signal.ACK, REPLY[5:-2]]


class Table:
    """A conversation and a chip on a table, with a clock turned by hand."""

    def __init__(self) -> None:
        self.pn532 = Pn532()
        self.chip = Chip()
        self.now_s = 100.0
        self.found: list[bytes] = []

    def exchange(self, sent: bytes) -> None:
        while sent:
            answer = self.chip.receive(sent)
            self.found += self.pn532.feed(answer, self.now_s)
            sent = self.pn532.take_output()

    def start(self) -> None:
        self.exchange(self.pn532.start(self.now_s))

    def wait(self) -> None:
        """Until the next deadline."""
        self.now_s = max(self.now_s, self.pn532.deadline_s)
        self.exchange(self.pn532.tick(self.now_s))


def test_it_wakes_configures_and_polls() -> None:
    table = Table()
    table.start()
    assert table.chip.commands == [0x14, 0x32, 0x4A]
    table.wait()
    assert table.chip.commands == [0x14, 0x32, 0x4A, 0x4A]
    assert table.now_s == 100.0 + POLL_PAUSE_S
    assert table.found == []


@pytest.mark.parametrize("uid", ["FB0EE20B", "04A1B2C3D4E5F6", "0102030405060708090A"])
def test_it_finds_cards_of_every_length(uid: str) -> None:
    table = Table()
    table.start()
    table.chip.uid = bytes.fromhex(uid)
    table.wait()
    assert table.found == [bytes.fromhex(uid)]


def test_uids_that_cannot_be_are_rejected_and_counted() -> None:
    table = Table()
    table.start()
    for uid in ("88040102", "0102030405", ""):  # half of a 7 byte UID; five bytes; none
        table.chip.uid = bytes.fromhex(uid)
        table.wait()
    assert table.found == []
    assert table.pn532.garbage > 0


def test_a_blocking_poll_is_ended_with_an_ack() -> None:
    table = Table()
    table.chip.blocks = True
    table.start()
    assert table.chip.commands == [0x14, 0x32, 0x4A]
    table.wait()
    assert table.now_s == 100.0 + RESPONSE_TIMEOUT_S
    assert table.chip.aborted == 1
    table.chip.uid = UID
    table.wait()
    assert table.found == [UID]
    assert table.pn532.problem == ""


def test_without_acknowledge_it_starts_over_and_then_gives_up() -> None:
    pn532 = Pn532()
    sent = [pn532.start(0.0)]
    while not pn532.problem:
        sent.append(pn532.tick(pn532.deadline_s))
    assert sent == [sent[0]] * MAX_FAILURES + [b""]
    assert sent[0] == WAKE + command_frame(SAM_CONFIGURATION)
    assert pn532.problem == "does not acknowledge commands"


def test_acknowledged_but_never_answered() -> None:
    pn532 = Pn532()
    pn532.start(0.0)
    for _ in range(MAX_FAILURES):
        pn532.feed(ACK, pn532.deadline_s - ACK_TIMEOUT_S)
        pn532.tick(pn532.deadline_s)
    assert pn532.problem == "does not answer commands"


def test_a_chip_that_wakes_late_is_found() -> None:
    table = Table()
    table.pn532.start(table.now_s)  # lost
    table.wait()
    assert table.chip.commands == [0x14, 0x32, 0x4A]


def test_a_chip_that_lost_power_is_configured_again() -> None:
    table = Table()
    table.start()
    table.chip.awake = False
    table.chip.commands.clear()
    table.wait()  # polled in vain
    assert table.chip.commands == []
    table.wait()
    assert table.chip.commands[-3:] == [0x14, 0x32, 0x4A]


def test_nack_and_error_frames_start_over() -> None:
    for refusal in ("00 00 FF FF 00 00", "00 00 FF 01 FF 7F 81 00"):
        table = Table()
        table.pn532.start(0.0)
        table.pn532.feed(bytes.fromhex(refusal), 0.0)
        assert table.pn532.deadline_s == 0.0
        table.now_s = 0.0
        table.wait()
        assert table.chip.commands == [0x14, 0x32, 0x4A]


def test_answers_to_other_commands_are_ignored() -> None:
    pn532 = Pn532()
    pn532.start(0.0)
    assert pn532.feed(ACK + frame(0x4B, 1, 1, 0, 4, 8, 4, 1, 2, 3, 4), 0.0) == []


@given(st.lists(st.tuples(st.binary(max_size=40), st.floats(0, 0.4))))
def test_garbage_never_raises_and_the_chip_is_found_afterwards(chunks: list[tuple[bytes, float]]) -> None:
    table = Table()
    table.start()
    for chunk, step_s in chunks:
        table.found += table.pn532.feed(chunk, table.now_s)
        table.exchange(table.pn532.take_output())
        table.now_s += step_s
        table.exchange(table.pn532.tick(table.now_s))
    if not table.pn532.problem:
        table.found.clear()
        table.chip.uid = UID
        for _ in range(4):
            table.wait()
        assert UID in table.found
