"""Where the sockets of a station are, and what to say when one of them cannot be used.

Owns: the names in the runtime directory, the length limit of Unix socket paths, the search for the
directory, and the start hint of each process.
Refuses to know: JSON-RPC, asyncio, what is said over a socket. Standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

SOCKET_PATH_BYTES = 107
"""``sun_path`` holds 108 bytes with its terminating NUL (Linux, unix(7))."""

SYSTEM_RUNTIME = Path("/run/joulepost")
"""Where the systemd units put the sockets."""

START_HINTS: Mapping[str, str] = {
    "controller": "start it with `joulepost run --dir DIR` (desk) or "
    "`systemctl start joulepost-controller` (station)",
    "safety": "start it with `joulepost run --dir DIR` (desk) or "
    "`systemctl start joulepost-safety` (station)",
    "bench": "start it with `joulepost bench serve --dir DIR`",
    "csms": "start it with `joulepost csms --dir DIR`",
}


class PathTooLong(OSError):
    """A socket path does not fit into a Unix socket address."""


def check_length(path: Path) -> Path:
    """Return ``path``; raise ``PathTooLong`` when the kernel could not bind or connect it."""
    size = len(os.fsencode(path))
    if size > SOCKET_PATH_BYTES:
        raise PathTooLong(
            f"socket path of {size} bytes, at most {SOCKET_PATH_BYTES} are allowed: {path}: "
            "choose a directory with a shorter path (--dir)"
        )
    return path


def socket_path(runtime: Path, process: str) -> Path:
    """``process``: "controller", "bench" or "csms" (the safety process owns its own socket)."""
    return runtime / f"{process}.sock"


def find_runtime(
    directory: Path | None, runtime: Path | None, env: Mapping[str, str], here: Path | None = None
) -> Path:
    """The directory of the sockets: ``--runtime``, ``--dir``/run, JOULEPOST_RUNTIME, JOULEPOST_DIR/run, ./run
    when ./station.toml exists, else /run/joulepost. Nothing is created or checked."""
    if runtime is not None:
        return runtime
    if directory is not None:
        return directory / "run"
    if env.get("JOULEPOST_RUNTIME"):
        return Path(env["JOULEPOST_RUNTIME"])
    if env.get("JOULEPOST_DIR"):
        return Path(env["JOULEPOST_DIR"]) / "run"
    here = here or Path()
    if (here / "station.toml").is_file():
        return here / "run"
    return SYSTEM_RUNTIME
