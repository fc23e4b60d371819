"""The file that is being downloaded: beside its target until it is complete and on disk.

Owns: ``<name>.part``, what is remembered of its source in ``<name>.part.json``, the limits of size and space.
Refuses to know: where the bytes come from.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from controller.domain.tasks.transfers import Location, TransferFault
from controller.transfer.errors import TransferError
from controller.transfer.options import Options

_LOOK_BYTES = 1024 * 1024
"""So often the free space is looked at."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells that a file at its source is still the same. ``validator``: a strong ETag or an HTTP date;
    for FTP the server's time of the file. "" = nothing is known, nothing can be resumed."""

    validator: str = ""
    total: int | None = None


class Part:
    """Opened by ``begin``; ends with ``finish`` or ``close`` (what was written stays for a later attempt)."""

    def __init__(self, target: Path, source: Location, options: Options) -> None:
        self.target = target
        self.path = target.with_name(target.name + ".part")
        self._notes = target.with_name(target.name + ".part.json")
        self._source = source
        self._options = options
        self._file: BinaryIO | None = None
        self._looked_at = 0
        self.size = 0
        self.total: int | None = None

    # ------------------------------------------------------------------ what is there

    def kept(self) -> tuple[int, Marks]:
        """Bytes and marks of an earlier attempt with the same source; (0, no marks) when there is none that
        can be gone on with."""
        try:
            notes = json.loads(self._notes.read_text(encoding="ascii"))
            size = self.path.stat().st_size
            if notes["source"] == self._fingerprint() and notes["validator"] and size > 0:
                return size, Marks(str(notes["validator"]), notes["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, Marks()  # no earlier attempt, or one whose notes were cut off by a power cut
        return 0, Marks()

    def _fingerprint(self) -> str:
        """The source without its credentials: a new password does not make it another file."""
        one = self._source
        text = f"{one.scheme}://{one.host}:{one.port}{one.path}?{one.query}"
        return hashlib.sha256(text.encode()).hexdigest()

    # ------------------------------------------------------------------ writing

    def begin(self, at: int, marks: Marks) -> None:
        """Go on behind ``at`` bytes (0 = anew). Raises ``TransferError``."""
        self.close()
        self.size, self.total = at, marks.total
        self.allow(marks.total)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "wb")
            self._file.truncate(at)
            self._file.seek(at)
            if not at:
                notes = {"source": self._fingerprint(), **asdict(marks)}
                self._notes.write_text(json.dumps(notes), encoding="ascii")
        except OSError as error:
            raise self._unwritable(error) from error

    def write(self, chunk: bytes) -> None:
        """Raises ``TransferError``."""
        assert self._file is not None
        self.size += len(chunk)
        if self.size > self._options.most_bytes:
            raise self._too_large(f"more than {self._options.most_bytes} bytes")
        if self.total is not None and self.size > self.total:
            raise TransferError(
                TransferFault.BAD_MESSAGE,
                f"{self._source}: more bytes than the {self.total} that were announced; see the server",
            )
        if self.size - self._looked_at >= _LOOK_BYTES or self.size == len(chunk):
            self._looked_at = self.size
            self._room(len(chunk))
        try:
            self._file.write(chunk)
        except OSError as error:
            raise self._unwritable(error) from error

    def finish(self) -> None:
        """Complete: on disk, then under its name. Raises ``TransferError``."""
        assert self._file is not None
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            self.path.replace(self.target)
            self._notes.unlink(missing_ok=True)
            descriptor = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Stop here; what was written may be gone on with."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # a full disk: the next attempt finds a shorter part
                file.close()

    def forget(self) -> None:
        """Remove what was written: it is of no use to a later attempt."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    # ------------------------------------------------------------------ limits

    def allow(self, total: int | None) -> None:
        """Whether a file of this size may come at all. Raises ``TransferError``."""
        if total is not None:
            if total > self._options.most_bytes:
                raise self._too_large(f"{total} bytes")
            self._room(total - self.size)

    def _room(self, wanted: int) -> None:
        try:
            free = shutil.disk_usage(self.target.parent).free
        except OSError as error:
            raise self._unwritable(error) from error
        if free - wanted < self._options.keep_free_bytes:
            raise TransferError(
                TransferFault.NO_SPACE,
                f"{self._source}: {wanted} bytes more for {self.target.parent}, where {free} are free and "
                f"{self._options.keep_free_bytes} must stay free; make room or use a larger card",
            )

    def _too_large(self, found: str) -> TransferError:
        return TransferError(
            TransferFault.TOO_LARGE,
            f"{self._source}: found {found}, expected at most {self._options.most_bytes}; "
            "check that this is the right file",
        )

    def _unwritable(self, error: OSError) -> TransferError:
        return TransferError(
            TransferFault.NO_SPACE,
            f"{self.path}: cannot be written: {error.strerror or error}; make room and check the permissions",
        )
