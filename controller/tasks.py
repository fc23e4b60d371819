"""Work that runs beside what started it, for as long as the program does.

Owns: the running tasks, and that nothing is begun before there is a group for them or after its end.
Refuses to know: what is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """An exception of a task is one of the group, which ends the program."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    def close(self) -> None:
        """Cancel what runs. What is begun from now on never starts."""
        self._group = None
        for task in self._tasks:
            task.cancel()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """None: the program ends, nothing is begun any more."""
        if self._group is None:
            work.close()
            return None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
