"""The station's state at a position of the journal. Implements ``ports.Snapshots``.

Refuses to know: what is in the state text.
"""

from __future__ import annotations

from controller.store.database import Database


class SqliteSnapshots:
    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self) -> tuple[int, str] | None:
        """Journal seq and state, or None before the first snapshot. Raises ``StorageError``."""
        rows = self._database.rows("read the snapshot", "SELECT seq, state FROM snapshot")
        return (rows[0][0], rows[0][1]) if rows else None

    def save(self, seq: int, state: str) -> None:
        """Replace the snapshot in one commit. Raises ``StorageError``."""
        with self._database.transaction("write the snapshot") as transaction:
            transaction.execute(
                "INSERT OR REPLACE INTO snapshot (id, seq, state) VALUES (1, ?, ?)", (seq, state)
            )
