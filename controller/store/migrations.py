"""The schema of the database, as numbered steps from nothing to today.

Owns: every CREATE and ALTER. A step is never changed once released: a change is a new step at the end.
Refuses to know: connections and errors (``database`` runs each step in one transaction together with
``user_version``, so a step is done or not begun).
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x4A504C54
"""``PRAGMA application_id`` of our files ("JPLT"): another program's database is refused."""


@dataclass(frozen=True, slots=True)
class Migration:
    """``version``: the ``user_version`` after this step."""

    version: int
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        (
            "CREATE TABLE boots (id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE) STRICT",
            # seq has no gaps; the last row is never pruned, so the next seq is always max(seq) + 1.
            "CREATE TABLE journal ("
            " seq INTEGER PRIMARY KEY,"
            " ordered INTEGER NOT NULL CHECK (ordered IN (0, 1)),"
            " utc_ms INTEGER NOT NULL,"
            " mono_ms INTEGER NOT NULL,"
            " boot INTEGER NOT NULL REFERENCES boots (id),"
            " event TEXT NOT NULL) STRICT",
            "CREATE INDEX journal_ordered ON journal (seq) WHERE ordered = 1",
            "CREATE TABLE cursors (reader TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            # A newer alias has a greater id, also when it replaces one.
            "CREATE TABLE aliases ("
            " id INTEGER PRIMARY KEY,"
            " kind TEXT NOT NULL,"
            " key TEXT NOT NULL,"
            " value TEXT NOT NULL,"
            " UNIQUE (kind, key)) STRICT",
            "CREATE INDEX aliases_value ON aliases (kind, value)",
            "CREATE TABLE tokens ("
            " list TEXT NOT NULL CHECK (list IN ('cache', 'local')),"
            " key TEXT NOT NULL,"
            " status TEXT NOT NULL,"
            " expires_at_ms INTEGER,"
            " group_value TEXT,"
            " group_type TEXT,"
            " learned_at_ms INTEGER NOT NULL,"
            " PRIMARY KEY (list, key)) STRICT, WITHOUT ROWID",
            "CREATE INDEX tokens_age ON tokens (list, learned_at_ms)",
            "CREATE TABLE setting_values (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
            "CREATE TABLE snapshot ("
            " id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, state TEXT NOT NULL) STRICT",
        ),
    ),
    Migration(
        2,
        (
            # The version of the local list; no row: none was ever sent.
            "CREATE TABLE token_list ("
            " id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL) STRICT",
        ),
    ),
    Migration(
        3,
        (
            "CREATE TABLE security_log ("
            " id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, type TEXT NOT NULL, info TEXT NOT NULL) STRICT",
            "INSERT INTO security_log (at_ms, type, info)"
            " SELECT event ->> '$.at_ms', event ->> '$.type', event ->> '$.info' FROM journal"
            " WHERE event ->> '$.event' = 'SecurityEvent' ORDER BY seq",
        ),
    ),
)
