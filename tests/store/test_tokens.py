from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

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
from controller.store.tokens import SqliteTokenTables

ACCEPTED = TokenInfo(AuthorizationStatus.ACCEPTED)
FULL = TokenInfo(AuthorizationStatus.BLOCKED, 1_800_000_000_000, IdToken("Group", TokenType.LOCAL))
CARD = IdToken("04AbCd", TokenType.ISO14443)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "joulepost.db")
    yield database
    database.close()


def test_the_cache_remembers_all_and_finds_without_case(database: Database) -> None:
    tokens = SqliteTokenTables(database)
    assert tokens.cached(CARD) is None
    tokens.remember([(CARD, FULL), (IdToken("x"), ACCEPTED)], 1)
    assert tokens.cached(IdToken("04aBcD")) == FULL
    assert tokens.cached(IdToken("X")) == ACCEPTED
    tokens.remember([(CARD, ACCEPTED)], 2)
    assert tokens.cached(CARD) == ACCEPTED
    assert tokens.listed(CARD) is None


def test_what_is_known_costs_no_write(tmp_path: Path) -> None:
    steps: list[str] = []
    database = Database.open(tmp_path / "joulepost.db", on_step=steps.append)
    tokens = SqliteTokenTables(database)
    tokens.remember([(CARD, FULL)], 1)
    steps.clear()
    tokens.remember([(CARD, FULL)], 2)
    assert steps == []
    tokens.remember([(CARD, ACCEPTED)], 2)
    assert "committed" in steps
    database.close()


def test_clearing_the_cache_keeps_the_local_list(database: Database) -> None:
    tokens = SqliteTokenTables(database)
    tokens.remember([(CARD, ACCEPTED)], 1)
    tokens.update_list(1, True, [ListEntry(CARD, FULL)], 1)
    tokens.forget_all()
    assert tokens.cached(CARD) is None
    assert tokens.listed(CARD) == FULL
    tokens.update_list(2, True, [ListEntry(IdToken("other"), ACCEPTED)], 2)
    assert tokens.listed(CARD) is None


def test_the_oldest_make_room_in_a_full_cache(database: Database) -> None:
    tokens = SqliteTokenTables(database, cache_entries=3)
    tokens.update_list(1, True, [ListEntry(IdToken("listed"), ACCEPTED)], 0)
    for number in range(5):
        tokens.remember([(IdToken(f"t{number}"), ACCEPTED)], number)
    assert [tokens.cached(IdToken(f"t{n}")) is not None for n in range(5)] == [False, False, True, True, True]
    assert tokens.listed(IdToken("listed")) == ACCEPTED


def test_an_unknown_status_is_an_error_and_not_an_acceptance(database: Database) -> None:
    tokens = SqliteTokenTables(database)
    tokens.remember([(CARD, ACCEPTED)], 1)
    with database.transaction("spoil") as transaction:
        transaction.execute("UPDATE tokens SET status = 'Adored'")
    with pytest.raises(StorageError, match="Adored"):
        tokens.cached(CARD)


def test_16_CORE_31_a_full_cache_drops_invalid_entries_first_then_the_oldest_valid(
    database: Database,
) -> None:
    tokens = SqliteTokenTables(database, cache_entries=4)
    blocked, short = TokenInfo(AuthorizationStatus.BLOCKED), TokenInfo(AuthorizationStatus.ACCEPTED, 50)
    known = {"old": ACCEPTED, "blocked": blocked, "short": short, "young": ACCEPTED}
    for at_ms, (name, info) in enumerate(known.items()):
        tokens.remember([(IdToken(name), info)], at_ms)

    def left() -> set[str]:
        names = [*known, "n1", "n2", "n3", "n4"]
        return {name for name in names if tokens.cached(IdToken(name)) is not None}

    tokens.remember([(IdToken("n1"), ACCEPTED)], 10)
    assert left() == {"old", "short", "young", "n1"}, (
        "the one that is not valid makes room, old as others are"
    )
    tokens.remember([(IdToken("n2"), ACCEPTED)], 60)
    assert left() == {"old", "young", "n1", "n2"}, "what has expired by now is not valid"
    tokens.remember([(IdToken("n3"), blocked)], 70)
    assert left() == {"young", "n1", "n2", "n3"}, "then the oldest; the new one stays, valid or not"
    tokens.remember([(IdToken("n3"), ACCEPTED)], 80)
    assert left() == {"young", "n1", "n2", "n3"}, "an entry that changes needs no room"
    tokens.remember([(IdToken("n4"), ACCEPTED), (IdToken("young"), blocked)], 90)
    assert left() == {"young", "n2", "n3", "n4"}, "those of this very answer are not the ones to go"


def test_16_LIST_09_list_and_version_change_together_or_not_at_all(tmp_path: Path) -> None:
    """The power goes at each step of the update in turn; afterwards it is the old list or the new one."""
    path = tmp_path / "joulepost.db"
    before = [ListEntry(IdToken("a"), ACCEPTED), ListEntry(IdToken("b"), FULL)]
    update = [
        ListEntry(IdToken("A"), FULL),
        ListEntry(IdToken("b"), None),
        ListEntry(IdToken("c"), ACCEPTED),
        ListEntry(CARD, ACCEPTED),
    ]
    for cut in range(100):
        path.unlink(missing_ok=True)
        steps = iter(range(100))

        def on_step(_step: str, cut: int = cut, steps: Iterator[int] = steps) -> None:
            if next(steps) == cut:
                raise sqlite3.OperationalError("disk I/O error")

        database = Database.open(path)
        SqliteTokenTables(database).update_list(7, True, before, 1)
        SqliteTokenTables(database).remember([(CARD, FULL)], 1)
        database.close()
        database = Database.open(path, on_step=on_step)
        tokens = SqliteTokenTables(database)
        done = True
        try:
            tokens.update_list(8, False, update, 2)
        except StorageError:
            done = False
        database.close()
        database = Database.open(path)
        tokens = SqliteTokenTables(database)
        a, b, c = (tokens.listed(IdToken(name)) for name in "abc")
        if tokens.list_state() == ListState(8, 3):
            assert (a, b, c, tokens.cached(CARD)) == (FULL, None, ACCEPTED, None)
        else:
            assert not done
            assert tokens.list_state() == ListState(7, 2)
            assert (a, b, c, tokens.cached(CARD)) == (ACCEPTED, FULL, None, FULL)
        database.close()
        if done:
            assert cut >= 8, "begin, each statement, commit"
            return
    raise AssertionError("the update never came to its end")


def test_no_list_was_ever_sent(database: Database) -> None:
    assert SqliteTokenTables(database).list_state() == ListState(0, 0)
