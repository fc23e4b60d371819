from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.domain.events import Delivery, SessionEnded
from controller.domain.instant import Now
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.ports import Journal, StorageError
from controller.store.snapshots import SqliteSnapshots
from tests.store.samples import AT_MS, EVERY_EVENT, NOW, UPDATED

DAY_MS = 86_400_000
LOCAL = SessionEnded(1, AT_MS)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "joulepost.db")
    yield database
    database.close()


@pytest.fixture
def journal(database: Database) -> Journal:
    return SqliteJournal(database, "boot-1")


def test_entries_come_back_as_they_were_written(journal: Journal) -> None:
    assert journal.last_seq() == 0
    assert journal.append(EVERY_EVENT, NOW) == len(EVERY_EVENT)
    entries = journal.after(0)
    assert tuple(entry.event for entry in entries) == EVERY_EVENT
    assert [entry.seq for entry in entries] == list(range(1, len(EVERY_EVENT) + 1))
    assert {(entry.utc_ms, entry.mono_ms, entry.boot_id) for entry in entries} == {(AT_MS, 5_000, "boot-1")}


def test_appending_nothing_is_nothing(journal: Journal) -> None:
    journal.append([LOCAL], NOW)
    assert journal.append([], NOW) == 1


def test_ordered_after_skips_what_is_local(journal: Journal) -> None:
    journal.append(EVERY_EVENT, NOW)
    ordered = journal.ordered_after(0)
    assert [entry.event for entry in ordered] == [e for e in EVERY_EVENT if e.delivery is not Delivery.LOCAL]
    assert journal.ordered_after(ordered[0].seq, 1) == [ordered[1]]
    assert journal.after(0, 2) == journal.after(0)[:2]


def test_ordered_after_reads_the_index_only(database: Database, journal: Journal) -> None:
    plan = database.rows(
        "explain",
        "EXPLAIN QUERY PLAN SELECT seq FROM journal WHERE seq > 5 AND ordered = 1 ORDER BY seq LIMIT 9",
    )
    assert "journal_ordered" in plan[0][3]
    assert len(plan) == 1  # no sorting


def test_all_survives_a_restart_and_the_boot_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "joulepost.db"
    for boot in ("boot-1", "boot-2", "boot-1"):
        database = Database.open(path)
        journal = SqliteJournal(database, boot)
        journal.append([LOCAL, UPDATED], NOW)
        journal.advance("csms", journal.last_seq(), {("tx16", f"tx-{journal.last_seq()}"): "4711"})
        database.close()
    database = Database.open(path)
    journal = SqliteJournal(database, "boot-3")
    assert [entry.boot_id for entry in journal.after(0)] == [f"boot-{n}" for n in (1, 1, 2, 2, 1, 1)]
    assert (journal.last_seq(), journal.cursor("csms"), journal.cursor("audit")) == (6, 6, 0)
    assert journal.alias("tx16", "tx-4") == "4711"
    database.close()


def test_aliases_and_the_newest_reverse(journal: Journal) -> None:
    journal.append([UPDATED, UPDATED], NOW)
    assert journal.alias("tx16", "tx-1") is None
    assert journal.alias_key("tx16", "4711") is None
    journal.advance("csms", 1, {("tx16", "tx-1"): "4711", ("other", "tx-1"): "5"})
    journal.advance("csms", 2, {("tx16", "tx-2"): "4711"})
    assert journal.alias("tx16", "tx-1") == "4711"
    assert journal.alias_key("tx16", "4711") == "tx-2"
    journal.advance("csms", 2, {("tx16", "tx-1"): "4711"})  # learned again: newest once more
    assert journal.alias_key("tx16", "4711") == "tx-1"
    assert journal.alias_key("other", "5") == "tx-1"


@pytest.mark.parametrize("seq", [0, 3])
def test_a_cursor_moves_neither_back_nor_beyond(journal: Journal, seq: int) -> None:
    journal.append([LOCAL, LOCAL], NOW)
    journal.advance("csms", 1)
    with pytest.raises(ValueError, match=f"seq {seq}, expected 1 to 2"):
        journal.advance("csms", seq)
    assert journal.cursor("csms") == 1


def test_a_failed_append_writes_nothing_and_leaves_no_gap(database: Database, journal: Journal) -> None:
    journal.append([LOCAL], NOW)
    pages = database.rows("look", "PRAGMA page_count")[0][0]
    database.rows("limit", f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="append to the journal"):
        journal.append([UPDATED] * 100, NOW)
    assert journal.last_seq() == 1
    assert len(journal.after(0)) == 1
    database.rows("limit", "PRAGMA max_page_count = 100000")
    assert journal.append([UPDATED] * 100, NOW) == 101


