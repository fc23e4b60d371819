"""The journal: every domain event once, in order, with one delivery cursor per reader.

Owns: sequence numbers, cursors, aliases and what may be forgotten; that a security event is in the
security log when it is in the journal. Implements ``ports.Journal`` and ``ports.History``.
Refuses to know: what an event means, who reads, and the clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from controller.domain.events import Delivery, Event, SecurityEvent
from controller.domain.instant import Now
from controller.store.codec import Codec, CodecError
from controller.store.database import Database
from controller.store.ports import Entry, Line, StorageError
from controller.store.security_log import record

_DAY_MS = 86_400_000
_COLUMNS = "seq, utc_ms, mono_ms, boot, event"


class SqliteJournal:
    """``boot_id``: /proc/sys/kernel/random/boot_id, says in which run of the machine ``mono_ms`` counts."""

    def __init__(self, database: Database, boot_id: str, codec: Codec | None = None) -> None:
        self._database = database
        self._codec = codec or Codec()
        rows = database.rows("read the journal", "SELECT max(seq) FROM journal")
        self._last_seq: int = rows[0][0] or 0
        self._cursors: dict[str, int] = dict(database.rows("read cursors", "SELECT reader, seq FROM cursors"))
        self._boots: dict[int, str] = dict(database.rows("read boots", "SELECT id, boot_id FROM boots"))
        self._boot = self._boot_row(boot_id)
        self._unsynced = False  # the last move of a cursor was not synced

    def append(self, events: Sequence[Event], now: Now) -> int:
        """Write all or nothing; committed and synced on return. Returns the last seq.

        Raises ``StorageError``; then nothing was written and the next seq is unchanged.
        """
        if not events:
            return self._last_seq
        rows = []
        for seq, event in enumerate(events, self._last_seq + 1):
            ordered = event.delivery is not Delivery.LOCAL
            text = self._codec.encode(event)
            rows.append((seq, ordered, now.utc_ms, now.mono_ms, self._boot, text))
        with self._database.transaction("append to the journal") as transaction:
            transaction.execute_many(
                "INSERT INTO journal (seq, ordered, utc_ms, mono_ms, boot, event) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
            record(transaction, [event for event in events if isinstance(event, SecurityEvent)])
        self._last_seq = rows[-1][0]
        return self._last_seq

    def after(self, seq: int, limit: int = 100) -> list[Entry]:
        """Entries with a greater seq, oldest first. Raises ``StorageError``."""
        return self._entries(f"SELECT {_COLUMNS} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", seq, limit)

    def ordered_after(self, seq: int, limit: int = 100) -> list[Entry]:
        """As ``after``, but only events that are delivered."""
        return self._entries(
            f"SELECT {_COLUMNS} FROM journal WHERE seq > ? AND ordered = 1 ORDER BY seq LIMIT ?", seq, limit
        )

    def newest(self, kinds: Sequence[str], limit: int) -> list[Entry]:
        """The newest entries of these event classes (names), newest first. Raises ``StorageError``."""
        marks = ", ".join("?" * len(kinds))
        return self._entries(
            f"SELECT {_COLUMNS} FROM journal WHERE json_extract(event, '$.event') IN ({marks})"
            " ORDER BY seq DESC LIMIT ?",
            *kinds,
            limit,
        )

    def first_of_newest(self, oldest_ms: int | None, latest_ms: int | None, most: int) -> int | None:
        """The seq at which the newest ``most`` entries between two instants begin (UTC ms, None = no bound);
        None: there are none. Raises ``StorageError``."""
        rows = self._database.rows(
            "read the journal",
            "SELECT min(seq) FROM (SELECT seq FROM journal WHERE utc_ms BETWEEN ? AND ?"
            " ORDER BY seq DESC LIMIT ?)",
            (*_bounds(oldest_ms, latest_ms), most),
        )
        return None if rows[0][0] is None else int(rows[0][0])

    def lines(self, seq: int, oldest_ms: int | None, latest_ms: int | None, limit: int) -> list[Line]:
        """Entries from ``seq`` on between two instants as they are stored, oldest first.

        Raises ``StorageError``.
        """
        rows = self._database.rows(
            "read the journal",
            f"SELECT {_COLUMNS} FROM journal WHERE seq >= ? AND utc_ms BETWEEN ? AND ? ORDER BY seq LIMIT ?",
            (seq, *_bounds(oldest_ms, latest_ms), limit),
        )
        return [
            Line(number, utc_ms, mono_ms, self._boots[boot], text)
            for number, utc_ms, mono_ms, boot, text in rows
        ]

    def ordered_count(self, seq: int) -> int:
        """How many entries ``ordered_after`` would give without a limit. Raises ``StorageError``."""
        sql = "SELECT count(*) FROM journal WHERE seq > ? AND ordered = 1"
        return int(self._database.rows("read the journal", sql, (seq,))[0][0])

    def last_seq(self) -> int:
        return self._last_seq

    def cursor(self, reader: str) -> int:
        """Last seq the reader has done with; 0 at first."""
        return self._cursors.get(reader, 0)

    def advance(
        self,
        reader: str,
        seq: int,
        aliases: Mapping[tuple[str, str], str] | None = None,
        synced: bool = True,
    ) -> None:
        """Move the cursor and store aliases in one commit. ``synced`` False: see ``Database.transaction``.

        Raises ``ValueError`` for a seq behind the cursor or beyond the journal, ``StorageError``.
        """
        if not self.cursor(reader) <= seq <= self._last_seq:
            raise ValueError(
                f'cursor of "{reader}": found seq {seq}, expected {self.cursor(reader)} to {self._last_seq}'
            )
        if seq == self.cursor(reader) and not aliases and not (synced and self._unsynced):
            return
        with self._database.transaction(f'move the cursor of "{reader}"', synced) as transaction:
            transaction.execute("INSERT OR REPLACE INTO cursors (reader, seq) VALUES (?, ?)", (reader, seq))
            transaction.execute_many(
                "INSERT OR REPLACE INTO aliases (kind, key, value) VALUES (?, ?, ?)",
                [(kind, key, value) for (kind, key), value in (aliases or {}).items()],
            )
        self._cursors[reader] = seq
        self._unsynced = not synced

    def alias(self, kind: str, key: str) -> str | None:
        """E.g. ``alias("tx16", "<domain transaction id>") -> "4711"``."""
        rows = self._database.rows(
            "read an alias", "SELECT value FROM aliases WHERE kind = ? AND key = ?", (kind, key)
        )
        return str(rows[0][0]) if rows else None

    def alias_key(self, kind: str, value: str) -> str | None:
        """The reverse: the newest domain key with this alias."""
        rows = self._database.rows(
            "read an alias",
            "SELECT key FROM aliases WHERE kind = ? AND value = ? ORDER BY id DESC LIMIT 1",
            (kind, value),
        )
        return str(rows[0][0]) if rows else None

    def prune(
        self,
        readers: Collection[str],
        keep_days: int,
        now: Now,
        limit: int = 1000,
        most_bytes: int | None = None,
    ) -> int:
        """Forget the oldest entries: done with by every one of ``readers``, covered by the snapshot and older
        than ``keep_days`` days, or of any age while the file holds more than ``most_bytes``. At most
        ``limit`` at a time, the last entry never. Returns how many.

        A reader that has not moved yet keeps everything. Raises ``StorageError``.
        """
        snapshot = self._database.rows("read the snapshot", "SELECT seq FROM snapshot")
        covered = min(
            [
                self._last_seq - 1,
                snapshot[0][0] if snapshot else 0,
                *(self.cursor(reader) for reader in readers),
            ]
        )
        first_kept = self._database.rows(
            "read the journal",
            "SELECT seq FROM journal WHERE utc_ms >= ? ORDER BY seq LIMIT 1",
            (now.utc_ms - keep_days * _DAY_MS,),
        )
        too_large = most_bytes is not None and self._database.used_bytes() > most_bytes
        if first_kept and not too_large:
            covered = min(covered, first_kept[0][0] - 1)
        with self._database.transaction("forget old entries of the journal") as transaction:
            return transaction.execute(
                "DELETE FROM journal WHERE seq IN"
                " (SELECT seq FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?)",
                (covered, limit),
            )

    def _entries(self, sql: str, *parameters: str | int) -> list[Entry]:
        entries = []
        for number, utc_ms, mono_ms, boot, text in self._database.rows("read the journal", sql, parameters):
            try:
                event = self._codec.decode(text)
            except CodecError as error:
                raise StorageError(
                    f"{self._database.path}: cannot read entry {number} of the journal: {error}; install the "
                    "version of the program that wrote it, or move the file aside (do not delete it)"
                ) from error
            entries.append(Entry(number, event, utc_ms, mono_ms, self._boots[boot]))
        return entries

    def _boot_row(self, boot_id: str) -> int:
        for row, known in self._boots.items():
            if known == boot_id:
                return row
        with self._database.transaction("note this run of the machine") as transaction:
            transaction.execute("INSERT INTO boots (boot_id) VALUES (?)", (boot_id,))
            row = int(transaction.rows("SELECT id FROM boots WHERE boot_id = ?", (boot_id,))[0][0])
        self._boots[row] = boot_id
        return row


def _bounds(oldest_ms: int | None, latest_ms: int | None) -> tuple[int, int]:
    return (-(1 << 62) if oldest_ms is None else oldest_ms, (1 << 62) if latest_ms is None else latest_ms)
