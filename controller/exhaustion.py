"""Whether memory or storage is getting full (1.6 security white paper 8, MemoryExhaustion).

Owns: the limits, once a minute, and one word per crossing: it has to get better by a tenth before it is told
again.
Refuses to know: what is done about it, other programs' memory.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

PERIOD_S = 60.0
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Vitals:
    """``memory_mb``: resident memory of this process. ``free_mb``: left for it where the journal is."""

    memory_mb: int
    free_mb: int


def vitals(storage: Path) -> Vitals:
    """Raises ``OSError``."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    disk = os.statvfs(storage)
    return Vitals(pages * os.sysconf("SC_PAGE_SIZE") // _MB, disk.f_bavail * disk.f_frsize // _MB)


class Exhaustion:
    """``look`` at every measure; it returns what has just become too little. A limit of 0 is none."""

    def __init__(self) -> None:
        self._memory_told = False
        self._storage_told = False

    def look(self, found: Vitals, memory_limit_mb: int, reserve_mb: int) -> list[str]:
        news = []
        if memory_limit_mb and found.memory_mb > memory_limit_mb:
            if not self._memory_told:
                news.append(f"RAM: {found.memory_mb} MB used by the controller, limit {memory_limit_mb} MB")
            self._memory_told = True
        elif found.memory_mb * 10 <= memory_limit_mb * 9:
            self._memory_told = False
        if found.free_mb < reserve_mb:
            if not self._storage_told:
                news.append(f"storage: {found.free_mb} MB free, reserve {reserve_mb} MB")
            self._storage_told = True
        elif found.free_mb * 10 >= reserve_mb * 11:
            self._storage_told = False
        return news


async def watch(
    measure: Callable[[], Vitals], limits: Callable[[], tuple[int, int]], notice: Callable[[str], object]
) -> None:
    """For ever. ``limits``: MemoryLimit and StorageReserve in MB. An ``OSError`` of ``measure``: nobody can
    tell this time."""
    exhaustion = Exhaustion()
    while True:
        try:
            found = measure()
        except OSError as error:
            log.warning("memory and storage cannot be measured: %s", error)
        else:
            for news in exhaustion.look(found, *limits()):
                notice(news)
        await asyncio.sleep(PERIOD_S)
