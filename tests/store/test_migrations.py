from __future__ import annotations

from pathlib import Path

from controller.store.database import Database
from controller.store.migrations import MIGRATIONS


def test_the_steps_are_numbered_upwards_from_1() -> None:
    assert [migration.version for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_step_by_step_and_all_at_once_give_the_same_schema(tmp_path: Path) -> None:
    schemas = []
    for name, steps in [("all", [len(MIGRATIONS)]), ("one", list(range(1, len(MIGRATIONS) + 1)))]:
        for count in steps:
            Database.open(tmp_path / name, migrations=MIGRATIONS[:count]).close()
        database = Database.open(tmp_path / name)
        schemas.append(database.rows("look", "SELECT name, sql FROM sqlite_schema ORDER BY name"))
        database.close()
    assert schemas[0] == schemas[1]


def test_every_table_is_strict(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "joulepost.db")
    tables = database.rows("look", "SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
    assert {name for name, strict in tables if not strict} == {"sqlite_schema"}
    database.close()
