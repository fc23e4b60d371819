from __future__ import annotations

from pathlib import Path

from controller.store.database import Database
from controller.store.snapshots import SqliteSnapshots


def test_the_latest_snapshot_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    database = Database.open(path)
    snapshots = SqliteSnapshots(database)
    assert snapshots.latest() is None
    snapshots.save(3, '{"a": 1}')
    snapshots.save(9, '{"a": 2}')
    database.close()
    database = Database.open(path)
    assert SqliteSnapshots(database).latest() == (9, '{"a": 2}')
    database.close()
