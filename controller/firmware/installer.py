"""Who installs a firmware file: the port, and the installers there are.

Owns: the contract with an installer; the one for desks and tests, and the one that runs a command.
Refuses to know: downloads, signatures, when to install, what becomes of the result
(``domain.tasks.firmware``).

The installer that replaces this very program is a package of its own; it is a third class behind the port.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from controller.config import FirmwareConfig
from controller.domain.inputs import InstallOutcome

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Installed:
    """``version``: of the new firmware, "" = not known. ``info``: why not, for people."""

    outcome: InstallOutcome
    version: str = ""
    info: str = ""


class Installer(Protocol):
    """One installation at a time. Nothing here may raise for what goes wrong with an installation."""

    def running(self) -> str | None:
        """The firmware version that runs, None = that of this program. Asked once, at the start."""

    async def install(self, file: Path) -> Installed:
        """Install the file. Cancelled only when the program ends: then whatever it can do to leave the old
        firmware in working order."""

    async def confirm(self) -> Installed:
        """After a start: what became of the installation that an earlier run began. RESTART and REBOOT: it is
        ready, but that restart has not taken place. UNKNOWN: versions will be compared."""


# ---------------------------------------------------------------------- for desks and tests

_VERSION = re.compile(rb"\A[^\n]{0,200}?([0-9]+(?:\.[0-9]+)+(?:[-+.][0-9A-Za-z.-]+)?)[ \t]*\n")


class SimulatedInstaller:
    """Pretends: takes some seconds, and from the next start on the station calls itself what the first line
    of the file ends with ("... firmware 2.0.0"). A first line with the word "broken" fails, one with the word
    "brick" is rolled back at the next start.

    What it pretends is kept in ``simulated.json`` of ``directory``.
    """

    def __init__(self, directory: Path, seconds: float = 5, machine: bool = False) -> None:
        """``machine``: the new firmware needs a restart of the machine, not only of the program."""
        self._file = directory / "simulated.json"
        self._seconds = seconds
        self._machine = machine
        self._state = self._load()
        staged = self._state.pop("staged", None)
        if staged is not None:  # this start is the one that runs it
            if self._state.pop("brick", False):
                self._state["failed"] = f"version {staged} did not start, the one before is back"
            else:
                self._state["running"] = staged
            self._save()

    def running(self) -> str | None:
        running = self._state.get("running")
        return running if isinstance(running, str) else None

    async def install(self, file: Path) -> Installed:
        self._state.pop("failed", None)
        with file.open("rb") as stream:
            head = stream.read(256)
        found = _VERSION.match(head)
        if found is None:
            return Installed(
                InstallOutcome.UNVERIFIED, info="found no first line that ends with a version, expected one"
            )
        version = found[1].decode("ascii")
        await asyncio.sleep(self._seconds)
        line = head.partition(b"\n")[0]
        if b"broken" in line:
            return Installed(InstallOutcome.FAILED, version, "the image says that it is broken")
        self._state["staged"] = version
        if b"brick" in line:
            self._state["brick"] = True
        self._save()
        return Installed(InstallOutcome.REBOOT if self._machine else InstallOutcome.RESTART, version)

    async def confirm(self) -> Installed:
        failed = self._state.get("failed")
        if failed is not None:
            return Installed(InstallOutcome.FAILED, info=str(failed))
        return Installed(InstallOutcome.UNKNOWN)

    def _load(self) -> dict[str, object]:
        try:
            state = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {}  # it only pretends: without the file it pretends nothing
        return state if isinstance(state, dict) else {}

    def _save(self) -> None:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._state), encoding="utf-8")
        new.replace(self._file)


# ---------------------------------------------------------------------- a command

EXIT_INSTALLED = 0
EXIT_RESTART = 10
EXIT_REBOOT = 11
EXIT_UNVERIFIED = 20
_EXITS = {
    EXIT_INSTALLED: InstallOutcome.INSTALLED,
    EXIT_RESTART: InstallOutcome.RESTART,
    EXIT_REBOOT: InstallOutcome.REBOOT,
    EXIT_UNVERIFIED: InstallOutcome.UNVERIFIED,
}
MOST_OUTPUT_BYTES = 8192
"""Of what the command prints, the end of it is logged."""
KILL_AFTER_S = 5
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "TMPDIR", "TZ", "USER")
"""Of the controller's environment the command sees these and a fixed PATH: what else is there is not for it,
e.g. the socket on which systemd is told that the controller is up."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DRAIN_S = 0.5
"""The rest of the output has this long after the end of the command."""


