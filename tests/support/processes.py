"""A station of real processes on a desk: bench, safety, controller, in a short temporary directory.

Owns: starting, killing and asking them, waiting for conditions with a deadline, and leaving nothing behind,
however a test ends. The CSMS is in the test's own process (``tests.support.csms``), over a real socket.

    async with Ledger("ocpp1.6") as csms, Processes(csms.url, "ocpp1.6") as station:
        await station.start("bench", "safety", "controller")
        await station.bench("plug")
        station.kill("controller")
"""

from __future__ import annotations

import asyncio
import inspect
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from controller.config import desk_config
from controller.local.children import die_with_parent
from controller.local.client import LocalClient, Unreachable
from controller.local.sockets import socket_path

POLL_S = 0.02
START_TIMEOUT_S = 20.0
CARD = "04A2B3C4"
PATIENCE_S = 4.0

LATE_BUDGET_MS = 5_000
"""Many stations share a small machine here: a late loop is not what these tests are about."""

AT_ONCE = 4
"""Stations side by side: what two cores carry without starving a 10 ms loop."""

NICE = -15
REAL_TIME = 1
"""Where it is allowed, the world goes before everything but the safety process: outside of tests it does not
wait for a free processor either."""


class Processes:
    """``settings``: of station.toml. ``more``: lines at its end. ``speed``: how fast energy flows."""

    def __init__(
        self,
        url: str,
        *versions: str,
        settings: Mapping[str, str | int | bool] | None = None,
        speed: float = 20.0,
        password: str | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="jpt-", dir="/tmp"))
        self.run = self.home / "run"
        self.root = self.home / "root"
        self.run.mkdir()
        self._speed = speed
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._expected: set[str] = set()  # may end: a test killed them
        text = desk_config(
            self.home,
            url=url,
            versions=versions or ("ocpp1.6",),
            settings=settings,
            password=password,
            ca_file=ca_file,
        )
        self.config = self.home / "station.toml"
        self.config.write_text(text)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        for child in self._children.values():
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
        for child in self._children.values():
            child.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)

    def edit(self, old: str, new: str) -> None:
        """Change station.toml."""
        text = self.config.read_text()
        assert old in text, f"{old!r} is not in {text}"
        self.config.write_text(text.replace(old, new))

    # ------------------------------------------------------------------ processes

    def command(self, name: str) -> list[str]:
        """The command line of bench, safety, controller or run."""
        joulepost = [sys.executable, "-m", "controller.local.cli"]
        match name:
            case "bench":
                return [*joulepost, "bench", "serve", "--dir", str(self.home), "--speed", str(self._speed)]
            case "safety":
                return [
                    *(sys.executable, "-m", "controller.safety", "--board", "simulated", "--evses", "1"),
                    *("--root", str(self.root), "--runtime", str(self.run)),
                    *("--late-budget-ms", str(LATE_BUDGET_MS)),
                ]
            case "controller":
                return [*joulepost, "controller", "--config", str(self.config)]
            case "run":
                return [*joulepost, "run", "--dir", str(self.home), "--speed", str(self._speed)]
        raise ValueError(f"no process {name}")

    def spawn(self, name: str, argv: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
        """Start one; it dies with the test. Its output goes to ``log(name)``, after what was there."""
        with (self.home / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                argv or self.command(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent(signal.SIGTERM if name == "run" else signal.SIGKILL),
            )
        if name in ("bench", "safety", "run"):
            with suppress(PermissionError):
                os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        self._children[name] = child
        self._expected.discard(name)
        return child

    async def start(self, *names: str) -> None:
        """Start these and wait until each answers."""
        for name in names:
            self.spawn(name)
        for name in names:
            if name == "safety":
                await self.until((self.run / "safety.sock").exists, "the safety process listens")
            elif name != "run":
                await self.until(lambda: self.call(name, "status"), f"{name} answers")  # noqa: B023
            if name == "bench":
                with suppress(PermissionError):
                    os.sched_setscheduler(self.pid(name), os.SCHED_FIFO, os.sched_param(REAL_TIME))

    def pid(self, name: str) -> int:
        return self._children[name].pid

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal; the process may end from now on."""
        self._expected.add(name)
        os.kill(self.pid(name), number)

    async def ended(self, name: str, timeout_s: float = 10.0) -> int:
        """Wait for its end. Returns the exit status, negative for a signal."""
        self._expected.add(name)
        child = self._children[name]
        await self.until(lambda: child.poll() is not None, f"{name} ends", timeout_s)
        return int(child.returncode)

    async def killed(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.kill(name)
        assert await self.ended(name) == -signal.SIGKILL

    async def terminated(self, name: str, timeout_s: float = 10.0) -> int:
        """SIGTERM, and wait for the exit status."""
        self.kill(name, signal.SIGTERM)
        return await self.ended(name, timeout_s)

    async def restarted(self, name: str) -> None:
        await self.killed(name)
        await self.start(name)

    def log(self, name: str) -> str:
        """Everything it said."""
        path = self.home / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # ------------------------------------------------------------------ asking

    async def call(self, process: str, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """One call to controller, bench or csms. Raises ``Unreachable``, ``RpcError``."""

        def ask() -> Any:
            with LocalClient(socket_path(self.run, process), 5) as client:
                return client.call(method, params)

        return await asyncio.to_thread(ask)

    async def bench(self, method: str, **params: Any) -> Any:
        """Act in the world."""
        return await self.call("bench", method, params)

    async def world(self) -> dict[str, Any]:
        """EVSE 1 as the bench has it."""
        found: dict[str, Any] = (await self.call("bench", "status"))["evses"][0]
        return found

    async def station(self) -> dict[str, Any]:
        """What the controller says of the station."""
        found: dict[str, Any] = await self.call("controller", "status")
        return found

    async def evse(self) -> dict[str, Any]:
        """EVSE 1 as the controller has it."""
        found: dict[str, Any] = (await self.station())["evses"][0]
        return found

    async def events(self, *kinds: str) -> list[dict[str, Any]]:
        """The journal's entries of these kinds (all without)."""
        found: list[dict[str, Any]] = []
        while lines := await self.call(
            "controller", "journal.tail", {"count": 500, "after": found[-1]["seq"] if found else 0}
        ):
            found += lines
        return [one for one in found if not kinds or one["type"] in kinds]

    async def meter_wh(self) -> int:
        """The register of the bench's own meter."""
        return int((await self.world())["energy_uwh"]) // 1_000_000

    # ------------------------------------------------------------------ waiting

    async def until(self, condition: Callable[[], Any], what: str, timeout_s: float = START_TIMEOUT_S) -> Any:
        """Wait until the condition (a function or a coroutine function) is true; returns what it returned.

        A process that does not answer counts as "not yet". Raises ``AssertionError`` with the logs when
        the time is over or a process ended that no test killed.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_s
        last: object = None
        while True:
            self._check_alive(what)
            try:
                last = condition()
                if inspect.isawaitable(last):
                    last = await last
            except Unreachable as error:
                last = error
            else:
                if last:
                    return last
            if loop.time() > deadline_s:
                raise AssertionError(f"{what}: not within {timeout_s:g} s; last: {last}\n{self._logs()}")
            await asyncio.sleep(POLL_S)

    def _check_alive(self, what: str) -> None:
        for name, child in self._children.items():
            if name not in self._expected and child.poll() is not None:
                raise AssertionError(
                    f"{what}: {name} ended with {child.returncode} meanwhile\n{self._logs()}"
                )

    def _logs(self) -> str:
        logs = sorted(self.home.glob("*.log"))
        return "\n".join(
            f"--- {log.stem}\n" + "\n".join(self.log(log.stem).splitlines()[-25:]) for log in logs
        )

    # ------------------------------------------------------------------ frequent conditions

    async def online(self) -> None:
        await self.until(lambda: self._is(lambda one: one["csms"]["online"]), "the station registers")

    async def linked(self) -> None:
        """The controller hears the safety process."""
        await self.until(lambda: self._is(lambda one: one["safety"]["linked"]), "the safety process is heard")

    async def ready(self) -> None:
        """Registered, linked, and nothing is in the way of a charge."""
        await self.online()
        await self.linked()
        await self.until(lambda: self.fault_is(None), "no fault is left")

    async def fault_is(self, name: str | None) -> bool:
        """Whether this is EVSE 1's blocking fault (None: there is none)."""
        return bool((await self.evse())["fault"] == name)

    async def delivered(self, timeout_s: float = 30) -> None:
        await self.until(
            lambda: self._is(lambda one: one["csms"]["online"] and not one["csms"]["undelivered"]),
            "everything is delivered",
            timeout_s,
        )

    async def _is(self, check: Callable[[dict[str, Any]], Any]) -> Any:
        return check(await self.station())

    async def charges(self) -> bool:
        """Current really flows."""
        return any((await self.world())["current_ma"])

    async def open(self) -> bool:
        return not (await self.world())["contacts_closed"]

    async def charging(self, timeout_s: float = 20) -> None:
        await self.until(self.charges, "current flows", timeout_s)

    async def opened(self, timeout_s: float = 20) -> None:
        await self.until(self.open, "the contactor opens", timeout_s)

    async def plug_and_swipe(self) -> None:
        """A person begins to charge."""
        await self.bench("plug", settings={"max_ma": 16_000})
        await self.until(self._plugged, "the controller sees the vehicle")
        await self._show_card(self._taken, "the card is taken")
        await self.charging()

    async def _show_card(self, seen: Callable[[], Any], what: str) -> None:
        """As often as people do; a reader ignores the same card for ``PATIENCE_S``, and so do they."""
        for _attempt in range(2):
            await self.bench("swipe", uid=CARD)
            with suppress(AssertionError):
                await self.until(seen, what, PATIENCE_S)
                return
        await self.bench("swipe", uid=CARD)
        await self.until(seen, what)

    async def _plugged(self) -> bool:
        return bool((await self.evse())["plugged"])

    async def _taken(self) -> bool:
        evse = await self.evse()
        return bool(evse["authorized"] or evse["transaction_id"])

    async def stop_and_leave(self) -> None:
        """The same person ends and drives away."""
        await self._show_card(self.idle, "the transaction ends")
        await self.until(self._released, "the plug is released")
        await self.bench("unplug")
        await self.until(lambda: self.events("SessionEnded"), "the session ends")

    async def idle(self) -> bool:
        return (await self.evse())["transaction_id"] is None

    async def _released(self) -> bool:
        return not (await self.world())["locked"]


class SmallDisk:
    """A directory at ``path`` that can be full or read-only: a small file system of its own where mounting
    is allowed, else the nearest that works. ``fill`` and ``read_only`` return the system's words for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"
        path.mkdir()
        self.mounted = self._mount("size=1024k")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def fill(self, pid: int) -> str:
        """Not a byte more fits, for process ``pid``."""
        if not self.mounted:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
            return "disk I/O error"
        with self._filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return "database or disk is full"

    def free(self, pid: int) -> None:
        if self.mounted:
            self._filler.unlink()
        else:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def read_only(self, on: bool) -> str:
        """Nobody may have a file open there."""
        if self.mounted:
            assert self._mount("remount,ro" if on else "remount,rw")
            return "Read-only file system"
        aside = self.path.with_name("aside")
        if on:
            self.path.rename(aside)
            self.path.touch()
        else:
            self.path.unlink()
            aside.rename(self.path)
        return "Not a directory"

    def _mount(self, options: str) -> bool:
        found = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], capture_output=True, check=False
        )
        return found.returncode == 0


Scenarios = Mapping[str, Callable[[], Awaitable[None]]]


def side_by_side(scenarios: Scenarios, request: pytest.FixtureRequest) -> dict[str, BaseException | None]:
    """Play the scenarios that were selected as parameter ``name`` of a test of the requesting module, a few
    at a time: most of their time is waiting. Returns how each ended."""
    items: list[Any] = request.session.items
    here = [item for item in items if item.path == request.path and hasattr(item, "callspec")]
    selected = {item.callspec.params.get("name") for item in here}

    async def play() -> dict[str, BaseException | None]:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(name: str) -> None:
            async with places, asyncio.timeout(90):
                await scenarios[name]()

        names = [name for name in scenarios if name in selected]
        ends = await asyncio.gather(*(one(name) for name in names), return_exceptions=True)
        return dict(zip(names, ends, strict=True))

    return asyncio.run(play())
