"""The readers on real pseudo-terminals, mostly on virtual time."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from hal.interface import HardwareError, TokenKind, TokenRead
from hal.profile import ReaderProfile
from hal.raspberry.rfid import open_reader
from hal.raspberry.rfid.reader import MAX_AGE_S, SerialReader
from tests.hal.raspberry.rfid.pn532_chip import Chip
from tests.hal.raspberry.rfid.serial_cable import Cable, until
from tests.support.virtual_time import run_virtual

RDM6300 = b"\x02100086F44426\x03"
TAG = TokenRead("100086F444", TokenKind.LOCAL)


def reader_on(cable: Cable, driver: str, **settings: Any) -> SerialReader:
    reader = open_reader(ReaderProfile(driver, cable.port, **settings), cable.root)
    assert isinstance(reader, SerialReader)
    return reader


async def opened(reader: SerialReader) -> asyncio.Task[TokenRead]:
    """A pending read: the port is open now."""
    task = asyncio.create_task(reader.read())
    await asyncio.sleep(0)
    return task


@pytest.mark.parametrize(
    ("driver", "sent", "token"),
    [
        ("rdm6300", RDM6300, TAG),
        ("id12la", b"\x02100086F44426\r\n\x03", TAG),
        ("line", b"04a1b2c3d4e5f6\r\n", TokenRead("04A1B2C3D4E5F6", TokenKind.ISO14443)),
        ("line", b"0008844356\r", TokenRead("0008844356", TokenKind.LOCAL)),
    ],
)
def test_bytes_split_at_every_position_with_garbage_between(
    driver: str, sent: bytes, token: TokenRead, tmp_path: Path
) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, driver)
        for cut in range(1, len(sent)):
            task = await opened(reader)
            cable.write(b"\xff\x00?!\r")
            cable.write(sent[:cut])
            await asyncio.sleep(0.01)
            cable.write(sent[cut:])
            assert await task == token
            await asyncio.sleep(3.1)  # taken away
        assert reader.garbage > 0
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_settings_reach_the_token(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "rdm6300", rdm6300_format="dec10")
        task = await opened(reader)
        cable.write(RDM6300)
        assert await task == TokenRead("0008844356", TokenKind.LOCAL)
        await reader.close()
        reader = reader_on(cable, "line", reverse_uid=True)
        task = await opened(reader)
        cable.write(b"FB0EE20B\n")
        assert await task == TokenRead("0BE20EFB", TokenKind.ISO14443)
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_a_tag_held_to_the_reader_is_one_swipe(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "rdm6300")
        task = await opened(reader)
        for frames in range(1, 201):  # ten seconds, a frame every 50 ms
            cable.write(RDM6300 + b"?")
            await until(lambda: reader.garbage, frames)
            await asyncio.sleep(0.05)
        assert task.result() == TAG
        again = await opened(reader)
        await asyncio.sleep(1.0)
        assert not again.done()
        cable.write(RDM6300)
        assert await again == TAG
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_two_swipes_at_once_are_read_one_after_the_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        cable.write(b"11111111\n22222222\n")
        assert [(await task).uid, (await reader.read()).uid] == ["11111111", "22222222"]
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_a_swipe_nobody_waited_for_grows_old(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        task.cancel()
        cable.write(b"11111111\n?\n")
        await until(lambda: reader.garbage, 1)
        await asyncio.sleep(MAX_AGE_S + 0.1)
        task = await opened(reader)
        cable.write(b"22222222\n")
        assert (await task).uid == "22222222"
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_a_cancelled_read_loses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        cable.write(b"1111")
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        cable.write(b"1111\n")
        assert (await reader.read()).uid == "11111111"
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_random_uids_are_noted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        cable.write(b"08A1B2C3\n")
        assert (await task).uid == "08A1B2C3"
        await reader.close()
        cable.unplug()

    run_virtual(scenario())
    assert "08A1B2C3 has a random UID" in caplog.text


def test_a_missing_port_is_named_and_opened_when_it_comes(tmp_path: Path) -> None:
    async def scenario() -> None:
        reader = open_reader(ReaderProfile("line", "/dev/reader"), tmp_path)
        for _ in range(2):
            with pytest.raises(
                HardwareError, match=rf"{tmp_path}/dev/reader: no such device; check the cable"
            ):
                await reader.read()
        cable = Cable(tmp_path)
        task = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        cable.write(b"11111111\n")
        assert (await task).uid == "11111111"
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_a_port_that_vanishes_ends_the_read_and_the_next_one_opens_it_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        cable.unplug()
        with pytest.raises(HardwareError, match=r"dev/reader: is gone .*; check cable and power"):
            await task
        with pytest.raises(HardwareError, match="no such device"):
            await reader.read()
        cable = Cable(tmp_path)
        task = await opened(reader)
        cable.write(b"11111111\n")
        assert (await task).uid == "11111111"
        cable.unplug()
        await asyncio.sleep(0.1)  # nobody is waiting: the next read tells
        with pytest.raises(HardwareError, match="is gone"):
            await reader.read()
        await reader.close()

    run_virtual(scenario())


def test_parity_that_the_port_does_not_take(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line", parity="E")
        with pytest.raises(HardwareError, match=r"does not take 9600 8E1 .*; check baud and parity"):
            await reader.read()
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_a_port_in_use_and_a_file_that_is_no_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        other = os.open(tmp_path / "dev" / "reader", os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(other, fcntl.LOCK_EX)  # how pyserial marks a port as taken
        with pytest.raises(HardwareError, match="is another program using it"):
            await reader_on(cable, "line").read()
        os.close(other)
        cable.unplug()
        (tmp_path / "dev" / "reader").write_text("")
        with pytest.raises(HardwareError, match="cannot be opened as a serial port"):
            await open_reader(ReaderProfile("line", "/dev/reader"), tmp_path).read()

    run_virtual(scenario())


def test_a_closed_reader_says_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        await reader.close()
        for read in (task, asyncio.create_task(reader.read())):
            with pytest.raises(HardwareError, match="is closed"):
                await read
        cable.unplug()

    run_virtual(scenario())


def test_two_tasks_must_not_read_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable = Cable(tmp_path)
        reader = reader_on(cable, "line")
        task = await opened(reader)
        with pytest.raises(RuntimeError, match="two tasks read at once"):
            await reader.read()
        task.cancel()
        await reader.close()
        cable.unplug()

    run_virtual(scenario())


def test_pn532_end_to_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable, chip = Cable(tmp_path), Chip()
        cable.answer(chip.receive)
        reader = reader_on(cable, "pn532", baud=115200)
        task = await opened(reader)
        for uid in ("04A1B2C3D4E5F6", "FB0EE20B"):
            polls = len(chip.commands)
            await until(lambda: len(chip.commands), polls + 2)
            assert not task.done()
            chip.uid = bytes.fromhex(uid)
            assert await task == TokenRead(uid, TokenKind.ISO14443)
            task = await opened(reader)  # the card stays: no second swipe
        polls = len(chip.commands)
        await until(lambda: len(chip.commands), polls + 2)
        assert not task.done()
        task.cancel()
        await reader.close()
        cable.unplug()

    asyncio.run(scenario())


def test_pn532_that_does_not_answer_is_an_error_and_is_found_later(tmp_path: Path) -> None:
    async def scenario() -> None:
        cable, chip = Cable(tmp_path), Chip()
        cable.answer(lambda data: b"")
        reader = reader_on(cable, "pn532", baud=115200)
        with pytest.raises(
            HardwareError, match=r"does not acknowledge commands; check wiring, power, and driver and baud"
        ):
            await reader.read()
        cable.answer(chip.receive)
        chip.uid = bytes.fromhex("FB0EE20B")
        assert (await reader.read()).uid == "FB0EE20B"
        await reader.close()
        cable.unplug()

    asyncio.run(scenario())
