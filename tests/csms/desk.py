"""A desk for queries: real settings, a made-up queue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.settings.settings import Settings
from controller.store.database import Database
from tests.csms.rig import T0_MS, open_settings


@dataclass
class PlainDesk:
    settings: Settings
    utc_ms: int = T0_MS
    queued: tuple[str, ...] = ()
    running: tuple[str, ...] = ()

    def in_queue(self, transaction_id: str | None) -> bool:
        return bool(self.queued) if transaction_id is None else transaction_id in self.queued

    def ongoing(self, transaction_id: str) -> bool:
        return transaction_id in self.running


def plain_desk(tmp_path: Path, initial: dict[str, str] | None = None, evses: int = 2) -> PlainDesk:
    """The database stays open until the end of the process: these tests write a handful of rows."""
    return PlainDesk(open_settings(Database.open(tmp_path / "joulepost.db"), evses, initial))
