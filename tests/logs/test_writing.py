"""The files of logs: what is in them, how large they get, and what is in the way."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from controller.domain.access.tokens import IdToken
from controller.domain.commands import LogKind
from controller.domain.effects import CancelUpload, DropLog, UploadLog
from controller.domain.events import SecurityEvent, SessionEnded, TokenRefused
from controller.domain.inputs import Input, LogUploadFailed
from controller.domain.instant import Now
from controller.domain.tasks.transfers import TransferFault, parse_location
from controller.logs import writing
from controller.logs.recent import Recent
from controller.logs.uploads import Uploads
from controller.logs.writing import stamp, write_log
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.security_log import SqliteSecurityLog
from controller.transfer import Options
from tests.support.virtual_time import VirtualClock

T0_MS = 1_767_225_600_000


@dataclass
class Desk:
    """``Sources`` with a real database."""

    database: Database
    recent: Recent
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def history(self) -> SqliteJournal:
        return SqliteJournal(self.database, "boot")

    @property
    def security_log(self) -> SqliteSecurityLog:
        return SqliteSecurityLog(self.database)

    def snapshot(self) -> Mapping[str, Any]:
        return {"about": {"identity": "CP1"}, **self.shown}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = Database.open(tmp_path / "joulepost.db")
    with asyncio.Runner() as runner:
        yield Desk(database, Recent(VirtualClock(runner.get_loop())))
    database.close()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "uploads"
    path.mkdir()
    return path


def write(desk: Desk, path: Path, kind: LogKind = LogKind.DIAGNOSTICS, *bounds: int | None) -> None:
    oldest_ms, latest_ms = bounds or (None, None)
    asyncio.run(write_log(path, kind, desk, oldest_ms, latest_ms))


def read(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {m.name: archive.extractfile(m).read().decode() for m in archive.getmembers()}  # type: ignore[union-attr]


def test_16_FW_11_the_newest_entries_are_in_the_file_in_order_when_there_are_too_many(
    desk: Desk, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_ENTRIES", 25)
    monkeypatch.setattr(writing, "PIECE", 10)
    for number in range(40):
        at_ms = T0_MS + number
        desk.history.append([SessionEnded(number, at_ms)], Now(number, at_ms))
    write(desk, place / "log.tar.gz")
    rows = [json.loads(line) for line in read(place / "log.tar.gz")["journal.jsonl"].splitlines()]
    assert [row["event"]["evse_id"] for row in rows] == list(range(15, 40))
    assert rows[0] == {
        "seq": 16,
        "at": "2026-01-01T00:00:00.015Z",
        "mono_ms": 15,
        "boot": "boot",
        "event": {"event": "SessionEnded", "evse_id": 15, "at_ms": T0_MS + 15},
    }
    assert [one.name for one in place.iterdir()] == ["log.tar.gz"], "no half-written files are left"
    assert (place / "log.tar.gz").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("count", [0, 10, 20])
def test_whole_pieces_of_the_journal_are_no_trouble(
    desk: Desk, place: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(writing, "PIECE", 10)
    for number in range(count):
        desk.history.append([SessionEnded(1, T0_MS)], Now(number, T0_MS))
    write(desk, place / "log")
    assert len(read(place / "log")["journal.jsonl"].splitlines()) == count


def test_secrets_of_every_source_are_masked(desk: Desk, place: Path) -> None:
    desk.history.append([TokenRefused(IdToken("04HUSHHUSH"), "Blocked", "csms", T0_MS)], Now(1, T0_MS))
    desk.recent.sent('[2,"1","Authorize",{"idTag":"04HUSHHUSH"}]')
    desk.recent.note("cannot reach ftp://joule:HUSHHUSH@host/x?sig=HUSHHUSH")
    desk.shown = {"settings": [{"key": "AuthorizationKey", "value": "HUSHHUSH"}]}
    write(desk, place / "log")
    content = read(place / "log")
    assert "HUSHHUSH" not in "".join(content.values())
    assert "04HU***" in content["journal.jsonl"] and "ftp://***@host/x?***" in content["messages.log"]


def test_16_SEC_26_the_security_log_is_lines_of_json(desk: Desk, place: Path) -> None:
    desk.history.append(
        [
            SecurityEvent("ResetOrReboot", "why\nnot", T0_MS),
            SecurityEvent("InvalidMessages", "", T0_MS + 5),
            SecurityEvent("InvalidCsmsCertificate", "", T0_MS + 6),
        ],
        Now(1, T0_MS),
    )
    write(desk, place / "log", LogKind.SECURITY)
    lines = gzip.decompress((place / "log").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"number": 1, "at": "2026-01-01T00:00:00.000Z", "type": "ResetOrReboot", "info": "why\nnot"},
        {"number": 2, "at": "2026-01-01T00:00:00.005Z", "type": "InvalidMessages", "info": ""},
        {
            "number": 3,
            "at": "2026-01-01T00:00:00.006Z",
            "type": "InvalidCsmsCertificate",
            "type16": "InvalidCentralSystemCertificate",
            "info": "",
        },
    ]
    write(desk, place / "later", LogKind.SECURITY, T0_MS + 1, None)
    assert b"InvalidMessages" in gzip.decompress((place / "later").read_bytes())
    assert b"ResetOrReboot" not in gzip.decompress((place / "later").read_bytes())


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_log_is_not_worth_a_full_disk(desk: Desk, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 9, 1))
    with pytest.raises(OSError, match="1 bytes free"):
        write(desk, place / "log")
    assert list(place.iterdir()) == []


def test_any_instant_has_a_text() -> None:
    assert stamp(T0_MS + 7) == "2026-01-01T00:00:00.007Z"
    assert stamp(-1) == "1969-12-31T23:59:59.999Z"
    assert stamp(10**20) == str(10**20) and stamp(-(10**17)) == str(-(10**17))


# ---------------------------------------------------------------------- the task of an upload


def upload(name: str = "log", number: int = 1) -> UploadLog:
    location = parse_location("http://127.0.0.1:1/logs/")
    return UploadLog(number, LogKind.SECURITY, location, name, None, None, again=False)


def run(desk: Desk, directory: Path, *effects: UploadLog | CancelUpload | DropLog) -> list[Input]:
    """Perform the effects, one turn of the loop after the other, and wait for what runs."""
    taken: list[Input] = []

    async def main() -> None:
        tasks: list[asyncio.Task[None]] = []

        def start(work: Any) -> asyncio.Task[None]:
            tasks.append(asyncio.create_task(work))
            return tasks[-1]

        uploads = Uploads(directory, desk, Options, taken.append, lambda _text: None, start)
        for effect in effects:
            uploads.perform(effect)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        uploads.tidy()

    asyncio.run(main())
    return taken


def test_a_log_that_cannot_be_written_is_a_failed_attempt(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (failed,) = run(desk, tmp_path / "file", upload())
    assert isinstance(failed, LogUploadFailed) and failed.fault is TransferFault.NO_SPACE
    assert "cannot be written" in failed.why


def test_a_server_that_is_not_there_is_a_failed_attempt_and_leftovers_go(desk: Desk, tmp_path: Path) -> None:
    directory = tmp_path / "uploads"
    directory.mkdir()
    (directory / "old.tar.gz.new").write_text("of an earlier life")
    (failed,) = run(desk, directory, upload())
    assert isinstance(failed, LogUploadFailed) and failed.fault is TransferFault.UNREACHABLE
    assert list(directory.iterdir()) == []


def test_a_cancelled_upload_tells_nothing(desk: Desk, tmp_path: Path) -> None:
    assert run(desk, tmp_path / "uploads", upload(), CancelUpload(1), DropLog("log"), CancelUpload(9)) == []


@pytest.mark.parametrize("kind", [LogKind.DIAGNOSTICS, LogKind.SECURITY])
def test_a_log_is_private_while_it_is_written(
    desk: Desk, place: Path, kind: LogKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when it is done: whoever opened it before keeps it open."""
    modes = set()
    row = writing._json

    def looking(shown: Mapping[str, Any]) -> str:
        modes.update(one.stat().st_mode & 0o777 for one in place.iterdir())
        return row(shown)

    monkeypatch.setattr(writing, "_json", looking)
    stamped = writing._log

    def looking_too(lines: Any) -> str:
        modes.update(one.stat().st_mode & 0o777 for one in place.iterdir())
        return stamped(lines)

    monkeypatch.setattr(writing, "_log", looking_too)
    before = os.umask(0)
    try:
        desk.history.append([SecurityEvent("StartupOfTheDevice", "", T0_MS)], Now(0, T0_MS))
        write(desk, place / "log", kind)
    finally:
        os.umask(before)
    assert modes == {0o600}
