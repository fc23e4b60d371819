from __future__ import annotations

from pathlib import Path

from controller.store.database import Database
from controller.store.values import SqliteSettingValues


def test_values_are_added_replaced_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    database = Database.open(path)
    values = SqliteSettingValues(database)
    assert values.load() == {}
    values.save({"A.B": "1", "A.C[x]": "ü"})
    values.save({"A.B": "2"})
    values.save({})
    database.close()
    database = Database.open(path)
    assert SqliteSettingValues(database).load() == {"A.B": "2", "A.C[x]": "ü"}
    database.close()
