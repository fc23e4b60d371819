"""Changed settings by name. Implements ``ports.SettingValues``; the database file has mode 0600.

Refuses to know: which settings exist and what their values mean.
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.store.database import Database


class SqliteSettingValues:
    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, str]:
        """Every stored value. Raises ``StorageError``."""
        return dict(self._database.rows("read the settings", "SELECT name, value FROM setting_values"))

    def save(self, values: Mapping[str, str]) -> None:
        """Add or replace these values in one commit; others stay. Raises ``StorageError``."""
        if not values:
            return
        with self._database.transaction("write the settings") as transaction:
            transaction.execute_many(
                "INSERT OR REPLACE INTO setting_values (name, value) VALUES (?, ?)", list(values.items())
            )
