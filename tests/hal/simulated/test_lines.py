"""Pseudo-terminals in the place of serial devices."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hal.interface import HardwareError
from hal.simulated import lines
from hal.simulated.lines import SerialLine


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


async def _read(descriptor: int) -> bytes:
    for _ in range(200):
        try:
            return os.read(descriptor, 100)
        except BlockingIOError:
            await asyncio.sleep(0.005)
    raise TimeoutError("nothing came")


def test_every_byte_passes_unchanged_both_ways_and_clients_come_and_go(tmp_path: Path) -> None:
    async def main() -> None:
        heard: list[bytes] = []
        line = SerialLine(tmp_path / "dev/x", heard.append)
        every = bytes(range(256))
        for _ in range(3):
            client = _open(tmp_path / "dev/x")
            line.write(every)
            received = b""
            while len(received) < 256:
                received += await _read(client)
            assert received == every
            os.write(client, every)
            for _ in range(200):
                if sum(map(len, heard)) == 256:
                    break
                await asyncio.sleep(0.005)
            assert b"".join(heard) == every
            heard.clear()
            os.close(client)
        line.close()
        assert not (tmp_path / "dev/x").is_symlink()

    asyncio.run(main())


def test_what_nobody_reads_is_dropped_and_never_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "UNREAD_S", 0.02)

    async def main() -> None:
        line = SerialLine(tmp_path / "x", lambda data: None)
        for _ in range(1_000):
            line.write(b"stale" * 100)
        await asyncio.sleep(0.1)
        client = _open(tmp_path / "x")
        line.write(b"fresh")
        assert await _read(client) == b"fresh"
        os.close(client)
        line.close()

    asyncio.run(main())


def test_a_link_left_by_an_earlier_run_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    async def main() -> None:
        link = tmp_path / "x"
        link.symlink_to("/nowhere")
        line = SerialLine(link, lambda data: None)
        assert str(link.readlink()) == line.path
        link.unlink()
        line.close()
        link.write_text("somebody's data")
        with pytest.raises(HardwareError, match="is in the way"):
            SerialLine(link, lambda data: None)
        assert link.read_text() == "somebody's data"

    asyncio.run(main())
