"""One SQLite file, one connection, one process.

Owns: opening, locking, migrating and closing the file; explicit transactions; turning sqlite3's errors into
``StorageError`` with file, operation, cause and remedy.
Refuses to know: what the tables mean.

WAL with ``synchronous=FULL``: what was committed survives a power cut. Calls are synchronous and made from
the asyncio loop's thread: a commit takes 0.14 ms on an SSD, and an answer must not leave before it is
durable. A file that cannot be read is never deleted or replaced: it holds what has been charged.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.store.migrations import APPLICATION_ID, MIGRATIONS, Migration
from controller.store.ports import StorageError

FILE_NAME = "joulepost.db"

_CHECKED_BYTES = 32 * 1024 * 1024
"""Files up to this size are checked at every start (milliseconds); larger ones after an unclean stop."""

_MOVE_ASIDE = (
    "expected a whole database of this program; move the file aside together with its -wal file (do not "
    "delete them: they hold the charging records) and start again"
)
_WRITABLE = "expected a file and a directory that this user may write"
_REMEDIES = {
    sqlite3.SQLITE_CORRUPT: _MOVE_ASIDE,
    sqlite3.SQLITE_NOTADB: _MOVE_ASIDE,
    sqlite3.SQLITE_FULL: "expected room for it; free space on this file system (df -h)",
    sqlite3.SQLITE_READONLY: f"{_WRITABLE}; make them writable (ls -l, mount)",
    sqlite3.SQLITE_PERM: f"{_WRITABLE}; make them writable (ls -l)",
    sqlite3.SQLITE_CANTOPEN: f"{_WRITABLE}; make them readable and writable (ls -l)",
    sqlite3.SQLITE_BUSY: "expected nobody else; stop the other program that uses the file (fuser shows it)",
    sqlite3.SQLITE_LOCKED: "expected nobody else; stop the other program that uses the file (fuser shows it)",
    sqlite3.SQLITE_IOERR: (
        "expected a disk that works; check it (dmesg shows its errors) and replace a worn SD card"
    ),
}


def explain(path: Path, operation: str, error: sqlite3.Error) -> StorageError:
    """The ``StorageError`` for an error of sqlite3."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
    remedy = _REMEDIES.get(code, "keep the file and report this message: it is a mistake in the program")
    return StorageError(f"{path}: cannot {operation}: {error}; {remedy}")


def no_steps(step: str) -> None:
    """Default of ``on_step``."""