def test_an_unreadable_entry_is_named(database: Database, journal: Journal) -> None:
    journal.append([LOCAL], NOW)
    with database.transaction("spoil") as transaction:
        transaction.execute('UPDATE journal SET event = \'{"event":"CarWashed"}\'')
    with pytest.raises(StorageError, match=r"entry 1 of the journal.*CarWashed.*do not delete"):
        journal.after(0)


@pytest.mark.parametrize(
    ("cursors", "snapshot", "age_days", "kept_from"),
    [
        ({"csms": 10, "audit": 10}, 10, 31, 10),  # the last entry stays whatever happens
        ({"csms": 4, "audit": 10}, 10, 31, 5),
        ({"csms": 10}, 10, 31, 1),  # audit has not moved yet
        ({"csms": 10, "audit": 10}, 6, 31, 7),
        ({"csms": 10, "audit": 10}, None, 31, 1),
        ({"csms": 10, "audit": 10}, 10, 29, 1),
    ],
)
def test_only_what_is_delivered_covered_and_old_is_forgotten(
    database: Database, cursors: dict[str, int], snapshot: int | None, age_days: int, kept_from: int
) -> None:
    journal = SqliteJournal(database, "boot-1")
    journal.append([UPDATED] * 10, NOW)
    for reader, seq in cursors.items():
        journal.advance(reader, seq)
    if snapshot is not None:
        SqliteSnapshots(database).save(snapshot, "{}")
    later = Now(0, AT_MS + age_days * DAY_MS)
    assert journal.prune(("csms", "audit"), 30, later) == kept_from - 1
    assert [entry.seq for entry in journal.after(0)] == list(range(kept_from, 11))
    assert SqliteJournal(database, "boot-1").append([LOCAL], later) == 11


def test_forgetting_is_bounded_and_never_leaves_a_hole(database: Database) -> None:
    journal = SqliteJournal(database, "boot-1")
    for utc_ms in (AT_MS, AT_MS + 40 * DAY_MS, AT_MS, AT_MS):  # the clock jumped forth and back
        journal.append([UPDATED], Now(0, utc_ms))
    journal.advance("csms", 4)
    SqliteSnapshots(database).save(4, "{}")
    later = Now(0, AT_MS + 31 * DAY_MS)
    assert journal.prune(("csms",), 30, later) == 1
    assert [entry.seq for entry in journal.after(0)] == [2, 3, 4]
    much_later = Now(0, AT_MS + 80 * DAY_MS)
    assert journal.prune(("csms",), 30, much_later, limit=1) == 1
    assert [entry.seq for entry in journal.after(0)] == [3, 4]


def test_newest_looks_back_for_some_kinds(database: Database) -> None:
    journal = SqliteJournal(database, "boot-1")
    journal.append(EVERY_EVENT, NOW)
    found = journal.newest(("FaultRaised", "FaultCleared"), 2)
    assert [type(entry.event).__name__ for entry in found] == ["FaultRaised", "FaultCleared"]
    assert found[0].seq > found[1].seq
    assert journal.newest(("StationStarted",), 10)[-1].seq == 1


def test_entries_that_wait_are_counted_without_reading_them(journal: Journal) -> None:
    journal.append([UPDATED, LOCAL, UPDATED], NOW)
    assert [journal.ordered_count(seq) for seq in range(4)] == [2, 1, 1, 0]


def test_a_move_that_was_not_synced_is_synced_by_moving_again(database: Database) -> None:
    steps: list[str] = []
    journal = SqliteJournal(database, "boot-1")
    journal.append([UPDATED], NOW)
    database._on_step = steps.append
    journal.advance("csms", 1, {("tx16", "a"): "1"}, synced=False)
    journal.advance("csms", 1)
    assert steps.count("committed") == 2
    journal.advance("csms", 1)
    assert steps.count("committed") == 2


def test_a_file_that_is_too_large_forgets_what_was_delivered_earlier(database: Database) -> None:
    journal = SqliteJournal(database, "boot-1")
    journal.append([UPDATED] * 5000, NOW)
    journal.advance("csms", 4000)
    SqliteSnapshots(database).save(5000, "{}")
    full = database.used_bytes()
    assert journal.prune(("csms",), 30, NOW, most_bytes=full) == 0, "as long as there is room it stays"
    assert journal.prune(("csms",), 30, NOW) == 0
    gone = 0
    while count := journal.prune(("csms",), 30, NOW, most_bytes=full // 2):
        gone += count
    assert 2000 < gone < 4000 and database.used_bytes() <= full // 2
    while count := journal.prune(("csms",), 30, NOW, most_bytes=0):
        gone += count
    assert gone == 4000, "what was not delivered stays, however large it is"
