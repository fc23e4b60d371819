from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from controller.store.database import Database, explain
from controller.store.migrations import MIGRATIONS, Migration
from controller.store.ports import StorageError

LATEST = MIGRATIONS[-1].version


def names_all(error: StorageError, *words: str) -> None:
    for word in words:
        assert word in str(error), str(error)


def refused(path: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        Database.open(path)
    return caught.value


def filled(path: Path, rows: int = 200) -> None:
    database = Database.open(path)
    with database.transaction("fill") as transaction:
        transaction.execute_many(
            "INSERT INTO setting_values VALUES (?, ?)", [(f"name{i:04}", "x" * 200) for i in range(rows)]
        )
    database.close()


def test_a_new_file_is_private_durable_and_ours(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    database = Database.open(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "joulepost.db-wal").stat().st_mode) == 0o600
    for pragma, value in [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("user_version", LATEST),
    ]:
        assert database.rows("look", f"PRAGMA {pragma}") == [(value,)]
    database.close()


def test_a_file_that_others_can_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    filled(path)
    path.chmod(0o644)
    Database.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_missing_directory(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "joulepost.db"
    names_all(refused(path), str(path), "cannot open the database", "No such file", "mkdir -p")


def test_a_directory_instead_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    path.mkdir()
    names_all(refused(path), str(path), "directory", "move it aside")


def test_no_database(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    path.write_text("dear diary\n" * 500)
    before = path.read_bytes()
    names_all(refused(path), str(path), "not a database", "move the file aside", "do not delete")
    assert path.read_bytes() == before


@pytest.mark.parametrize("offset", [100, 4096 + 8, 3 * 4096, 6 * 4096 + 20])
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "joulepost.db"
    filled(path)
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + 4096] = b"\xa5" * 4096
    path.write_bytes(damaged)
    names_all(refused(path), str(path), "move the file aside", "do not delete")
    assert path.read_bytes() == bytes(damaged)


def test_the_database_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (title TEXT)")
    other.close()
    names_all(refused(path), str(path), "another program", "another storage directory")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    newer = (*MIGRATIONS, Migration(99, ("CREATE TABLE tariffs (id INTEGER PRIMARY KEY)",)))
    Database.open(path, migrations=newer).close()
    names_all(
        refused(path), str(path), "newer version", "schema 99", f"up to {LATEST}", "install that version"
    )


def test_a_migration_is_done_or_not_begun(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    filled(path, 3)
    broken = (
        *MIGRATIONS,
        Migration(LATEST + 1, ("CREATE TABLE tariffs (id INTEGER PRIMARY KEY)", "CREATE NONSENSE")),
    )
    with pytest.raises(StorageError, match=f"bring the schema to version {LATEST + 1}"):
        Database.open(path, migrations=broken)
    database = Database.open(path)
    assert database.rows("look", "PRAGMA user_version") == [(LATEST,)]
    assert database.rows("look", "SELECT count(*) FROM sqlite_schema WHERE name = 'tariffs'") == [(0,)]
    assert database.rows("look", "SELECT count(*) FROM setting_values") == [(3,)]
    database.close()
    good = (*MIGRATIONS, Migration(LATEST + 1, ("CREATE TABLE tariffs (id INTEGER PRIMARY KEY)",)))
    database = Database.open(path, migrations=good)
    assert database.rows("look", "PRAGMA user_version") == [(LATEST + 1,)]
    database.close()


def test_a_second_controller_on_the_same_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    first = Database.open(path)
    code = (
        "import sys; from pathlib import Path\n"
        "from controller.store.database import Database\n"
        "from controller.store.ports import StorageError\n"
        "try: Database.open(Path(sys.argv[1]))\n"
        "except StorageError as error: print(error); sys.exit(7)\n"
    )
    second = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert second.returncode == 7, second.stderr
    assert str(path) in second.stdout
    assert f"another controller uses it (process {os.getpid()})" in second.stdout
    first.close()
    Database.open(path).close()


def test_a_file_locked_by_another_program(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    filled(path, 1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        names_all(refused(path), str(path), "locked", "stop the other program")
    finally:
        other.close()


def as_nobody(path: Path) -> str:
    """What an unprivileged process is told (root may write anywhere)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        message = "an unexpected exception"
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            Database.open(path)
            message = "opened"
        except StorageError as error:
            message = str(error)
        finally:
            os.write(writer, message.encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        message = stream.read()
    os.waitpid(child, 0)
    return message


@pytest.mark.parametrize(
    ("existing", "mode"),
    [(False, 0o555), (True, 0o555), (True, 0o777)],
    ids=["new file in a read-only directory", "read-only directory", "read-only file"],
)
def test_read_only(existing: bool, mode: int) -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        path = directory / "joulepost.db"
        if existing:
            filled(path, 3)
            (directory / "joulepost.db.lock").chmod(0o666)
            path.chmod(0o444)
        directory.chmod(mode)
        message = as_nobody(path)
        assert str(path) in message
        assert "cannot open the database: Permission denied" in message
        assert "readable and writable for this user" in message
    finally:
        directory.chmod(0o755)
        shutil.rmtree(directory)


def test_a_full_disk_loses_nothing_that_was_committed_and_heals(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    filled(path, 50)
    database = Database.open(path)
    pages = database.rows("look", "PRAGMA page_count")[0][0]
    database.rows("limit", f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError) as caught, database.transaction("write the settings") as transaction:
        transaction.execute_many(
            "INSERT INTO setting_values VALUES (?, ?)", [(f"more{i}", "y" * 500) for i in range(200)]
        )
    names_all(caught.value, str(path), "cannot write the settings", "full", "free space")
    assert database.rows("look", "SELECT count(*) FROM setting_values") == [(50,)]
    database.rows("limit", "PRAGMA max_page_count = 100000")
    with database.transaction("write the settings") as transaction:
        transaction.execute("INSERT INTO setting_values VALUES ('later', 'z')")
    assert database.rows("look", "SELECT count(*) FROM setting_values") == [(51,)]
    database.close()


def test_an_exception_inside_a_transaction_undoes_it(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "joulepost.db")
    with pytest.raises(KeyError), database.transaction("write") as transaction:
        transaction.execute("INSERT INTO setting_values VALUES ('a', 'b')")
        raise KeyError("oops")
    assert database.rows("look", "SELECT count(*) FROM setting_values") == [(0,)]
    database.close()


def test_a_transaction_that_is_not_synced_leaves_the_next_one_synced(tmp_path: Path) -> None:
    seen: list[int] = []

    def step(name: str) -> None:
        if name == "commit":
            seen.append(database.rows("read", "PRAGMA synchronous")[0][0])

    database = Database.open(tmp_path / "joulepost.db")
    database._on_step = step
    for synced in (True, False, True):
        with database.transaction("note", synced) as transaction:
            transaction.execute("INSERT INTO boots (boot_id) VALUES (?)", (f"boot {len(seen)}",))
    with pytest.raises(ZeroDivisionError), database.transaction("note", synced=False):
        raise ZeroDivisionError
    with database.transaction("note") as transaction:
        transaction.execute("INSERT INTO boots (boot_id) VALUES ('last')")
    database.close()
    full, normal = 2, 1
    assert seen == [full, normal, full, full]


def test_what_was_committed_without_a_sync_survives_the_end_of_the_process(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    program = (
        "import os, signal, sys; from pathlib import Path; from controller.store.database import Database\n"
        f"database = Database.open(Path({str(path)!r}))\n"
        "with database.transaction('note', synced=False) as transaction:\n"
        "    transaction.execute(\"INSERT INTO boots (boot_id) VALUES ('mine')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=False, timeout=30)
    database = Database.open(path)
    assert database.rows("read", "SELECT boot_id FROM boots") == [("mine",)]
    database.close()


def test_foreign_keys_are_enforced(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "joulepost.db")
    with pytest.raises(StorageError, match="FOREIGN KEY"), database.transaction("write") as transaction:
        transaction.execute("INSERT INTO journal VALUES (1, 0, 0, 0, 77, '{}')")
    database.close()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, "SD card"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "writable"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "move the file aside"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "stop the other program"),
        (sqlite3.SQLITE_MISUSE, "mistake in the program"),
    ],
)
def test_every_cause_has_a_remedy(code: int, remedy: str) -> None:
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code
    message = str(explain(Path("/data/joulepost.db"), "read the journal", error))
    assert message.startswith("/data/joulepost.db: cannot read the journal: something; ")
    assert remedy in message


def test_a_failed_open_leaves_the_directory_usable(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    path.write_text("dear diary\n" * 500)
    refused(path)
    path.rename(tmp_path / "aside.db")
    Database.open(path).close()
