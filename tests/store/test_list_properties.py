"""The local list in its table against a dictionary: any sequence of updates gives the same list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.access.tokens import AuthorizationStatus, IdToken, ListEntry, ListState, TokenInfo
from controller.domain.commands import Status, UpdateLocalList
from controller.store.database import Database
from controller.store.tokens import SqliteTokenTables
from tests.domain.conftest import POLICY, Book, Hand

MOST, ITEMS = 6, 4
NAMES = ("a", "A", "b", "c", "d", "E", "e", "f", "g")
INFOS = st.builds(
    TokenInfo,
    st.sampled_from([AuthorizationStatus.ACCEPTED, AuthorizationStatus.BLOCKED]),
    st.sampled_from([None, 1_800_000_000_000]),
    st.sampled_from([None, IdToken("G")]),
)
ENTRIES = st.builds(ListEntry, st.builds(IdToken, st.sampled_from(NAMES)), st.none() | INFOS)
UPDATES = st.builds(
    UpdateLocalList, st.integers(-1, 12), st.booleans(), st.lists(ENTRIES, max_size=ITEMS + 1).map(tuple)
)


class StoredBook(Book):
    """The real tables in the place of the dictionaries."""

    def __init__(self, tables: SqliteTokenTables) -> None:
        super().__init__()
        self.tables = tables

    def listed(self, token: IdToken) -> TokenInfo | None:
        return self.tables.listed(token)

    def list_state(self) -> ListState:
        return self.tables.list_state()

    def perform(self, effect):  # type: ignore[no-untyped-def]
        stored = super().perform(effect)
        if stored is not None:
            update = effect.update
            self.tables.update_list(update.version, update.full, update.entries, 1)
        return stored


def expected(
    update: UpdateLocalList, version: int, known: dict[str, TokenInfo]
) -> tuple[Status, int, dict[str, TokenInfo]]:
    """The whole rule, written down once more: 1.6 5.15, 6.41, 7.1, 7.47, errata 3.52."""
    names = [entry.token.value.lower() for entry in update.entries]
    changed = {} if update.full else dict(known)
    for entry, name in zip(update.entries, names, strict=True):
        if entry.info is None:
            changed.pop(name, None)
        else:
            changed[name] = entry.info
    if update.version < 1 or len(names) > ITEMS or len(set(names)) < len(names):
        return Status.FAILED, version, known
    if update.full and None in [entry.info for entry in update.entries]:
        return Status.FAILED, version, known
    if not update.full and update.version <= version:
        return Status.VERSION_MISMATCH, version, known
    if len(changed) > MOST:
        return Status.FAILED, version, known
    return Status.ACCEPTED, update.version, changed


@settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(updates=st.lists(UPDATES, min_size=1, max_size=12))
def test_16_LIST_01_16_LIST_02_16_LIST_03_16_LIST_04_16_LIST_05_16_LIST_06_16_LIST_07_any_sequence(
    tmp_path: Path, updates: list[UpdateLocalList]
) -> None:
    path = tmp_path / "joulepost.db"
    for file in tmp_path.iterdir():
        file.unlink()
    database = Database.open(path)
    try:
        book = StoredBook(SqliteTokenTables(database))
        hand = Hand(policy=replace(POLICY, local_list_entries=MOST, local_list_items=ITEMS), book=book)
        version, known = 0, dict[str, TokenInfo]()
        for update in updates:
            verdict = hand.give(update)
            status, version, known = expected(update, version, known)
            assert verdict is not None and verdict.status is status
            assert book.tables.list_state() == ListState(version, len(known))
            for name in NAMES:
                assert book.tables.listed(IdToken(name)) == known.get(name.lower())
    finally:
        database.close()
