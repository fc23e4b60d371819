"""Carries out what ``domain.tasks.logs`` decides: write a log, bring it to its server, remove it.

Owns: the directory ``storage/uploads`` and the task of the running upload.
Refuses to know: how often it is tried, what the CSMS is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.domain.effects import CancelUpload, DropLog, UploadLog
from controller.domain.inputs import Input, LogUploaded, LogUploadFailed
from controller.domain.tasks.transfers import TransferFault
from controller.store.ports import StorageError

if TYPE_CHECKING:
    from controller.logs.writing import Sources
    from controller.transfer import Options

Start = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None]


class Uploads:
    """``options``: made anew for each upload, since the trusted roots may change. ``start``: runs a task."""

    def __init__(
        self,
        directory: Path,
        sources: Sources,
        options: Callable[[], Options],
        take: Callable[[Input], object],
        say: Callable[[str], None],
        start: Start,
    ) -> None:
        self._directory = directory
        self._sources = sources
        self._options = options
        self._take = take
        self._say = say
        self._start = start
        self._running: dict[int, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()
        """One that was cancelled may hold its thread for a while; the next one waits for it."""

    def tidy(self, keep: str = "") -> None:
        """Remove what earlier uploads left."""
        if self._directory.is_dir():
            for one in self._directory.iterdir():
                if one.name != keep:
                    self._remove(one)

    def perform(self, effect: UploadLog | CancelUpload | DropLog) -> None:
        match effect:
            case UploadLog():
                task = self._start(self._upload(effect))
                if task is not None:
                    self._running[effect.number] = task
                    task.add_done_callback(lambda _done: self._running.pop(effect.number, None))
            case CancelUpload():
                task = self._running.get(effect.number)
                if task is not None:
                    task.cancel()
            case DropLog():
                self._remove(self._directory / effect.file_name)

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._say(f"{path}: cannot be removed: {error.strerror}")

    async def _upload(self, effect: UploadLog) -> None:
        from controller.transfer import TransferError, upload  # late: a station rarely uploads anything

        path = self._directory / effect.file_name
        try:
            async with self._one_at_a_time:
                await self._written(path, effect)
                done = await upload(
                    path, effect.location, self._options(), name=effect.file_name, resume=effect.again
                )
        except TransferError as error:
            self._failed(effect, error.fault, str(error))
        except (OSError, StorageError) as error:
            self._failed(effect, TransferFault.NO_SPACE, f"the log cannot be written: {error}")
        except Exception as error:  # noqa: BLE001 - a log that cannot be made ends no program
            self._failed(effect, TransferFault.INTERRUPTED, f"the log cannot be made: {type(error).__name__}")
        else:
            self._say(f"log {effect.file_name}: uploaded to {done.location}, {done.size} bytes")
            self._take(LogUploaded(effect.number))

    async def _written(self, path: Path, effect: UploadLog) -> None:
        """An attempt after the first sends the same file: a server may hold a part of it."""
        if path.exists():
            return
        from controller.logs.writing import write_log

        self._directory.mkdir(mode=0o700, exist_ok=True)
        self.tidy(path.name)
        try:
            await write_log(path, effect.kind, self._sources, effect.oldest_ms, effect.latest_ms)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            raise

    def _failed(self, effect: UploadLog, fault: TransferFault, why: str) -> None:
        self._say(f"log {effect.file_name}: not uploaded: {why}")
        self._take(LogUploadFailed(effect.number, fault, why))
