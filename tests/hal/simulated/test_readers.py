"""Card readers as bytes: frames against published examples, and the real drivers on pseudo-terminals."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hal.interface import TokenKind
from hal.profile import ProfileError, ReaderProfile
from hal.raspberry.rfid import open_reader
from hal.simulated.readers import HELD_MS, Pn532, ReaderLine, id12la_frame, line_frame, rdm6300_frame

UID = bytes.fromhex("100086F444")


def test_the_rdm6300_example_of_the_hardware_facts() -> None:
    assert rdm6300_frame(UID) == b"\x02" + b"100086F444" + b"26" + b"\x03"


def test_the_id12la_frame_ends_with_cr_lf_etx() -> None:
    assert id12la_frame(UID) == b"\x02100086F44426\r\n\x03"


def test_em4100_readers_refuse_cards_of_another_length() -> None:
    with pytest.raises(ValueError, match="4 bytes; an RDM6300 reads cards of 5 bytes"):
        rdm6300_frame(bytes.fromhex("04A2B3C4"))


def test_a_reader_of_lines_refuses_what_no_driver_would_take_for_a_card() -> None:
    """Else a swipe on the bench would do nothing, and say nothing."""
    assert line_frame(bytes.fromhex("04A2B3C4")) == b"04A2B3C4\r\n"
    for uid in ("BB", "04A2B3", "00" * 11):
        with pytest.raises(ValueError, match="reads 4 to 10 bytes"):
            line_frame(bytes.fromhex(uid))


def test_the_pn532_answers_the_published_frames() -> None:
    sent: list[bytes] = []
    chip = Pn532(sent.append)
    ack = bytes.fromhex("0000FF00FF00")
    chip.received(bytes.fromhex("5555" + "00" * 14 + "0000FF02FED4022A00"))
    assert sent == [ack, bytes.fromhex("0000FF06FAD50332010607E800")]
    sent.clear()
    for byte in bytes.fromhex("0000FF05FBD414011401 0200".replace(" ", "")):
        chip.received(bytes((byte,)))
    assert sent == [ack, bytes.fromhex("0000FF02FED5151600")]
    sent.clear()
    chip.received(bytes.fromhex("0000FF04FCD44A0100E100"))
    assert sent == [ack]  # waits for a card
    chip.present(bytes.fromhex("FB0EE20B"))
    assert sent[1] == bytes.fromhex("0000FF0CF4D54B0101000408 04FB0EE20BD800".replace(" ", ""))


def test_the_pn532_stops_waiting_when_the_host_says_so() -> None:
    sent: list[bytes] = []
    chip = Pn532(sent.append)
    chip.received(bytes.fromhex("0000FF04FCD44A0100E100"))
    chip.received(bytes.fromhex("0000FF00FF00"))
    chip.present(bytes.fromhex("FB0EE20B"))
    assert len(sent) == 1
    with pytest.raises(ValueError, match="have 4, 7 or 10 bytes"):
        chip.present(UID)


@pytest.mark.parametrize(
    ("driver", "baud", "uid"),
    [
        ("rdm6300", 9600, "100086F444"),
        ("id12la", 9600, "100086F444"),
        ("line", 9600, "04A2B3C4D5E6F7"),
        ("pn532", 115200, "04A2B3C4D5E6F7"),
    ],
)
def test_the_real_driver_reads_the_card_once(driver: str, baud: int, uid: str, tmp_path: Path) -> None:
    async def main() -> None:
        profile = ReaderProfile(driver=driver, port="/dev/rfid0", baud=baud)
        line = ReaderLine(profile, tmp_path / "dev/rfid0", set())
        reader = open_reader(profile, tmp_path)
        try:
            reading = asyncio.create_task(reader.read())
            for _ in range(20):  # the driver opens its port and starts the conversation
                await asyncio.sleep(0.01)
            line.present(uid, TokenKind.ISO14443)
            assert (await asyncio.wait_for(reading, 5)).uid == uid
            with pytest.raises(TimeoutError):  # held to the reader for a while, and yet one presentation
                await asyncio.wait_for(reader.read(), 0.5)
        finally:
            await reader.close()
            line.close()

    asyncio.run(main())


def test_damaged_frames_give_no_card_and_a_silent_reader_sends_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        profile = ReaderProfile(driver="rdm6300", port="/dev/rfid0")
        faults = {"reader_garbage"}
        line = ReaderLine(profile, tmp_path / "dev/rfid0", faults)
        reader = open_reader(profile, tmp_path)
        try:
            reading = asyncio.create_task(reader.read())
            await asyncio.sleep(0.1)
            line.present("100086F444", TokenKind.ISO14443)
            await asyncio.sleep(HELD_MS / 1000 + 0.05)
            assert not reading.done()
            faults.clear()
            faults.add("reader_silent")
            line.present("100086F445", TokenKind.ISO14443)
            await asyncio.sleep(0.1)
            assert not reading.done()
            faults.clear()
            line.present("100086F446", TokenKind.ISO14443)
            assert (await asyncio.wait_for(reading, 5)).uid == "100086F446"
        finally:
            await reader.close()
            line.close()

    asyncio.run(main())


def test_an_unknown_reader_names_those_there_are(tmp_path: Path) -> None:
    async def main() -> None:
        with pytest.raises(ProfileError, match="'nfc': the bench has rdm6300, id12la"):
            ReaderLine(ReaderProfile(driver="nfc", port="/dev/rfid0"), tmp_path / "dev/rfid0", set())

    asyncio.run(main())
