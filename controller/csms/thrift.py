"""How fast a CSMS may fill the journal.

Owns: a bucket of journal entries for what the requests of the CSMS cause; a setting counts as one. Pure; time
is a number.
Refuses to know: requests. ``session`` waits before it carries out the next one; nothing is refused for it.

Each entry is a synced write to a memory card and is kept for weeks: at the speed of a wire a CSMS that loops
(by malice, or by a mistake, which is more common) writes some 100 to 4,000 MB an hour. An honest one sends at
most a profile or two a second, and a few hundred at once after a start. Requests are carried out one after
the other anyway, so who waits for the answer is slowed down, and who does not is told that there are too many
(``peer.QUEUE_LIMIT``).
"""

from __future__ import annotations

from dataclasses import dataclass

BURST = 2_000
"""Entries at once, when nothing was written for a while."""
REFILL_MS = 200
"""After that, one entry each."""


@dataclass(slots=True)
class Thrift:
    """One for the life of the program: a new connection is no new bucket."""

    left: int = BURST
    counted_at_ms: int = 0  # CLOCK_MONOTONIC

    def spend(self, entries: int, now_ms: int) -> None:
        """A request caused so many entries; one may cause more than there were left."""
        self._refill(now_ms)
        self.left -= entries

    def wait_ms(self, now_ms: int) -> int:
        """Until the next request may be carried out."""
        self._refill(now_ms)
        return 0 if self.left > 0 else (1 - self.left) * REFILL_MS - (now_ms - self.counted_at_ms)

    def _refill(self, now_ms: int) -> None:
        entries = (now_ms - self.counted_at_ms) // REFILL_MS
        self.left = min(BURST, self.left + entries)
        self.counted_at_ms += entries * REFILL_MS
