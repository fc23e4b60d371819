"""What the rest of the controller may ask of the store. No sqlite3 here: tests and ``csms`` see only this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from controller.domain.access.tokens import IdToken, ListEntry, ListState, TokenInfo
from controller.domain.events import Event
from controller.domain.instant import Now


class StorageError(Exception):
    """The store cannot read or write. The message names file, operation, cause and remedy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal. ``seq`` 1.. without gaps; ``mono_ms`` counts in the run ``boot_id``."""

    seq: int
    event: Event
    utc_ms: int
    mono_ms: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class Line:
    """An ``Entry`` whose event is still the text of the journal (see ``codec``)."""

    seq: int
    utc_ms: int
    mono_ms: int
    boot_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SecurityEntry:
    """One entry of the security log. ``number`` counts up, also over entries that are forgotten."""

    number: int
    at_ms: int
    type: str
    info: str


class Journal(Protocol):
    """Append-only; one delivery cursor per reader."""

    def append(self, events: Sequence[Event], now: Now) -> int:
        """Write all or nothing; committed and synced on return. Returns the last seq.

        Raises ``StorageError``.
        """

    def after(self, seq: int, limit: int = 100) -> list[Entry]:
        """Entries with a greater seq, oldest first."""

    def ordered_after(self, seq: int, limit: int = 100) -> list[Entry]:
        """As ``after``, but only events that are delivered."""

    def last_seq(self) -> int: ...

    def cursor(self, reader: str) -> int:
        """Last seq the reader has done with; 0 at first."""

    def ordered_count(self, seq: int) -> int:
        """How many entries ``ordered_after`` would give without a limit. Raises ``StorageError``."""

    def advance(
        self,
        reader: str,
        seq: int,
        aliases: Mapping[tuple[str, str], str] | None = None,
        synced: bool = True,
    ) -> None:
        """Move the cursor and store aliases in one commit. ``synced`` False: a power cut may undo it, until
        the next commit that is synced. Raises ``StorageError``."""

    def alias(self, kind: str, key: str) -> str | None:
        """E.g. ``alias("tx16", "<domain transaction id>") -> "4711"``."""

    def alias_key(self, kind: str, value: str) -> str | None:
        """The reverse: the newest domain key with this alias."""


class History(Protocol):
    """Looking back in the journal."""

    def newest(self, kinds: Sequence[str], limit: int) -> list[Entry]:
        """The newest entries of these event classes (names), newest first. Raises ``StorageError``."""

    def first_of_newest(self, oldest_ms: int | None, latest_ms: int | None, most: int) -> int | None:
        """The seq at which the newest ``most`` entries between two instants begin (UTC ms, None = no bound);
        None: there are none. Raises ``StorageError``."""

    def lines(self, seq: int, oldest_ms: int | None, latest_ms: int | None, limit: int) -> list[Line]:
        """Entries from ``seq`` on between two instants as they are stored, oldest first.

        Raises ``StorageError``.
        """


class SecurityLog(Protocol):
    """The security log (white paper A04.FR.04): what was journalled as a security event, in the same commit.

    Rolling: the newest stay. Every method raises ``StorageError``.
    """

    def entries(self, oldest_ms: int | None, latest_ms: int | None) -> list[SecurityEntry]:
        """Oldest first; bounds in UTC ms, None = no bound."""

    def any(self, oldest_ms: int | None, latest_ms: int | None) -> bool: ...

    def clear(self) -> None:
        """Forget all entries but the newest."""


class TokenTables(Protocol):
    """Authorization cache and local list (C10, D01; 1.6 3.5)."""

    def cached(self, token: IdToken) -> TokenInfo | None: ...
    def listed(self, token: IdToken) -> TokenInfo | None: ...
    def list_state(self) -> ListState: ...
    def remember(self, learned: Iterable[tuple[IdToken, TokenInfo]], utc_ms: int) -> None: ...
    def forget_all(self) -> None: ...
    def update_list(self, version: int, full: bool, entries: Iterable[ListEntry], utc_ms: int) -> None: ...


class SettingValues(Protocol):
    """Changed settings, by "Component.Variable[instance]" name; secrets included, file mode 0600."""

    def load(self) -> dict[str, str]: ...
    def save(self, values: Mapping[str, str]) -> None: ...


class Snapshots(Protocol):
    """The station's durable state at a journal position, so that a start need not replay years."""

    def latest(self) -> tuple[int, str] | None: ...
    def save(self, seq: int, state: str) -> None: ...
