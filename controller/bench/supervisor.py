"""Keeps a station's processes running on a desk: ``joulepost run``.

Owns: starting them in order, prefixing their output, starting them again with a back-off, stopping them in
reverse order. On a station systemd does all this. Refuses to know: what the processes do.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from controller.local.children import die_with_parent
from controller.local.exits import CONFIGURATION, RESTART, USAGE

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
HEALTHY_S = 10.0
STOP_TIMEOUT_S = 8.0
READY_TIMEOUT_S = 3.0
HOPELESS = (USAGE, CONFIGURATION)
"""Statuses that starting again cannot mend."""
LONGEST_LINE = 1 << 16


@dataclass(frozen=True, slots=True)
class Program:
    """``ready``: a file whose existence lets the next program start. It starts anyway after
    ``READY_TIMEOUT_S``: every process copes with the absence of the others."""

    name: str
    argv: tuple[str, ...]
    ready: Path | None = None


def restart_delay_s(failures: int, ran_s: float) -> tuple[int, float]:
    """How often it has now failed in a row, and how long to wait. A run of 10 s or more counts as healthy:
    the row begins anew."""
    failures = 1 if ran_s >= HEALTHY_S else failures + 1
    return failures, min(FIRST_DELAY_S * 2.0 ** (failures - 1), LONGEST_DELAY_S)


async def supervise(programs: Sequence[Program], show: Callable[[str], None]) -> int:
    """Run all until SIGINT or SIGTERM (returns 0), or until one ends hopelessly (returns its status)."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[int] = loop.create_future()

    def end(status: int) -> None:
        if not stop.done():
            stop.set_result(status)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, 0)
    width = max(len(program.name) for program in programs)
    keepers = [_Keeper(program, width, show, end) for program in programs]
    tasks = []
    for keeper in keepers:
        tasks.append(loop.create_task(keeper.keep()))
        await keeper.started.wait()
        await _ready(keeper.program.ready, stop)
    status = await stop
    for keeper, task in reversed(list(zip(keepers, tasks, strict=True))):
        await keeper.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return status


async def _ready(path: Path | None, stop: asyncio.Future[int]) -> None:
    deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
    while path is not None and not path.exists() and not stop.done():
        if asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(0.02)


class _Keeper:
    """One program and its row of failures."""

    def __init__(
        self, program: Program, width: int, show: Callable[[str], None], end: Callable[[int], None]
    ) -> None:
        self.program = program
        self._prefix = program.name.ljust(width) + " | "
        self._show = show
        self._end = end
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.started = asyncio.Event()

    async def keep(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            status = await self._run()
            if self._stopping:
                return
            if status in HOPELESS:
                self._say(f"ended with status {status}: starting it again would not help")
                self._end(status)
                return
            if status == RESTART:
                self._say("asks to be started again")
                failures = 0
                continue
            failures, delay_s = restart_delay_s(failures, loop.time() - began)
            self._say(f"ended with {_status(status)}: starts again in {delay_s:g} s")
            await asyncio.sleep(delay_s)

    async def _run(self) -> int:
        try:
            process = await asyncio.create_subprocess_exec(
                *self.program.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=LONGEST_LINE,
                process_group=0,
                # SIGTERM, so that a supervisor that was killed still leaves outputs off and files closed.
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        finally:
            self.started.set()
        self._process = process
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than LONGEST_LINE: the reader has dropped it
                self._say(f"(a line of more than {LONGEST_LINE} bytes)")
                continue
            if not line:
                break
            self._say(line.decode(errors="replace").rstrip("\n"))
        return await process.wait()

    async def stop(self) -> None:
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._say(f"did not end within {STOP_TIMEOUT_S:g} s: killed")
            process.kill()
            await process.wait()

    def _say(self, text: str) -> None:
        self._show(self._prefix + text)


def _status(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name
