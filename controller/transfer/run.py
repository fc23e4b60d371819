"""``download`` and ``upload``: one thread of the loop's executor for each, cancelled like any task.

Owns: the way into a thread and out of it.
Refuses to know: protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from controller.domain.tasks.transfers import Location, TransferFault
from controller.transfer.errors import Cut, TransferError, cleaned
from controller.transfer.line import Line
from controller.transfer.options import Options, Progress
from controller.transfer.part import Part

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Downloaded:
    """``resumed_at``: so many bytes were there already from an earlier attempt."""

    path: Path
    size: int
    resumed_at: int


@dataclass(frozen=True, slots=True)
class Uploaded:
    """``location``: where the file went (shows no credentials)."""

    location: Location
    size: int


async def download(
    source: Location, target: Path, options: Options | None = None, progress: Progress | None = None
) -> Downloaded:
    """Bring ``source`` to ``target``, whose directory must exist; an older file there is replaced at the end.

    Raises ``TransferError``. When it failed or was cancelled, ``<target>.part`` stays for the next
    attempt if it can be gone on with; whoever gives up calls ``forget_download``.
    """
    options = options or Options()
    if source.is_directory:
        raise TransferError(
            TransferFault.BAD_LOCATION, f"{source}: found a directory, expected the URL of a file"
        )
    line = Line(source, options)
    tell = _teller(progress)

    def work() -> Downloaded:
        part = Part(target, source, options)
        try:
            if source.scheme in ("http", "https"):
                from controller.transfer import http

                resumed_at = http.fetch(source, part, line, tell)
            else:
                from controller.transfer import ftp

                resumed_at = ftp.fetch(source, part, line, tell)
            part.finish()
        except TransferError as error:
            part.close()
            if error.fault in (TransferFault.TOO_LARGE, TransferFault.BAD_MESSAGE):
                part.forget()
            raise
        finally:
            part.close()
        return Downloaded(target, part.size, resumed_at)

    return await _in_thread(line, work)


def forget_download(target: Path) -> None:
    """Remove what an unfinished download of ``target`` left."""
    for suffix in (".part", ".part.json"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)


async def upload(
    path: Path,
    location: Location,
    options: Options | None = None,
    progress: Progress | None = None,
    name: str = "",
    resume: bool = False,
) -> Uploaded:
    """Bring a file to ``location``, under ``name`` (else its own) when that is a directory.

    ``resume``: an earlier attempt may have left a part of this very file there; FTP goes on behind it.
    Raises ``TransferError``.
    """
    options = options or Options()
    line = Line(location, options)
    tell = _teller(progress)
    shown = name or path.name

    def work() -> Uploaded:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise TransferError(
                TransferFault.NO_SPACE, f"{path}: cannot be read: {error.strerror}; check the disk"
            ) from error
        if location.scheme in ("http", "https"):
            from controller.transfer import http

            return Uploaded(http.send(path, size, shown, location, line, tell), size)
        from controller.transfer import ftp

        return Uploaded(ftp.send(path, size, shown, location, resume, line, tell), size)

    return await _in_thread(line, work)


def _teller(progress: Progress | None) -> Progress:
    """Carries progress from the thread into the loop."""
    if progress is None:
        return lambda _done, _total: None
    loop, wanted = asyncio.get_running_loop(), progress
    return lambda done, total: _call_soon(loop, wanted, done, total)


def _call_soon(loop: asyncio.AbstractEventLoop, progress: Progress, done: int, total: int | None) -> None:
    loop.call_soon_threadsafe(progress, done, total)


async def _in_thread(line: Line, work: Callable[[], T]) -> T:
    """Run it; a cancellation cuts its sockets and waits until the thread has let go of the file."""
    future = asyncio.get_running_loop().run_in_executor(None, _closing, line, work)
    try:
        async with asyncio.timeout(line.options.whole_s):
            return await asyncio.shield(future)
    except TimeoutError as error:
        await _let_go(line, future)
        raise TransferError(
            TransferFault.INTERRUPTED,
            f"{line.location}: not done within {line.options.whole_s:g} s; see whether the server is slow",
        ) from error
    except asyncio.CancelledError:
        await _let_go(line, future)
        raise


async def _let_go(line: Line, future: asyncio.Future[T]) -> None:
    line.cut()
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue  # cancelled once more: it is being cancelled already
    if not future.cancelled():
        future.exception()


def _closing(line: Line, work: Callable[[], T]) -> T:
    try:
        return work()
    except Cut as cut:
        raise TransferError(TransferFault.INTERRUPTED, f"{line.location}: cancelled") from cut
    except (TransferError, OSError):
        raise
    except Exception as error:
        raise TransferError(
            TransferFault.BAD_MESSAGE,
            f"{line.location}: found an answer that cannot be read ({cleaned(str(error), line.location)}); "
            "see the server",
        ) from error
    finally:
        line.close()
