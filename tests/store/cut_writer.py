"""A process to be killed: appends pairs of events, moves the cursor, prunes, and says what is done.

Usage: python -m tests.store.cut_writer DATABASE KILL_AT_STEP CHECKPOINT_PAGES

It dies by SIGKILL at the given step of its transactions (0: it is killed from outside). Each line on standard
output, "append SEQ" or "advance SEQ", is written after the call returned: what is said is durable.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from controller.domain.instant import Now
from controller.store.database import Database
from controller.store.journal import SqliteJournal
from controller.store.snapshots import SqliteSnapshots
from tests.store.samples import AT_MS, UPDATED

DAY_MS = 86_400_000


def main(path: Path, kill_at: int, checkpoint_pages: int) -> None:
    steps = 0

    def on_step(step: str) -> None:
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    database = Database.open(path, on_step=on_step, checkpoint_pages=checkpoint_pages)
    journal = SqliteJournal(database, "boot-1")
    snapshots = SqliteSnapshots(database)
    while True:
        seq = journal.append([UPDATED, UPDATED], Now(0, AT_MS))
        os.write(1, f"append {seq}\n".encode())
        journal.advance("csms", seq, {("tx16", f"tx-{seq}"): str(seq)})
        os.write(1, f"advance {seq}\n".encode())
        snapshots.save(seq - 6 if seq > 6 else 0, "{}")
        journal.prune(("csms",), 1, Now(0, AT_MS + 2 * DAY_MS), limit=2)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
