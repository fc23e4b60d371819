"""Authorization cache and local list (2.0.1 C10, C11, D01; 1.6 3.5.1, 3.5.2).

Owns: both tables, found by ``IdToken.key``. Implements ``ports.TokenTables``.
Refuses to know: whether a token may charge (``domain.access.authorization`` decides, expiry included).
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.access.tokens import (
    AuthorizationStatus,
    IdToken,
    ListEntry,
    ListState,
    TokenInfo,
    TokenType,
)
from controller.store.database import Database
from controller.store.ports import StorageError

_UPSERT = (
    "INSERT OR REPLACE INTO tokens (list, key, status, expires_at_ms, group_value, group_type, learned_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class SqliteTokenTables:
    """``cache_entries``: so many the cache holds; then others make room (1.6 3.5.1)."""

    def __init__(self, database: Database, cache_entries: int = 5000) -> None:
        self._database = database
        self._cache_entries = cache_entries

    def cached(self, token: IdToken) -> TokenInfo | None:
        return self._find("cache", token)

    def listed(self, token: IdToken) -> TokenInfo | None:
        return self._find("local", token)

    def remember(self, learned: Iterable[tuple[IdToken, TokenInfo]], utc_ms: int) -> None:
        """Put into the cache what the CSMS told, in one commit; what is known already costs no write.

        A full cache makes room first: entries that are not valid (any more) go, then the oldest valid ones
        (1.6 3.5.1). Raises ``StorageError``.
        """
        news = {token.key: (token, info) for token, info in learned if self.cached(token) != info}
        if not news:
            return
        with self._database.transaction("write the authorization cache") as transaction:
            marks = ",".join("?" * len(news))
            others = f"FROM tokens WHERE list = 'cache' AND key NOT IN ({marks})"
            kept = transaction.rows(f"SELECT count(*) {others}", tuple(news))[0][0]
            too_many = kept + len(news) - self._cache_entries
            if too_many > 0:
                transaction.execute(
                    f"DELETE FROM tokens WHERE list = 'cache' AND key IN (SELECT key {others}"
                    " ORDER BY status = 'Accepted' AND (expires_at_ms IS NULL OR expires_at_ms > ?),"
                    " learned_at_ms, key LIMIT ?)",
                    (*news, utc_ms, too_many),
                )
            transaction.execute_many(
                _UPSERT, [_row("cache", token, info, utc_ms) for token, info in news.values()]
            )

    def forget_all(self) -> None:
        """Empty the cache (ClearCache); the local list stays. Raises ``StorageError``."""
        with self._database.transaction("clear the authorization cache") as transaction:
            transaction.execute("DELETE FROM tokens WHERE list = 'cache'")

    def list_state(self) -> ListState:
        """Raises ``StorageError``."""
        rows = self._database.rows(
            "look up the local list",
            "SELECT (SELECT version FROM token_list), (SELECT count(*) FROM tokens WHERE list = 'local')",
        )
        version, entries = rows[0]
        return ListState(version or 0, entries)

    def update_list(self, version: int, full: bool, entries: Iterable[ListEntry], utc_ms: int) -> None:
        """Replace the local list (``full``) or change it; entries and version in one commit, or nothing.

        Tokens of the list leave the cache (1.6 3.5.3). Raises ``StorageError``.
        """
        gone = []
        rows = []
        for entry in entries:
            if entry.info is None:
                gone.append((entry.token.key,))
            else:
                rows.append(_row("local", entry.token, entry.info, utc_ms))
        with self._database.transaction("update the local list") as transaction:
            if full:
                transaction.execute("DELETE FROM tokens WHERE list = 'local'")
            transaction.execute_many("DELETE FROM tokens WHERE list = 'local' AND key = ?", gone)
            transaction.execute_many(_UPSERT, rows)
            transaction.execute(
                "DELETE FROM tokens WHERE list = 'cache' AND key IN"
                " (SELECT key FROM tokens WHERE list = 'local')"
            )
            transaction.execute("INSERT OR REPLACE INTO token_list (id, version) VALUES (1, ?)", (version,))

    def _find(self, table: str, token: IdToken) -> TokenInfo | None:
        rows = self._database.rows(
            "look up a token",
            "SELECT status, expires_at_ms, group_value, group_type FROM tokens WHERE list = ? AND key = ?",
            (table, token.key),
        )
        if not rows:
            return None
        status, expires_at_ms, group_value, group_type = rows[0]
        try:
            group = IdToken(group_value, TokenType(group_type)) if group_value is not None else None
            return TokenInfo(AuthorizationStatus(status), expires_at_ms, group)
        except ValueError as error:
            raise StorageError(
                f"{self._database.path}: cannot read a token: {error}; a newer version of the program may "
                "have written it: install that version, or clear the cache"
            ) from error


def _row(table: str, token: IdToken, info: TokenInfo, utc_ms: int) -> tuple[object, ...]:
    group = info.group
    return (
        table,
        token.key,
        info.status.value,
        info.expires_at_ms,
        group.value if group else None,
        group.type.value if group else None,
        utc_ms,
    )
