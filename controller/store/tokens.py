"""Authorization cache and local list (2.0.1 C10, C11, D01; 1.6 3.5.1, 3.5.2).

Owns: both tables, found by ``IdToken.key``. Implements ``ports.TokenTables``.
Refuses to know: whether a token may charge (``domain.authorization`` decides, expiry included).
"""

from __future__ import annotations

from collections.abc import Iterable

from controller.domain.tokens import AuthorizationStatus, IdToken, TokenInfo, TokenType
from controller.store.database import Database
from controller.store.ports import StorageError

_UPSERT = (
    "INSERT OR REPLACE INTO tokens (list, key, status, expires_at_ms, group_value, group_type, learned_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class SqliteTokenTables:
    """``cache_entries``: the oldest entries of the cache make room beyond this number (1.6 3.5.1)."""

    def __init__(self, database: Database, cache_entries: int = 5000) -> None:
        self._database = database
        self._cache_entries = cache_entries

    def cached(self, token: IdToken) -> TokenInfo | None:
        return self._find("cache", token)

    def listed(self, token: IdToken) -> TokenInfo | None:
        return self._find("local", token)

    def remember(self, learned: Iterable[tuple[IdToken, TokenInfo]], utc_ms: int) -> None:
        """Put into the cache what the CSMS told, in one commit; what is known already costs no write.

        Raises ``StorageError``.
        """
        news = [(token, info) for token, info in learned if self.cached(token) != info]
        if not news:
            return
        with self._database.transaction("write the authorization cache") as transaction:
            transaction.execute_many(_UPSERT, [_row("cache", token, info, utc_ms) for token, info in news])
            transaction.execute(
                "DELETE FROM tokens WHERE list = 'cache' AND key IN"
                " (SELECT key FROM tokens WHERE list = 'cache'"
                " ORDER BY learned_at_ms DESC, key LIMIT -1 OFFSET ?)",
                (self._cache_entries,),
            )

    def forget_all(self) -> None:
        """Empty the cache (ClearCache); the local list stays. Raises ``StorageError``."""
        with self._database.transaction("clear the authorization cache") as transaction:
            transaction.execute("DELETE FROM tokens WHERE list = 'cache'")

    def replace_list(self, entries: Iterable[tuple[IdToken, TokenInfo]], utc_ms: int) -> None:
        """Replace the whole local list in one commit. Raises ``StorageError``."""
        rows = [_row("local", token, info, utc_ms) for token, info in entries]
        with self._database.transaction("replace the local list") as transaction:
            transaction.execute("DELETE FROM tokens WHERE list = 'local'")
            transaction.execute_many(_UPSERT, rows)

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