class Database:
    """Use ``Database.open``. ``on_step`` is called with the name of each step of a transaction ("begin",
    "execute", "commit", "committed"): tests cut the power there."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, lock_fd: int, on_step: Callable[[str], None]
    ) -> None:
        self.path = path
        self._connection = connection
        self._lock_fd = lock_fd
        self._on_step = on_step

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        on_step: Callable[[str], None] = no_steps,
        migrations: Sequence[Migration] = MIGRATIONS,
        checkpoint_pages: int = 1000,
    ) -> Database:
        """Open or create the file (mode 0600) and bring its schema up to date.

        Raises ``StorageError`` when directory or file is missing, not writable, locked by another controller,
        no database, damaged, of another program or written by a newer version.
        """
        lock_fd = _lock(path)
        try:
            unclean = _has_content(path.with_name(path.name + "-wal"))
            _create(path)
            connection = _connect(path, checkpoint_pages)
            try:
                database = cls(path, connection, lock_fd, on_step)
                database._verify(unclean)
                database._migrate(migrations)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            os.close(lock_fd)
            raise
        return database

    def close(self) -> None:
        """Release file and lock. Everything committed is already safe."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise explain(self.path, "close the database", error) from error
        finally:
            os.close(self._lock_fd)

    def used_bytes(self) -> int:
        """What the file holds; pages that were freed are used again and do not count."""
        sql = (
            "SELECT (page_count - freelist_count) * page_size"
            " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
        )
        return int(self.rows("measure the database", sql)[0][0])

    def rows(self, operation: str, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. ``operation`` completes "cannot ..." in the message of a ``StorageError``."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise explain(self.path, operation, error) from error

    @contextmanager
    def transaction(self, operation: str, synced: bool = True) -> Iterator[Transaction]:
        """All or nothing: committed and synced when the block ends, undone when it raises.

        ``synced`` False: committed, which the end of the process cannot undo; a power cut can, until the next
        transaction that is synced. Raises ``StorageError``; then nothing was written.
        """
        try:
            if not synced:
                self._connection.execute("PRAGMA synchronous = NORMAL")
            self._on_step("begin")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection, self._on_step)
                self._on_step("commit")
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself after a full disk or an I/O error.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._on_step("committed")
        except sqlite3.Error as error:
            raise explain(self.path, operation, error) from error
        finally:
            if not synced:
                self._connection.execute("PRAGMA synchronous = FULL")

    # ------------------------------------------------------------------ opening

    def _verify(self, unclean: bool) -> None:
        """Refuse a damaged file, another program's and one of a newer version."""
        application_id = self.rows("read the database", "PRAGMA application_id")[0][0]
        tables = self.rows("read the database", "SELECT count(*) FROM sqlite_schema")[0][0]
        if application_id != APPLICATION_ID and (application_id or tables):
            raise StorageError(
                f"{self.path}: cannot use the database: it belongs to another program (application id "
                f"{application_id:#x}, expected {APPLICATION_ID:#x}); choose another storage directory or "
                "move the file aside"
            )
        if unclean or self.path.stat().st_size <= _CHECKED_BYTES:
            found = self.rows("check the database", "PRAGMA quick_check(1)")[0][0]
            if found != "ok":
                raise StorageError(f"{self.path}: the database is damaged: {found}; {_MOVE_ASIDE}")

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        known = migrations[-1].version
        version = self.rows("read the schema version", "PRAGMA user_version")[0][0]
        if version > known:
            raise StorageError(
                f"{self.path}: cannot use the database: it was written by a newer version of the program "
                f"(schema {version}, this program knows up to {known}); install that version again, or move "
                "the file aside"
            )
        for migration in migrations:
            if migration.version <= version:
                continue
            with self.transaction(f"bring the schema to version {migration.version}") as transaction:
                for statement in migration.statements:
                    transaction.execute(statement)
                transaction.execute(f"PRAGMA user_version = {migration.version}")
                transaction.execute(f"PRAGMA application_id = {APPLICATION_ID}")


class Transaction:
    """Writes inside ``Database.transaction``; sqlite3's errors are explained there."""

    def __init__(self, connection: sqlite3.Connection, on_step: Callable[[str], None]) -> None:
        self._connection = connection
        self._on_step = on_step

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Number of rows written."""
        self._on_step("execute")
        return self._connection.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self._on_step("execute")
            self._connection.execute(sql, row)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self._connection.execute(sql, parameters).fetchall()


def _lock(path: Path) -> int:
    """Take the lock file beside the database; the kernel frees it when the process dies, however it dies."""
    lock_path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StorageError(
            f"{path}: cannot open the database: another controller uses it (process {holder}); stop that "
            "one, or give each station a storage directory of its own"
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise _unusable(path, error) from error
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except OSError as error:
        os.close(descriptor)
        raise _unusable(path, error) from error
    return descriptor


def _create(path: Path) -> None:
    """Make sure that the file exists with mode 0600 (it holds secrets) and that its name is durable."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(descriptor).st_mode & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> StorageError:
    cause = error.strerror or str(error)
    if not path.parent.is_dir():
        remedy = f"create the directory (mkdir -p {path.parent}), or mount the disk it is on"
    elif isinstance(error, IsADirectoryError):
        remedy = "this name is a directory: move it aside"
    elif isinstance(error, PermissionError):
        remedy = "make file and directory readable and writable for this user (ls -l)"
    elif error.errno == errno.EROFS:
        remedy = "make the file system writable (mount -o remount,rw), or choose another [station] storage"
    else:
        remedy = "check the file system (df -h, mount, dmesg)"
    return StorageError(f"{path}: cannot open the database: {cause}; {_WRITABLE}; {remedy}")


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _connect(path: Path, checkpoint_pages: int) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=0.25, isolation_level=None)
    except sqlite3.Error as error:
        raise explain(path, "open the database", error) from error
    try:
        # Exclusive: no shared memory file, and no other program can stall a commit. Before journal_mode.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
    except sqlite3.Error as error:
        connection.close()
        raise explain(path, "open the database", error) from error
    if mode != "wal":
        connection.close()
        raise StorageError(
            f'{path}: cannot open the database: the journal mode is "{mode}", expected "wal"; use a local '
            "file system that supports shared locks (no network drive)"
        )
    return connection
