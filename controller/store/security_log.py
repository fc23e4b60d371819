"""The security log: every security event, the newest ``MOST_ENTRIES`` of them.

Owns: the table, apart from the journal, because the journal forgets by age and this log by number (white
paper A04.FR.04, N01.FR.05). An entry is written in the transaction that journals its event: one is never
there without the other.
Refuses to know: which events there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.domain.events import SecurityEvent
from controller.store.database import Database, Transaction
from controller.store.ports import SecurityEntry

MOST_ENTRIES = 5_000
"""About 1 MB; ``domain.security.noticing`` lets a type in once a minute when it comes too often."""


def record(transaction: Transaction, events: Sequence[SecurityEvent]) -> None:
    """Add entries, and let the oldest go."""
    if not events:
        return
    transaction.execute_many(
        "INSERT INTO security_log (at_ms, type, info) VALUES (?, ?, ?)",
        [(event.at_ms, event.type, event.info) for event in events],
    )
    transaction.execute(
        "DELETE FROM security_log WHERE id <= (SELECT max(id) FROM security_log) - ?", (MOST_ENTRIES,)
    )


class SqliteSecurityLog:
    """See ``ports.SecurityLog``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, oldest_ms: int | None, latest_ms: int | None) -> list[SecurityEntry]:
        sql, bounds = _within("SELECT id, at_ms, type, info", oldest_ms, latest_ms)
        rows = self._database.rows("read the security log", f"{sql} ORDER BY id", bounds)
        return [SecurityEntry(*row) for row in rows]

    def any(self, oldest_ms: int | None, latest_ms: int | None) -> bool:
        sql, bounds = _within("SELECT 1", oldest_ms, latest_ms)
        return bool(self._database.rows("read the security log", f"{sql} LIMIT 1", bounds))

    def clear(self) -> None:
        with self._database.transaction("clear the security log") as transaction:
            transaction.execute("DELETE FROM security_log WHERE id < (SELECT max(id) FROM security_log)", ())


def _within(select: str, oldest_ms: int | None, latest_ms: int | None) -> tuple[str, tuple[int, ...]]:
    conditions, bounds = ["1"], []
    if oldest_ms is not None:
        conditions.append("at_ms >= ?")
        bounds.append(oldest_ms)
    if latest_ms is not None:
        conditions.append("at_ms <= ?")
        bounds.append(latest_ms)
    return f"{select} FROM security_log WHERE {' AND '.join(conditions)}", tuple(bounds)
