"""The security log beside the journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.domain.events import Event, SecurityEvent, SessionEnded
from controller.domain.instant import Now
from controller.store import security_log
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.migrations import MIGRATIONS
from controller.store.ports import StorageError
from controller.store.security_log import SqliteSecurityLog


def event(at_ms: int, type_: str = "InvalidMessages") -> SecurityEvent:
    return SecurityEvent(type_, f"at {at_ms}", at_ms)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = Database.open(tmp_path / "joulepost.db")
    yield one
    one.close()


def write(database: Database, *events: Event) -> None:
    SqliteJournal(database, "boot").append(events, Now(1, 1))


def test_16_SEC_26_every_security_event_is_logged_with_its_journal_entry(database: Database) -> None:
    write(database, event(10), SessionEnded(1, 11), event(12, "ResetOrReboot"))
    entries = SqliteSecurityLog(database).entries(None, None)
    assert [(one.number, one.at_ms, one.type, one.info) for one in entries] == [
        (1, 10, "InvalidMessages", "at 10"),
        (2, 12, "ResetOrReboot", "at 12"),
    ]


def test_16_SEC_26_what_is_not_journalled_is_not_logged(tmp_path: Path) -> None:
    def cut(step: str) -> None:
        if step == "commit" and armed:
            raise OSError("power cut")

    armed = False
    database = Database.open(tmp_path / "joulepost.db", on_step=cut)
    journal = SqliteJournal(database, "boot")
    armed = True
    with pytest.raises((StorageError, OSError)):
        journal.append([event(10)], Now(1, 1))
    armed = False
    assert SqliteSecurityLog(database).entries(None, None) == []
    assert journal.after(0) == []
    database.close()


def test_16_SEC_26_the_log_rolls(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security_log, "MOST_ENTRIES", 3)
    for at_ms in range(10):
        write(database, event(at_ms))
    write(database, event(10), event(11))
    entries = SqliteSecurityLog(database).entries(None, None)
    assert [one.at_ms for one in entries] == [9, 10, 11]
    assert [one.number for one in entries] == [10, 11, 12]


def test_16_SEC_26_the_log_outlives_the_journal(database: Database) -> None:
    write(database, event(10))
    with database.transaction("prune") as transaction:
        transaction.execute("DELETE FROM journal", ())
    assert len(SqliteSecurityLog(database).entries(None, None)) == 1


def test_16_SEC_32_entries_between_two_instants(database: Database) -> None:
    write(database, *(event(at_ms) for at_ms in (10, 20, 30)))
    log = SqliteSecurityLog(database)

    def found(oldest_ms: int | None, latest_ms: int | None) -> list[int]:
        entries = [one.at_ms for one in log.entries(oldest_ms, latest_ms)]
        assert log.any(oldest_ms, latest_ms) is bool(entries)
        return entries

    assert found(None, None) == [10, 20, 30]
    assert found(20, None) == [20, 30]
    assert found(None, 20) == [10, 20]
    assert found(20, 20) == [20]
    assert found(31, None) == found(None, 9) == found(25, 15) == []


def test_clearing_leaves_the_newest_and_goes_on_counting(database: Database) -> None:
    log = SqliteSecurityLog(database)
    log.clear()
    write(database, event(10), event(20), event(30, "SecurityLogWasCleared"))
    log.clear()
    assert [one.type for one in log.entries(None, None)] == ["SecurityLogWasCleared"]
    write(database, event(40))
    assert [one.number for one in log.entries(None, None)] == [3, 4]


def test_an_older_database_brings_its_security_events_along(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    old = Database.open(path, migrations=MIGRATIONS[:1])
    with old.transaction("write as then") as transaction:
        transaction.execute("INSERT INTO boots (id, boot_id) VALUES (1, 'b')", ())
        transaction.execute_many(
            "INSERT INTO journal (seq, ordered, utc_ms, mono_ms, boot, event) VALUES (?, 1, 1, 1, 1, ?)",
            [
                (1, '{"event":"SecurityEvent","type":"ResetOrReboot","info":"why","at_ms":10}'),
                (2, '{"event":"SessionEnded","evse_id":1,"at_ms":11}'),
            ],
        )
    old.close()
    database = Database.open(path)
    (entry,) = SqliteSecurityLog(database).entries(None, None)
    assert (entry.at_ms, entry.type, entry.info) == (10, "ResetOrReboot", "why")
    database.close()


def test_the_journal_between_two_instants_as_it_is_stored(database: Database) -> None:
    journal = SqliteJournal(database, "boot")
    for at_ms in range(10, 60, 10):
        journal.append([SessionEnded(1, at_ms)], Now(at_ms + 1, at_ms))
    assert journal.first_of_newest(None, None, 2) == 4
    assert journal.first_of_newest(20, 40, 10) == 2
    assert journal.first_of_newest(60, None, 10) is None
    lines = journal.lines(2, 20, 40, 2)
    assert [(one.seq, one.utc_ms, one.mono_ms, one.boot_id) for one in lines] == [
        (2, 20, 21, "boot"),
        (3, 30, 31, "boot"),
    ]
    assert lines[0].text == '{"event":"SessionEnded","evse_id":1,"at_ms":20}'
    assert [one.seq for one in journal.lines(4, None, 40, 9)] == [4]