class CommandInstaller:
    """Runs a program with the path of the file as its last argument; never through a shell.

    Exit status 0: installed and running. 10: installed, this program has to be started anew. 11: installed,
    the machine has to be restarted. 20: the file is not what it should be, nothing was touched. Any other,
    and a time-out: failed. It is ended with SIGTERM, and SIGKILL after 5 s, it and what it started; what a
    failed one has left running is ended, too. A command that runs as another user (sudo) cannot be ended
    from here, which is then told: it needs a time-out of its own.

    Which version it installed it cannot tell: after the restart the version that runs must be another one.
    """

    def __init__(self, command: Sequence[str], timeout_s: float, say: Say) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._say = say

    def running(self) -> str | None:
        return None

    async def confirm(self) -> Installed:
        return Installed(InstallOutcome.UNKNOWN)

    async def install(self, file: Path) -> Installed:
        name = self._command[0]
        async with _Tail.open() as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(file.absolute()),
                    env=_environment(),
                    stdin=DEVNULL,
                    stdout=output.inlet,
                    stderr=output.inlet,
                    start_new_session=True,
                )
            except OSError as error:
                info = f"{name}: cannot be started: {error.strerror or error}"
                return Installed(InstallOutcome.FAILED, info=info)
            output.close_inlet()
            try:
                async with asyncio.timeout(self._timeout_s):
                    status = await process.wait()
            except TimeoutError:
                ended = await _end(process)
                self._tell(output)
                how = "it was ended" if ended else "and it still runs: it cannot be ended from here"
                return Installed(
                    InstallOutcome.FAILED, info=f"{name}: not done within {self._timeout_s:g} s, {how}"
                )
            except asyncio.CancelledError:
                await asyncio.shield(_end(process))
                raise
            await output.drained()
        self._tell(output)
        outcome = _EXITS.get(status, InstallOutcome.FAILED)
        if outcome in (InstallOutcome.FAILED, InstallOutcome.UNVERIFIED):
            _signal(process.pid, signal.SIGKILL)
            last = output.text.strip().rpartition("\n")[2][:200]
            how = f"exit status {status}" if status >= 0 else f"ended by {signal.Signals(-status).name}"
            return Installed(outcome, info=f"{name}: {how}" + (f": {last}" if last else ""))
        return Installed(outcome)

    def _tell(self, output: _Tail) -> None:
        for line in output.text.splitlines():
            self._say(f"installer: {line}")


class _Tail:
    """The last bytes of what a process prints, however much that is. Its own pipe and not one of asyncio's:
    with that, the end of a process is not seen while a child of it keeps the output open."""

    def __init__(self, outlet: int, inlet: int) -> None:
        self._outlet = outlet
        self.inlet = inlet
        self._kept = b""
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[_Tail]:
        tail = cls(*os.pipe())
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(tail._outlet, "rb")
        )
        tail._reading = asyncio.create_task(tail._read(reader))
        try:
            yield tail
        finally:
            tail.close_inlet()
            tail._reading.cancel()
            transport.close()

    def close_inlet(self) -> None:
        """The process has it now."""
        if self.inlet >= 0:
            os.close(self.inlet)
            self.inlet = -1

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(4096):
            self._kept = (self._kept + chunk)[-MOST_OUTPUT_BYTES:]

    async def drained(self) -> None:
        """Read what is still to come, but wait for nobody who keeps it open."""
        assert self._reading is not None
        await asyncio.wait([self._reading], timeout=DRAIN_S)

    @property
    def text(self) -> str:
        decoded = self._kept.decode("utf-8", errors="replace")
        return "".join(one if one.isprintable() or one == "\n" else " " for one in decoded)


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return {"PATH": _PATH, **kept}


async def _end(process: asyncio.subprocess.Process) -> bool:
    """The whole process group: an installer that starts others must not leave them writing. False: it goes on
    all the same."""
    _signal(process.pid, signal.SIGTERM)
    if await _ended(process):  # the leader: others may not listen
        _signal(process.pid, signal.SIGKILL)
        return True
    _signal(process.pid, signal.SIGKILL)
    return await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> bool:
    try:
        async with asyncio.timeout(KILL_AFTER_S):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _signal(group: int, signal_number: signal.Signals) -> None:
    try:
        os.killpg(group, signal_number)
    except (ProcessLookupError, PermissionError):
        pass  # all of them have ended, or they are another user's: whether it helped is looked at


def open_installer(config: FirmwareConfig, directory: Path, say: Say) -> Installer | None:
    """The installer of station.toml; None = there is none, and no firmware is taken."""
    match config.installer:
        case "simulated":
            return SimulatedInstaller(directory)
        case "command":
            return CommandInstaller(config.command, config.timeout_s, say)
        case _:
            return None
