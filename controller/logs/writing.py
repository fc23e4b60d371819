"""The files: diagnostics as tar.gz, the security log as gzipped JSON lines.

Owns: what is in them, in which form, and how large they may get.
Refuses to know: where they go, and when.

The database is read in the event loop, in small pieces; text is masked and packed in a thread.

    about.json      version, machine, memory, disk, the time asked for
    status.json, why.json, faults.json, contactors.json, settings.json
    journal.jsonl   one event a line, oldest first: {"seq", "at", "mono_ms", "boot", "event": {...}}
    frames.log      the newest OCPP frames of this run; messages.log: what the program said
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from controller.domain.commands import LogKind
from controller.domain.security.events import name_in_16
from controller.logs import masking
from controller.logs.recent import Recent
from controller.store.ports import History, Line, SecurityEntry, SecurityLog

if TYPE_CHECKING:
    import tarfile

MOST_ENTRIES = 20_000
"""Journal entries in a diagnostics file, the newest: about 10 MB, 1 MB when packed."""
PIECE = 250
"""Entries read at once: a few milliseconds of the event loop."""
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799
"""UTC seconds of the years that have a date."""
KEEP_FREE_BYTES = 64 * 1024 * 1024
"""A log is not worth a full disk: without so much room it is not written."""


class Sources(Protocol):
    """Where a log comes from."""

    @property
    def recent(self) -> Recent: ...

    @property
    def history(self) -> History: ...

    @property
    def security_log(self) -> SecurityLog: ...

    def snapshot(self) -> Mapping[str, Any]:
        """What is the case now, by name of the file without ".json"; JSON values."""


async def write_log(
    path: Path, kind: LogKind, sources: Sources, oldest_ms: int | None, latest_ms: int | None
) -> None:
    """Raises ``OSError`` (no room, too), ``StorageError``. ``path`` is complete or not there."""
    free = shutil.disk_usage(path.parent).free
    if free < KEEP_FREE_BYTES:
        raise OSError(f"{path.parent}: {free} bytes free, expected {KEEP_FREE_BYTES}; make room")
    unfinished = path.with_name(path.name + ".new")
    if kind is LogKind.SECURITY:
        entries = sources.security_log.entries(oldest_ms, latest_ms)
        rows = [_security_row(one) for one in entries]
        await _in_thread(_write_gzip, unfinished, rows)
    else:
        await _write_diagnostics(unfinished, sources, oldest_ms, latest_ms)
    unfinished.replace(path)


def _security_row(one: SecurityEntry) -> Mapping[str, Any]:
    """``type16`` where the 1.6 white paper has another name for it (chapter 8)."""
    other = name_in_16(one.type)
    return {
        "number": one.number,
        "at": stamp(one.at_ms),
        "type": one.type,
        **({"type16": other} if other != one.type else {}),
        "info": masking.text(one.info),
    }


async def _write_diagnostics(
    path: Path, sources: Sources, oldest_ms: int | None, latest_ms: int | None
) -> None:
    about: dict[str, Any] = {
        "from": None if oldest_ms is None else stamp(oldest_ms),
        "to": None if latest_ms is None else stamp(latest_ms),
        "journal_entries_at_most": MOST_ENTRIES,
    }
    snapshot = dict(sources.snapshot())
    snapshot["about"] = {**snapshot.get("about", {}), **machine(path.parent), **about}
    frames = sources.recent.frames.lines(oldest_ms, latest_ms)
    messages = sources.recent.messages.lines(oldest_ms, latest_ms)
    journal = path.with_name(path.name + ".journal")
    seq = sources.history.first_of_newest(oldest_ms, latest_ms, MOST_ENTRIES)
    try:
        await _in_thread(_private, journal)
        while seq is not None:
            lines = sources.history.lines(seq, oldest_ms, latest_ms, PIECE)
            seq = lines[-1].seq + 1 if len(lines) == PIECE else None
            await _in_thread(_append, journal, lines)
        await _in_thread(_pack, path, snapshot, frames, messages, journal)
    finally:
        journal.unlink(missing_ok=True)


async def _in_thread(work: Callable[..., object], *arguments: object) -> None:
    await asyncio.get_running_loop().run_in_executor(None, work, *arguments)


def _private(path: Path) -> None:
    """An empty file that nobody else can read, from the first moment on."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _append(journal: Path, lines: Sequence[Line]) -> None:
    with journal.open("a", encoding="utf-8") as file:
        for line in lines:
            row = {
                "seq": line.seq,
                "at": stamp(line.utc_ms),
                "mono_ms": line.mono_ms,
                "boot": line.boot_id,
                "event": masking.value(json.loads(line.text)),
            }
            file.write(_json(row) + "\n")


def _pack(
    path: Path,
    snapshot: Mapping[str, Any],
    frames: Sequence[tuple[int, str]],
    messages: Sequence[tuple[int, str]],
    journal: Path,
) -> None:
    import tarfile  # late, as gzip: a station rarely packs anything

    _private(path)
    with tarfile.open(path, "w:gz", compresslevel=6) as archive:
        for name, item in snapshot.items():
            text = json.dumps(masking.value(item), ensure_ascii=False, indent=1, default=str) + "\n"
            _add(archive, f"{name}.json", text)
        _add(archive, "frames.log", _log(masking.frames(frames)))
        _add(archive, "messages.log", _log((at_ms, masking.text(text)) for at_ms, text in messages))
        with journal.open("rb") as file:
            info = tarfile.TarInfo("journal.jsonl")
            info.size = journal.stat().st_size
            archive.addfile(info, file)


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    import tarfile

    content = text.encode()
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _log(lines: Iterable[tuple[int, str]]) -> str:
    return "".join(f"{stamp(at_ms)} {text}\n" for at_ms, text in lines)


def _write_gzip(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import gzip

    _private(path)
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=6) as file:
        for row in rows:
            file.write(_json(row) + "\n")


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def stamp(at_ms: int) -> str:
    """UTC ms as RFC 3339 with milliseconds; outside of the years 1 to 9999 the number itself."""
    seconds, ms = divmod(at_ms, 1000)
    if not _FIRST_S <= seconds <= _LAST_S:
        return str(at_ms)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{ms:03d}Z"


def machine(directory: Path) -> dict[str, Any]:
    """What this runs on; what cannot be read is left out."""
    system = os.uname()
    disk = shutil.disk_usage(directory)
    found: dict[str, Any] = {
        "system": f"{system.sysname} {system.release} {system.machine}",
        "load": os.getloadavg(),
        "disk_free_bytes": disk.free,
        "disk_total_bytes": disk.total,
    }
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found["memory"] = {name: text.strip() for name, _, text in (one.partition(":") for one in lines[:3])}
        found["uptime_s"] = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        found["memory"] = None  # not every system shows it
    return found
