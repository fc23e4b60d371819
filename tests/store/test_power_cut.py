"""Whatever was acknowledged is there afterwards, and nothing half: processes killed at every step and at
random moments, and files torn as a power cut tears them."""

from __future__ import annotations

import os
import random
import select
import shutil
import subprocess
import sys
from pathlib import Path

from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import StorageError
from tests.store.samples import NOW, UPDATED

REPOSITORY = Path(__file__).parents[2]


def start(path: Path, kill_at: int, checkpoint_pages: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.cut_writer", str(path), str(kill_at), str(checkpoint_pages)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
    )


def check(path: Path, output: bytes) -> tuple[int, int]:
    """The database holds at least what was said to be done, whole pairs only, without holes."""
    said = {"append": 0, "advance": 0}
    for line in output.decode().splitlines():
        word, _, seq = line.partition(" ")
        said[word] = int(seq)
    database = Database.open(path)
    try:
        journal = SqliteJournal(database, "boot-2")
        entries = journal.after(0, 100_000)
        seqs = [entry.seq for entry in entries]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))) if seqs else not said["append"]
        assert all(entry.event == UPDATED for entry in entries)
        assert journal.last_seq() % 2 == 0  # pairs are appended
        assert said["append"] <= journal.last_seq() <= said["append"] + 2
        assert said["advance"] <= journal.cursor("csms") <= journal.last_seq()
        if journal.cursor("csms"):
            assert journal.alias("tx16", f"tx-{journal.cursor('csms')}") == str(journal.cursor("csms"))
        assert database.rows("check", "PRAGMA integrity_check") == [("ok",)]
        journal.append([UPDATED, UPDATED], NOW)  # and it goes on
        return said["append"], journal.last_seq()
    finally:
        database.close()


def test_killed_at_every_step(tmp_path: Path) -> None:
    """Steps 1..64: creating the schema, noting the boot, and the first rounds of writing."""
    acknowledged = set()
    for first in range(1, 65, 8):  # eight at a time: most of the cost is starting Python
        paths = [(step, tmp_path / f"{step}.db") for step in range(first, first + 8)]
        writers = [start(path, step, 1000) for step, path in paths]
        for (_, path), writer in zip(paths, writers, strict=True):
            output, _ = writer.communicate(timeout=60)
            assert writer.returncode == -9
            acknowledged.add(check(path, output)[0])
    assert len(acknowledged) > 2  # from before the first append to several appends


def test_killed_at_random_moments_with_constant_checkpoints(tmp_path: Path) -> None:
    """The same directory is killed and reopened ten times; a checkpoint runs every few commits."""
    rng = random.Random(7)
    path = tmp_path / "joulepost.db"
    total = 0
    for _ in range(10):
        with start(path, 0, 4) as writer:
            assert writer.stdout is not None
            output = b""
            wanted = rng.randint(1, 4000)
            while len(output) < wanted:
                assert select.select([writer.stdout], [], [], 60)[0]
                output += os.read(writer.stdout.fileno(), 4096)
            writer.kill()
            output += writer.stdout.read()
        whole = output[: output.rfind(b"\n") + 1]
        _, last = check(path, whole)
        assert last > total
        total = last


def copy_torn(source: Path, target: Path, database_bytes: int | None, wal_bytes: int | None) -> None:
    for suffix, length in [("", database_bytes), ("-wal", wal_bytes)]:
        content = Path(f"{source}{suffix}").read_bytes()
        Path(f"{target}{suffix}").write_bytes(content if length is None else content[:length])


def torn_source(tmp_path: Path) -> tuple[Path, Database, int]:
    """A database that is open, with checkpointed pages in the file and newer ones in the log."""
    path = tmp_path / "source.db"
    database = Database.open(path)
    journal = SqliteJournal(database, "boot-1")
    for _ in range(20):
        journal.append([UPDATED, UPDATED], NOW)
    database.rows("checkpoint", "PRAGMA wal_checkpoint(TRUNCATE)")
    checkpointed = journal.last_seq()
    for _ in range(12):
        journal.append([UPDATED, UPDATED], NOW)
    return path, database, checkpointed


def test_a_torn_log_opens_with_a_prefix_of_what_was_committed(tmp_path: Path) -> None:
    path, source, checkpointed = torn_source(tmp_path)
    size = Path(f"{path}-wal").stat().st_size
    found = []
    for length in [*range(0, size, 1024), size]:
        torn = tmp_path / "torn.db"
        copy_torn(path, torn, None, length)
        database = Database.open(torn)
        journal = SqliteJournal(database, "boot-2")
        entries = journal.after(0, 1000)
        assert [entry.event for entry in entries] == [UPDATED] * journal.last_seq()
        assert journal.last_seq() % 2 == 0
        found.append(journal.last_seq())
        database.close()
    assert found == sorted(found)
    assert found[0] == checkpointed
    assert set(found) == set(range(checkpointed, checkpointed + 25, 2))
    source.close()


def test_garbage_in_the_log_ends_the_prefix(tmp_path: Path) -> None:
    path, source, checkpointed = torn_source(tmp_path)
    log = Path(f"{path}-wal").read_bytes()
    for offset in range(32, len(log), 5003):
        torn = tmp_path / "torn.db"
        shutil.copy(path, torn)
        spoilt = bytearray(log)
        spoilt[offset : offset + 64] = bytes(byte ^ 0x5A for byte in spoilt[offset : offset + 64])
        Path(f"{torn}-wal").write_bytes(spoilt)
        database = Database.open(torn)
        journal = SqliteJournal(database, "boot-2")
        assert checkpointed <= journal.last_seq() < checkpointed + 24
        assert [entry.event for entry in journal.after(0, 1000)] == [UPDATED] * journal.last_seq()
        database.close()
    source.close()


def test_a_torn_database_file_is_whole_or_refused(tmp_path: Path) -> None:
    """SQLite syncs the file before it forgets the log: only a dying disk does this. Never garbage."""
    path, source, checkpointed = torn_source(tmp_path)
    opened = 0
    for length in range(1024, path.stat().st_size, 1024):
        torn = tmp_path / "torn.db"
        copy_torn(path, torn, length, None)
        try:
            database = Database.open(torn)
        except StorageError as error:
            assert "do not delete" in str(error)
            continue
        journal = SqliteJournal(database, "boot-2")
        assert checkpointed <= journal.last_seq()
        assert [entry.event for entry in journal.after(0, 1000)] == [UPDATED] * journal.last_seq()
        database.close()
        opened += 1
    assert opened < path.stat().st_size // 1024 - 1
    source.close()
