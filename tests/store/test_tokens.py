from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.domain.tokens import AuthorizationStatus, IdToken, TokenInfo, TokenType
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
    tokens.replace_list([(CARD, FULL)], 1)
    tokens.forget_all()
    assert tokens.cached(CARD) is None
    assert tokens.listed(CARD) == FULL
    tokens.replace_list([(IdToken("other"), ACCEPTED)], 2)
    assert tokens.listed(CARD) is None


def test_the_oldest_make_room_in_a_full_cache(database: Database) -> None:
    tokens = SqliteTokenTables(database, cache_entries=3)
    tokens.replace_list([(IdToken("listed"), ACCEPTED)], 0)
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
